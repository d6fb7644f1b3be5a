package import NIOCore
import Synchronization

/// Lets something be done on an executor, and waits for it no longer than `limit`: what needs a thread that user code holds may never be
/// done.
package func atMost(
    _ limit: Duration, on executor: WorkerExecutor, _ body: @escaping @Sendable () async -> Void
) async {
    let isDone = Latch()
    Task.detached(executorPreference: executor) {
        await body()
        isDone.open()
    }
    await isDone.wait(atMost: limit, on: executor.eventLoop)
}

/// Something that happens once and is waited for.
package final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var next = 0
        var waiters: [Int: @Sendable () -> Void] = [:]
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())

    package init() {}

    package var isOpen: Bool { state.withLock { $0.isOpen } }

    package func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter() }
    }

    /// Calls `body` once it is open, at once if it is.
    ///
    /// - Returns: for ``forget(_:)``.
    package func whenOpen(_ body: @escaping @Sendable () -> Void) -> Int {
        let (number, isOpen) = state.withLock { state in
            state.next += 1
            if !state.isOpen { state.waiters[state.next] = body }
            return (state.next, state.isOpen)
        }
        if isOpen { body() }
        return number
    }

    package func forget(_ number: Int) {
        state.withLock { _ = $0.waiters.removeValue(forKey: number) }
    }

    /// Returns once it is open, or when the task is cancelled.
    package func wait() async {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // What decides is read under the lock and nowhere else: a cancellation can come at any moment.
                let isOver = state.withLock { state in
                    if state.isOpen || state.cancelled.contains(number) { return true }
                    state.waiters[number] = { continuation.resume() }
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.cancelled.insert(number)
                return state.waiters.removeValue(forKey: number)
            }
            waiter?()
        }
        state.withLock { _ = $0.cancelled.remove(number) }
    }

    /// Returns once it is open, when the time is up, or when the task is cancelled.
    ///
    /// - Parameter eventLoop: has the timer. `Task.sleep` would not do: what it wakes begins on Swift's pool, whose threads bodies can hold.
    package func wait(atMost limit: Duration, on eventLoop: any EventLoop) async {
        let isOver = Latch()
        let isTimeUp = Latch()
        let timer = eventLoop.scheduleTask(in: TimeAmount(atMost: limit)) {}
        // Also when it is cancelled, or the event loop has ended.
        timer.futureResult.whenComplete { _ in
            isTimeUp.open()
            isOver.open()
        }
        let number = whenOpen { isOver.open() }
        await isOver.wait()
        forget(number)
        // An event loop that has ended is asked for nothing.
        if !isTimeUp.isOpen { timer.cancel() }
    }
}
