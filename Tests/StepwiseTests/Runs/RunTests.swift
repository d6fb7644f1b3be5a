import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

extension Scenarios {
    @Suite("Runs and their results")
    struct Runs {
        @Test(arguments: Memory.allCases) func `A workflow without steps completes`(_ memory: Memory) async throws {
            let workflow = Workflow("no-steps") { (_: WorkflowContext, input: Int) async throws -> Int in input + 1 }
            let run = try await complete(workflow, 1, memory: memory)
            #expect(run.output == 2)
            #expect(run.history.isEmpty)
        }

        @Test(arguments: Memory.allCases) func `An early return ends the run`(_ memory: Memory) async throws {
            let workflow = Workflow("early") { (context, input: Int) async throws -> String in
                if try await context.run("is-known", body: { input > 0 }) { return "known" }
                return try await context.run("look-up") { "looked up" }
            }
            let run = try await complete(workflow, 1, memory: memory)
            #expect(run.output == "known")
            #expect(run.history.map(\.step) == ["is-known"])
        }

        @Test func `Inputs and outputs may be nothing`() async throws {
            let both = Workflow("nothing") { context in try await context.run("work") {} }
            let onlyOut = Workflow("only-out") { context in try await context.run("work") { 5 } }
            let seen = Mutex<Int?>(nil)
            let onlyIn = Workflow("only-in") { (context, input: Int) in
                try await context.run("work") { seen.withLock { $0 = input } }
            }
            try await withWorker([both, onlyOut, onlyIn]) { client, _ in
                try await client.enqueue(both).result(timeout: patience)
                #expect(try await client.enqueue(onlyOut).result(timeout: patience) == 5)
                try await client.enqueue(onlyIn, 1).result(timeout: patience)
            }
            #expect(seen.withLock(\.self) == 1)
        }

