import Synchronization

/// Steps with undos: if the closure of ``WorkflowContext/saga(undo:_:)`` ends in an error, what its steps have done is undone.
///
/// ```swift
/// try await context.saga { saga in
///     let payment = try await saga.run("charge") { try await bank.charge(order) } undo: { try await bank.refund($0) }
///     try await saga.run("reserve") { try await stock.reserve(order) } undo: { try await stock.release(order) }
///     try await context.run("ship") { try await courier.ship(order, payment) }
/// }
/// ```
///
/// A saga is handed to helper functions like a ``WorkflowContext``.
public final class Saga: Sendable {
    private struct State {
        var undos: [Undo] = []
        var isOver = false
    }

    /// How to undo a step, once the saga ends in an error.
    struct Undo: Sendable {
        /// The id of the step that is to be undone.
        var step: String
        var call: @Sendable () async throws -> Void
    }

    let context: WorkflowContext
    private let options: [StepOption]
    private let state = Mutex(State())

    init(_ context: WorkflowContext, options: [StepOption]) {
        self.context = context
        self.options = options
    }

    /// The undos that are due, the last first. No step can be added any more.
    func end() -> [Undo] {
        state.withLock { state in
            state.isOver = true
            // An undo may capture the saga.
            defer { state.undos = [] }
            return state.undos.reversed()
        }
    }

    /// Calls a step, and remembers how to undo it once it has a value.
    ///
    /// - Parameter undo: makes the undo's body from the step's stored value.
    func perform(
        _ name: String, _ options: [StepOption], _ body: @escaping @Sendable (Step) async throws -> [UInt8],
        undo: @escaping @Sendable (StepResult) async throws -> @Sendable (Step) async throws -> Void
    ) async throws -> StepResult {
        try context.checkPlace(of: "step \"\(name)\"")
        let outside = StepwiseError(
            .sagaEnded,
            "step \"\(name)\" of run \(context.runID) was called of a saga whose closure has ended: nobody undoes it; call it inside the "
                + "closure of context.saga")
        if state.withLock({ $0.isOver }) { throw outside }
        let (context, undoOptions) = (context, context.options.applying(self.options))
        let call: @Sendable () async throws -> StepResult = {
            try await context.instance.call(name: name, options: context.options.applying(options), body: body)
        }
        // In a cancelled task it throws. Once called, a step is waited for: cut off, nobody could tell whether there is something to undo.
        let result = Task.isCancelled ? try await call() : try await context.instance.shield(call)
        let isOver = state.withLock { state in
            if state.isOver { return true }
            state.undos.append(
                Undo(step: result.step) {
                    let body = try await undo(result)
                    _ = try await context.instance.call(
                        name: "undo \(result.step)", isDerived: true, options: undoOptions,
                        body: WorkflowContext.encoding(body))
                })
            return false
        }
        if isOver { throw outside }
        return result
    }
}

/// A saga that ended in an error, and could not undo everything.
public struct SagaFailure: Error, CustomStringConvertible {
    /// The error that ended the saga's closure.
    public let cause: any Error
    /// Why each undo failed for good that did, in the order in which they were tried. All others have succeeded.
    public let notUndone: [StepFailure]

    public var description: String { "\(cause); \(remainder)".printable }

    /// What is to be told beside the cause.
    var remainder: String {
        "and not everything could be undone: \(notUndone.map { "\($0)" }.joined(separator: "; "))"
    }
}

extension WorkflowContext {
    /// Runs `body`; if it ends in an error, or the run is cancelled meanwhile, the undos of its ``Saga``'s steps are run.
    ///
    /// Each undo is a step, named `undo` and the id of the step that it undoes (`undo charge`, `undo charge#2`), one after the other, that
    /// of the step recorded last first. They are run as ``cleanup(_:)``: a cancellation does not reach them. A step that failed has none.
    /// A saga that has ended well is never undone.
    ///
    /// - Parameters:
    ///   - options: `.retry(…)` and others, for the undos.
    ///   - body: calls `saga.run` for steps with an undo, and `context.run` for others.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws, when everything is undone; ``SagaFailure``, which holds that error, if an undo has failed for good: the
    ///   other undos were run all the same.
    nonisolated(nonsending) public func saga<T>(
        undo options: StepOption..., body: nonisolated(nonsending) (Saga) async throws -> T
    ) async throws -> T {
        try checkPlace(of: "context.saga")
        let saga = Saga(self, options: options)
        do {
            let value = try await body(saga)
            _ = saga.end()
            return value
        } catch let error as Evicted {
            _ = saga.end()
            throw error
        } catch {
            let undos = saga.end()
            let failures = try await instance.shield {
                var failures: [StepFailure] = []
                for undo in undos {
                    do { try await undo.call() } catch let error as Evicted { throw error } catch {
                        let failure = error as? StepFailure
                        failures.append(failure ?? StepFailure(step: "undo \(undo.step)", attempts: 0, error: error))
                    }
                }
                return failures
            }
            if failures.isEmpty { throw error }
            throw SagaFailure(cause: error, notUndone: failures)
        }
    }
}
