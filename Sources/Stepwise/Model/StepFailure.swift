/// A step that failed for good: recorded once, thrown into the function where it awaits the step, and the same on every replay.
///
/// ```swift
/// do {
///     try await context.run("charge") { try await payments.charge(order) }
/// } catch let failure as StepFailure {
///     if let declined = failure.error(as: CardDeclined.self) { … }
///     try await context.run("apologise") { try await mail.apologise(order, failure.message) }
/// }
/// ```
public struct StepFailure: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    /// Why there was no further attempt.
    public struct Cause: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public var description: String { rawValue }

        /// The last attempt's body threw.
        public static var failed: Cause { Cause(rawValue: "failed") }
        /// The last attempt ran past its timeout.
        public static var timedOut: Cause { Cause(rawValue: "timedOut") }
        /// As many workers as the setting `maximumWorkerLosses` allows were lost while they executed the body: it seems to end its process.
        public static var workersLost: Cause { Cause(rawValue: "workersLost") }
        /// The result was larger than one may be, or the run's outcomes would have become larger than they may be together.
        public static var tooLarge: Cause { Cause(rawValue: "tooLarge") }
        /// The value of the event, or the answer to the callback, is none of the type that the function asked for.
        public static var notDecodable: Cause { Cause(rawValue: "notDecodable") }
        /// The worker was lost while the body of an `.atMostOnce` step ran: nobody knows how far it came.
        public static var interrupted: Cause { Cause(rawValue: "interrupted") }
        /// The child run failed, or was removed before its end could be read; type and message are those of its error.
        public static var childFailed: Cause { Cause(rawValue: "childFailed") }
        /// The child run was cancelled; the message is the reason.
        public static var childCancelled: Cause { Cause(rawValue: "childCancelled") }
    }

    /// The step's id.
    public let step: String
    /// How many attempts were made.
    public let attempts: Int
    /// The name of the Swift type of the last attempt's error.
    public let type: String
    /// The last attempt's error in words.
    public let message: String
    /// Why there was no further attempt.
    public let cause: Cause
    /// The last attempt's error, or the child's, as JSON, if it is `Encodable` and takes at most 16 KiB.
    public let value: String?
    /// The id of the child run whose end this is, if it is one.
    public let child: String?

    package init(
        step: String, attempts: Int, type: String, message: String, cause: Cause = .failed, child: String? = nil,
        value: String? = nil
    ) {
        self.child = child
        self.step = step
        self.attempts = attempts
        self.type = type
        self.message = message
        self.cause = cause
        self.value = value
    }

    package init(step: String, attempts: Int, error: any Error) {
        let words = ErrorWords(error)
        self.init(
            step: step, attempts: attempts, type: words.type, message: words.message,
            cause: error is StepTimeout
                ? .timedOut : (error as? StepwiseError)?.code == .tooLarge ? .tooLarge : .failed,
            value: words.value)
    }

    /// One line; ``message`` is what the error said.
    public var description: String {
        if let child { return "step \"\(step)\" failed with run \(child), its child: \(type): \(message)".printable }
        return "step \"\(step)\" failed after \(attempts) attempt\(attempts == 1 ? "" : "s") with \(type): \(message)"
            .printable
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        step = try container.decode(String.self, forKey: .step)
        attempts = try container.decode(Int.self, forKey: .attempts)
        type = try container.decode(String.self, forKey: .type)
        message = try container.decode(String.self, forKey: .message)
        // What an earlier version stored has no cause.
        cause = try container.decodeIfPresent(Cause.self, forKey: .cause) ?? .failed
        value = try container.decodeIfPresent(String.self, forKey: .value)
        child = try container.decodeIfPresent(String.self, forKey: .child)
    }
}

/// An error as it is stored: the type's name, a bounded sentence, and if it can be, the error itself.
package struct ErrorWords: Sendable, Hashable {
    package var type: String
    package var message: String
    package var value: String?

    /// The most bytes of UTF-8 that are kept of an error's text.
    package static let limit = 4000
    /// The most bytes of an error's JSON.
    private static let valueLimit = 16_384

    package init(_ error: any Error) {
        // What tells the engine how to go on is not an error of its own.
        let error = (error as? NonRetryable)?.cause ?? (error as? RetryAfter)?.cause ?? error
        type = String(describing: Swift.type(of: error)).prefix(bytes: 300)
        message = String(describing: error).prefix(bytes: Self.limit)
        if let encodable = error as? any Encodable,
            let json = try? JSON.encode(encodable, what: "an error"), json.count <= Self.valueLimit
        {
            value = String(decoding: json, as: UTF8.self)
        }
    }
}
