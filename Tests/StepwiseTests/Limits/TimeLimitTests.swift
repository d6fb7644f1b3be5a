import Stepwise
internal import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Time limits")
    struct TimeLimits {
        /// Nothing is left of the limits, and nothing is out of order.
        private func isTidy(_ client: StepwiseClient, sourceLocation: SourceLocation = #_sourceLocation) async throws {
            // The next attempt of a step that was abandoned is dropped when it is due.
            try await eventually("nothing is delayed") { try await client.queueTotals().delayed == 0 }
            try await expectSound(client, sourceLocation: sourceLocation)
        }

        @Test(.scenario(11, 44), arguments: Memory.allCases, [false, true])
        func
            `A step that is not done within its total time fails, its body is cancelled, and what it returns is refused`(
                _ memory: Memory, besideAnother: Bool
            ) async throws
        {
            let bodies = Tally()
            let workflow = Workflow("slow") { (context, _: Int) async throws -> String in
                async let sibling = context.run("sibling") { besideAnother }
                if !besideAnother { _ = try await sibling }
                do {
                    return try await context.run("slow", .totalTimeout(.milliseconds(300))) {
                        try? await Task.sleep(for: .seconds(3600))
                        bodies.add("cancelled")
                        return "too late"
                    }
                } catch let failure as StepFailure {
                    _ = try await sibling
                    return "\(failure.cause) \(failure.type) \(failure.message.contains("totalTimeout"))"
                }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await complete(client.enqueue(workflow, 0), of: workflow)
                #expect(run.output == "timedOut StepTimeout true")
                try await eventually("the body goes on") { bodies["cancelled"] == 1 }
                try await isTidy(client)
            }
        }

        @Test(arguments: Memory.allCases)
        func `The total time passes while a step waits for its next attempt`(_ memory: Memory) async throws {
            let tries = Tally()
            let workflow = Workflow("again") { (context, _: Int) async throws -> String in
                do {
                    try await context.run("again", .retry(.fixed(.seconds(3600))), .totalTimeout(.milliseconds(200))) {
                        tries.add("try")
                        throw Hiccup()
                    }
                    return ""
                } catch let failure as StepFailure { return "\(failure.cause)" }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await complete(client.enqueue(workflow, 0), of: workflow)
                #expect(run.output == "timedOut" && tries["try"] == 1)
                // What is known of the attempt that was made is kept.
                #expect(run.recorded("again")?.failed.count == 1)
                try await expectSound(client)
            }
        }

        @Test(arguments: Memory.allCases, [1, 20])
        func `A step that is done in time leaves no trace of its limits`(_ memory: Memory, width: Int) async throws {
            let workflow = Workflow("quick") { (context, width: Int) async throws -> Int in
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<width {
                        group.addTask {
                            try await context.run(
                                "quick", .totalTimeout(.seconds(600)), .claimTimeout(.seconds(300)), .retry(soon)
                            ) {
                                step in
                                if step.attempt == 1, number % 3 == 0 { throw Hiccup() }
                                return 1
                            }
                        }
                    }
                    // The last of them is abandoned.
                    var sum = 0
                    for _ in 0..<max(1, width - 1) { sum += try await group.next() ?? 0 }
                    group.cancelAll()
                    return sum
                }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, width)
                #expect(try await run.result(timeout: patience) == max(1, width - 1))
                try await isTidy(client)
            }
        }

        @Test func `A step that no worker begins within its claim time fails, its body never executed`() async throws {
            let bodies = Tally()
            let gate = Latch()
            let workflow = Workflow("queueing") { (context, _: Int) async throws -> String in
                async let first = context.run("first", .claimTimeout(.seconds(600))) { await gate.wait() }
                async let second = context.run("second", .claimTimeout(.milliseconds(200))) { _ = bodies.add("second") }
                do { try await second } catch let failure as StepFailure {
                    try await first
                    return "\(failure.cause) \(failure.message.contains("claimTimeout"))"
                }
                return ""
            }
            try await withWorker([workflow], configuration: .init(concurrency: 1)) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the limit does not come") {
                    try await run.history().contains { $0.step == "second" }
                }
                gate.open()
                #expect(try await complete(run, of: workflow).output == "timedOut true")
                #expect(bodies.all.isEmpty)
                try await isTidy(client)
            }
        }

        @Test(arguments: Memory.allCases, ["workflow", "enqueuer", "push"])
        func `A run that is not done in time is cancelled, and has failed with that if its function ends in an error`(
            _ memory: Memory, whose: String
        ) async throws {
            let bodies = Tally()
            @Sendable func body(_ context: WorkflowContext, _ returns: Bool) async throws -> String {
                do {
                    try await context.run("long") {
                        try? await Task.sleep(for: .seconds(3600))
                        bodies.add("cancelled")
                    }
                } catch is CancellationError where returns {}
                return "in time after all"
            }
            let long =
                whose == "workflow"
                ? Workflow("long", .runTimeout(.milliseconds(400)), body: body) : Workflow("long", body: body)
            try await withWorker([long], memory: memory) { client, server in
                for (id, returns) in [("fails", false), ("returns", true)] {
                    if whose == "push" {
                        _ = try await server.command(
                            "LPUSH", "stepwise:{default}:inbox:default",
                            .string(#"{"workflow":"long","payload":\#(returns),"id":"\#(id)","timeout":400}"#))
                        try await eventually("no run") { (try? await client.handle(id).details()) != nil }
                    } else if whose == "enqueuer" {
                        try await client.enqueue(long, returns, id: id, .runTimeout(.milliseconds(400)))
                    } else {
                        try await client.enqueue(long, returns, id: id)
                    }
                }
                let fails = client.handle("fails", as: String.self)
                #expect(await errorCode { _ = try await fails.result(timeout: patience) } == .runFailed)
                let dead = try #require(try await client.deadRuns().runs.first)
                #expect(dead.error.type == "RunTimeout" && dead.error.message.contains("runTimeout"))
                #expect(
                    try await client.handle("returns", as: String.self).result(timeout: patience) == "in time after all"
                )
                try await eventually("a body goes on") { bodies["cancelled"] == 2 }
                try await isTidy(client)
            }
        }

        @Test func `A run that nobody begins in time fails, and can be resumed`() async throws {
            let workflow = Workflow("later") { (context, _: Int) async throws -> Int in
                try await context.run("now") { 1 }
            }
            try await withWorker([]) { client, server in
                let run = try await client.enqueue(workflow, 0, .runTimeout(.milliseconds(200)))
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                #expect(try await run.details().error?.contains("it was unserved") == true)
                #expect(try await client.queueTotals().delayed == 0)
                let worker = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [workflow], logger: .silent)
                let service = RunningWorker(worker)
                try await client.resume(run.id)
                #expect(try await complete(run, of: workflow).output == 1)
                try await isTidy(client)
                try await service.end()
            }
        }

        @Test
        func `A run whose time was up is resumed without a limit, and its function is not cancelled again`()
            async throws
        {
            let isMended = Flag()
            let workflow = Workflow("long", .runTimeout(.milliseconds(300))) {
                (context, _: Int) async throws -> String in
                try await context.run("first") {}
                try await context.run("long") {
                    if !isMended.isSet { try await Task.sleep(for: .seconds(3600)) }
                }
                return "done"
            }
            try await withWorker([workflow], memory: .cold) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                isMended.set()
                try await client.resume(run.id)
                #expect(try await complete(run, of: workflow).output == "done")
            }
        }
    }
}
