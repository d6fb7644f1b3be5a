import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private let pay = Workflow("pay") { (_, amount: Int) async throws -> Int in amount }

/// What people see of a run whose end is being written.
@Suite("The commands, of a run that is ending", .serialized)
struct EndingCommandTests {
    /// Run `r` as it stands between two pages: its end is decided, three steps are still open. Nobody works.
    private func plant(_ fixture: Fixture, decided: String = "completed") async throws -> WorkflowRun<Int> {
        let run = try await fixture.client.enqueue(pay, 3, id: "r")
        try await fixture.send("DEL ~queue:default")
        try await fixture.send("HSET ~run:r status ending output 3 ending \(decided) turn", "")
        for step in ["a", "b", "c"] { try await fixture.send("HSET ~open:r \(step)", "run 1 0 item") }
        try await fixture.send("ZREM ~runs:queued r")
        try await fixture.send("ZADD ~runs:ending 1 r")
        return run
    }

    @Test func `Status, runs and workers say that it is ending, as what, and who writes its end`() async throws {
        try await Fixture.with { fixture in
            _ = try await plant(fixture)
            let generation = try await fixture.generation(of: "r")
            try await fixture.send("ZADD ~workers 1 w-1-a")
            try await fixture.send("HSET ~worker:w-1-a state alive queues default concurrency 2")
            try await fixture.send("LPUSH ~claimed:w-1-a:default", "end r \(generation)")

            let status = try await fixture.stepwise("status", "r").output
            #expect(status.contains("ending") && status.contains("completed"), "\(status)")
            #expect(status.contains("3 steps, which a worker withdraws in pages"), "\(status)")
            #expect(!status.contains("OPEN STEP"), "\(status)")
            let json = try document(try await fixture.stepwise("status", "r", "--json").output)
            #expect(json["status"] as? String == "ending" && json["ending"] as? String == "completed")
            #expect(json["left"] as? Int == 3 && (json["open"] as? [Any])?.isEmpty == true)

            let runs = try await fixture.stepwise("runs", "--status", "ending").output
            #expect(runs.contains("ends as completed"), "\(runs)")
            let workers = try await fixture.stepwise("workers").output
            #expect(workers.contains("w-1-a writes the end of run r"), "\(workers)")
            let worker =
                try document(try await fixture.stepwise("workers", "--json").output)["workers"] as? [[String: Any]]
            #expect(worker?.first?["ending"] as? [String] == ["r"])

            let history = try document(try await fixture.stepwise("history", "r", "--json").output)
            #expect((history["open"] as? [Any])?.isEmpty == true)
            let details = try #require(try await fixture.client.details(ofRun: "r"))
            #expect(details.status == .ending && details.ending == "completed" && !details.status.isEnded)
        }
    }

    @Test func `Who waits for its result is told that its end is decided`() async throws {
        try await Fixture.with { fixture in
            let run = try await plant(fixture)
            let error = await #expect(throws: StepwiseError.self) { try await run.result(timeout: .milliseconds(50)) }
            #expect(error?.code == .timedOut)
            #expect(
                error?.message.contains("ending; its end is decided (completed)") == true, "\(error?.message ?? "")")
        }
    }

    @Test func `What the doctor advises for a lost mover and for a second one makes the namespace sound again`()
        async throws
    {
        try await Fixture.with { fixture in
            _ = try await plant(fixture, decided: "continued")
            let text = "end r \(try await fixture.generation(of: "r"))"
            for movers in [0, 2] {
                for _ in 0..<movers { try await fixture.send("RPUSH ~queue:default", text) }
                let end = try await fixture.stepwise("doctor")
                #expect(end.code == 1)
                let line = try #require(end.output.split(separator: "\n").first { $0.hasPrefix("endingWith") })
                let command = try #require(line.range(of: "redis-cli"))
                let code = try await fixture.shell(String(line[command.lowerBound...])).code
                #expect(code == 0)
                let after = try await fixture.stepwise("doctor")
                #expect(after.code == 0, "\(after.output)")
                try await fixture.send("DEL ~queue:default")
            }
        }
    }

    @Test func `Whoever cancels a run that is ending is told so, and as what it ends`() async throws {
        try await Fixture.with { fixture in
            _ = try await plant(fixture)
            let answer = try await fixture.stepwise("cancel", "r")
            #expect(answer.code == 1 && answer.output.contains("is ending, as completed"), "\(answer.output)")
        }
    }

    @Test func `All live runs of a workflow are asked to end, those that are ending among them`() async throws {
        try await Fixture.with { fixture in
            _ = try await plant(fixture)
            let answers = try await fixture.stepwise("cancel", "--workflow", "pay", "--dry-run").output
            #expect(answers.contains("would be cancelled"), "\(answers)")
        }
    }
}
