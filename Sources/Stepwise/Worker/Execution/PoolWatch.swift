/// Whether Swift's pool begins what a worker hands to it, as a watching thread sees it: bodies can hold all of its threads. A value: the ticks
/// come in.
///
/// A probe is a task that does nothing. One is always on its way, behind whatever else the pool has to begin.
package struct PoolWatch: Sendable {
    package enum Verdict: Sendable, Hashable {
        case free
        /// It has begun nothing for as many ticks as it may.
        case held
        /// It was held, and begins bodies again: until the next tick so many work items may be claimed. Zero as long as the probe has to wait:
        /// otherwise, while bodies hold the pool one after the other, the worker would claim as much each time and release it again.
        case wary(Int)
    }

    /// How many ticks in a row the pool may begin nothing.
    private let limit: Int
    /// For how many ticks in a row it has begun nothing.
    package private(set) var still = 0
    /// For how many ticks in a row the probe was begun; `nil` if the pool was not held lately.
    private var steady: Int?
    private var begun = 0

    package init(limit: Int) {
        self.limit = max(1, limit)
    }

    /// - Parameters:
    ///   - probeHasRun: since the last tick, after which it was sent or still on its way.
    ///   - begun: how many bodies the pool has begun so far.
    package mutating func tick(probeHasRun: Bool, begun: Int) -> Verdict {
        defer { self.begun = begun }
        if probeHasRun || begun != self.begun { still = 0 } else if still < limit { still += 1 }
        if still == limit {
            steady = 0
            return .held
        }
        guard let steady else { return .free }
        let now = probeHasRun ? steady + 1 : 0
        self.steady = now < limit ? now : nil
        if now == limit { return .free }
        return .wary(now == 0 ? 0 : 1 << min(now - 1, 16))
    }
}
