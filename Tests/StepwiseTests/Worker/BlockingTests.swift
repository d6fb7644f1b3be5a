import Dispatch
import Foundation
import Stepwise
import StepwiseTesting
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
    }
}
