/// A run, as its enqueuer or anybody who knows its id sees it.
public struct WorkflowRun<Output: Sendable>: Sendable {
    public let id: String
    /// Whether the call that gave this value started the run; `false` if the id was taken.
    public let isNew: Bool
    /// Whether the run is known to have existed.
    private let wasSeen: Bool
    let source: any RunSource

    package init(id: String, isNew: Bool, wasSeen: Bool = true, source: any RunSource) {
        self.id = id
        self.isNew = isNew
        self.wasSeen = wasSeen
        self.source = source
    }

    /// Where the run stands.
    ///
    /// - Throws: ``StepwiseError``: `noSuchRun`, `runGone`, or one of the `redis…` codes.
    public func details() async throws -> RunDetails {
        guard let details = try await source.details(ofRun: id) else { throw missing }
        return details
    }

    /// The run's recorded outcomes, in the order in which they were recorded.
    public func history() async throws -> [RecordedStep] {
        let history = try await source.history(ofRun: id)
        if history.isEmpty { _ = try await details() }
        return history
    }

    private var missing: StepwiseError {
        wasSeen ? .runGone(id) : source.noSuchRun(id)
    }

    /// Waits for the run's end.
    ///
    /// - Parameter timeout: how long to wait; `nil` waits for as long as it takes.
    /// - Returns: the output's JSON.
    private func output(timeout: Duration?) async throws -> [UInt8] {
        guard let end = try await source.awaitEnd(ofRun: id, isNew: isNew, timeout: timeout) else { throw missing }
        switch end.status {
        case .completed: return end.output
        case .cancelled:
            let message = JSONMembers(end.error)?.string("message").map { ": \($0)" } ?? ""
            throw StepwiseError(.runCancelled, "run \(id) was cancelled\(message)")
        default:
            let error = JSONMembers(end.error)
            let step = error?.string("step").map { " in step \"\($0)\"" } ?? ""
            throw StepwiseError(
                .runFailed,
                "run \(id) failed\(step) with \(error?.string("type") ?? "an error"): \(error?.string("message") ?? "")"
            )
        }
    }

    /// Waits for the run's end, from any process, and returns its output. While Redis is away it goes on asking, and it needs no right to subscribe.
    ///
    /// - Parameter timeout: how long to wait; `nil` waits for as long as it takes, also for a Redis that was never there: the client's logger is told
    ///   at once what keeps it away, and again every 30 s.
    /// - Throws: ``StepwiseError``: `runFailed`, `runCancelled`, `timedOut` (the run goes on, and Redis may be away), `noSuchRun`, `runGone`, `notDecodable`, `closed`
    ///   (the client was), or one of the `redis…` codes.
    public func result(timeout: Duration? = nil) async throws -> Output where Output: Codable {
        let json = try await output(timeout: timeout)
        return try JSON.decode(Output.self, from: json, what: "the output of run \(id)")
    }

    /// Waits for the end of a run without an output.
    public func result(timeout: Duration? = nil) async throws where Output == Void {
        _ = try await output(timeout: timeout)
    }
}

extension StepwiseClient {
    /// A run by its id, with the type of its output.
    public func handle<O>(_ id: String, as output: O.Type = Void.self) -> WorkflowRun<O> {
        WorkflowRun(id: id, isNew: false, wasSeen: false, source: self)
    }
}

extension StepwiseError {
    /// Of a run that was there.
    package static func runGone(_ id: String) -> StepwiseError {
        StepwiseError(
            .runGone,
            "run \(id) is gone: it ended and retention removed it, somebody deleted it, or redis has come back without its last writes; "
                + "in that case enqueue it again")
    }
}
