#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Thrown by a step's body: the step ends in this error at once, whatever its ``Retry`` says.
///
/// ```swift
/// catch let error as CardDeclined { throw NonRetryable(error) }
/// ```
///
/// What is recorded, and thrown into the function as ``StepFailure``, tells of the error inside.
public struct NonRetryable: Error, CustomStringConvertible {
    public let cause: any Error

    public init(_ cause: any Error) {
        self.cause = cause
    }

    public var description: String { "\(cause)" }
}

/// Thrown by a step's body: the next attempt, if the step's ``Retry`` allows another, begins after this delay and not after the policy's.
///
/// ```swift
/// if response.status == .tooManyRequests, let later = RetryAfter(header: response.headers["Retry-After"]) { throw later }
/// ```
public struct RetryAfter: Error, CustomStringConvertible {
    /// How long to wait; never negative.
    public let delay: Duration
    /// The error that made it necessary, if there is one; it is what is recorded.
    public let cause: (any Error)?

    public init(_ delay: Duration, because cause: (any Error)? = nil) {
        self.delay = max(.zero, delay)
        self.cause = cause
    }

    /// - Parameter date: by this worker's clock; in the past: at once.
    public init(_ date: Date, because cause: (any Error)? = nil) {
        self.init(Duration(boundedSeconds: date.timeIntervalSinceNow), because: cause)
    }

    /// From an HTTP `Retry-After` header: a number of seconds or a date such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §10.2.3),
    /// also in the two older forms. `nil` for what is neither, and for a date that the calendar does not have.
    public init?(header: String?, because cause: (any Error)? = nil) {
        guard let header else { return nil }
        let text = String(
            header.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        if !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) {
            // More digits than any clock has seconds: as late as can be.
            self.init(.seconds(Int64(text).map { min($0, 315_360_000) } ?? 315_360_000), because: cause)
        } else if let date = HTTPDate.date(from: text) {
            self.init(date, because: cause)
        } else {
            return nil
        }
    }

    public var description: String { cause.map { "\($0)" } ?? "to be tried again after \(delay)" }
}

/// What a body that ran past its step's `.timeout` has failed with.
public struct StepTimeout: Error, Sendable, Hashable, CustomStringConvertible {
    /// The step's limit.
    public let limit: Duration

    package init(limit: Duration) {
        self.limit = limit
    }

    public var description: String { "the attempt was not done within \(limit); its body was cancelled" }
}
