/// One call of a step by a run's function. Call number i is the i-th that the function made, the same in every replay.
package struct StepCall: Sendable {
    package let number: Int
    package let id: String
    /// What tells its element from others of the same name, as JSON.
    package let key: String?
    package let options: StepOptions
    /// Executes the step once and returns its value as JSON.
    package let body: @Sendable (Step) async throws -> [UInt8]
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

    package var openings: [Opening]
    package var closings: [String]
    /// Steps with limits in time that do not matter any more.
    package var unlimited: [String] = []
    /// The run's patches, if there are new ones: patch → how many outcomes the function had had when it asked.
    package var patches: [String: Int] = [:]
    /// Whether nothing is left for another page.
    package var isComplete: Bool
}
