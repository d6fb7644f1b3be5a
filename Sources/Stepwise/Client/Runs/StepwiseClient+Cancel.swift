/// What came of a request to cancel a run.
public enum Cancellation: Sendable, Hashable {
    /// The function will learn of it: bodies that run are cancelled within two heartbeats, waiting steps are withdrawn, and what the
    /// function awaits throws `CancellationError`.
    case requested
    /// It was requested before; nothing was changed.
    case alreadyRequested
    /// Nobody was taking the run forward (it was queued, parked, paused or unserved): it is cancelled now, and its function was not told. One
    /// with more than 1,000 open steps is ``RunStatus/ending`` until they are withdrawn.
    case cancelled
    /// The run had ended like this, or its end was decided; nothing was changed.
    case alreadyEnded(RunStatus)
}

extension StepwiseClient {
    /// Asks for a run's end.
    ///
    /// - Parameters:
    ///   - id: the run.
    ///   - reason: is kept on the run and shown to people; at most 1,000 bytes of it.
    /// - Throws: ``StepwiseError``: `noSuchRun`, `redisAmbiguous` (it may be repeated), or another of the `redis…` codes.
    @discardableResult
    public func cancel(_ id: String, reason: String = "a client asked for it") async throws -> Cancellation {
        guard let run = try await record(ofRun: id) else { throw noSuchRun(id) }
        let reader = try await evaluate(
            .cancel(
                keys, id, reason: reason.prefix(bytes: 1000), queue: run.details.queue,
                workflow: run.details.workflow, parentQueue: run.parentQueue), doing: "cancelling run \(id)")
        switch reader.word {
        case "requested": return .requested
        case "already": return .alreadyRequested
        case "over": return .alreadyEnded(RunStatus(rawValue: try reader.text(1)))
        case "missing": throw noSuchRun(id)
        case "ended", "ending": return .cancelled
        default: throw reader.unexpected
        }
    }
}

extension WorkflowRun {
    /// Asks for the run's end: see ``StepwiseClient/cancel(_:reason:)``.
    @discardableResult
    public func cancel(reason: String = "a client asked for it") async throws -> Cancellation {
        try await source.cancel(id, reason: reason)
    }
}
