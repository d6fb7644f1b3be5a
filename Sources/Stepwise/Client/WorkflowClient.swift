/// What runs are enqueued with: a ``StepwiseClient``. A service that takes `any WorkflowClient` can be tested without Redis, with `StepwiseTesting`'s
/// `RecordingClient`.
///
/// ```swift
/// struct Shop {
///     let workflows: any WorkflowClient
///     func buy(_ order: Order) async throws -> String { try await workflows.enqueue(.processOrder, order).id }
/// }
/// ```
public protocol WorkflowClient: Sendable {
    /// Starts a run whose input is JSON already. Whoever wraps another client does so here; callers use the calls with typed inputs.
    func enqueue(_ order: RunOrder) async throws -> EnqueuedRun
    /// Starts several runs, many in one round trip if that can be. By default one after the other.
    ///
    /// - Returns: the runs in the order of `orders`.
    func enqueue(_ orders: [RunOrder]) async throws -> [EnqueuedRun]
}

extension WorkflowClient {
    public func enqueue(_ orders: [RunOrder]) async throws -> [EnqueuedRun] {
        var runs: [EnqueuedRun] = []
        for order in orders { runs.append(try await enqueue(order)) }
        return runs
    }
}

/// A run that was started, or was there already.
public struct EnqueuedRun: Sendable {
    public let id: String
    /// Whether the call started it.
    public let isNew: Bool
    package let source: any RunSource

    package init(id: String, isNew: Bool, source: any RunSource) {
        (self.id, self.isNew, self.source) = (id, isNew, source)
    }
}

/// Where a ``WorkflowRun`` looks its run up.
package protocol RunSource: Sendable {
    /// `nil` if there is no such run.
    func details(ofRun id: String) async throws -> RunDetails?
    func history(ofRun id: String) async throws -> [RecordedStep]
    func explain(_ id: String) async throws -> Explanation
    /// `nil` if there is no such run.
    func awaitEnd(ofRun id: String, isNew: Bool, timeout: Duration?) async throws -> RunEnd?
    func cancel(_ id: String, reason: String) async throws -> Cancellation
    func pause(_ id: String, reason: String, by: String?) async throws -> Bool
    func resume(_ id: String, from step: String?) async throws
    func retry(_ id: String, step: String) async throws -> Int
    func notify(_ event: String, json: [UInt8], run: String, id: String?) async throws -> EventDelivery
    func noSuchRun(_ id: String) -> StepwiseError
}

extension StepwiseClient: RunSource {}

extension WorkflowClient {
    /// Starts a run.
    ///
    /// - Parameters:
    ///   - workflow: the workflow's name; its code is not needed.
    ///   - input: the run's input, stored as JSON.
    ///   - id: the run's id, 1 to 200 printable ASCII characters without spaces and `~`, the first of them no hyphen; `nil` for a new one. The same id twice starts one
    ///     run, so a call with an id may be repeated after any error.
    ///   - options: `.queue(…)`, `.label(…)`, `.after(…)`. Of a run that is there already they change nothing.
    /// - Returns: the run; `isNew` says whether this call started it.
    /// - Throws: ``StepwiseError``: `invalidIdentifier`, `notStorable`, `tooLarge`, or one of the `redis…` codes.
    @discardableResult
    public func enqueue<I: Codable & Sendable, O>(
        _ workflow: WorkflowName<I, O>, _ input: I, id: String? = nil, _ options: EnqueueOption...
    ) async throws -> WorkflowRun<O> {
        try await enqueue(
            workflow.rawValue, payload: JSON.encode(input, what: "the input of workflow \"\(workflow)\""), id: id,
            EnqueueOptions(options))
    }

    /// Starts a run of a workflow whose code is at hand.
    @discardableResult
    public func enqueue<I: Codable & Sendable, O>(
        _ workflow: Workflow<I, O>, _ input: I, id: String? = nil, _ options: EnqueueOption...
    ) async throws -> WorkflowRun<O> {
        try await enqueue(
            workflow.name, payload: JSON.encode(input, what: "the input of workflow \"\(workflow.name)\""), id: id,
            EnqueueOptions(options))
    }

    /// Starts a run of a workflow without an input.
    @discardableResult
    public func enqueue<O>(
        _ workflow: WorkflowName<Void, O>, id: String? = nil, _ options: EnqueueOption...
    ) async throws -> WorkflowRun<O> {
        try await enqueue(workflow.rawValue, payload: JSON.null, id: id, EnqueueOptions(options))
    }

    /// Starts a run of a workflow without an input whose code is at hand.
    @discardableResult
    public func enqueue<O>(
        _ workflow: Workflow<Void, O>, id: String? = nil, _ options: EnqueueOption...
    ) async throws -> WorkflowRun<O> {
        try await enqueue(workflow.name, payload: JSON.null, id: id, EnqueueOptions(options))
    }

    /// Starts a run for each input, up to 1,000 in one round trip.
    ///
    /// - Returns: the runs in the order of the inputs.
    /// - Throws: as for one run; some of the runs may have been started then: ``StepwiseError/enqueued`` says which.
    @discardableResult
    public func enqueue<I: Codable & Sendable, O>(
        _ workflow: WorkflowName<I, O>, each inputs: some Sequence<I>, _ options: EnqueueOption...
    ) async throws -> [WorkflowRun<O>] {
        let options = EnqueueOptions(options)
        let orders = try inputs.map { input in
            RunOrder(
                workflow: workflow.rawValue,
                payload: try JSON.encode(input, what: "the input of workflow \"\(workflow)\""), id: nil,
                options: options)
        }
        return try await enqueue(orders).map { WorkflowRun(id: $0.id, isNew: $0.isNew, source: $0.source) }
    }

    /// Starts a run with an input that is JSON already.
    ///
    /// - Parameters:
    ///   - workflow: the workflow's name.
    ///   - payload: the input as JSON text; stored as it is.
    ///   - id: the run's id; `nil` for a new one. The same id twice starts one run.
    ///   - options: `.queue(…)`, `.label(…)`.
    public func enqueue(
        workflow: String, payloadJSON payload: String, id: String? = nil, _ options: EnqueueOption...
    ) async throws -> WorkflowRun<Void> {
        let bytes = Array(payload.utf8)
        if let problem = JSON.problem(with: bytes) {
            throw StepwiseError(.notStorable, "the payload is \(problem)")
        }
        return try await enqueue(workflow, payload: bytes, id: id, EnqueueOptions(options))
    }

    package func enqueue<O>(
        _ workflow: String, payload: [UInt8], id: String?, _ options: EnqueueOptions
    ) async throws -> WorkflowRun<O> {
        let run = try await enqueue(RunOrder(workflow: workflow, payload: payload, id: id, options: options))
        return WorkflowRun(id: run.id, isNew: run.isNew, source: run.source)
    }
}