        @Test
        func `Another client awaits the result by the run's id, with only the name of the workflow`() async throws {
            let name: WorkflowName<String, String> = "shout"
            let workflow = Workflow(name) { context, text in try await context.run("shout") { text.uppercased() } }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(name, "hey")
                let other = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                #expect(try await other.handle(run.id, as: String.self).result(timeout: patience) == "HEY")
                #expect(await errorCode { _ = try await other.handle(run.id, as: Int.self).result() } == .notDecodable)
                #expect(
                    await errorCode { _ = try await other.handle("unknown", as: String.self).result() } == .noSuchRun)
                #expect(await errorCode { _ = try await other.handle("unknown").details() } == .noSuchRun)
                #expect(await errorCode { _ = try await other.handle("unknown").history() } == .noSuchRun)
                await other.close()
            }
        }

        @Test func `A result that does not come in time is timedOut; the run goes on`() async throws {
            let gate = Latch()
            let workflow = Workflow("slow") { (context, _: Int) async throws -> Int in
                try await context.run("slow") {
                    await gate.wait()
                    return 1
                }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                #expect(await errorCode { _ = try await run.result(timeout: .milliseconds(50)) } == .timedOut)
                gate.open()
                #expect(try await run.result(timeout: patience) == 1)
            }
        }

        @Test
        func `Who waits for a run that no worker takes is told which queue and workflow to look at`() async throws {
            let known = Workflow("known") { (_: WorkflowContext, input: Int) async throws -> Int in input }
            try await withWorker([known]) { client, _ in
                let unserved = try await client.enqueue(WorkflowName<Int, Int>("unknown"), 1)
                try await eventually("the run is unserved") { try await unserved.details().status == .noWorker }
                var told = await message { _ = try await unserved.result(timeout: .milliseconds(1)) }
                #expect(told.contains(#"no worker that claims from queue "default" has workflow "unknown""#), "\(told)")
                let queued = try await client.enqueue(known, 1, .queue("slow"))
                told = await message { _ = try await queued.result(timeout: .milliseconds(1)) }
                #expect(told.contains(#"no worker has claimed it from queue "slow" yet"#), "\(told)")
            }
        }

        private func message(_ body: () async throws -> Void) async -> String {
            do { try await body() } catch { return "\(error)" }
            return ""
        }

        @Test(.timeLimit(.minutes(2)))
        func `A client that is closed tells so at once, whoever waits for a result and whoever calls it later`()
            async throws
        {
            let name: WorkflowName<Int, Int> = "nobody-has-it"
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await client.enqueue(name, 1)
                let waiters = (0..<3).map { _ in Task { await errorCode { _ = try await run.result() } } }
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                try await eventually("the waiters are told of the run's end") {
                    let listeners = try await redis.send(["PUBSUB", "NUMSUB", "stepwise:{default}:ended:\(run.id)"])
                    return listeners.array?.last?.integer == 1
                }
                await client.close()
                for waiter in waiters { #expect(await waiter.value == .closed) }
                #expect(await errorCode { try await client.enqueue(name, 1) } == .closed)
                #expect(await errorCode { _ = try await run.details() } == .closed)
                #expect(await errorCode { _ = try await run.result() } == .closed)
                #expect(await errorCode { try await client.resume(run.id) } == .closed)
                await client.close()
                let unused = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                await unused.close()
                #expect(await errorCode { try await unused.enqueue(name, 1) } == .closed)
                await redis.close()
            }
        }

        @Test(.rule(6), arguments: [#"completed @ "FORGED""#, "ended", "\u{1B}[31m"])
        func `A forged publication is no end: who waits for a result asks Redis`(_ message: String) async throws {
            let name: WorkflowName<Int, String> = "nobody-has-it"
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await client.enqueue(name, 1)
                let waiter = Task { await errorCode { _ = try await run.result() } }
                let channel = RedisArgument("stepwise:{default}:ended:\(run.id)")
                try await eventually("the waiter is told of the run's end") {
                    try await server.command("PUBSUB", "NUMSUB", channel).array?.last?.integer == 1
                }
                let generation =
                    try await server.command("HGET", .init("stepwise:{default}:run:\(run.id)"), "generation").string
                    ?? ""
                let forged = message.replacing("@", with: generation)
                #expect(try await server.command("PUBLISH", channel, .init(forged)).integer == 1)
                // The end that counts is the one that Redis knows.
                try await run.cancel()
                #expect(await waiter.value == .runCancelled)
                await client.close()
            }
        }

        @Test(.scenario(51))
        func `The same id twice is one run, in each namespace, and the second call says that it is not new`()
            async throws
        {
            let bodies = Tally()
            let workflow = Workflow("once") { (context, input: String) async throws -> String in
                try await context.run("work") {
                    bodies.add("work")
                    return input
                }
            }
            try await withWorker([workflow]) { client, server in
                let elsewhere = try StepwiseClient(
                    redis: RedisEndpoint(server.url), namespace: "elsewhere", logger: .silent)
                #expect(try await elsewhere.enqueue(workflow, "first", id: "order-1").isNew)
                await elsewhere.close()
                let first = try await client.enqueue(workflow, "first", id: "order-1")
                let second = try await client.enqueue(workflow, "second", id: "order-1")
                #expect(first.isNew && !second.isNew)
                #expect(try await first.result(timeout: patience) == "first")
                #expect(try await second.result(timeout: patience) == "first")
                let third = try await client.enqueue(workflow, "third", id: "order-1")
                #expect(!third.isNew)
                #expect(try await third.result(timeout: patience) == "first")
                #expect(bodies["work"] == 1)
                let other: WorkflowName<String, String> = "other"
                #expect(await errorCode { try await client.enqueue(other, "", id: "order-1") } == .invalidIdentifier)
            }
        }

        @Test func `A run for each element, in one call, in their order`() async throws {
            let name: WorkflowName<Int, Int> = "square"
            let workflow = Workflow(name) { context, number in try await context.run("square") { number * number } }
            try await withWorker([workflow]) { client, _ in
                let runs = try await client.enqueue(name, each: 0..<50)
                #expect(Set(runs.map(\.id)).count == 50)
                var results: [Int] = []
                for run in runs { results.append(try await run.result(timeout: patience)) }
                #expect(results == (0..<50).map { $0 * $0 })
                #expect(try await client.enqueue(name, each: []).isEmpty)
            }
        }

        @Test(arguments: ["", "a b", "a\nb", String(repeating: "x", count: 201)])
        func `Names and ids that cannot be keys are refused`(_ bad: String) async throws {
            let name: WorkflowName<Int, Int> = "any"
            try await withWorker([]) { client, _ in
                #expect(await errorCode { try await client.enqueue(name, 1, id: bad) } == .invalidIdentifier)
                #expect(
                    await errorCode { try await client.enqueue(WorkflowName<Int, Int>(bad), 1) } == .invalidIdentifier)
                #expect(await errorCode { try await client.enqueue(name, 1, .queue(bad)) } == .invalidIdentifier)
            }
        }
    }
}
