/// An option of one step: `context.run("charge", .retry(.never)) { … }`.
public struct StepOption: Sendable {
    package let apply: @Sendable (inout StepOptions) -> Void

    /// How often the body is tried. Default: the workflow's, else the worker's, else 4 attempts with exponential back-off from 1 s.
    public static func retry(_ retry: Retry) -> StepOption {
        StepOption { $0.retry = retry }
    }

    /// How long one attempt may take. A body that runs on past it is cancelled, what it still returns is refused, and the attempt has failed
    /// with ``StepTimeout``, which is retried like any error. Default: the workflow's, else no limit.
    public static func timeout(_ limit: Duration) -> StepOption {
        StepOption { $0.timeout = limit }
    }

    /// An attempt is never silently repeated: if its worker dies or gives the step back while the body runs, the step ends in a
    /// ``StepFailure`` with cause `interrupted` instead of a second execution. Costs one more script a step. Attempts that fail by
    /// an error are retried as the step's ``Retry`` says.
    public static var atMostOnce: StepOption {
        StepOption { $0.isAtMostOnce = true }
    }

    /// Tells the step's element from others where many share a name, as in a loop.
    ///
    /// The value's JSON, or a hash of it if it is longer than 100 bytes or holds arrays, is recorded with the step. A replay that asks for the
    /// same step with another key would get another element's result: its run is parked instead, with a reason that names both.
    public static func key(_ value: some Encodable & Sendable) -> StepOption {
        let key = Result { () throws(StepwiseError) in try StepKey(value) }
        return StepOption { $0.key = key }
    }
}

/// An option of a workflow: a default for its steps.
public struct WorkflowOption: Sendable {
    package let apply: @Sendable (inout StepOptions) -> Void

    /// How often the body of each step is tried where the step does not say.
    public static func retry(_ retry: Retry) -> WorkflowOption {
        WorkflowOption { $0.retry = retry }
    }

    /// How long one attempt of each step may take where the step does not say.
    public static func timeout(_ limit: Duration) -> WorkflowOption {
        WorkflowOption { $0.timeout = limit }
    }
}

/// A step's options put together.
package struct StepOptions: Sendable {
    /// `nil`: the worker's.
    package var retry: Retry?
    package var timeout: Duration?
    package var isAtMostOnce = false
    package var key: Result<StepKey, StepwiseError>?

    package init(workflow options: [WorkflowOption] = []) {
        for option in options { option.apply(&self) }
    }

    package func applying(_ options: [StepOption]) -> StepOptions {
        var result = self
        for option in options { option.apply(&result) }
        return result
    }
}
