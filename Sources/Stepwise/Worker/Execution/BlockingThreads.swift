import NIOPosix
import Synchronization

/// The threads of bodies that block theirs (`StepOption.blocking`), apart from Swift's pool and from the engine.
///
/// They are started with the first such body. A thread that blocks forever is left behind.
final class BlockingThreads: TaskExecutor {
    private struct State {
        var pool: NIOThreadPool?
        var isClosed = false
    }

    private let count: Int
    private let state = Mutex(State())

    /// - Parameter count: how many bodies can block at once; more wait for a thread.
    init(_ count: Int) {
        self.count = count
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard let pool = state.withLock({ Self.pool(&$0, count) }) else { return executeElsewhere(job) }
        pool.submit { [self] state in
            switch state {
            case .active: execute(job)
            case .cancelled: executeElsewhere(job)
            }
        }
    }

    private static func pool(_ state: inout State, _ count: Int) -> NIOThreadPool? {
        if state.isClosed || state.pool != nil { return state.pool }
        let pool = NIOThreadPool(numberOfThreads: count)
        pool.start()
        state.pool = pool
        return pool
    }

    private func execute(_ job: UnownedJob) { job.runSynchronously(on: asUnownedTaskExecutor()) }

    /// What is left of bodies that nobody waits for continues on Swift's pool.
    private func executeElsewhere(_ job: UnownedJob) {
        Task.detached { self.execute(job) }
    }

    /// The worker ends. Waits for no thread.
    func close() {
        let pool = state.withLock { state in
            defer { (state.pool, state.isClosed) = (nil, true) }
            return state.pool
        }
        pool?.shutdownGracefully { _ in }
    }
}
