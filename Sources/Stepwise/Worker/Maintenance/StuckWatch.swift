/// Whether a thread stands still. Another thread finds out: it asks this one something at each of its ticks. A value.
///
/// Time is counted in ticks of the thread that watches: whatever stops the whole process, or slows it down, affects both.
package struct StuckWatch: Sendable {
    package enum Verdict: Sendable, Hashable {
        /// It has answered: it is to be asked again.
        case ask
        /// It has not answered yet.
        case wait
        /// One run has had it for so many ticks, which is too long.
        case stuck(ticks: Int)
    }

    /// `nil`: it may stand still forever.
    private let limit: Int?
    private var tick = 0
    /// When the thread was asked what it has not answered.
    private var asked: Int?
    private var owner: UInt = 0
    /// When this owner was first seen.
    private var ownedSince = 0

    package init(limit: Int?) { self.limit = limit }

    /// The ticks that make up a length of time: at least two.
    package static func ticks(of limit: Duration, every interval: Int) -> Int? {
        guard limit > .zero else { return nil }
        return max(2, limit.wholeMilliseconds / interval + 1)
    }

    /// One tick.
    ///
    /// - Parameters:
    ///   - hasAnswered: whether the thread has answered what it was asked last.
    ///   - owner: who was the last to have the thread.
    package mutating func look(hasAnswered: Bool, owner: UInt) -> Verdict {
        tick += 1
        if owner != self.owner { (self.owner, ownedSince) = (owner, tick) }
        guard let asked, !hasAnswered else {
            self.asked = tick
            return .ask
        }
        let ticks = tick - max(asked, ownedSince)
        guard let limit, ticks >= limit else { return .wait }
        return .stuck(ticks: ticks)
    }
}
