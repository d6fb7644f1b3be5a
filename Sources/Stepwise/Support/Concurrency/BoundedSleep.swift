package import NIOCore

extension Duration {
    /// From zero to 100 years, whose nanoseconds an `Int64` holds: no process sees the end of them.
    fileprivate var ofTimer: Duration { min(max(self, .zero), .seconds(3_153_600_000)) }
}

extension Task where Success == Never, Failure == Never {
    /// Sleeps for a length of time that may be any: one that is too long for the system's timers is as good as none.
    nonisolated(nonsending) package static func sleep(atMost limit: Duration) async throws {
        try await sleep(for: limit.ofTimer)
    }
}

extension TimeAmount {
    /// A length of time that may be any, for an event loop's timer: at least zero, at most 100 years.
    package init(atMost limit: Duration) {
        let (seconds, attoseconds) = limit.ofTimer.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
