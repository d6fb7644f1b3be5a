import Synchronization

/// How many work items a worker may still take. A slot is held from the claim to the work item's end; who waits for an item on an empty list
/// holds none.
package final class Slots: Sendable {
    private struct State {
        var free: Int
        var isStopped = false
        /// While one work item is executed alone: slots come back and nobody gets one.
        var isPaused = false
        /// While a claimed item could not begin: nobody gets a slot, and nobody waits for an item.
        var isHeld = false
        /// How many slots may still be given out, however many are free.
        var allowance = Int.max
        /// How many of these were given out, and may come back unused.
        var spent = 0
        /// How many wait for an item.
        var waiting = 0
        var quietWaiter: CheckedContinuation<Bool, Never>?
        var waiters: [CheckedContinuation<Bool, Never>] = []

        mutating func spend(_ number: Int) {
            if allowance == .max { return }
            allowance -= number
            spent += number
        }

        /// Slots were not used. Those of before the last allowance make this one no larger.
        mutating func refund(_ number: Int) {
            if allowance == .max { return }
            let number = min(number, spent)
            allowance += number
            spent -= number
        }

        mutating func allow(_ number: Int) {
            allowance = number
            spent = 0
        }

        /// Takes slots for as many of those who wait for one as may have one.
        mutating func takeWaiters() -> [CheckedContinuation<Bool, Never>] {
            let number = isPaused ? 0 : min(free, waiters.count, allowance)
            free -= number
            spend(number)
            defer { waiters.removeFirst(number) }
            return Array(waiters.prefix(number))
        }
    }

    private let state: Mutex<State>
    private let count: Int

    package init(_ count: Int) {
        self.count = count
        state = Mutex(State(free: count))
    }

    /// Waits for a slot and takes it; `false` once stopped.
    package func acquire() async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.isStopped { return false }
                if state.free > 0, !state.isPaused, state.allowance > 0 {
                    state.free -= 1
                    state.spend(1)
                    return true
                }
                state.waiters.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    /// Takes up to `count` slots that are free now; none once stopped.
    package func take(upTo count: Int) -> Int {
        state.withLock { state in
            guard !state.isStopped, !state.isPaused else { return 0 }
            let taken = max(0, min(count, state.free, state.allowance))
            state.free -= taken
            state.spend(taken)
            return taken
        }
    }

    /// Gives back a slot and begins to wait for an item, which would need one. To be followed by ``endWaiting()``.
    ///
    /// - Returns: `false` if nobody gets a slot now; then nothing is begun, and the slot is given back all the same.
    package func beginWaiting() -> Bool {
        let begins = state.withLock { state in
            if state.isStopped || state.isPaused || state.isHeld { return false }
            state.waiting += 1
            // The slot was not for an item.
            state.refund(1)
            return true
        }
        release()
        return begins
    }

    /// What was waited for has come and has a slot, or went back.
    package func endWaiting() {
        let quiet = state.withLock { state in
            state.waiting -= 1
            return Self.takeQuietWaiter(&state, count)
        }
        quiet?.resume(returning: true)
    }

    /// Releases slots with which no work item was claimed: as many more may be given out.
    package func releaseUnused(_ number: Int = 1) {
        if number <= 0 { return }
        state.withLock { $0.refund(number) }
        release(number)
    }

    package func release(_ number: Int = 1) {
        for _ in 0..<number {
            let (waiter, quiet) = state.withLock { state in
                if state.waiters.isEmpty || state.isPaused || state.allowance == 0 {
                    state.free += 1
                    return (nil as CheckedContinuation<Bool, Never>?, Self.takeQuietWaiter(&state, count))
                }
                state.spend(1)
                return (state.waiters.removeFirst(), nil)
            }
            waiter?.resume(returning: true)
            quiet?.resume(returning: true)
        }
    }

    /// Who waits to be alone, once all slots but one are free and nobody waits for an item.
    private static func takeQuietWaiter(_ state: inout State, _ count: Int) -> CheckedContinuation<Bool, Never>? {
        guard state.isPaused, state.free >= count - 1 && state.waiting == 0 || state.isStopped else { return nil }
        defer { state.quietWaiter = nil }
        return state.quietWaiter
    }

    /// Lets nobody have a slot, and waits until the caller's is the only one that is taken and nobody waits for an item, or ``stop()``,
    /// or ``endPauseWait()``.
    ///
    /// - Parameter onPause: called once nobody gets a slot any more.
    /// - Returns: whether it is so; `false` at once if somebody else is alone already, or once stopped. Then slots are given out again.
    package func pause(_ onPause: () -> Void) async -> Bool {
        let isFirst = state.withLock { state in
            guard !state.isStopped, !state.isPaused else { return false }
            state.isPaused = true
            return true
        }
        guard isFirst else { return false }
        onPause()
        let hasComeTrue = await withCheckedContinuation { continuation in
            let isQuiet = state.withLock { state in
                if state.free >= count - 1 && state.waiting == 0 || state.isStopped { return true }
                state.quietWaiter = continuation
                return false
            }
            if isQuiet { continuation.resume(returning: true) }
        }
        if hasComeTrue, state.withLock({ !$0.isStopped }) { return true }
        resume()
        return false
    }

    /// Who waits to be alone has waited for long enough.
    package func endPauseWait() {
        let quiet = state.withLock { state in
            defer { state.quietWaiter = nil }
            return state.quietWaiter
        }
        quiet?.resume(returning: false)
    }

    /// Slots are given out again.
    package func resume() {
        let waiters = state.withLock { state in
            state.isPaused = false
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume(returning: true) }
    }

    /// How many could be taken now.
    package var free: Int {
        state.withLock { state in
            state.isStopped || state.isPaused || state.isHeld ? 0 : max(0, min(state.free, state.allowance))
        }
    }

    package var isPaused: Bool { state.withLock { $0.isPaused } }

    /// Nobody gets a slot until ``allow(_:)``.
    package func hold() {
        state.withLock { state in
            state.isHeld = true
            state.allow(0)
        }
    }

    /// From now on this many slots may be given out; `nil`: as many as there are.
    package func allow(_ number: Int?) {
        let waiters = state.withLock { state in
            state.isHeld = false
            state.allow(number ?? .max)
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume(returning: true) }
    }

    package var isHeld: Bool { state.withLock { $0.isHeld } }

    /// Nobody gets a slot any more.
    package func stop() {
        let waiters = state.withLock { state in
            state.isStopped = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: false) }
        let quiet = state.withLock { state in
            defer { state.quietWaiter = nil }
            return state.quietWaiter
        }
        quiet?.resume(returning: true)
    }
}

/// The slots of one round of claims: the caller's and what was free beside it.
package struct ClaimSlots: Sendable {
    private let slots: Slots
    /// How many there were.
    package let count: Int
    /// How many no item has used.
    package private(set) var free: Int

    /// - Parameter most: with the one that the caller has.
    package init(of slots: Slots, upTo most: Int) {
        self.slots = slots
        count = 1 + slots.take(upTo: most - 1)
        free = count
    }

    /// An item has one of them now, and releases it.
    package mutating func use() { free -= 1 }

    /// The round is over. To be called once.
    package func releaseRest() { slots.releaseUnused(free) }
}
