import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// A function that waits for all steps of a group: their outcomes are recorded, and it is taken forward once.
    @Suite("Joins", .serialized) struct Joins {
        private let gate = Latch()
        private let bodies = Tally()

        /// Numbers from 0; the last waits at the gate, negative ones fail.
        private var workflow: Workflow<[Int], String> {
            Workflow("all") { [gate, bodies] (context, numbers: [Int]) async throws -> String in
                do {
                    let results = try await context.map(numbers, "part", .retry(.never)) { number in
                        if number == numbers.max() { await gate.wait() }
                        try Task.checkCancellation()
                        bodies.add("part")
                        if number < 0 { throw Hiccup() }
                        return number
                    }
                    return try await context.run("sum") { "\(results.reduce(0, +))" }
                } catch let failure as StepFailure {
                    return try await context.run("undo") { failure.step }
                }
            }
        }

        @Test(arguments: Memory.allCases)
        func
            `While the last of them is executed the others are recorded, and nobody takes the run forward; then it goes on`(
                _ memory: Memory
            ) async throws
        {
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, Array(0..<8))
                try await eventually("seven are recorded") { try await run.details().recorded == 7 }
                let record = try #require(try await client.record(ofRun: run.id))
                #expect(record.turn == "" && record.delivered == 0)
                try await expectSound(client, within: patience)
                gate.open()
                let completed = try await complete(run, of: workflow)
                #expect(completed.output == "28")
            }
        }

        @Test(arguments: Memory.allCases)
        func `One that fails ends the wait at once, and what is left is withdrawn`(_ memory: Memory) async throws {
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, [0, 1, -1, 2])
                let completed = try await complete(run, of: workflow)
                #expect(completed.output.hasPrefix("part"))
                try await expectSound(client, within: patience)
            }
        }

        @Test(arguments: [false, true])
        func `It is cancelled, and paused and resumed, while it waits for the last`(isPaused: Bool) async throws {
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, Array(0..<4))
                try await eventually("three are recorded") { try await run.details().recorded == 3 }
                if isPaused {
                    try await run.pause()
                    gate.open()
                    try await eventually("the last is recorded") { try await run.details().recorded == 4 }
                    try await expectSound(client, within: patience)
                    try await run.resume()
                    #expect(try await run.result(timeout: patience) == "6")
                } else {
                    try await run.cancel()
                    #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                }
                try await expectSound(client, within: patience)
            }
        }

        @Test
        func `Another worker takes it over while it waits for the last, and executes only that one again`() async throws
        {
            try await RedisServer.withServer { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                func worker() throws -> RunningWorker {
                    let worker = try StepwiseWorker(
                        redis: redis, workflows: [workflow], configuration: .init(shutdownGrace: .zero), logger: .silent
                    )
                    return RunningWorker(worker)
                }
                let first = try worker()
                let run = try await client.enqueue(workflow, Array(0..<6))
                try await eventually("five are recorded") { try await run.details().recorded == 5 }
                try await first.end()
                try await expectSound(client, within: patience)
                gate.open()
                let second = try worker()
                #expect(try await run.result(timeout: patience) == "15")
                #expect(bodies["part"] == 6)
                try await second.end()
                await client.close()
            }
        }
    }
}
