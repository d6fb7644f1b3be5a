import Synchronization

/// The bodies that Swift's pool has begun for a worker and that have not returned, those included that nobody waits for any more, and those of
/// sessions before this one. A body that has no thread just now, because it awaits something, is among them.
final class PoolBodies: Sendable {
    /// What a worker's entry says about them.
    struct Picture: Sendable, Hashable {
        /// A few of them: first those that nobody waits for, then the others, each the oldest first.
        var first: [HeldThread] = []
        var count = 0
        /// For how many nobody waits: each is past its time limit, or its step is closed, or its session has ended.
        var unwanted = 0

        var areUnwanted: Bool { unwanted == count }

        var holders: String {
            first.map(\.holder).joined(separator: "; ") + (count > first.count ? "; \(count - first.count) more" : "")
        }
    }

    private struct Entry {
        let body: RunningBody
        let step: Step
        let session: String
        /// Milliseconds since 1970.
        let since: Int
    }

    private struct State {
        var next = 0
        var begun: [Int: Entry] = [:]
        var returned = 0
    }

    private static let few = 5
    private let state = Mutex(State())

    /// - Returns: the number to give to ``remove(_:)`` once the body has returned.
    func add(_ body: RunningBody, _ step: Step, of session: String) -> Int {
        let since = wallClockMilliseconds()
        return state.withLock { state in
            state.next += 1
            state.begun[state.next] = Entry(body: body, step: step, session: session, since: since)
            return state.next
        }
    }

    func remove(_ number: Int) {
        // Released when the lock is free.
        _ = state.withLock { state in
            state.returned += 1
            return state.begun.removeValue(forKey: number)
        }
    }

    /// How many have returned so far.
    var returned: Int { state.withLock { $0.returned } }

    /// - Parameter session: whose bodies may be wanted.
    func picture(for session: String) -> Picture {
        let begun = state.withLock { $0.begun }
        let wanted = begun.filter { $0.value.session == session && $0.value.body.isWanted }
        let sorted = begun.sorted { (wanted[$0.key] == nil ? 0 : 1, $0.key) < (wanted[$1.key] == nil ? 0 : 1, $1.key) }
        let first = sorted.prefix(Self.few).map { _, entry in
            HeldThread(run: entry.step.runID, step: entry.step.id, isBody: true, since: entry.since)
        }
        return Picture(first: first, count: begun.count, unwanted: begun.count - wanted.count)
    }
}
