/// What can be said of Redis' clock by the times that it has stamped. A value; times are milliseconds since 1970.
package struct RedisClock: Sendable, Hashable {
    /// How far it may go back until somebody is told: clocks are set all the time.
    package static let tolerance = 1000

    /// The latest of the times.
    private var latest = 0

    package init() {}

    package mutating func note(_ time: Int?) { latest = max(latest, time ?? 0) }

    /// - Parameter now: its time, asked for after the others were read.
    /// - Returns: what has come of it, and what to do; `nil` if it has not gone back, as far as the times tell.
    package func warning(now: Int) -> String? {
        let back = latest - now
        guard back > Self.tolerance else { return nil }
        return
            "redis' clock went back by at least \(back / 1000) s: timers, time limits and schedules that were set before come that much "
            + "later; if it is wrong now, set the clock of redis' machine"
    }
}
