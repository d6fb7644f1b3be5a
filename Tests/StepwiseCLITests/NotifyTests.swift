import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private struct Refused: Error {}

private let refuse = Workflow("refuse") { (context, _: Int) async throws -> Int in
    try await context.run("refuse", .retry(.never)) { () async throws -> Int in throw Refused() }
}
private let agree = Workflow("agree") { (context, _: Int) async throws -> Int in try await context.run("agree") { 1 } }

@Suite("What notify answers", .serialized)
struct NotifyTests {

    @Test func `An event to a run is told with what becomes of it, and its exit code is 0 if it was sent`() async throws
    {
        try await Fixture.with { fixture in
            func notify(_ run: String, _ more: String...) async throws -> CommandEnd {
                try await fixture.run(["notify", "word", "1", "--run", run] + more, [:])
            }
            let toNobody = try await notify("none")
            #expect(toNobody.code == 0 && toNobody.output == "kept: there is no run none yet\n")
            let asJSON = try await notify("none", "--json")
            #expect(asJSON.code == 0 && asJSON.output == "{\"answer\":\"kept\",\"status\":null}\n")

            _ = try await fixture.client.enqueue(workflow: "refuse", payloadJSON: "1", id: "r")
            let kept = try await notify("r", "--id", "e1")
            #expect(kept.code == 0 && kept.output == "kept\n")
            let again = try await notify("r", "--id", "e1")
            #expect(
                again.code == 0 && again.output.hasPrefix("repeated: ") && again.output.contains("nothing was changed"))
            let queued = try await notify("r", "--json")
            #expect(queued.output == "{\"answer\":\"kept\",\"status\":\"queued\"}\n")

            _ = try await fixture.client.enqueue(workflow: "agree", payloadJSON: "1", id: "c")
            try await fixture.withWorker([refuse, agree]) {
                for (run, status) in [("r", RunStatus.failed), ("c", .completed)] {
                    try await eventually("it is \(status)") {
                        try await fixture.client.details(ofRun: run)?.status == status
                    }
                }
            }
            let failed = try await notify("r")
            #expect(failed.code == 0 && failed.output.hasPrefix("kept: run r has failed"))

            let over = try await notify("c")
            #expect(over.code == 2 && over.output.isEmpty && over.complaint.contains("completed"))

            let messages = (0..<10_000).map { ["0", "word m \($0) 1"] }.joined().map { RedisArgument.string($0) }
            _ = try await fixture.redis.send(["ZADD", "stepwise:{default}:mail:full"] + messages)
            let full = try await notify("full")
            #expect(full.code == 2 && full.output.isEmpty && full.complaint.contains("10000 events wait there already"))
        }
    }

    @Test func `An event to everybody that was not sent is no success`() async throws {
        try await Fixture.with { fixture in
            for (answer, code) in [("sent", Int32(0)), ("kept already, not sent", 1)] {
                let end = try await fixture.stepwise("notify", "news", "1", "--keep", "600", "--json")
                #expect(end.code == code && end.output == "{\"answer\":\"\(answer)\"}\n")
            }
            // One that is not to be kept reaches those who wait.
            #expect(try await fixture.stepwise("notify", "news", "2").output == "sent\n")
        }
    }
}
