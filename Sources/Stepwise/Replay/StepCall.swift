/// One call of a step by a run's function. Call number i is the i-th that the function made, the same in every replay.
package struct StepCall: Sendable {
    package let number: Int
    package let id: String
    /// What tells its element from others of the same name, as JSON.
    package let key: String?
    package let options: StepOptions
    /// The run that it makes; then what the body returns is that run's input. `nil` for a step with a body.
    package var child: ChildOrder?
    /// Executes the step once and returns its value as JSON.
    package let body: @Sendable (Step) async throws -> [UInt8]
}

extension StepCall {
    /// The word for its kind; `nil` for a step with a body.
    package var kind: String? { child.map { $0.isAwaited ? "invoke" : "start" } }
}

/// The run that a step makes.
package struct ChildOrder: Sendable {
    package var workflow: String
    /// `nil`: made of the parent's id, its generation and the step.
    package var id: String?
    package var options: [EnqueueOption]
    /// Whether the step waits for the run's end.
    package var isAwaited: Bool
    package var onParentEnd: ParentEnd

    /// Whether the run is to be cancelled when nobody waits for it any more.
    package var endsWithParent: Bool { isAwaited && onParentEnd == .cancel }
}

/// What a call returns: the id that the step got, and its value's JSON.
package struct StepResult: Sendable {
    package let step: String
    package let json: [UInt8]
}

/// Where a run's function stands when it has come to rest.
package enum Progress: Sendable {
    /// It returned (the output's JSON) or threw.
    case finished(Result<[UInt8], any Error>)
    /// It waits for the outcome of at least one step.
    case waiting
    /// It waits for something that is no step: it has left its executor.
    case escaped
    /// It cannot go on with the code of this worker; says why.
    case stuck(Obstacle)
}

/// What a copy asks of the store: steps to open and to close, and whether the function is done.
package struct Plan: Sendable {
    package struct Opening: Sendable, Hashable {
        package var number: Int
        package var step: String
        /// Called and abandoned before it was ever opened: it takes its number and nothing else.
        package var withdrawn: Bool
        /// Its limits in time, as the store takes them; empty for none.
        package var limits = ""
    }

    package struct Orphan: Sendable {
        package var step: String
        package var order: ChildOrder
    }

    package var openings: [Opening]
    package var closings: [String]
    /// Steps with limits in time that do not matter any more.
    package var unlimited: [String] = []
    /// The run's patches, if there are new ones: patch → how many outcomes the function had had when it asked.
    package var patches: [String: Int] = [:]
    /// Children for which the function no longer waits, and which are not to go on without it.
    package var orphans: [Orphan] = []
    /// Whether nothing is left for another page.
    package var isComplete: Bool
}
