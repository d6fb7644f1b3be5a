import NIOCore
import Synchronization

/// The body was taken back before it began: no attempt was made.
struct BodyWithdrawn: Error {}

/// One attempt at a step's body, as long as somebody may want its end.
///
/// One waits for it at a time; a wait can be interrupted, and the end is then kept for the next one.
final class RunningBody: Sendable {
    typealias End = Result<[UInt8], any Error>

    private struct State {
        var end: End?
        var took = 0
        var waiter: UnsafeContinuation<Bool, Never>?
        var isUnwanted = false
        var work: Task<Void, Never>?
        var timer: Scheduled<Void>?
    }

    /// Whether the body has begun. It begins or is taken back, once and for all.
    private enum Stage: UInt8, AtomicRepresentable {
        case waiting
        case begun
        case withdrawn
    }

    let attempt: Int
    private let markOfAttempt: AttemptMark?
    /// The load of Swift's pool, if the body is handed to that.
    private let load: PoolLoad?
    private let stage: Atomic<Stage>
    private let limit: Duration?
    private let begin = ContinuousClock.now
    private let state = Mutex(State())

    /// Starts the body in a task of its own.
    ///
    /// - Parameters:
    ///   - limit: after it the body is cancelled, and what it still returns is refused.
    ///   - executor: its event loop has the timer for that.
    ///   - pace: what is known of such bodies: a quick one begins on the calling thread.
    ///   - mayHold: whether it may begin there.
    ///   - threads: where the body is executed; `nil`: on Swift's pool.
    ///   - load: of Swift's pool.
    ///   - cancelling: executes what the time limit does to the body: it may be user code.
    init(
        attempt: Int, mark: AttemptMark?, timeout limit: Duration?, timer executor: WorkerExecutor, pace: BodyPace,
        mayHold: Bool = true, on threads: BlockingBody?, load: PoolLoad,
        cancelling: (@Sendable (() -> Void) -> Void)?, step: Step,
        body: @escaping @Sendable (Step) async throws -> [UInt8]
    ) {
        self.attempt = attempt
        markOfAttempt = mark
        self.limit = limit
        var isQuick = false
        if limit == nil, threads == nil, mayHold, pace.isQuick, #available(macOS 26, *) { isQuick = true }
        self.load = isQuick || threads != nil ? nil : load
        stage = Atomic(isQuick ? .begun : .waiting)
        if isQuick, #available(macOS 26, *) {
            let work = Task.immediateDetached {
                do {
                    self.finish(.success(try await StepScope.$current.withValue(step) { try await body(step) }))
                } catch { self.finish(.failure(error)) }
            }
            pace.note(took: ContinuousClock.now - begin, wasHere: true)
            state.withLock { $0.work = work }
            return
        }
        self.load?.noteHanded()
        let work = Task.detached(executorPreference: threads) {
            // First of all: what was taken back is somebody else's.
            guard self.begins() else { return }
            // There was no thread for it until nobody wanted its end any more.
            if Task.isCancelled { return self.finish(.failure(CancellationError())) }
            let number = self.load?.enter(self, step)
            let begin = ContinuousClock.now
            let end: End
            let seat = threads?.enter(self, step)
            do {
                end = .success(try await StepScope.$current.withValue(step) { try await body(step) })
            } catch { end = .failure(error) }
            pace.note(took: ContinuousClock.now - begin, wasHere: false)
            if let number { self.load?.leave(number) }
            if let seat { threads?.leave(seat) }
            self.finish(end)
        }
        let timer = limit.map { limit in
            executor.eventLoop.scheduleTask(in: TimeAmount(atMost: limit)) {
                self.finish(.failure(StepTimeout(limit: limit)))
                if let cancelling { cancelling { work.cancel() } } else { work.cancel() }
            }
        }
        let hasEnded = state.withLock { state in
            (state.work, state.timer) = (work, timer)
            return state.end != nil
        }
        if hasEnded { timer?.cancel() }
    }

    /// The body's own first question.
    private func begins() -> Bool {
        guard leave(for: .begun) else { return false }
        load?.noteBegun()
        return true
    }

    private func leave(for next: Stage) -> Bool {
        stage.compareExchange(expected: .waiting, desired: next, ordering: .acquiringAndReleasing).exchanged
    }

    /// Whether it is executed on Swift's pool.
    var isOfPool: Bool { load != nil }

    /// Takes the body back if it waits for a thread: then it does not begin any more, and this is its end.
    ///
    /// - Returns: whether it was taken back, by this call.
    @discardableResult
    func withdraw() -> Bool {
        guard leave(for: .withdrawn) else { return false }
        load?.noteWithdrawn()
        finish(.failure(BodyWithdrawn()))
        return true
    }

    /// The first end counts. One that comes after the time limit is the limit's, whatever it is: the timer may be late.
    private func finish(_ end: End) {
        let took = ContinuousClock.now - begin
        let end = if let limit, took > limit { End.failure(StepTimeout(limit: limit)) } else { end }
        let (waiter, timer) = state.withLock { state in
            guard state.end == nil else { return (nil as UnsafeContinuation<Bool, Never>?, nil as Scheduled<Void>?) }
            // An error that nobody wants is let go of where it was thrown.
            if state.isUnwanted, case .failure = end {
                state.end = .failure(CancellationError())
            } else {
                state.end = end
            }
            state.took = took.wholeMilliseconds
            defer { state.waiter = nil }
            return (state.waiter, state.timer)
        }
        timer?.cancel()
        waiter?.resume(returning: true)
    }

    /// Waits for the end, which is then ``end``. Not handed out here: see ``forgetError()``.
    ///
    /// - Returns: `false` if the wait was interrupted.
    nonisolated(nonsending) func wait() async -> Bool {
        if hasEnded { return true }
        return await withUnsafeContinuation { (continuation: UnsafeContinuation<Bool, Never>) in
            let hasEnded = state.withLock { state in
                if state.end == nil { state.waiter = continuation }
                return state.end != nil
            }
            if hasEnded { continuation.resume(returning: true) }
        }
    }

    /// Lets go of the error that the body has thrown, once it is judged. It may hold something with a `deinit` of the user's: that is to be executed
    /// where the run is blamed for it.
    func forgetError() {
        // Returned, so that it is released when the lock is free.
        _ = state.withLock { state -> End? in
            guard case .failure? = state.end else { return nil }
            defer { state.end = .failure(CancellationError()) }
            return state.end
        }
    }

    /// Ends the wait for this body; the body goes on.
    func interruptWait() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: false)
    }

    /// Cancels the body's task, on the calling thread: what the body does about it may block that.
    ///
    /// - Parameter unwanted: whether it is for nobody any more; then its end is not an outcome. Else it is the worker's session that has ended, and
    ///   the time limit with it.
    func cancel(unwanted: Bool = false) {
        let (work, timer) = state.withLock { state in
            if unwanted {
                state.isUnwanted = true
                return (state.work, nil as Scheduled<Void>?)
            }
            defer { state.timer = nil }
            return (state.work, state.timer)
        }
        timer?.cancel()
        work?.cancel()
    }

    /// What was written before it was to begin.
    var mark: AttemptMark? { markOfAttempt }
    /// Its end, once it is there.
    var end: End? { state.withLock { $0.end } }
    var hasEnded: Bool { state.withLock { $0.end != nil } }
    /// What it has returned, if it has.
    var returned: [UInt8]? {
        state.withLock { state in
            guard case .success(let json)? = state.end else { return nil }
            return json
        }
    }
    var isUnwanted: Bool { state.withLock { $0.isUnwanted } }
    /// When the attempt began; its time limit counts from there.
    var start: ContinuousClock.Instant { begin }
    var timeLimit: Duration? { limit }
    /// Whether it has begun, has no end yet, and its step is open.
    var isExecuted: Bool { stage.load(ordering: .relaxed) == .begun && isWanted }
    /// Whether it has no end yet, and its step is open.
    var isWanted: Bool { state.withLock { $0.end == nil && !$0.isUnwanted } }
    /// How long it took, in milliseconds; 0 before its end.
    var took: Int { state.withLock { $0.took } }
}
