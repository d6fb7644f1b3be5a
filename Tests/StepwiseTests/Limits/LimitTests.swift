import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Limits")
    struct Limits {
        @Test(.scenario(58), arguments: [false, true])
        func `A function that calls too many steps fails its run, in sequence and in parallel`(inParallel: Bool)
            async throws
        {
            let bodies = Tally()
            let workflow = Workflow("many") { (context, count: Int) async throws -> Int in
                if inParallel {
                    return try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<count {
                            group.addTask { try await context.run("work") { _ = bodies.add("work") } }
                        }
                        try await group.waitForAll()
                        return count
                    }
                }
                for _ in 0..<count { try? await context.run("work") { _ = bodies.add("work") } }
                return count
            }
            try await withWorker([workflow], configuration: .init(maximumSteps: 10)) { client, _ in
                let run = try await client.enqueue(workflow, 11)
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                let dead = try #require(try await client.deadRuns().runs.first)
                #expect(
                    dead.error.message.contains("number 11 of the run") && dead.error.message.contains("maximumSteps"))
                #expect(bodies["work"] == (inParallel ? 0 : 10))
                #expect(try await complete(client.enqueue(workflow, 10), of: workflow).output == 10)
                try await expectSound(client)
            }
        }

        @Test(.scenario(58), arguments: Memory.allCases, [false, true])
        func `The result with which a run would hold too many bytes fails its step, once, and the run says why`(
            _ memory: Memory, inParallel: Bool
        ) async throws {
            let bodies = Tally()
            let workflow = Workflow("large") { (context, _: Int) async throws -> [String] in
                var failures: [String] = []
                func work(_ number: Int) async throws -> String {
                    try await context.run("work") {
                        bodies.add("work")
                        return String(repeating: "x", count: 1500)
                    }
                }
                if inParallel {
                    async let a = work(0)
                    async let b = work(1)
                    async let c = work(2)
                    do { _ = try await (a, b, c) } catch let failure as StepFailure {
                        failures.append("\(failure.cause)")
                    }
                } else {
                    for number in 0..<3 {
                        do { _ = try await work(number) } catch let failure as StepFailure {
                            failures.append("\(failure.step) \(failure.cause) \(failure.attempts)")
                            #expect(
                                failure.message.contains("the limit is 4000")
                                    && failure.message.contains("maximumRunSize"))
                        }
                    }
                }
                return failures
            }
            try await withWorker(
                [workflow], memory: memory, configuration: .init(maximumPayloadSize: 2000, maximumRunSize: 4000)
            ) { client, _ in
                let run = try await complete(client.enqueue(workflow, 0), of: workflow)
                #expect(run.output == (inParallel ? ["tooLarge"] : ["work#3 tooLarge 1"]))
                #expect(bodies["work"] == 3)
                #expect(run.history.filter { $0.error != nil }.count == 1)
                try await expectSound(client)
            }
        }

        @Test(.scenario(58))
        func `A saga in a run that is full undoes what it has done, and each undo is recorded as done`() async throws {
            let bodies = Tally()
            let workflow = Workflow("saga") { (context, _: Int) async throws -> Void in
                try await context.saga { saga in
                    for number in 0..<100 {
                        try await saga.run("work") {
                            number
                        } undo: { number in
                            bodies.add("\(number)")
                        }
                    }
                }
            }
            try await withWorker(
                [workflow], configuration: .init(maximumPayloadSize: 1024, maximumRunSize: 1024)
            ) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                let history = try await run.history()
                let done = history.count { $0.value != nil && $0.step.hasPrefix("work") }
                #expect(done > 1 && bodies.all == (0..<done).reversed().map { "\($0)" })
                #expect(history.compactMap(\.error).map(\.cause) == [.tooLarge])
                #expect(history.count == 2 * done + 1)
            }
        }

        @Test(.scenario(58)) func `An input that is too large is refused before anything is sent`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(
                    redis: RedisEndpoint(server.url), maximumPayloadSize: 100, logger: .silent)
                let name: WorkflowName<String, Int> = "any"
                let large = String(repeating: "x", count: 99)
                #expect(await errorCode { try await client.enqueue(name, large) } == .tooLarge)
                try await client.enqueue(name, String(large.dropLast()))
                #expect(try await client.runs(limit: 10).count == 1)
                await client.close()
            }
        }
    }
}
