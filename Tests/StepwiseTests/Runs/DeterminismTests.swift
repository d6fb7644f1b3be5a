import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("What is the same on every replay: random, uuid, now")
    struct Determinism {
        /// Uses everything in branches, between steps and in a step's body.
        private static let dice = Workflow("dice") { (context, _: Int) async throws -> [String] in
            var random = context.random
            let die = Int.random(in: 1...6, using: &random)
            async let left = context.run("left") { "\(context.uuid() != context.uuid())" }
            async let right = context.now
            let inBody = try await left
            let then = try await right
            let id = context.uuid()
            try await context.run(id.uuidString) { 1 }
            return ["\(die)", inBody, "\(then.timeIntervalSince1970)", id.uuidString]
        }

        @Test(arguments: Memory.allCases)
        func `The numbers, names and times that a run was taken by are those of its replay`(_ memory: Memory)
            async throws
        {
            let run = try await complete(Self.dice, 0, memory: memory)
            #expect((1...6).contains(Int(run.output[0]) ?? 0))
            #expect(run.output[1] == "true")
            #expect(run.history.last?.step == run.output[3])
            #expect(run.recorded("now")?.kind == "now")
            #expect(run.details.warning == nil)
        }

        @Test func `now is Redis' time, never goes back, and is a step: now, now#2`() async throws {
            let workflow = Workflow("clock") { (context, _: Int) async throws -> [Date] in
                [try await context.now, try await context.now, try await context.now]
            }
            let run = try await complete(workflow, 0)
            #expect(run.history.map(\.step) == ["now", "now#2", "now#3"])
            #expect(run.output == run.output.sorted())
            for (time, step) in zip(run.output, run.history) {
                let milliseconds = time.timeIntervalSince1970 * 1000
                let recorded = Double(step.at?.wholeMilliseconds ?? 0)
                #expect(milliseconds >= Double(run.details.created?.wholeMilliseconds ?? .max))
                #expect(milliseconds < recorded + 1 && milliseconds > recorded - 30_000)
            }
        }

        @Test
        func `After a sleep until a moment, now is not before that moment, whatever fraction of a second it has`()
            async throws
        {
            let workflow = Workflow("until") { (context, _: Int) async throws -> [Double] in
                var late: [Double] = []
                for fraction in [0.0101, 0.0109999, 0.011] {
                    let moment = try await context.now + fraction
                    try await context.sleep(until: moment)
                    late.append(try await context.now.timeIntervalSince(moment))
                }
                return late
            }
            let run = try await complete(workflow, 0)
            #expect(run.output.count == 3 && run.output.allSatisfy { $0 >= 0 }, "\(run.output)")
        }

        @Test func `After a resume from a step what stands before it gets the numbers that it had`() async throws {
            let mended = Flag()
            let numbers = Tally()
            let workflow = Workflow("resumed", .retry(.never)) { (context, _: Int) async throws -> String in
                try await context.run("first") { 1 }
                let id = context.uuid().uuidString
                numbers.add(id)
                try await context.run("second") { if !mended.isSet { throw Hiccup() } }
                return id
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the run has failed") { try await run.details().status == .failed }
                mended.set()
                try await client.resume(run.id, from: "second")
                let completed = try await complete(run, of: workflow)
                #expect(Set(numbers.all) == [completed.output])
            }
        }

        @Test
        func `From Task { } the numbers are the system's, and the run keeps a warning that says so`() async throws {
            let gate = Latch()
            let workflow = Workflow("loose") { (context, _: Int) async throws -> Int in
                Task {
                    _ = context.uuid()
                    gate.open()
                }
                try await context.run("proper") { await gate.wait() }
                return 1
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                _ = try await run.result(timeout: patience)
                try await eventually("the warning is kept") {
                    try await run.details().warning?.contains("context.random or uuid()") == true
                }
            }
        }
    }
}
