/// A step that failed for good: recorded once, thrown into the function where it awaits the step, and the same on every replay.
///
/// ```swift
/// do {
///     try await context.run("charge") { try await payments.charge(order) }
/// } catch let failure as StepFailure {
///     try await context.run("apologise") { try await mail.apologise(order, failure.message) }
/// }
/// ```
public struct StepFailure: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    /// The step's id.
    public let step: String
    /// How many attempts were made.
    public let attempts: Int
    /// The name of the Swift type of the last attempt's error.
    public let type: String
    /// The last attempt's error in words.
    public let message: String

    package init(step: String, attempts: Int, type: String, message: String) {
        self.step = step
        self.attempts = attempts
        self.type = type
        self.message = message
    }

    package init(step: String, attempts: Int, error: any Error) {
        let words = ErrorWords(error)
        self.init(step: step, attempts: attempts, type: words.type, message: words.message)
    }

    public var description: String {
        "step \"\(step)\" failed after \(attempts) attempt\(attempts == 1 ? "" : "s") with \(type): \(message)"
    }
}

/// An error as it is stored: the type's name and a bounded sentence.
package struct ErrorWords: Sendable, Hashable {
    package var type: String
    package var message: String

    /// The most characters that are kept of an error's text.
    package static let limit = 4000

    package init(_ error: any Error) {
        type = String(describing: Swift.type(of: error))
        message = String(String(describing: error).prefix(Self.limit))
    }
}
