import Stepwise
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

extension Scenarios {
    @Suite("Step keys in a run")
    struct RecordedKeys {
        /// What a `Set` would give in this process.
        private final class Order: Sendable {
            private let stored = Mutex(["a", "b"])
            var names: [String] { stored.withLock { $0 } }
            func reverse() { stored.withLock { $0.reverse() } }
        }

        @Test(.scenario(55), arguments: [true, false])
        func `A loop that replays in another order parks its run with both keys, and goes on when the order is back`(
            isParallel: Bool
        ) async throws {
            let order = Order()
            let mayEnd = Flag()
            let workflow = Workflow("resize") { (context, _: Int) async throws -> [String] in
                @Sendable func resize(_ name: String) async throws -> String {
                    try await context.run("resize", .key(name)) { "\(name) is small" }
                }
                var small: [String] = []
                if isParallel {
                    small = try await withThrowingTaskGroup(of: String.self) { group in
                        for name in order.names { group.addTask { try await resize(name) } }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                } else {
                    for name in order.names { small.append(try await resize(name)) }
                }
                // Between its attempts nobody has an instance.
                try await context.run("wait", .retry(.fixed(.milliseconds(20), attempts: 10_000))) {
                    if !mayEnd.isSet { throw Hiccup() }
                }
                return small.sorted()
            }
            try await withWorker([workflow], memory: .cold) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("both are recorded") { try await run.history().count == 2 }
                let keys = try await run.history().map(\.key)
                #expect(Set(keys) == ["\"a\"", "\"b\""])
                order.reverse()
                try await eventually("the run is parked") { try await run.details().status == .parked }
                let reason = try await run.details().reason ?? ""
                for part in ["\"resize", "\"a\"", "\"b\"", "key"] { #expect(reason.contains(part), "\(reason)") }
                try await expectSound(client)
                order.reverse()
                mayEnd.set()
                try await client.resume(run.id)
                let completed = try await complete(run, of: workflow)
                #expect(completed.output == ["a is small", "b is small"])
            }
        }

        @Test func `A key is kept with a failure as well, and with a step that was retried`() async throws {
            let workflow = Workflow("keys", .retry(soon)) { (context, _: Int) async throws -> Int in
                try? await context.run("fails", .key(1)) { throw Hiccup() }
                async let beside: Void = context.run("beside", .key(2)) {}
                let value = try await context.run("flaky", .key(["sku": "A1"])) { step in
                    if step.attempt == 1 { throw Hiccup() }
                    return 1
                }
                try await beside
                return value
            }
            let completed = try await complete(workflow, 0)
            #expect(completed.recorded("fails")?.key == "1" && completed.recorded("beside")?.key == "2")
            #expect(completed.recorded("flaky")?.key == #"{"sku":"A1"}"#)
        }
    }
}
