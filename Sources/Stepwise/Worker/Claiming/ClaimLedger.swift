import Synchronization

/// What a worker holds, as it remembers it.
///
/// Redis' claim lists are the truth; ``difference(to:isWhole:)`` finds what the memory lacks and what it has too much.
final class ClaimLedger: Sendable {
    /// Hashed in one piece; an array hashes byte by byte.
    private struct Item: Hashable {
        let bytes: [UInt8]

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }
    }

    private struct State {
        var held: [Item: Int] = [:]
        var count = 0
        var again: Set<[UInt8]> = []
        var emptyWaiters: [CheckedContinuation<Void, Never>] = []
        var unknown: [[UInt8]: Int] = [:]
        var missing: [[UInt8]: Int] = [:]
        /// What is held here, and of which Redis no longer knows.
        var lost: Set<Item> = []
    }

    private let state = Mutex(State())
    private let redo: @Sendable ([UInt8]) -> Void

    /// - Parameter redo: called with an item that was claimed again while an equal one was held, once that one has ended.
    init(redo: @escaping @Sendable ([UInt8]) -> Void) {
        self.redo = redo
    }

    /// Remembers a claimed item. `nil` if an equal work item is held; it is taken up again at that one's end.
    ///
    /// - Parameter isCounted: items that are not work items may be equal, and are counted.
    func begin(_ item: [UInt8], isCounted: Bool = false) -> Claim? {
        state.withLock { state in
            if !isCounted, state.held[Item(item)] != nil {
                state.again.insert(item)
                return nil
            }
            state.held[Item(item), default: 0] += 1
            state.count += 1
            return Claim(item: item, ledger: self)
        }
    }

    /// Remembers an item that the store has just put into a claim list, beside equal ones that are about to end.
    func hold(_ item: [UInt8]) -> Claim {
        state.withLock { state in
            state.held[Item(item), default: 0] += 1
            state.count += 1
            return Claim(item: item, ledger: self)
        }
    }

    fileprivate func end(_ item: [UInt8]) {
        let (waiters, isAgain) = state.withLock { state in
            if let count = state.held[Item(item)], count > 1 {
                state.held[Item(item)] = count - 1
            } else {
                state.held[Item(item)] = nil
                if !state.lost.isEmpty { state.lost.remove(Item(item)) }
            }
            state.count -= 1
            let isAgain = !state.again.isEmpty && state.again.remove(item) != nil
            guard state.count == 0 else { return ([CheckedContinuation<Void, Never>](), isAgain) }
            defer { state.emptyWaiters = [] }
            return (state.emptyWaiters, isAgain)
        }
        for waiter in waiters { waiter.resume() }
        if isAgain { redo(item) }
    }

    var count: Int { state.withLock { $0.count } }
    var isEmpty: Bool { state.withLock { $0.count == 0 } }
    var items: [[UInt8]] { state.withLock { $0.held.keys.map(\.bytes) } }

    func waitUntilEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if state.count > 0 { state.emptyWaiters.append(continuation) }
                return state.count == 0
            }
            if isEmpty { continuation.resume() }
        }
    }

    /// Whether a held item was given up by ``reconcile(with:isWhole:_:)``. Nothing may be asked for it any more.
    func isLost(_ item: [UInt8]) -> Bool { state.withLock { $0.lost.contains(Item(item)) } }

    /// Compares with the claim lists while nothing can be on its way: what differs counts at once.
    ///
    /// - Parameters:
    ///   - isWhole: whether `list` has all of them. Else nothing is missing.
    ///   - isGivenUp: whether the run that an item is for is given up, wherever the item lies.
    /// - Returns: what is in the list and is not held; and what is held and is lost. If it is in the list, it is taken up again at its end.
    func reconcile(
        with list: [[UInt8]], isWhole: Bool, _ isGivenUp: ([UInt8]) -> Bool
    ) -> (unknown: [[UInt8]], lost: [[UInt8]]) {
        state.withLock { state in
            var counts: [[UInt8]: Int] = [:]
            for item in list { counts[item, default: 0] += 1 }
            let unknown = counts.flatMap { item, count in
                Array(repeating: item, count: max(0, count - state.held[Item(item), default: 0]))
            }
            var lost: [[UInt8]] = []
            for item in state.held.keys {
                let isThere = counts[item.bytes] != nil
                guard isGivenUp(item.bytes) || (isWhole && !isThere) else { continue }
                lost.append(item.bytes)
                state.lost.insert(item)
                if isThere { state.again.insert(item.bytes) }
            }
            (state.unknown, state.missing) = ([:], [:])
            return (unknown, lost)
        }
    }

    /// Compares with the claim lists, as the beat lists them. Only what differs in the same way twice in a row counts: replies may be on their way.
    ///
    /// - Parameter isWhole: whether the list is all that lies there; if not, nothing is missing.
    func difference(to list: [[UInt8]], isWhole: Bool = true) -> (unknown: [[UInt8]], missing: [[UInt8]]) {
        state.withLock { state in
            var counts: [[UInt8]: Int] = [:]
            for item in list { counts[item, default: 0] += 1 }
            var held: [[UInt8]: Int] = [:]
            for (item, count) in state.held { held[ListedClaim.listed(item.bytes), default: 0] += count }
            var unknown: [[UInt8]: Int] = [:]
            for (item, count) in counts where count > held[item, default: 0] {
                unknown[item] = count - held[item, default: 0]
            }
            var missing: [[UInt8]: Int] = [:]
            for (item, count) in held where isWhole && count > counts[item, default: 0] {
                missing[item] = count - counts[item, default: 0]
            }
            defer { (state.unknown, state.missing) = (unknown, missing) }
            return (
                unknown.flatMap { item, count in
                    Array(repeating: item, count: min(count, state.unknown[item, default: 0]))
                },
                missing.keys.filter { state.missing[$0] != nil }
            )
        }
    }
}

/// One item held. Ends once, whoever says so first.
final class Claim: Sendable {
    private let item: [UInt8]
    private let ledger: ClaimLedger
    private let hasEnded = Atomic(false)

    fileprivate init(item: [UInt8], ledger: ClaimLedger) {
        self.item = item
        self.ledger = ledger
    }

    func end() {
        if !hasEnded.exchange(true, ordering: .relaxed) { ledger.end(item) }
    }
}
