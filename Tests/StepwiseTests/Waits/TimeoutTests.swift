import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("race and withTimeout")
    struct Timeouts {
        @Test(.scenario(24), arguments: Memory.allCases)
        func `A race has the same winner on every replay, an error wins as well, and the losers' bodies are cancelled`(
            _ memory: Memory
        ) async throws {
            let gate = Latch()
            let workflow = Workflow("racing", .retry(.never)) { (context, _: Int) async throws -> [String] in
                var ends: [String] = []
                for name in ["good", "bad"] {
                    do {
                        ends.append(
                            try await context.race(
                                {
                                    try await context.run("slow") { await gate.wait() }
                                    return "slow"
                                },
                                {
                                    try await context.run(name) { if name == "bad" { throw Hiccup() } }
                                    return name
                                }))
                    } catch let failure as StepFailure { ends.append("\(failure.step) failed") }
                }
                return ends
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == ["good", "bad failed"])
            #expect(run.history.map(\.step) == ["good", "bad"])
        }

        @Test(arguments: Memory.allCases)
        func `A body that is done in time withdraws its timer; one that is not is cancelled, and the function goes on`(
            _ memory: Memory
        ) async throws {
            let gate = Latch()
            let workflow = Workflow("limited") { (context, _: Int) async throws -> [String] in
                let quick = try await context.withTimeout(.hours(24)) {
                    async let left = context.run("left") { "l" }
                    async let right = context.run("right") { "r" }
                    return try await left + right
                }
                do {
                    try await context.withTimeout(.milliseconds(150)) {
                        try await context.run("slow") { await gate.wait() }
                    }
                    return [quick]
                } catch let error as WorkflowTimeout {
                    return [quick, try await context.run("after") { "\(error.name) \(error.limit)" }]
                }
            }
            try await withWorker([workflow], memory: memory) { client, server in
                let run = try await complete(client.enqueue(workflow, 0), of: workflow)
                #expect(run.output == ["lr", "timeout 0.15 seconds"])
                #expect(Set(run.history.map(\.step)) == ["left", "right", "timeout#2", "after"])
                let timer = try #require(run.recorded("timeout#2"))
                let began = try #require(run.history.first { $0.step != "timeout#2" }?.at).wholeMilliseconds
                #expect(timer.kind == "sleep" && (timer.at?.wholeMilliseconds ?? 0) >= began + 150)
                try await eventually("no timer is left") {
                    try await server.command("ZCARD", "stepwise:{default}:delayed").integer == 0
                }
                try await expectSound(client, within: patience)
            }
        }

        @Test
        func `A run that is cancelled in withTimeout is cancelled, not out of time, and leaves no timer`() async throws
        {
            let gate = Latch()
            let begun = Flag()
            let workflow = Workflow("waiting") { (context, _: Int) async throws -> String in
                do {
                    return try await context.withTimeout(.weeks(1)) {
                        try await context.run("work") {
                            begun.set()
                            await gate.wait()
                            return "done"
                        }
                    }
                } catch is WorkflowTimeout { return "out of time" }
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the body runs") { begun.isSet }
                try await run.cancel()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                #expect(try await server.command("ZCARD", "stepwise:{default}:delayed").integer == 0)
            }
        }
    }
}
