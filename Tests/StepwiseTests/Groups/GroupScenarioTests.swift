import Stepwise
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

extension Scenarios {
    @Suite("Parallel groups")
    struct Groups {
        @Test(.scenario(15), arguments: Memory.allCases)
        func `A map gives its results in the order of the elements, and never has more steps open than it may`(
            _ memory: Memory
        ) async throws {
            let running = Mutex((now: 0, most: 0))
            let workflow = Workflow("map") { (context, count: Int) async throws -> [String] in
                try await context.map(0..<count, "part", maxConcurrency: 3) { number in
                    running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                    try await Task.sleep(for: .milliseconds(number % 3 * 5))
                    running.withLock { $0.now -= 1 }
                    return "\(number)"
                }
            }
            let completed = try await complete(workflow, 20, memory: memory)
            #expect(completed.output == (0..<20).map { "\($0)" })
            let most = running.withLock { $0.most }
            #expect(most <= 3 && most > 1, "\(most) at a time")
            #expect(completed.recorded("part#8")?.key == "7")
        }

        @Test(.scenario(19, 20), arguments: Memory.allCases)
        func `Groups with failures end alike at the first execution and on every replay`(_ memory: Memory) async throws
        {
            let workflow = Workflow("settle", .retry(.never)) { (context, count: Int) async throws -> [String] in
                @Sendable func part(_ number: Int) throws -> Int {
                    if number % 2 == 1 { throw Hiccup() }
                    return number
                }
                let all = try await context.settle(0..<count, "settled") { try part($0) }
                var texts = [all.map { $0.value.map(String.init) ?? "!" }.joined()]
                do {
                    _ = try await context.settle(0..<count, "tolerating", until: .tolerating(1)) { try part($0) }
                } catch let
                    failure as GroupFailure
                { texts.append("\(failure.reason) \(failure.failures.count)") }
                do { _ = try await context.any(0..<count, "any") { try part($0 * 2 + 1) } } catch let failure
                    as GroupFailure
                {
                    texts.append("\(failure.failures.map(\.step))")
                }
                do { try await context.map(0..<count, "map") { _ = try part($0) } } catch let failure as StepFailure {
                    texts.append(failure.type)
                }
                return texts
            }
            let completed = try await complete(workflow, 4, memory: memory)
            #expect(
                completed.output == ["0!2!", "tooManyFailed 2", #"["any", "any#2", "any#3", "any#4"]"#, "Hiccup"])
        }

        @Test(.scenario(24, 25))
        func
            `any: losers that have not begun never do, one that runs on another worker is cancelled, nothing is left over`()
            async throws
        {
            let bodies = Tally()
            let gate = Latch()
            let workflow = Workflow("any") { (context, count: Int) async throws -> String in
                let winner = try await context.any(0..<count, "part") { number in
                    // Of the two bodies that run, one on each worker, the second to begin wins.
                    if bodies.add("begun") == 2 { return number }
                    await gate.wait()
                    bodies.add(Task.isCancelled ? "cancelled" : "let go")
                    throw CancellationError()
                }
                return try await "\(winner == context.run("after") { winner })"
            }
            let settings = StepwiseWorker.Configuration(concurrency: 1, lease: .seconds(1))
            try await withWorker([workflow], configuration: settings) { client, server in
                let other = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [workflow], configuration: settings, logger: .silent)
                let task = RunningWorker(other)
                try await eventually("both are there") { try await client.workers().count == 2 }
                let run = try await client.enqueue(workflow, 50)
                let completed = try await complete(run, of: workflow)
                #expect(completed.output == "true" && completed.history.count == 2)
                try await eventually("the loser's body was cancelled") { bodies["cancelled"] == 1 }
                try await eventually("what lay on the queue for the losers is dropped") {
                    try await client.queueTotals().queues.allSatisfy { $0.ready == 0 && $0.claimed == 0 }
                }
                #expect(bodies["begun"] == 2, "\(bodies.all)")
                try await expectSound(client)
                try await task.end()
            }
        }
    }
}
