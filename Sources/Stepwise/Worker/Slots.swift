import Synchronization

/// How many invocations a worker may still take. A slot is held from before the claim to the invocation's end.
final class Slots: Sendable {
    private struct State {
        var free: Int
        var isStopped = false
        var waiters: [CheckedContinuation<Bool, Never>] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) {
        state = Mutex(State(free: count))
    }

    /// Waits for a slot and takes it; `false` once stopped.
    func acquire() async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.isStopped { return false }
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiters.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    /// Takes up to `count` slots that are free now; none once stopped.
    func take(upTo count: Int) -> Int {
        state.withLock { state in
            guard !state.isStopped else { return 0 }
            let taken = max(0, min(count, state.free))
            state.free -= taken
            return taken
        }
    }

    func release(_ count: Int = 1) {
        for _ in 0..<count {
            let waiter: CheckedContinuation<Bool, Never>? = state.withLock { state in
                if state.waiters.isEmpty {
                    state.free += 1
                    return nil
                }
                return state.waiters.removeFirst()
            }
            waiter?.resume(returning: true)
        }
    }

    /// Nobody gets a slot any more.
    func stop() {
        let waiters = state.withLock { state in
            state.isStopped = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: false) }
    }
}
