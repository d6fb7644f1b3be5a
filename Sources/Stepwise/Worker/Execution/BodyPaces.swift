import Synchronization

/// Which steps have bodies that are so quick that a change of threads would cost more than they do. Those begin on the worker's own thread,
/// all others on Swift's pool.
///
/// A step has to show it: eight times less than 0.1 ms. Each millisecond for which a body holds the worker's thread afterwards has to be made
/// good by eight quick times elsewhere.
package final class BodyPaces: Sendable {
    private let paces = Mutex<[String: BodyPace]>([:])
    private let quick: Duration

    /// - Parameter quick: how long a quick body takes at most.
    package init(quick: Duration = quickest) {
        self.quick = quick
    }

    package static let quickest = Duration.microseconds(100)

    package func of(_ step: String) -> BodyPace {
        paces.withLock { paces in
            if let known = paces[step] { return known }
            // Names can be made of data: then they are too many to be of use.
            if paces.count > 10_000 { paces = [:] }
            let new = BodyPace(quick: quick)
            paces[step] = new
            return new
        }
    }
}

/// What is known of the bodies of one step.
package final class BodyPace: Sendable {
    private let credit = Mutex(0)
    private let quick: Duration

    private static let enough = 8
    private static let most = 16

    fileprivate init(quick: Duration) {
        self.quick = quick
    }

    package var isQuick: Bool { credit.withLock { $0 >= Self.enough } }

    /// - Parameter took: of a body on the worker's thread until it left it, of another until its end.
    package func note(took: Duration, wasHere: Bool) {
        credit.withLock { credit in
            if took <= quick {
                if credit < Self.most { credit += 1 }
            } else if wasHere {
                credit -= Self.enough * min(took.wholeMilliseconds(rounded: .up), 10_000)
            } else if credit > 0 {
                credit = 0
            }
        }
    }
}
