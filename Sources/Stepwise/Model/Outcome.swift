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

    /// What kind of step it is: `nil` for one with a body, or for an outcome of which that is not known.
    package var kind: String?

    package init(step: String, result: Result, key: String? = nil, kind: String? = nil) {
        self.step = step
        self.kind = kind
        self.result = result
        self.key = key
    }

    /// Whether it can be the outcome of a call of this kind. What a script has written by itself does not tell its kind.
    package func fits(kind asked: String?) -> Bool {
        if kind == nil, case .error(let failure) = result, [.workersLost, .timedOut].contains(failure.cause) {
            return true
        }
        return kind == asked
    }
}
