import Stepwise
import StepwiseTesting
import TestSupport
import Testing

private struct Declined: Error {}

private let decline = Workflow("decline") { (context, _: Int) async throws -> Int in
    try await context.run("charge", .retry(.never)) { () async throws -> Int in throw Declined() }
}

@Suite("What bulk commands tell while they work", .serialized)
struct BulkCommandTests {
    @Test func `A terminal sees how far they are, and the line is gone at the end; a file sees none of it`()
        async throws
    {
        try await Fixture.with { fixture in
            let ids = ["a", "b", "c"]
            try await fixture.withWorker([decline]) {
                for id in ids {
                    _ = try await fixture.client.enqueue(workflow: "decline", payloadJSON: "1", id: id)
                }
                try await eventually("all have failed") { try await fixture.client.deadRuns().runs.count == 3 }
            }
            let commands = [
                ("resuming", ["dead", "resume", "a", "b", "c"]), ("cancelling", ["cancel", "a", "b", "c"]),
                ("restarting", ["dead", "restart", "a", "b", "c"]),
                ("looking at", ["dead", "delete", "a", "b", "--dry-run"]),
                ("deleting", ["dead", "delete", "a", "b", "nobody"]),
            ]
            for (verb, words) in commands {
                let count = words.count { $0.count == 1 || $0 == "nobody" }
                let shown = try await fixture.runWithComplaintsAtTerminal(words)
                #expect(shown.complaint.hasPrefix("\r\(verb) 0 of \(count)"), "\(verb): \(shown)")
                #expect(shown.complaint.hasSuffix(" \r") && !shown.complaint.utf8.contains(27), "\(verb): \(shown)")
                let hidden = try await fixture.run(words)
                #expect(hidden.complaint.isEmpty && !hidden.output.contains(verb), "\(verb): \(hidden)")
                #expect(hidden.output.hasPrefix("RUN "), "\(verb): \(hidden)")
            }
        }
    }
}
