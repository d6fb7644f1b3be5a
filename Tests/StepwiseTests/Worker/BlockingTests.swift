import Dispatch
import Foundation
import Logging
import Stepwise
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

extension Scenarios {
    @Suite("Bodies that block their thread") struct BlockingBodies {
        /// Whether the current thread is one of those for bodies that block.
        private static var isApart: Bool {
            #if canImport(Darwin)
            var name = [CChar](repeating: 0, count: 64)
            pthread_getname_np(pthread_self(), &name, name.count)
            return String(cString: name).hasPrefix("TP-")
            #else
            return (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8))?.hasPrefix("TP-") == true
            #endif
        }

        private static func wait(for semaphore: DispatchSemaphore) { semaphore.wait() }

        @Test(.rule(10))
        func `They are executed on threads of their own, also after a wait, and however quick they are`() async throws {
            let workflow = Workflow<Int, Int>("apart") { (context, times: Int) async throws -> Int in
                var apart = 0
                for _ in 0..<times {
                    apart += try await context.run("step", .blocking) {
                        let before = Self.isApart
                        await Task.yield()
                        return before && Self.isApart ? 1 : 0
                    }
                    apart += try await context.run("another", .blocking) { Self.isApart ? 1 : 0 }
                }
                return apart
            }
            var configuration = StepwiseWorker.Configuration(blockingThreads: 2)
            configuration.quickBody = .seconds(1)
            try await withWorker([workflow], configuration: configuration) { client, _ in
                let run = try await client.enqueue(workflow, 20)
                #expect(try await run.result(timeout: patience) == 40)
                try await expectSound(client)
            }
        }

        @Test(.rule(10)) func `A worker ends while one of them still blocks its thread, and releases its step`()
            async throws
        {
            let gate = DispatchSemaphore(value: 0)
            let begun = Flag()
            let workflow = Workflow<Int, Int>("blocked") { (context, _: Int) async throws -> Int in
                try await context.run("block", .blocking) {
                    begun.set()
                    Self.wait(for: gate)
                    return 1
                }
            }
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await withWorkers(server, workflow, grace: .milliseconds(50)) {
                    _ = try await client.enqueue(workflow, 0)
                    try await eventually("the body begins") { begun.isSet }
                }
                #expect(try await client.queueTotals().queues.map(\.ready) == [1])
                try await expectSound(client)
                await client.close()
                gate.signal()
            }
        }

        private static let full =
            "step bodies that nobody waits for hold every thread for .blocking steps, the spare ones too; once another such step waits for one, "
            + "the worker releases it and claims nothing until a body returns or the process is restarted"

        @Test(.rule(10))
        func `A spare thread takes the place of one whose body nobody waits for, up to a bound`() async throws {
            let gate = DispatchSemaphore(value: 0)
            let bodies = Bodies()
            let log = CollectedLog()
            let late = Workflow<Int, String>("late") { (context, _: Int) async throws -> String in
                do {
                    return try await context.run(
                        "late", .blocking, .timeout(.milliseconds(500)), .retry(.never)
                    ) { () async throws -> String in
                        bodies.begin()
                        Self.wait(for: gate)
                        bodies.end()
                        return "late"
                    }
                } catch let failure as StepFailure { return failure.type }
            }
            let short = Workflow<Int, Int>("short") { (context, number: Int) async throws -> Int in
                try await context.run("short", .blocking) {
                    bodies.begin()
                    Self.pause()
                    bodies.end()
                    return number
                }
            }
            var configuration = StepwiseWorker.Configuration(blockingThreads: 2)
            configuration.bodyStartLimit = .seconds(1)
            try await withWorker([late, short], configuration: configuration, logger: log.logger) { client, _ in
                // One after the other, so that no limit passes without a thread.
                for number in 0..<4 {
                    let run = try await client.enqueue(late, number)
                    try await eventually("it has a thread") { bodies.count == number + 1 }
                    #expect(try await run.result(timeout: patience) == "StepTimeout")
                    if number < 3 {
                        let other = try await client.enqueue(short, number)
                        #expect(try await other.result(timeout: patience) == number)
                    }
                }
                #expect(bodies.count == 4)
                try await eventually("it is logged") { log.lines(Self.full).count == 1 }
                try await eventually("its entry tells of it") {
                    let steps = try await client.workers().flatMap(\.blockingBodies).map(\.step)
                    return steps == ["late", "late", "late", "late"]
                }
                let runs = try await client.enqueue(short.workflowName, each: 0..<10)
                try await eventually("it releases what has no thread") {
                    try await client.queueTotals().queues.map(\.ready) == [10]
                }
                // What it has claimed is told with the next beat.
                func beat() async throws {
                    let time = try await client.redisTime() + 1000
                    try await eventually("it beats") {
                        try await client.workers().allSatisfy { $0.lastBeat ?? 0 > time }
                    }
                }
                try await beat()
                let claim = try await client.workers().map(\.lastClaim)
                try await beat()
                let workers = try await client.workers()
                #expect(workers.map(\.claims) == [0] && workers.map(\.lastClaim) == claim)
                #expect(bodies.count == 4)
                #expect(log.lines(Self.full).map(\.level) == [.error])
                // Threads that come free count again.
                for _ in 0..<4 { gate.signal() }
                for (number, run) in runs.enumerated() { #expect(try await run.result(timeout: patience) == number) }
                try await eventually("all have returned") { bodies.ended == 17 }
                try await eventually("its entry tells no more") {
                    try await client.workers().allSatisfy(\.blockingBodies.isEmpty)
                }
                bodies.resetMost()
                let more = try await client.enqueue(short.workflowName, each: 0..<10)
                for (number, run) in more.enumerated() { #expect(try await run.result(timeout: patience) == number) }
                #expect(bodies.most <= 2)
                try await expectSound(client)
            }
        }

        /// Without giving up the thread.
        private static func pause() { Thread.sleep(forTimeInterval: 0.02) }
    }

    /// How many bodies are being executed.
    private final class Bodies: Sendable {
        private let state = Mutex((count: 0, most: 0, ended: 0))

        var count: Int { state.withLock { $0.count } }
        var most: Int { state.withLock { $0.most } }
        var ended: Int { state.withLock { $0.ended } }

        func begin() {
            state.withLock { state in
                state.count += 1
                state.most = max(state.most, state.count)
            }
        }

        func end() {
            state.withLock { state in
                state.count -= 1
                state.ended += 1
            }
        }

        func resetMost() { state.withLock { $0.most = $0.count } }
    }
}
