import Logging
import Stepwise
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

/// The class of a step's result, to see that it is whole after a change of workers.
private final class Counter: Codable, Sendable {
    let count: Int
    init(count: Int) { self.count = count }
    func next() -> Counter { Counter(count: count + 1) }
}

extension Scenarios {
    @Suite("A run that changes workers")
    struct Handover {
        @Test(.scenario(1))
        func `Workers that stop in the middle of steps pass a run on: each body and each line once`() async throws {
            let steps = 8
            let hold = Mutex(Latch())
            let bodies = Tally()
            let starts = Tally()
            let log = CollectedLog()
            let workflow = Workflow("relay") { (context, steps: Int) async throws -> [Int] in
                starts.add("start")
                context.logger.info("begins")
                var counter = Counter(count: 0)
                var counts: [Int] = []
                for index in 0..<steps {
                    let last = counter
                    counter = try await context.run("leg") { step in
                        bodies.add(step.id)
                        await hold.withLock { $0 }.wait()
                        return last.next()
                    }
                    context.logger.info("leg \(index) is done")
                    counts.append(counter.count)
                }
                return counts
            }
            try await RedisServer.withServer { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                let run = try await client.enqueue(workflow, steps)
                var rounds = 0
                while try await run.details().status != .completed {
                    rounds += 1
                    // Each of them ends at least the body that it has begun.
                    try #require(rounds <= steps, "the bodies: \(bodies.all)")
                    let gate = Latch()
                    hold.withLock { $0 = gate }
                    let before = bodies.all.count
                    let worker = try StepwiseWorker(redis: redis, workflows: [workflow], logger: log.logger)
                    let task = RunningWorker(worker)
                    try await eventually("no body begins") { bodies.all.count > before }
                    task.leave()
                    // The body that is held ends; the worker begins only what it took before it saw the shutdown.
                    gate.open()
                    try await task.end()
                }
                #expect(try await run.result() == Array(1...steps))
                #expect(bodies.all == ["leg"] + (2...steps).map { "leg#\($0)" })
                #expect(log.lines("begins").count == 1, "of \(starts.all.count) starts")
                for index in 0..<steps { #expect(log.lines("leg \(index) is done").count == 1) }
                let workers = Set(try await run.history().map(\.worker))
                #expect(workers.count > 1 && starts.all.count >= workers.count)
                expectReplay(of: try await run.details(), try await run.history(), by: workflow)
                await client.close()
            }
        }
    }
}
