import Foundation
public import Stepwise
import Synchronization

/// A client without Redis, for the tests of a service that enqueues: it records what was enqueued, and the test says what becomes of it.
///
/// ```swift
/// let client = RecordingClient()
/// let answer = Task { try await Shop(workflows: client).buy(order) }        // waits for the run's result
/// let run = try await client.next(.processOrder)
/// #expect(run.input == order)
/// run.finish(receipt)                                                       // or run.fail(Declined())
/// ```
///
/// A run is held until it is finished or failed; ``finish(_:_:)`` does it for all of a workflow's, as soon as they are enqueued. Like a
/// ``StepwiseClient`` it starts one run for an id, and refuses names, ids and labels that cannot be. Give it where the service takes
/// `any WorkflowClient`.
public final class RecordingClient: WorkflowClient {
    struct State {
        var runs: [RecordedOrder] = []
        var ends: [String: @Sendable ([UInt8]) async throws -> [UInt8]] = [:]
        var events: [TestedEvent] = []
        /// How many of a workflow's runs ``next(_:)`` has given.
        var given: [String: Int] = [:]
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var tickets = 0
    }

    let state = Mutex(State())

    public init() {}

    // MARK: What was enqueued

    /// A workflow's runs, in the order in which they were enqueued.
    ///
    /// - Throws: ``StepwiseError`` with code `notDecodable` if an input is none of the workflow's.
    public func runs<Input: Decodable & Sendable, Output>(
        of workflow: WorkflowName<Input, Output>
    ) throws -> [RecordedRun<Input, Output>] {
        try orders(of: workflow.rawValue).map { order in
            try RecordedRun(
                order, client: self,
                input: JSON.decode(Input.self, from: order.payload, what: "the input of run \(order.id)"))
        }
    }

    /// The runs of a workflow without an input.
    public func runs<Output>(of workflow: WorkflowName<Void, Output>) -> [RecordedRun<Void, Output>] {
        orders(of: workflow.rawValue).map { RecordedRun($0, client: self, input: ()) }
    }

    /// The first run of a workflow that this call has not given yet; waits until there is one.
    ///
    /// - Throws: `CancellationError` if the waiting task is cancelled; ``StepwiseError`` with code `notDecodable`.
    public func next<Input: Decodable & Sendable, Output>(
        _ workflow: WorkflowName<Input, Output>
    ) async throws -> RecordedRun<Input, Output> {
        let index = takeTurn(workflow.rawValue)
        try await wait { self.orders(of: workflow.rawValue).count > index }
        return try runs(of: workflow)[index]
    }

    /// The first run of a workflow without an input that this call has not given yet; waits until there is one.
    public func next<Output>(_ workflow: WorkflowName<Void, Output>) async throws -> RecordedRun<Void, Output> {
        let index = takeTurn(workflow.rawValue)
        try await wait { self.orders(of: workflow.rawValue).count > index }
        return runs(of: workflow)[index]
    }

    /// The ids of all runs, in the order in which they were enqueued.
    public var ids: [String] { state.withLock { $0.runs.map(\.id) } }

    /// The events that were sent to runs, in their order.
    public var events: [TestedEvent] { state.withLock { $0.events } }

    // MARK: What becomes of it

    /// Ends a workflow's runs as soon as they are enqueued, from now on: what the closure returns is a run's output, what it throws its error.
    public func finish<Input: Decodable & Sendable, Output: Encodable & Sendable>(
        _ workflow: WorkflowName<Input, Output>, _ body: @escaping @Sendable (Input) async throws -> Output
    ) {
        state.withLock { state in
            state.ends[workflow.rawValue] = { payload in
                let input = try JSON.decode(Input.self, from: payload, what: "the input of workflow \"\(workflow)\"")
                return try JSON.encode(await body(input), what: "the output of workflow \"\(workflow)\"")
            }
        }
    }

