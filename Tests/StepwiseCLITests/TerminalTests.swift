import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// A line of its own, a sequence that clears the screen, twice, and a turn of the direction of writing.
private let hostile = "a\nFORGED\u{1B}[2J\u{9B}2J\u{7F}\u{2028}\u{202E}z"
private let shown = #"\u001b[2J\u009b2J\u007f\u2028\u202ez"#

private struct Hostile: Error, CustomStringConvertible { var description: String { hostile } }

@Suite("What a terminal gets", .serialized)
struct TerminalTests {
    /// - Parameter lines: how many the command has.
    private func expectHarmless(_ end: CommandEnd, lines: Int? = nil, _ comment: Comment? = nil) {
        for text in [end.output, end.complaint] {
            let parts = text.unicodeScalars.split(separator: "\n").map { String($0) }
            for part in parts {
                #expect(part.printable == part, comment)
                #expect(!part.hasPrefix("FORGED"), comment)
            }
        }
        if let lines { #expect(end.output.utf8.filter { $0 == 10 }.count == lines, comment) }
    }

    /// A document to a file and at a terminal: on one line, and the same one. At the terminal it is harmless, in the file its strings are as
    /// they are stored.
    ///
    /// - Returns: what the file has.
    private func expectDocument(_ fixture: Fixture, _ arguments: String...) async throws -> String {
        let comment = Comment(rawValue: arguments.joined(separator: " "))
        let told = try await fixture.run(arguments).output
        let shown = try await fixture.runAtTerminal(arguments)
        expectHarmless(shown, lines: 1, comment)
        #expect(told.utf8.filter { $0 == 10 }.count == 1, comment)
        #expect(told.unicodeScalars.contains("\u{202E}"), comment)
        let values = try [told, shown.output].map { text in
            var value = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
            // It says how long ago something was.
            if var members = value as? [String: Any] {
                members["sentence"] = nil
                value = members
            }
            return try JSONSerialization.data(withJSONObject: [value], options: .sortedKeys)
        }
        #expect(values[0] == values[1], comment)
        return told
    }

    @Test func `A rejected item cannot forge a row or move the cursor`() async throws {
        let double = Workflow("double") { (_, amount: Int) async throws -> Int in amount * 2 }
        try await Fixture.with { fixture in
            // The name of a member that nobody knows is quoted in the reason; the item itself stands in the table.
            let item = "{\"workflow\":\"double\",\(JSON.string(hostile)):\n\r\t1}"
            try await fixture.send("LPUSH ~inbox:default", item)
            try await fixture.withWorker([double]) {
                try await eventually("the item is rejected") { try await fixture.client.queueTotals().malformed == 1 }
            }
            let reason = try #require(try await fixture.client.malformed(limit: 1).first?.reason)
            #expect(reason.printable == reason && reason.contains(#""a\nFORGED"# + shown))
            let table = try await fixture.stepwise("queues", "--malformed")
            expectHarmless(table, lines: 2)
            #expect(table.output.contains(shown))
            let json = try await expectDocument(fixture, "queues", "--malformed", "--json")
            let told = (try document(json)["malformed"] as? [[String: Any]])?.first
            #expect(told?["item"] as? String == item)
        }
    }

    @Test func `Values, errors and events are harmless in tables and at a terminal, and a file gets what is stored`()
        async throws
    {
        let echo = Workflow("echo") { (context, text: String) async throws -> String in
            try await context.run("say") { text }
        }
        let fails = Workflow("fails") { (context, _: Int) async throws -> Int in
            try await context.run("work", .retry(.never)) { () async throws -> Int in throw Hostile() }
        }
        try await Fixture.with { fixture in
            // As another service may write it: line breaks between the parts, everything else raw.
            let raw = "[\n\"x\u{7F}\u{9B}2J\u{202E}\"\r\n]"
            _ = try await fixture.client.notify("news", json: Array(raw.utf8), keep: .seconds(600), queue: "default")
            expectHarmless(try await fixture.stepwise("events", "--kept"), lines: 2)
            _ = try await expectDocument(fixture, "events", "--kept", "--json")
            let enqueue = ["enqueue", "echo", JSON.string(hostile), "--id", "r", "--wait"]
            try await fixture.withWorker([echo, fails]) {
                let said = try await fixture.run(enqueue)
                #expect(said.code == 0, "\(said.complaint)")
                let stored = try #require(try await fixture.send("HGET ~run:r output").bytes)
                #expect(Array(said.output.utf8) == stored + [10])
                let meant = try JSON.value(String.self, from: Array(said.output.utf8))
                #expect(meant == hostile)
                let failed = try await fixture.stepwise("enqueue", "fails", "0", "--id", "f", "--wait")
                #expect(failed.code == 1 && failed.complaint.contains("FORGED"))
                expectHarmless(failed)
                #expect(failed.complaint.utf8.filter { $0 == 10 }.count == 1)
            }
            let shown = try await fixture.runAtTerminal(enqueue)
            expectHarmless(shown, lines: 1)
            #expect(shown.output.contains(#"a\nFORGED\u001b[2J\u009b2J\u007f\u2028\u202ez"#))
            let meant = try JSON.value(String.self, from: Array(shown.output.utf8))
            #expect(meant == hostile)
            for command in ["status", "history"] {
                for run in ["r", "f"] {
                    let table = try await fixture.stepwise(command, run)
                    expectHarmless(table, "\(command) \(run)")
                    #expect(table.output.contains(#"\u001b[2J"#))
                    _ = try await expectDocument(fixture, command, run, "--json")
                }
            }
            // The input stands there byte for byte.
            let status = try await fixture.stepwise("status", "r", "--json").output
            #expect(Array(status.utf8).contains(Array(JSON.string(hostile).utf8)))
            #expect(try document(status)["payload"] as? String == hostile)
            expectHarmless(try await fixture.stepwise("dead", "list"), lines: 2)
            expectHarmless(try await fixture.stepwise("dead", "show", "f"))
        }
    }

    /// Every command that the program has, with the text where it takes or shows any: `X` stands for it, `J` for its JSON.
    private static let commands = [
        "tail f", "tail X", "children X", "events X", "explain f", "explain X", "explain",
        "enqueue X", "status f", "status p", "status X", "history f", "history X", "pause X", "pause --queue X",
        "retry q X", "retry X charge", "resume X", "resume --queue X", "cancel X", "cancel --status X",
        "cancel --label X", "notify X", "notify news J --run X", "events --kept", "events --expected",
        "callback complete X", "callback extend X --by 1", "dead list", "dead list --since X", "dead show f",
        "dead show X", "dead resume f --from X --dry-run", "dead resume X", "dead restart f", "dead restart X",
        "dead delete X", "runs", "runs --status X", "schedules", "schedule create X echo --every 1h",
        "schedule create t echo J --cron X", "schedule show s", "schedule show X", "schedule pause X",
        "schedule resume X", "schedule trigger s --id X", "schedule backfill s --from X --to 1h", "schedule delete X",
        "index list X", "index add X", "index remove X", "workers", "workers --busy", "stats --since X", "queues",
        "queues --malformed", "doctor", "health", "namespace show", "namespace show --keys X",
        "namespace delete --namespace X --yes", "namespace delete --yes",
    ]

    /// Puts the text into every place of a namespace, also where no client and no worker would write it.
    private func plant(_ fixture: Fixture) async throws {
        let json = JSON.string(hostile)
        let words = "\"type\":\(json),\"message\":\(json)"
        let again = "{\"attempt\":1,\(words),\"worker\":\(json),\"took\":1,\"at\":1,\"delay\":1}"
        try await fixture.send(
            "HSET ~run:f status failed queue default created 1 ended 2 recorded 2", "workflow", hostile, "payload",
            "[\n\(json)\r\n]", "error", "{\(words),\"step\":\(json),\"attempts\":1,\"worker\":\(json)}", "labels",
            "{\"note\":\(json)}", "reason", hostile, "warning", hostile, "cancelled", hostile, "origin", hostile,
            "restarted", hostile)
        try await fixture.send(
            "HSET ~steps:f", "1", "{\"step\":\(json),\"attempts\":1,\"value\":\(json),\"failed\":[\(again)]}", "2",
            "{\"step\":\"b\",\"attempts\":1,\"key\":\(json),\"error\":{\(words)}}")
        try await fixture.send("ZADD ~runs:failed 1 f")
        try await fixture.send("ZADD ~dead 1 f")
        try await fixture.send(
            "HSET ~run:p status parked queue default created 1 recorded 0 turn w", "workflow", hostile, "payload", json,
            "reason", hostile)
        try await fixture.send("HSET ~open:p", hostile, "run 1 0 event:1:\(hostile)\n\(again)")
        try await fixture.send("ZADD ~runs:parked 1 p")
        try await fixture.send(
            "HSET ~run:q status running queue default created 1 recorded 0 turn w workflow echo payload 1")
        try await fixture.send("HSET ~open:q", hostile, "run 1 0 event:1:\(hostile)")
        try await fixture.send("ZADD ~runs:running 1 q")
        try await fixture.send(
            "HSET ~worker:\(hostile) state alive concurrency 1", "queues", "q\(hostile)", "workflows", hostile,
            "versions",
            "w=\(hostile)", "host", hostile, "version", hostile, "held",
            "[{\"run\":\(json),\"step\":\(json),\"isBody\":true,\"since\":1}]")
        try await fixture.send(
            "HSET ~busy:\(hostile)", "1",
            "{\"run\":\(json),\"step\":\(json),\"workflow\":\(json),\"attempt\":1,\"since\":1}")
        // It beats for as long as the test may take.
        let time = try await fixture.client.redisTime() + 3_600_000
        try await fixture.send("ZADD ~workers \(time)", hostile)
        for list in ["inbox", "queue"] { try await fixture.send("LPUSH ~\(list):\(hostile)", hostile) }
        try await fixture.send("LPUSH ~unserved:default:\(hostile)", "turn f 1")
        try await fixture.send("ZADD ~delayed 9", "default \(hostile)")
        let pause = "1 {\"by\":\(json),\"reason\":\(json)}"
        try await fixture.send("HSET ~paused", "workflow:\(hostile)", pause, "queue:\(hostile)", pause)
        for name in [hostile, "news"] { try await fixture.send("SET ~kept:\(name)", "4102444800000 [\n\(json)\t]") }
        try await fixture.send("ZADD ~expected 1", hostile)
        try await fixture.send("LPUSH ~malformed", "{\"reason\":\(json),\"queue\":\(json),\"item\":\(json),\"at\":1}")
        try await fixture.send(
            "HSET ~schedules", hostile, "{\(json)", "s",
            "{\"workflow\":\"echo\",\"every\":3600000,\"next\":4102444800000,\"payload\":[\(json)],\"lastRun\":\(json)}"
        )
    }

    @Test func `No command shows a stored or a given text as what a terminal obeys`() async throws {
        try await Fixture.with { fixture in
            try await plant(fixture)
            for line in Self.commands {
                let arguments = line.split(separator: " ").map {
                    $0 == "X" ? hostile : $0 == "J" ? JSON.string(hostile) : String($0)
                }
                for more in [[], ["--json"]] {
                    let end = try await fixture.runAtTerminal(arguments + more)
                    let comment = Comment(rawValue: "\(line) \(more): \(end.output) \(end.complaint)")
                    expectHarmless(end, comment)
                    // A token that is none is not quoted.
                    #expect((end.output + end.complaint).contains("FORGED") != line.hasPrefix("callback"), comment)
                    if more.isEmpty { continue }
                    for line in end.output.split(separator: "\n") {
                        #expect(try document(String(line)).isEmpty == false, comment)
                    }
                }
            }
        }
    }

    @Test func `Each command is among those that are tried with such a text`() async throws {
        try await Fixture.with { fixture in
            let names = try await fixture.commands()
            #expect(names.count > 20)
            for name in names {
                #expect(Self.commands.contains { $0 == name || $0.hasPrefix(name + " ") }, "\(name)")
            }
        }
    }

    @Test func `Wrong usage is told without what a terminal obeys, its sentence on one line`() async throws {
        try await Fixture.with { fixture in
            for arguments in [
                ["runs", "--status", hostile], ["runs", "--\(hostile)"], ["runs", hostile], ["\(hostile)"],
            ] {
                let end = try await fixture.run(arguments)
                #expect(end.code == 64 && end.output.isEmpty)
                expectHarmless(end, "\(arguments)")
                let lines = end.complaint.split(separator: "\n")
                #expect(lines.first?.hasPrefix("Error: ") == true && lines.first?.contains(shown) == true, "\(lines)")
                #expect(lines.contains { $0.hasPrefix("Usage: ") }, "\(lines)")
            }
            let help = try await fixture.stepwise("runs", "--help")
            #expect(help.code == 0 && help.output.contains("USAGE: ") && help.complaint.isEmpty)
        }
    }

    @Test func `A label cannot be taken for two, or for another one`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(
                workflow: "double", payloadJSON: "1", id: "r", .label("note", "x tenant=acme"), .label("plain", "a-1é"),
                .label("quote", "a\"b"), .label("slash", #"a\u202eb"#), .label("turned", "a\u{202E}b"))
            let told = #"note="x tenant=acme" plain=a-1é quote="a\"b" slash="a\\u202eb" turned="a\u202eb""#
            let status = try await fixture.stepwise("status", "r")
            #expect(status.output.split(separator: "\n").contains { $0.hasSuffix(" " + told) }, "\(status.output)")
            expectHarmless(status)
            let json = try document(try await fixture.stepwise("status", "r", "--json").output)
            #expect((json["labels"] as? [String: String])?["note"] == "x tenant=acme")
        }
    }
}
