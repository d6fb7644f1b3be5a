import Synchronization

/// Which labels have an index, as a client has read it in the last seconds.
package final class KnownIndexes: Sendable {
    /// How long what was read counts.
    package static let age = Duration.seconds(3)
    /// How long after an index has begun every client knows of it: what it has read counts no longer, and what it has sent has arrived.
    static let patience = Duration.seconds(5)

    private let last = Mutex<(names: [String], readAt: ContinuousClock.Instant)?>(nil)

    package init() {}

    /// `nil`: they have to be read.
    package func names(at now: ContinuousClock.Instant) -> [String]? {
        last.withLock { last in last.flatMap { now - $0.readAt < Self.age ? $0.names : nil } }
    }

    /// - Parameter time: a moment before they were read.
    package func note(_ names: [String], readAfter time: ContinuousClock.Instant) {
        last.withLock { $0 = (names, time) }
    }

    package func forget() { last.withLock { $0 = nil } }
}
