import Synchronization

/// One attempt at a step's body, as long as somebody may want its end.
///
/// One waits for it at a time; a wait can be interrupted, and the end is then kept for the next one.
final class RunningBody: Sendable {
    typealias End = Result<[UInt8], any Error>

    private struct State {
        var end: End?
        var took = 0
        var waiter: UnsafeContinuation<End?, Never>?
        var isUnwanted = false
        var tasks: [Task<Void, Never>] = []
    }

    let attempt: Int
    private let begin = ContinuousClock.now
    private let state = Mutex(State())

    /// Starts the body in a task of its own.
    ///
    /// - Parameters:
    ///   - limit: after it the body is cancelled, and what it still returns is refused.
    ///   - pace: what is known of such bodies: a quick one begins on the calling thread.
    init(
        attempt: Int, timeout limit: Duration?, pace: BodyPace, step: Step,
        body: @escaping @Sendable (Step) async throws -> [UInt8]
    ) {
        self.attempt = attempt
        if limit == nil, pace.isQuick, #available(macOS 26, *) {
            let work = Task.immediateDetached {
                do {
                    self.finish(.success(try await StepScope.$current.withValue(step) { try await body(step) }))
                } catch { self.finish(.failure(error)) }
            }
            pace.note(took: ContinuousClock.now - begin, wasHere: true)
            state.withLock { $0.tasks = [work] }
            return
        }
        let work = Task.detached {
            let begin = ContinuousClock.now
            let end: End
            do {
                end = .success(try await StepScope.$current.withValue(step) { try await body(step) })
            } catch { end = .failure(error) }
            pace.note(took: ContinuousClock.now - begin, wasHere: false)
            self.finish(end)
        }
        var tasks = [work]
        if let limit {
            tasks.append(
                Task {
                    guard (try? await Task.sleep(atMost: limit)) != nil else { return }
                    self.finish(.failure(StepTimeout(limit: limit)))
                    work.cancel()
                })
        }
        let hasEnded = state.withLock { state in
            state.tasks = tasks
            return state.end != nil
        }
        if hasEnded { tasks.last?.cancel() }
    }

    /// The first end counts.
    private func finish(_ end: End) {
        let (waiter, tasks) = state.withLock { state in
            guard state.end == nil else { return (nil as UnsafeContinuation<End?, Never>?, [Task<Void, Never>]()) }
            state.end = end
            state.took = (ContinuousClock.now - begin).wholeMilliseconds
            defer { state.waiter = nil }
            return (state.waiter, state.tasks)
        }
        // The timer, if there is one; the body's own task has ended or is cancelled by the timer.
        tasks.dropFirst().first?.cancel()
        waiter?.resume(returning: end)
    }

    /// Waits for the end; `nil` if the wait was interrupted.
    nonisolated(nonsending) func wait() async -> End? {
        if let end { return end }
        return await withUnsafeContinuation { continuation in
            let end = state.withLock { state in
                if state.end == nil { state.waiter = continuation }
                return state.end
            }
            if let end { continuation.resume(returning: end) }
        }
    }

    /// Ends the wait for this body; the body goes on.
    func interruptWait() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }

    /// Cancels the body's task.
    ///
    /// - Parameter unwanted: whether it is for nobody any more; then its end is no outcome.
    func cancel(unwanted: Bool = false) {
        let work = state.withLock { state in
            if unwanted { state.isUnwanted = true }
            return state.tasks.first
        }
        work?.cancel()
    }

    /// Its end, once it is there.
    var end: End? { state.withLock { $0.end } }
    var isAwaited: Bool { state.withLock { $0.waiter != nil } }
    var isUnwanted: Bool { state.withLock { $0.isUnwanted } }
    /// How long it took, in milliseconds; 0 before its end.
    var took: Int { state.withLock { $0.took } }
}
