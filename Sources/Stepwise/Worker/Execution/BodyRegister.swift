import Synchronization

/// The bodies of plain steps that are executed in tasks of their own, each with what it takes to record what it returns: so a body that has returned
/// can be recorded although another run's code holds the thread that waits for it.
final class BodyRegister: Sendable {
    struct Entry: Sendable {
        let body: RunningBody
        let run: RunStore.Run
        let workflow: String
        let step: String
        let key: String?
        let kind: String?
        /// The claim's, be it the step's or the turn's.
        let text: String
        /// The turn's number and how many outcomes its instance has had, for an inline step; `nil` for a claimed one.
        let turn: (number: Int, delivered: Int)?
        /// Whether it may not be executed again once it has begun.
        let isOnce: Bool

        /// What it has returned, if somebody wants that.
        var returned: [UInt8]? {
            body.isUnwanted ? nil : body.returned
        }
    }

    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    func note(_ entry: Entry) {
        entries.withLock { $0[ObjectIdentifier(entry.body)] = entry }
    }

    func forget(_ body: RunningBody) {
        // Released when the lock is free.
        _ = entries.withLock { $0.removeValue(forKey: ObjectIdentifier(body)) }
    }

    /// What `read` makes of each. Called while nothing can be forgotten, so it must be quick; who keeps nothing but values lets go of no body.
    func look<Found: Sendable>(_ read: (Entry) -> Found?) -> [Found] {
        entries.withLock { entries in
            var found: [Found] = []
            for entry in entries.values {
                if let its = read(entry) { found.append(its) }
            }
            return found
        }
    }

    var all: [Entry] { entries.withLock { Array($0.values) } }
}
