package import NIOCore
import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The thread on which a worker's own code runs: the event loop of its connections, so that neither a reply nor a call changes threads.
///
/// The worker's tasks prefer it as their executor, and its actors have ``actors`` for theirs; both take turns on one queue. What a batch of
/// replies has woken is executed in slices, and what a slice sends leaves behind it in one piece.
package final class WorkerExecutor: TaskExecutor {
    private enum Job {
        case task(UnownedJob)
        case actor(UnownedJob)
        /// For the executor's actors, without a task.
        case work(@Sendable () -> Void)
    }

    private struct State {
        var jobs: [Job] = []
        var isScheduled = false
        var isClosed = false
    }

    /// The same thread for actors.
    package let actors = ActorExecutor()
    package let eventLoop: any EventLoop
    /// The most jobs of one batch.
    private static let slice = 8
    /// What is being executed; only ``drain()`` touches it, and there is one of that at a time.
    private nonisolated(unsafe) var batch: (jobs: [Job], next: Int) = ([], 0)
    /// The thread that drains now.
    private let drainer = Atomic<UInt>(0)
    private let state = Mutex(State())

    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        actors.executor = self
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        add(.task(UnownedJob(job)))
    }

    fileprivate func enqueue(forActor job: UnownedJob) {
        add(.actor(job))
    }

    fileprivate func execute(_ work: @escaping @Sendable () -> Void) {
        add(.work(work))
    }

    /// Whether the current thread executes what the executor's actors are to do.
    fileprivate var isCurrent: Bool { drainer.load(ordering: .relaxed) == Self.thread }
    private static var thread: UInt { withUnsafeBytes(of: pthread_self()) { $0.loadUnaligned(as: UInt.self) } }

    /// The event loop is about to end: what comes from now on is executed elsewhere, still one job at a time.
    package func close() async {
        state.withLock { $0.isClosed = true }
        // What was scheduled before is executed by then.
        try? await eventLoop.submit {}.get()
    }

    private func add(_ job: Job) {
        state.withLock { state in
            state.jobs.append(job)
            // Under the lock: what is scheduled on the event loop is so before ``close()`` asks it.
            if !state.isScheduled { schedule(state.isClosed) }
            state.isScheduled = true
        }
    }

    private func schedule(_ isClosed: Bool) {
        if isClosed { Task.detached { self.drain() } } else { eventLoop.execute { self.drain() } }
    }

    /// Executes some of what is there. The rest comes with the next batch, behind what these jobs send: else Redis would have nothing to do while
    /// the jobs of a large batch are executed, and they nothing while Redis is busy with it.
    private func drain() {
        if batch.jobs.isEmpty { state.withLock { state in swap(&state.jobs, &batch.jobs) } }
        drainer.store(Self.thread, ordering: .relaxed)
        let end = min(batch.next + Self.slice, batch.jobs.count)
        while batch.next < end {
            let job = batch.jobs[batch.next]
            batch.next += 1
            switch job {
            case .task(let job): job.runSynchronously(on: asUnownedTaskExecutor())
            case .actor(let job):
                job.runSynchronously(
                    isolatedTo: actors.asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            case .work(let body): body()
            }
        }
        drainer.store(0, ordering: .relaxed)
        let isDone = batch.next == batch.jobs.count
        if isDone {
            batch.next = 0
            batch.jobs.removeAll(keepingCapacity: true)
        }
        state.withLock { state in
            state.isScheduled = !isDone || !state.jobs.isEmpty
            if state.isScheduled { schedule(state.isClosed) }
        }
    }
}

/// A executor as the executor of actors: one job at a time.
package final class ActorExecutor: SerialExecutor {
    /// Set once, by the executor that owns it. Not retained, or neither would end: whoever has an actor here keeps its worker, and that the executor.
    fileprivate nonisolated(unsafe) unowned(unsafe) var executor: WorkerExecutor!

    package func enqueue(_ job: consuming ExecutorJob) {
        executor.enqueue(forActor: UnownedJob(job))
    }

    /// Has `body` called in its turn. It may use what is isolated to the executor's actors.
    package func execute(_ body: @escaping @Sendable () -> Void) {
        executor.execute(body)
    }

    package func checkIsolated() {
        precondition(executor.isCurrent, "called from outside of the worker's own thread")
    }
}
