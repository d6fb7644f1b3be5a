/// What a worker's entry says of it that changes from beat to beat: its free slots, and how far its clock is ahead of Redis'. A value.
package struct BeatFacts: Sendable {
    /// What the entry has; `nil` if that is not known.
    private var free: Int?
    private var clock: Int?
    /// How far the clock was ahead at the last beat that was answered soon.
    private var ahead: Int?
    private var comparisons = 0

    /// How far a clock may go on its way, in milliseconds, until it is told of again.
    package static let tolerance = 1000
    /// A beat that took longer to be answered, in milliseconds, says nothing of the clock.
    private static let soon = 1000

    /// - Parameter free: what the entry has had from the beginning.
    package init(free: Int) {
        self.free = free
    }

    /// - Parameter comparisons: how many there were: another server may not have what was written.
    package mutating func news(free now: Int, comparisons: Int) -> WorkerNews {
        if comparisons != self.comparisons { (free, clock, self.comparisons) = (nil, nil, comparisons) }
        let isOff = ahead.map { ahead in clock.map { abs(ahead - $0) > Self.tolerance } ?? true } ?? false
        return WorkerNews(free: now == free ? nil : now, clock: isOff ? ahead : nil)
    }

    /// The beat was answered that took the news along.
    package mutating func confirm(_ news: WorkerNews, comparisons: Int) {
        guard comparisons == self.comparisons else { return }
        free = news.free ?? free
        clock = news.clock ?? clock
    }

    /// - Parameters:
    ///   - sent: when a beat was sent, in milliseconds since 1970 by the worker's clock.
    ///   - took: how long its answer took, in milliseconds.
    ///   - time: Redis' between the two.
    package mutating func note(sent: Int, took: Int, redis time: Int) {
        // No clock shows what is beyond that: the year 10000.
        let possible = 0..<253_402_300_800_000
        guard (0...Self.soon).contains(took), possible.contains(time), possible.contains(sent) else { return }
        ahead = sent + took / 2 - time
    }
}
