#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// An attempt at a step's body that failed and was followed by another.
public struct FailedAttempt: Sendable, Hashable, Codable {
    /// From 1 on.
    public var attempt: Int
    /// The name of the error's Swift type.
    public var type: String
    /// The error in words, at most 300 bytes.
    public var message: String
    /// The worker on which it failed.
    public var worker: String
    /// How long it took, by the worker's clock.
    public var took: Duration
    /// When it was noted, by Redis' clock.
    public var at: Date
    /// How long the step waited before it was queued again.
    public var delay: Duration

    private enum CodingKeys: String, MillisecondKeys {
        case attempt, type, message, worker, took, at, delay
    }

    /// How it is noted, `took` in milliseconds: one JSON object without what only the store knows (`at`, `delay`) and the closing brace.
    package static func note(attempt: Int, error: any Error, worker: String, took: Int) -> String {
        let words = ErrorWords(error)
        return
            "{\"attempt\":\(attempt),\"type\":\(JSON.string(words.type)),\"message\":\(JSON.string(words.message.prefix(bytes: 300))),"
            + "\"worker\":\(JSON.string(worker)),\"took\":\(took)"
    }
}
