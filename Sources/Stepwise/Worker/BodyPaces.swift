import Synchronization

/// Which steps have bodies that are so quick that a change of threads would cost more than they do. Those begin on the worker's own thread,
/// all others on Swift's pool.
///
/// A step has to show it: eight times less than 0.1 ms. Each millisecond for which a body holds the worker's thread afterwards has to be made
/// good by eight quick times elsewhere.
package final class BodyPaces: Sendable {
    private let credits = Mutex<[String: Int]>([:])

    private static let enough = 8
    private static let most = 16
    private static let quick = Duration.microseconds(100)

    package init() {}

    package func isQuick(_ step: String) -> Bool {
        credits.withLock { $0[step, default: 0] >= Self.enough }
    }

    /// - Parameter took: of a body on the worker's thread until it left it, of another until its end.
    package func note(_ step: String, took: Duration, wasHere: Bool) {
        credits.withLock { credits in
            // Names can be made of data: then they are too many to be of use.
            if credits.count > 10_000 { credits = [:] }
            let credit = credits[step, default: 0]
            if took <= Self.quick {
                if credit < Self.most { credits[step] = credit + 1 }
            } else if wasHere {
                credits[step] = credit - Self.enough * Int(min(took.milliseconds.rounded(.up), 10_000))
            } else if credit > 0 {
                credits[step] = 0
            }
        }
    }
}
