/// How often a step's body is tried, how long it waits in between, and which errors are worth another attempt.
///
/// ```swift
/// try await context.run("charge", .retry(Retry(attempts: 10, maximumElapsed: .seconds(3600)))) { … }
/// try await context.run("poll", .retry(.fixed(.seconds(30), attempts: 100))) { … }
/// try await context.run("call", .retry(.custom { attempt, error in error is Busy ? .seconds(attempt) : nil })) { … }
/// ```
///
/// Counts and waits are kept in Redis and survive a worker's death; a death repeats the attempt and does not count as one. Whatever
/// the policy, an error wrapped in ``NonRetryable`` ends the step at once, and ``RetryAfter`` decides the next wait.
public struct Retry: Sendable {
    private enum Backoff: Sendable {
        case exponential(initial: Duration, multiplier: Double, maximum: Duration)
        case fixed(Duration)
        case custom(@Sendable (Int, any Error) -> Duration?)
    }

    /// The attempts in all, the first one included; at least 1.
    public let attempts: Int
    /// How long after the begin of the first attempt another may begin; `nil`: no end.
    public let maximumElapsed: Duration?
    private let backoff: Backoff
    private var conditions: [@Sendable (any Error) -> Bool] = []

    private init(attempts: Int, maximumElapsed: Duration?, backoff: Backoff) {
        self.attempts = max(1, attempts)
        self.maximumElapsed = maximumElapsed
        self.backoff = backoff
    }

    /// Exponential back-off: the wait before attempt n + 1 is `initialDelay × multiplier^(n - 1)`, at most `maximumDelay`; up to a quarter
    /// of it is left to chance, so that many failures do not come back at once.
    public init(
        attempts: Int = 4, initialDelay: Duration = .seconds(1), multiplier: Double = 2,
        maximumDelay: Duration = .seconds(60), maximumElapsed: Duration? = nil
    ) {
        self.init(
            attempts: attempts, maximumElapsed: maximumElapsed,
            backoff: .exponential(initial: initialDelay, multiplier: multiplier, maximum: maximumDelay))
    }

    /// One attempt and no more.
    public static var never: Retry { Retry(attempts: 1) }

    /// The same wait before every attempt but the first.
    public static func fixed(_ delay: Duration, attempts: Int = 4, maximumElapsed: Duration? = nil) -> Retry {
        Retry(attempts: attempts, maximumElapsed: maximumElapsed, backoff: .fixed(delay))
    }

    /// A wait of your own.
    ///
    /// - Parameter delay: gets the number of the attempt that failed, from 1 on, and its error; gives the wait before the next, or `nil` for
    ///   no further attempt. Called once, on the worker where the attempt failed; it may decide by what it likes.
    public static func custom(
        attempts: Int = .max, maximumElapsed: Duration? = nil,
        _ delay: @escaping @Sendable (_ attempt: Int, _ error: any Error) -> Duration?
    ) -> Retry {
        Retry(attempts: attempts, maximumElapsed: maximumElapsed, backoff: .custom(delay))
    }

    /// The same policy for errors that meet a condition; any other ends the step at once.
    public func when(_ isWorthRetrying: @escaping @Sendable (any Error) -> Bool) -> Retry {
        var retry = self
        retry.conditions.append(isWorthRetrying)
        return retry
    }

    /// The wait in milliseconds after a failed attempt; `nil` if no other is to be made.
    ///
    /// - Parameter chance: between 0 and 1; how much of the random quarter is taken off.
    package func delay(afterAttempt attempt: Int, error: any Error, chance: Double) -> Int? {
        if error is NonRetryable { return nil }
        // A misuse and a value without a JSON form come out the same every time; a Redis that is away, say, does not.
        if let error = error as? StepwiseError, error.isPermanent { return nil }
        guard attempt < attempts else { return nil }
        let cause = (error as? RetryAfter)?.cause ?? error
        guard conditions.allSatisfy({ $0(cause) }) else { return nil }
        if let after = error as? RetryAfter { return Self.bounded(after.delay.milliseconds) }
        switch backoff {
        case .fixed(let delay):
            return Self.bounded(delay.milliseconds)
        case .custom(let delay):
            return delay(attempt, error).map { Self.bounded($0.milliseconds) }
        case .exponential(let initial, let multiplier, let maximum):
            let factor = max(0, multiplier).power(max(0, attempt - 1))
            let delay = min(initial.milliseconds * factor, maximum.milliseconds)
            return Self.bounded(delay * (1 - chance / 4))
        }
    }

    /// Whole milliseconds from 0 to ten years.
    private static func bounded(_ milliseconds: Double) -> Int {
        min(max(0, Int(saturating: milliseconds.rounded())), 315_360_000_000)
    }
}

extension Double {
    fileprivate func power(_ exponent: Int) -> Double {
        (0..<min(exponent, 1024)).reduce(1.0) { result, _ in result * self }
    }
}
