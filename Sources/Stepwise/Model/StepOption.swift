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

    /// How long the step may take in all: its attempts, the waits between them, and the wait for a worker. Counts from when the function
    /// calls it, by Redis' clock. Then the step ends in a ``StepFailure`` with cause `timedOut`, and a body that runs is cancelled within two
    /// heartbeats. Default: no limit.
    public static func totalTimeout(_ limit: Duration) -> StepOption {
        StepOption { $0.totalTimeout = limit }
    }

    /// How long the step may wait for a worker that begins its first attempt. Then it ends in a ``StepFailure`` with cause `timedOut`, its
    /// body never executed. Costs one more script a step. Default: no limit.
    public static func claimTimeout(_ limit: Duration) -> StepOption {
        StepOption { $0.claimTimeout = limit }
    }

    /// An attempt is never silently repeated: if its worker dies or gives the step back while the body runs, the step ends in a
    /// ``StepFailure`` with cause `interrupted` instead of a second execution. Costs one more script a step. Attempts that fail by
    /// an error are retried as the step's ``Retry`` says.
    public static var atMostOnce: StepOption {
        StepOption { $0.isAtMostOnce = true }
    }

    /// The body blocks its thread: it waits in a call that is not `async`, or computes for long. It is executed on threads that the worker keeps
    /// for such bodies, at most `blockingThreads` of its configuration at once. Without it the body takes one of the threads of Swift's pool,
    /// as many as the machine has cores, from every other body of the process.
    public static var blocking: StepOption {
        StepOption { $0.isBlocking = true }
    }

    /// What kind of step it is; the word is recorded with its outcome.
    package static func kind(_ kind: String) -> StepOption {
        StepOption { $0.kind = kind }
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
    package var version: String?

    /// How often the body of each step is tried where the step does not say.
    public static func retry(_ retry: Retry) -> WorkflowOption {
        WorkflowOption { $0.retry = retry }
    }

    /// How long one attempt of each step may take where the step does not say.
    public static func timeout(_ limit: Duration) -> WorkflowOption {
        WorkflowOption { $0.timeout = limit }
    }

    /// How long a run may take in all, from its creation, or from when it was to start, by Redis' clock, unless its enqueuer has said. Then it is cancelled like a run that
    /// somebody cancels, and if its function ends in an error the run has failed with `RunTimeout`. A run that nobody takes forward (queued,
    /// parked, unserved, paused) fails at once; but as long as no worker with the workflow has begun it, only what its enqueuer said counts.
    public static func runTimeout(_ limit: Duration) -> WorkflowOption {
        WorkflowOption { $0.runTimeout = limit }
    }

    /// Which code of the workflow this is: 1 to 100 printable ASCII characters without spaces and `=`. To be changed whenever the function asks for
    /// other steps than before.
    ///
    /// A run that changed code cannot replay is parked, and goes on by itself once a worker has another version of its workflow. Each version
    /// tries once, until somebody resumes the run. Without a version it is parked until somebody does.
    public static func version(_ version: String) -> WorkflowOption {
        WorkflowOption(apply: { _ in }, version: version)
    }
}

/// A step's options put together.
package struct StepOptions: Sendable {
    /// `nil`: the worker's.
    package var retry: Retry?
    package var timeout: Duration?
    package var isAtMostOnce = false
    package var isBlocking = false
    package var totalTimeout: Duration?
    package var claimTimeout: Duration?
    /// The workflow's, not a step's.
    package var runTimeout: Duration?

    /// The limits as the store takes them: `total=30000 claim=5000`, in ms; empty for none.
    package var limits: String {
        if !hasLimits { return "" }
        return [("total", totalTimeout), ("claim", claimTimeout)].compactMap { name, limit in
            limit.map { "\(name)=\(max(0, $0.wholeMilliseconds(rounded: .up)))" }
        }.joined(separator: " ")
    }

    package var hasLimits: Bool { totalTimeout != nil || claimTimeout != nil }
    package var key: Result<StepKey, StepwiseError>?
    /// `nil` for any body.
    package var kind: String?

    package init(workflow options: [WorkflowOption] = []) {
        for option in options { option.apply(&self) }
    }

    package func applying(_ options: [StepOption]) -> StepOptions {
        var result = self
        for option in options { option.apply(&result) }
        return result
    }
}
