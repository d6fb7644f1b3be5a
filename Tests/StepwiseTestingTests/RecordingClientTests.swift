import Stepwise
import StepwiseTesting
import TestSupport
import Testing

@Suite("A service that enqueues, tested without Redis")
struct RecordingClientTests {
    private static let process: WorkflowName<Parcel, String> = "process-order"
    private static let nightly: WorkflowName<Void, Void> = "nightly"

    /// The service under test.
    private struct Shop {
        let workflows: any WorkflowClient

        func buy(_ order: Parcel) async throws -> String {
            let run = try await workflows.enqueue(
                RecordingClientTests.process, order, id: "order-\(order.sku)", .queue("orders"),
                .label("sku", order.sku))
            return try await run.result(timeout: .seconds(30))
        }
    }

    private let order = Parcel(sku: "A1", count: 2)

    private func code(_ body: () async throws -> Void) async -> StepwiseError.Code? {
        do { try await body() } catch { return (error as? StepwiseError)?.code }
        return nil
    }

    @Test func `What is enqueued is there with its input, and is held until the test finishes it`() async throws {
        let client = RecordingClient()
        async let answer = Shop(workflows: client).buy(order)
        let run = try await client.next(Self.process)
        #expect(run.input == order && run.id == "order-A1" && run.queue == "orders" && run.labels == ["sku": "A1"])
        try run.finish("bought")
        #expect(try await answer == "bought")
        #expect(client.ids == ["order-A1"])
    }

    @Test func `A run that fails, or is cancelled, throws what it would in production`() async throws {
        let client = RecordingClient()
        let first = try await client.enqueue(Self.process, order)
        try client.runs(of: Self.process)[0].fail(Declined(code: 3))
        do {
            _ = try await first.result()
            Issue.record("nothing was thrown")
        } catch let error as StepwiseError {
            #expect(error.code == .runFailed && error.message.contains("Declined"))
        }
        #expect(try await first.details().status == .failed)
        let second = try await client.enqueue(Self.process, order)
        #expect(try await second.cancel(reason: "too late") == .cancelled)
        #expect(await code { _ = try await second.result() } == .runCancelled)
        #expect(try await second.cancel() == .alreadyEnded(.cancelled))
        #expect(await code { try await second.notify("word", 1) } == .wrongStatus)
    }

    @Test func `All runs of a workflow end by a closure`() async throws {
        let client = RecordingClient()
        client.finish(Self.process) { order in
            if order.count == 0 { throw Declined(code: 0) }
            return "bought \(order.count)"
        }
        let runs = try await client.enqueue(Self.process, each: [order, Parcel(sku: "B2", count: 0)])
        #expect(try await runs[0].result() == "bought 2")
        #expect(await code { _ = try await runs[1].result() } == .runFailed)
    }

    @Test func `A run that nobody ends is awaited for as long as the caller wants, and no longer`() async throws {
        let client = RecordingClient()
        let run = try await client.enqueue(Self.process, order)
        #expect(await code { _ = try await run.result(timeout: .milliseconds(20)) } == .timedOut)
        #expect(try await run.details().status == .queued)
        #expect(try await run.pause())
        #expect(try await run.details().status == .paused)
        try await run.resume()
        try await run.notify("word", "hello")
        #expect(client.events.map(\.event) == ["word"] && client.events[0].run == run.id)
        let waiting = Task { try await run.result() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        let next = Task { try await client.next(Self.nightly) }
        next.cancel()
        await #expect(throws: CancellationError.self) { try await next.value }
    }

    @Test(.scenario(51))
    func `As with Redis, an id starts one run, and is no other workflow's; what cannot be a name is refused`()
        async throws
    {
        let client = RecordingClient()
        #expect(try await client.enqueue(Self.process, order, id: "one").isNew)
        #expect(try await client.enqueue(Self.process, Parcel(sku: "B2", count: 1), id: "one").isNew == false)
        #expect(try client.runs(of: Self.process).map(\.input) == [order])
        #expect(await code { try await client.enqueue(Self.nightly, id: "one") } == .invalidIdentifier)
        #expect(await code { try await client.enqueue(Self.process, order, id: "a b") } == .invalidIdentifier)
        #expect(await code { try await client.enqueue(Self.process, order, .label("a b", "c")) } == .invalidIdentifier)
    }

    @Test func `A workflow without input and output`() async throws {
        let client = RecordingClient()
        let run = try await client.enqueue(Self.nightly)
        try await client.next(Self.nightly).finish()
        try await run.result()
        #expect(try await run.details().status == .completed)
    }

    /// Counts what goes through it.
    private struct Counting: WorkflowClient {
        let base: any WorkflowClient
        let count = Count()

        func enqueue(_ order: RunOrder) async throws -> EnqueuedRun {
            count.add(order.workflow)
            return try await base.enqueue(order)
        }
    }

    @Test func `A client can be wrapped by one's own`() async throws {
        let client = Counting(base: RecordingClient())
        try await client.enqueue(Self.process, order)
        try await client.enqueue(Self.nightly)
        #expect(client.count["process-order"] == 1 && client.count["nightly"] == 1)
    }
}
