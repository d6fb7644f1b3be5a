import Logging
public import Stepwise

/// Whether a workflow's code still replays runs that were recorded earlier: a test of changed code, without Redis and without executing a step.
///
/// ```swift
/// @Test(arguments: try RecordedHistory.all(inFolder: "Tests/Histories"))
/// func stillReplays(_ history: RecordedHistory) async throws {
///     try await ReplayCheck(processOrder).check(history)
/// }
/// ```
///
/// A history stands for all its beginnings, too: what replays it replays each run that had come so far with the same results.
public struct ReplayCheck: Sendable {
    private let workflow: any AnyWorkflow

    /// - Parameter workflow: the code that is to replay histories.
    public init(_ workflow: any AnyWorkflow) {
        self.workflow = workflow
    }

    /// Replays a history. A history of a run that was under way is compared with its open steps as well if it comes from
    /// `stepwise history --json`. What the code does behind the
    /// history's end is not looked at.
    ///
    /// - Throws: ``ReplayFailure`` if a run with this history would be parked.
    public func check(_ history: RecordedHistory) async throws {
        if history.workflow != workflow.name {
            throw ReplayFailure(
                run: history.run, divergence: nil,
                message: "it is of workflow \"\(history.workflow)\", and the check is of \"\(workflow.name)\"")
        }
        let instance = RunInstance()
        defer { _ = instance.evict() }
        _ = instance.learn(marks: history.patches, delivered: history.delivered, opened: history.opened)
        let logger = Logger(label: "stepwise.testing") { _ in SwiftLogNoOpLogHandler() }
        let context = WorkflowContext(
            workflow: workflow.name, runID: history.run, payload: history.payload, options: workflow.function.options,
            logger: logger, instance: instance, created: history.created, continued: history.continued)
        instance.start(context, silent: true, function: workflow.function.body)
        for outcome in history.outcomes {
            try look(at: instance, history)
            instance.deliver(outcome, silent: true)
        }
        try look(at: instance, history)
        if let divergence = instance.missingPatch { throw failure(history, .divergence(divergence)) }
        if let divergence = instance.divergence(opened: history.opened, open: history.open) {
            throw failure(history, .divergence(divergence))
        }
    }

    private func look(at instance: RunInstance, _ history: RecordedHistory) throws {
        switch instance.progress {
        case .stuck(let obstacle): throw failure(history, obstacle)
        case .escaped:
            let place = instance.lastStep.map { "after step \"\($0)\"" } ?? "before its first step"
            throw failure(
                history,
                .other(
                    "the function awaits something that is not a step \(place) (Task.sleep, the main actor, a shared actor): move it into a step's body"
                ))
        case .waiting, .finished, .continued: break
        }
    }

    private func failure(_ history: RecordedHistory, _ obstacle: Obstacle) -> ReplayFailure {
        let message =
            switch obstacle {
            case .divergence(let divergence): "\(divergence)"
            case .undecodable(let sentence), .unfitInput(let sentence), .other(let sentence): sentence
            }
        return ReplayFailure(run: history.run, divergence: obstacle.divergence, message: message)
    }
}

/// Why a run with a recorded history would be parked.
public struct ReplayFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The recorded run's id.
    public let run: String
    /// Where history and code part; `nil` if it is something else: a value that does not decode, say.
    public let divergence: Divergence?
    public let message: String

    public var description: String { "run \(run) would be parked: \(message)".printable }
}
