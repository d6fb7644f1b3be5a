import Stepwise
import StepwiseRedis
import Synchronization
import TestSupport
import Testing

@Suite("The same id, from everywhere", .serialized)
struct SameIDTests {
    /// The texts with which bodies were executed.
    private final class Bodies: Sendable {
        private let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
        func add(_ text: String) { texts.withLock { $0.append(text) } }
    }

    private func workflow(_ bodies: Bodies) -> Workflow<String, String> {
        Workflow("once") { context, text in
            try await context.run("work", .retry(.never)) { () async throws -> String in
                bodies.add(text)
                if text == "bad" { throw CancellationError() }
                return text
            }
        }
    }

    @Test(.scenario(51))
    func
        `Clients, command lines and pushed objects start one run with one id, at once and later; its body is executed once`()
        async throws
    {
        let bodies = Bodies()
        let once = workflow(bodies)
        try await Fixture.with { fixture in
            let item = #"{"workflow":"once","payload":"pushed","id":"order-1"}"#
            try await fixture.withWorker([once]) {
                let new = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            try await fixture.client.enqueue(once, "client", id: "order-1").isNew ? 1 : 0
                        }
                        group.addTask {
                            try await fixture.send("LPUSH ~inbox:default", item)
                            return 0
                        }
                    }
                    for _ in 0..<3 {
                        group.addTask {
                            let end = try await fixture.stepwise("enqueue", "once", "\"shell\"", "--id", "order-1")
                            #expect(end.code == 0 && end.output == "order-1\n")
                            return end.complaint.contains("was there already") ? 0 : 1
                        }
                    }
                    return try await group.reduce(0, +)
                }
                // One of them, or a pushed object.
                #expect(new <= 1)
                let run = fixture.client.handle("order-1", as: String.self)
                let output = try await run.result(timeout: .seconds(30))
                // And once it has ended.
                try await fixture.send("LPUSH ~inbox:default", item)
                #expect(try await fixture.client.enqueue(once, "late", id: "order-1").isNew == false)
                try await eventually("the item is taken") { try await fixture.send("LLEN ~inbox:default").integer == 0 }
                #expect(try await run.result(timeout: .seconds(30)) == output)
                #expect(try await run.history().count == 1)
                #expect(bodies.all == [output])
            }
            #expect(try await fixture.send("LLEN ~malformed").integer == 0)
            #expect(try await fixture.stepwise("doctor").code == 0)
        }
    }

    @Test(.scenario(51)) func `An id is free again once its run is deleted, and not before`() async throws {
        let bodies = Bodies()
        let once = workflow(bodies)
        try await Fixture.with { fixture in
            try await fixture.withWorker([once]) {
                let run = try await fixture.client.enqueue(once, "bad", id: "order-1")
                try await eventually("the run has failed") { try await run.details().status == .failed }
                #expect(try await fixture.client.enqueue(once, "good", id: "order-1").isNew == false)
                #expect(try await fixture.stepwise("dead", "delete", "order-1").code == 0)
                let again = try await fixture.client.enqueue(once, "good", id: "order-1")
                #expect(again.isNew)
                #expect(try await again.result(timeout: .seconds(30)) == "good")
                #expect(bodies.all == ["bad", "good"])
            }
        }
    }
}