    /// Ends the runs of a workflow without an output as soon as they are enqueued.
    public func finish<Input: Decodable & Sendable>(
        _ workflow: WorkflowName<Input, Void>, _ body: @escaping @Sendable (Input) async throws -> Void
    ) {
        state.withLock { state in
            state.ends[workflow.rawValue] = { payload in
                try await body(JSON.decode(Input.self, from: payload, what: "the input of workflow \"\(workflow)\""))
                return JSON.null
            }
        }
    }

    /// - Returns: whether the run was not ended before.
    @discardableResult
    func end(_ id: String, _ result: Result<[UInt8], any Error>, cancelReason: String? = nil) -> Bool {
        let (hasEnded, waiters) = state.withLock { state in
            guard let index = state.runs.firstIndex(where: { $0.id == id }), state.runs[index].end == nil else {
                return (false, [CheckedContinuation<Void, Never>]())
            }
            state.runs[index].end = Self.end(result, cancelReason)
            return (true, Self.takeWaiters(&state))
        }
        for waiter in waiters { waiter.resume() }
        return hasEnded
    }

    private static func end(_ result: Result<[UInt8], any Error>, _ cancelReason: String?) -> RunEnd {
        switch result {
        case .success(let json): return RunEnd(status: .completed, output: json)
        case .failure(let error):
            var words = ErrorWords(error)
            if let cancelReason { words.message = cancelReason }
            let json = "{\"type\":\(JSON.string(words.type)),\"message\":\(JSON.string(words.message))}"
            return RunEnd(status: cancelReason == nil ? .failed : .cancelled, error: Array(json.utf8))
        }
    }

    // MARK: Waiting

    private func orders(of workflow: String) -> [RecordedOrder] {
        state.withLock { $0.runs.filter { $0.workflow == workflow } }
    }

    private func takeTurn(_ workflow: String) -> Int {
        state.withLock { state in
            defer { state.given[workflow, default: 0] += 1 }
            return state.given[workflow, default: 0]
        }
    }

    static func takeWaiters(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        defer { state.waiters = [:] }
        return Array(state.waiters.values)
    }

    /// Waits until a condition holds that a run's coming or end changes.
    func wait(until condition: @Sendable () -> Bool) async throws {
        while !condition() {
            try Task.checkCancellation()
            let ticket = state.withLock { state in
                state.tickets += 1
                return state.tickets
            }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    state.withLock { $0.waiters[ticket] = continuation }
                    // What came, or was cancelled, before the continuation was there.
                    if condition() || Task.isCancelled { wake(ticket) }
                }
            } onCancel: {
                wake(ticket)
            }
        }
    }

    private func wake(_ ticket: Int) {
        state.withLock { $0.waiters.removeValue(forKey: ticket) }?.resume()
    }
}

/// A run that a ``RecordingClient`` holds.
struct RecordedOrder: Sendable {
    var id: String
    var workflow: String
    var payload: [UInt8]
    var options: EnqueueOptions
    var isPaused = false
    var end: RunEnd?
}

/// A run that was enqueued with a ``RecordingClient``.
public struct RecordedRun<Input: Sendable, Output: Sendable>: Sendable {
    public let id: String
    public let input: Input
    public let queue: String
    public let labels: [String: String]
    private let client: RecordingClient

    init(_ order: RecordedOrder, client: RecordingClient, input: Input) {
        (id, queue, labels) = (order.id, order.options.queue, order.options.labels.values)
        (self.input, self.client) = (input, client)
    }

    /// Ends the run with an output. A run ends once: of several calls the first counts.
    ///
    /// - Throws: ``StepwiseError`` with code `notStorable`.
    public func finish(_ output: Output) throws where Output: Encodable {
        client.end(id, .success(try JSON.encode(output, what: "the output of run \(id)")))
    }

    /// Ends a run without an output.
    public func finish() where Output == Void {
        client.end(id, .success(JSON.null))
    }

    /// Ends the run with an error: whoever waits for its result gets a ``StepwiseError`` with code `runFailed` that tells of it.
    public func fail(_ error: any Error) {
        client.end(id, .failure(error))
    }
}
