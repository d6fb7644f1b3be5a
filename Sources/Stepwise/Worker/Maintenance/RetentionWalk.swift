/// How far a worker is among the ended runs of one status that are past their age, the oldest first. A value.
///
/// A run that stays, because its parent still needs it, is passed over and looked at again after a pause: there may be any number of them.
package struct RetentionWalk: Sendable, Hashable {
    package static let pause = Duration.seconds(600)

    /// Where the next page begins; `nil`: with the oldest.
    package private(set) var place: ExpiredPlace?
    /// When the walk begins anew, once it has come to its end.
    private var next: ContinuousClock.Instant?

    package init() {}

    /// Before the first page of a look.
    package mutating func begin(at now: ContinuousClock.Instant) {
        if let next, now >= next { (place, self.next) = (nil, nil) }
    }

    /// After a page.
    ///
    /// - Parameter staying: those that stay, in the page's order. The others have left the list.
    package mutating func pass(_ staying: [ExpiredRun]) {
        for run in staying {
            let passed = place?.score == run.score ? place?.passed ?? 0 : 0
            place = ExpiredPlace(score: run.score, passed: passed + 1)
        }
    }

    /// Nothing past its age is left behind the last page. What comes to its age later is found there, too.
    package mutating func end(at now: ContinuousClock.Instant) {
        if place != nil, next == nil { next = now + Self.pause }
    }
}
