/// How often a step's body is tried, and how long it waits in between.
///
/// The wait before attempt n + 1 is `initialDelay × multiplier^(n - 1)`, at most `maximumDelay`, and up to a quarter of it is
/// left to chance so that many failures do not come back at once. Both the count and the wait survive a worker's death.
public struct Retry: Sendable, Hashable {
    /// The attempts in all, the first one included; at least 1.
    public var attempts: Int
    public var initialDelay: Duration
    public var multiplier: Double
    public var maximumDelay: Duration

    public init(
        attempts: Int = 4, initialDelay: Duration = .seconds(1), multiplier: Double = 2,
        maximumDelay: Duration = .seconds(60)
    ) {
        self.attempts = max(1, attempts)
        self.initialDelay = initialDelay
        self.multiplier = multiplier
        self.maximumDelay = maximumDelay
    }

    /// One attempt and no more.
    public static var never: Retry { Retry(attempts: 1) }

    /// The wait in milliseconds after a failed attempt.
    ///
    /// - Parameter chance: between 0 and 1; how much of the random quarter is taken off.
    package func delay(afterAttempt attempt: Int, chance: Double) -> Int {
        let factor = max(0, multiplier).power(max(0, attempt - 1))
        let delay = min(initialDelay.milliseconds * factor, maximumDelay.milliseconds)
        return Int((max(0, delay) * (1 - chance / 4)).rounded())
    }
}

/// An option of one step: `context.run("charge", .retry(.never)) { … }`.
public struct StepOption: Sendable {
    package let apply: @Sendable (inout StepOptions) -> Void

    /// How often the body is tried. Default: the workflow's, else 4 attempts with exponential back-off from 1 s.
    public static func retry(_ retry: Retry) -> StepOption {
        StepOption { $0.retry = retry }
    }
}

/// An option of a workflow: a default for its steps.
public struct WorkflowOption: Sendable {
    package let apply: @Sendable (inout StepOptions) -> Void

    /// How often the body of each step is tried where the step does not say.
    public static func retry(_ retry: Retry) -> WorkflowOption {
        WorkflowOption { $0.retry = retry }
    }
}

/// A step's options put together.
package struct StepOptions: Sendable, Hashable {
    package var retry = Retry()

    package init(workflow options: [WorkflowOption] = []) {
        for option in options { option.apply(&self) }
    }

    package func applying(_ options: [StepOption]) -> StepOptions {
        var result = self
        for option in options { option.apply(&result) }
        return result
    }
}

extension Duration {
    package var milliseconds: Double {
        Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
    }
}

extension Double {
    fileprivate func power(_ exponent: Int) -> Double {
        (0..<min(exponent, 1024)).reduce(1.0) { result, _ in result * self }
    }
}
