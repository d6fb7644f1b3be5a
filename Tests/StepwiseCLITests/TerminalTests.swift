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
            let json = try await fixture.stepwise("queues", "--malformed", "--json")
            expectHarmless(json, lines: 1)
            let told = (try document(json.output)["malformed"] as? [[String: Any]])?.first
            #expect(told?["item"] as? String == item)
        }
    }

    @Test func `Values, errors and events are shown without what a terminal obeys, and mean the same as JSON`()
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
            expectHarmless(try await fixture.stepwise("events", "--kept", "--json"), lines: 1)
            try await fixture.withWorker([echo, fails]) {
                let said = try await fixture.stepwise("enqueue", "echo", JSON.string(hostile), "--id", "r", "--wait")
                #expect(said.code == 0, "\(said.complaint)")
                expectHarmless(said, lines: 1)
                let meant = try JSON.value(String.self, from: Array(said.output.utf8))
                #expect(meant == hostile)
                let failed = try await fixture.stepwise("enqueue", "fails", "0", "--id", "f", "--wait")
                #expect(failed.code == 1 && failed.complaint.contains("FORGED"))
                expectHarmless(failed)
                #expect(failed.complaint.utf8.filter { $0 == 10 }.count == 1)
            }
            for command in ["status", "history"] {
                for run in ["r", "f"] {
                    let table = try await fixture.stepwise(command, run)
                    expectHarmless(table, "\(command) \(run)")
                    #expect(table.output.contains(#"\u001b[2J"#))
                    expectHarmless(try await fixture.stepwise(command, run, "--json"), lines: 1, "\(command) \(run)")
                }
            }
            let status = try document(try await fixture.stepwise("status", "r", "--json").output)
            #expect(status["payload"] as? String == hostile)
            expectHarmless(try await fixture.stepwise("dead", "list"), lines: 2)
            expectHarmless(try await fixture.stepwise("dead", "show", "f"))
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
