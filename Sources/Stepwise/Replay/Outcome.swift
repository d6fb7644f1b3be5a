/// What a step ended with: a value or an error. Written once, never changed.
package struct Outcome: Sendable, Hashable {
    package enum Result: Sendable, Hashable {
        /// The value's JSON, as it was stored.
        case value([UInt8])
        case error(StepFailure)
        /// No step's: the run was cancelled, for this reason.
        case cancel(String)
        /// No step's: the run was not done in time; says so.
        case timeout(String)
    }

    /// The step's id: its name, and `name#2`, `name#3`… from the second use on.
    package var step: String
    package var result: Result
    /// The key that it was called with, as JSON; `nil` if it had none.
    package var key: String?

    package init(step: String, result: Result, key: String? = nil) {
        self.step = step
        self.result = result
        self.key = key
    }
}
