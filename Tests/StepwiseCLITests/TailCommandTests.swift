import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private struct Declined: Error {}

/// Waits between two steps.
private let gated = Workflow("gated") { (context, _: Int) async throws -> Int in
    let one = try await context.run("one") { 1 }
    _ = try await context.waitForEvent("go", as: Int.self)
    return try await context.run("two") { one + 1 }
}
private let fails = Workflow("fails") { (context, _: Int) async throws -> Int in
    _ = try await context.run("first") { 1 }
    return try await context.run("charge", .retry(.never)) { () async throws -> Int in throw Declined() }
}
/// Begins anew each time that it is told to.
private let endless = Workflow("endless") { (context, round: Int) async throws -> Int in
    try await context.run("round") { round }
    _ = try await context.waitForEvent("next", as: Int.self)
    try await context.continueAsNew(round + 1)
}
private let asks = Workflow("asks") { (context, _: Int) async throws -> Int in
    let callback = try await context.callback("approved", as: Int.self)
    return try await callback.value()
}

@Suite("stepwise tail", .serialized)
struct TailCommandTests {
    private func count(_ text: String, in output: String) -> Int { output.ranges(of: text).count }

    @Test func `Each outcome and each state is printed once, when it comes, and the run's end ends it`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(workflow: "gated", payloadJSON: "0", id: "r")
            try await fixture.withCommand("tail", "r") { tail in
                try await eventually("it tells that the run is queued") {
                    try tail.output.contains("run r (gated) is queued")
                }
                try await fixture.withWorker([gated]) {
                    try await eventually("it tells the first outcome") { try tail.output.contains("  1 one: 1 (") }
                    #expect(try !tail.output.contains("two"))
                    try await fixture.client.notify("go", 7, run: "r")
                    let end = try await tail.end()
                    #expect(end.code == 0 && !end.isSignal)
                }
                let output = try tail.output
                let places = [
                    "is queued\n", "is running\n", "  1 one: 1 (", "  2 go: 7", "  3 two: 2 (", "completed: 2\n",
                ]
                for text in places { #expect(count(text, in: output) == 1, "\(text): \(output)") }
                let starts = places.compactMap { output.range(of: $0)?.lowerBound }
                #expect(starts == starts.sorted(), "\(output)")
                let lines = output.split(separator: "\n").filter { !$0.hasPrefix("why: ") }
                #expect(lines.count == places.count && !output.utf8.contains(27))
                #expect(try tail.complaint.isEmpty)
            }
        }
    }

    @Test func `Of a run that has failed each line is a document, and the command ends with 1`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([fails]) {
                _ = try await fixture.client.enqueue(workflow: "fails", payloadJSON: "0", id: "r")
                try await eventually("it has failed") {
                    try await fixture.client.details(ofRun: "r")?.status == .failed
                }
            }
            let end = try await fixture.stepwise("tail", "r", "--json")
            let lines = try end.output.split(separator: "\n").map { try document(String($0)) }
            #expect(end.code == 1 && lines.compactMap { $0["type"] as? String } == ["step", "step", "state"])
            #expect((lines.first?["outcome"] as? [String: Any])?["step"] as? String == "first")
            #expect(lines.last?["status"] as? String == "failed" && lines.last?["since"] is Int)
            #expect(lines.last?["error"] is [String: Any])
            let last = try await fixture.stepwise("tail", "r", "--last", "1")
            #expect(!last.output.contains("first") && last.output.contains("  2 charge: Declined"), "\(last)")
            let gone = try await fixture.stepwise("tail", "nobody")
            #expect(gone.code == 2 && gone.output.isEmpty && gone.complaint.contains("no run nobody"))
        }
    }

    @Test(.rule(6), .scenario(48)) func `It goes on when Redis dies and comes back, and tells nothing twice`()
        async throws
    {
        let server = try await RedisServer.start(appendOnly: true)
        defer { server.stop() }
        try await Fixture.with(server) { fixture in
            _ = try await fixture.client.enqueue(workflow: "nobody-has-it", payloadJSON: "0", id: "r")
            try await fixture.withCommand("tail", "r") { tail in
                try await eventually("it tells that the run is queued") { try tail.output.contains("is queued") }
                server.kill()
                try await eventually("it tells that redis is away") {
                    try tail.complaint.contains("this command goes on once redis answers")
                }
                try await server.restart()
                try await eventually("it tells that redis is back") {
                    try tail.complaint.contains("redis answers again; following run r")
                }
                try await eventually("the run is cancelled") { (try? await fixture.client.cancel("r")) != nil }
                let end = try await tail.end()
                let (output, complaint) = (try tail.output, try tail.complaint)
                #expect(end.code == 1 && count("is queued", in: output) == 1 && count("is cancelled", in: output) == 1)
                #expect(complaint.split(separator: "\n").count == 2, "\(complaint)")
            }
        }
    }

    @Test func `Ctrl-C ends it by that signal, and leaves whole lines`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(workflow: "nobody-has-it", payloadJSON: "0", id: "r")
            try await fixture.withCommand("tail", "r") { tail in
                try await eventually("it tells that the run is queued") { try tail.output.contains("is queued") }
                tail.interrupt()
                let end = try await tail.end()
                #expect(end.isSignal && end.code == SIGINT)
                let output = try tail.output
                #expect(output.hasSuffix("\n") && !output.utf8.contains(27))
            }
        }
    }

    @Test func `A reader that has seen enough ends it, although the run goes on`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(workflow: "nobody-has-it", payloadJSON: "0", id: "r")
            let end = try await fixture.shell(
                #"{ timeout 60 "$STEPWISE" tail r; echo "ended with $?" >&2; } | head -n 1"#)
            #expect(end.output.contains("is queued") && end.complaint == "ended with 0\n", "\(end)")
        }
    }

    /// How often Redis was asked for something, without the questions after this number itself.
    private func calls(_ fixture: Fixture) async throws -> [String: Int] {
        let info = try await fixture.send("INFO commandstats").string ?? ""
        var calls: [String: Int] = [:]
        for line in info.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_") {
            let name = String(line.dropFirst("cmdstat_".count).prefix { $0 != ":" })
            if name == "info" || name == "ping" { continue }
            calls[name] = line.split(separator: "=").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) }
        }
        return calls
    }

    @Test func `A run that rests costs Redis no more than two reads a second, and no write`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(workflow: "nobody-has-it", payloadJSON: "0", id: "r")
            try await fixture.withCommand("tail", "r") { tail in
                try await eventually("it tells that the run is queued") { try tail.output.contains("is queued") }
                // It tells that once it rests, and looks again after ten seconds.
                try await eventually("it tells why") { try tail.output.contains("\nwhy: No worker is alive\n") }
                let before = try await calls(fixture)
                let start = ContinuousClock.now
                var after = before
                try await eventually("it has looked again four times") {
                    after = try await calls(fixture)
                    return after["hmget", default: 0] >= before["hmget", default: 0] + 4
                }
                let seconds = Double((ContinuousClock.now - start).components.seconds) + 1
                let asked = after.values.reduce(0, +) - before.values.reduce(0, +)
                #expect(Double(asked) <= 2 * seconds + 1, "\(asked) in \(seconds) s")
                let names = after.filter { $0.value > before[$0.key, default: 0] }.keys.sorted()
                #expect(names == ["hmget"], "\(names)")
            }
        }
    }

    @Test func `A run that begins anew is followed from one generation to the next`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([endless]) {
                _ = try await fixture.client.enqueue(workflow: "endless", payloadJSON: "1", id: "r")
                try await fixture.withCommand("tail", "r") { tail in
                    try await eventually("it tells the first generation's outcome") {
                        try tail.output.contains("  1 round: ")
                    }
                    try await fixture.client.notify("next", 0, run: "r")
                    try await eventually("it tells that of the second one") {
                        let output = try tail.output
                        return output.contains("has begun anew, once in all") && count("  1 round: ", in: output) == 2
                    }
                    try await fixture.client.cancel("r")
                    let end = try await tail.end()
                    #expect(end.code == 1)
                }
            }
        }
    }

    @Test func `The token of a callback is shown to nobody`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([asks]) {
                let run = try await fixture.client.enqueue(asks, 0, id: "r")
                try await eventually("it asks") {
                    try await fixture.client.openSteps(ofRun: "r").first?.step == "approved"
                }
                let value = try await run.history().first?.value ?? ""
                let secret = value.replacing("\"", with: "").suffix(32)
                try await fixture.client.cancel("r")
                for more in [[], ["--json"]] {
                    try await eventually("it has ended") {
                        try await fixture.client.details(ofRun: "r")?.status == .cancelled
                    }
                    let end = try await fixture.run(["tail", "r"] + more)
                    #expect(end.output.contains("callback approved") && !end.output.contains(secret), "\(end)")
                }
            }
        }
    }
}
