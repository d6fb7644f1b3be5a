import Synchronization

/// Counts by name, and keeps the order, across tasks.
final class Tally: Sendable {
    private let entries = Mutex<[String]>([])

    /// Counts one more.
    /// - Returns: how many there are of this name now.
    @discardableResult
    func add(_ name: String) -> Int {
        entries.withLock { entries in
            entries.append(name)
            return entries.count { $0 == name }
        }
    }

    /// Everything that was counted, in its order.
    var all: [String] { entries.withLock { $0 } }

    subscript(_ name: String) -> Int { all.count { $0 == name } }
}

/// Fails the first attempts of whatever asks.
struct Hiccup: Error, CustomStringConvertible {
    var description: String { "a hiccup" }
}
