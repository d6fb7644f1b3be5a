import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The executor of one run's function: a first-in-first-out queue of jobs that its owner drains by hand.
///
/// It is a `TaskExecutor` and nothing more. As a `SerialExecutor` too it would be asked for a hop at every nonisolated call;
/// so there is one job for each real resumption, and the order of the queue is the order of the program. When a drain ends,
/// every branch of the function is suspended.
///
/// Jobs that arrive from another thread (`Task.sleep`, the main actor, a busy shared actor) mean that the function had left
/// this executor; they are counted, kept, and reported to `onForeignJob`.
package final class ReplayExecutor: TaskExecutor, Sendable {
    private struct State {
        var jobs: [UnownedJob] = []
        var next = 0
        var drainer: pthread_t?
        var foreignJobs = 0
        var onForeignJob: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    /// How many jobs or step calls came from outside a drain.
    package var foreignJobs: Int { state.withLock { $0.foreignJobs } }

    package var hasJobs: Bool { state.withLock { $0.next < $0.jobs.count } }

    /// Called, on the foreign thread, each time when a job arrives while nobody drains.
    package func onForeignJob(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.onForeignJob = body }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let report: (@Sendable () -> Void)? = state.withLock { state in
            state.jobs.append(job)
            return Self.noteArrival(&state)
        }
        report?()
    }

    /// Notes that the function did something (called a step) from a thread that does not drain.
    package func noteActivity() {
        state.withLock { Self.noteArrival(&$0) }?()
    }

    private static func noteArrival(_ state: inout State) -> (@Sendable () -> Void)? {
        if let drainer = state.drainer, pthread_equal(drainer, pthread_self()) != 0 { return nil }
        state.foreignJobs += 1
        return state.drainer == nil ? state.onForeignJob : nil
    }

    /// Whether the calling task belongs to this executor (it prefers it), wherever its thread may be.
    package var ownsCurrentTask: Bool {
        withUnsafeCurrentTask { $0?.unownedTaskExecutor } == asUnownedTaskExecutor()
    }

    /// Runs `body` and then every job until none is left. Only one drain at a time: the owner serializes them.
    package func drain(_ body: () -> Void = {}) {
        state.withLock { $0.drainer = pthread_self() }
        body()
        runJobs()
    }

    /// Runs every job until none is left, unless somebody does that already.
    package func drainIfIdle() {
        let isIdle = state.withLock { state in
            guard state.drainer == nil else { return false }
            state.drainer = pthread_self()
            return true
        }
        if isIdle { runJobs() }
    }

    private func runJobs() {
        while let job = takeJob() {
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }

    /// The next job, or `nil` and the end of the drain, decided under one lock so that no job is left behind unseen.
    private func takeJob() -> UnownedJob? {
        state.withLock { state in
            if state.next < state.jobs.count {
                defer { state.next += 1 }
                return state.jobs[state.next]
            }
            state.jobs.removeAll(keepingCapacity: state.jobs.count < 64)
            state.next = 0
            state.drainer = nil
            return nil
        }
    }
}
