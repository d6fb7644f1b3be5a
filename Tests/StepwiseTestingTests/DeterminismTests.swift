import Foundation
import Stepwise
import StepwiseTesting
import Testing

@Suite("Time, chance and generations of a tested workflow")
struct DeterminismTests {
    @Test(
        "context.now is the virtual time; random numbers and UUIDs are the same on every replay and in another process")
    func helpers() async throws {
        let workflow = Workflow("w") { (context, _: Int) async throws -> [Date] in
            let begin = try await context.now
            var random = context.random
            for name in ["a", "b", "c"].shuffled(using: &random) {
                try await context.run("\(name) \(context.uuid())") {}
            }
            try await context.sleep(for: .seconds(3600))
            return try await [begin, context.now]
        }
        let start = Date(timeIntervalSince1970: 1_800_000_000)
        let test = WorkflowTest(workflow, start: start)
        #expect(try await test.run(1) == [start, start + 3600])
        #expect(test.recorded("now")?.kind == "now")
        let steps = test.steps
        try await test.run(1)
        #expect(test.steps == steps)
        try await test.replayInNewProcess()
    }

    @Test func `A workflow that begins anew is followed from generation to generation; each is replayed`() async throws
    {
        let keys = Count()
        let workflow = Workflow("w") { (context, month: Int) async throws -> String in
            try await context.run("bill") { step in keys.add(step.idempotencyKey) }
            try await context.sleep(for: .seconds(30 * 86_400))
            if month == 12 { return "a year" }
            try await context.continueAsNew(month + 1)
        }
        let test = WorkflowTest(workflow)
        #expect(try await test.run(1) == "a year")
        #expect(test.elapsed == .seconds(360 * 86_400))
        #expect(test.generations.map { $0.map(\.step) } == Array(repeating: ["bill", "sleep"], count: 12))
        #expect(test.steps == ["bill", "sleep"])
        try await test.replayInNewProcess()
    }

    @Test
    func `What is open of a generation ends with it; events stay; a cancellation reaches whichever is there`()
        async throws
    {
        let workflow = Workflow("w") { (context, words: [String]) async throws -> [String] in
            let word = try await context.race(
                { try await context.waitForEvent("word", as: String.self) },
                { try await context.run("slow") { "slow" } })
            if words.count == 2 { return words + [word] }
            try await context.continueAsNew(words + [word])
        }
        let test = WorkflowTest(workflow)
        test.replace("slow", taking: .seconds(60)) { "slow" }
        test.notify("word", "one")
        test.notify("word", "two")
        // The bodies of the generations before would have ended earlier.
        #expect(try await test.run([]) == ["one", "two", "slow"])
        #expect(test.elapsed == .seconds(60))

        let endless = Workflow<Int, Void>("endless") { context, number in
            try await context.sleep(for: .seconds(60))
            try await context.continueAsNew(number + 1)
        }
        let cancelled = WorkflowTest(endless)
        cancelled.at(.seconds(60 * 100)) { $0.cancel() }
        await #expect(throws: CancellationError.self) { try await cancelled.run(0) }
        #expect((99...101).contains(cancelled.generations.count))
    }

    @Test func `A function that begins anew with another input when it is replayed fails the test`() async throws {
        let workflow = Workflow("w") { (context, ids: [UUID]) async throws -> Int in
            if ids.count == 2 { return 2 }
            try await context.continueAsNew(ids + [UUID()])
        }
        do {
            try await WorkflowTest(workflow).run([])
            Issue.record("nothing was thrown")
        } catch let failure as WorkflowTestFailure { #expect(failure.message.contains("continued with")) }
    }
}
