/// What became of one step of a parallel group.
public enum StepOutcome<Value: Sendable>: Sendable {
    case success(Value)
    case failure(StepFailure)
    /// The group was decided without it: it was withdrawn, or never called.
    case withdrawn

    /// The value of a step that succeeded.
    public var value: Value? {
        if case .success(let value) = self { value } else { nil }
    }

    /// The failure of a step that failed for good.
    public var failure: StepFailure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}

extension StepOutcome: Equatable where Value: Equatable {}
