import NIOCore
import Synchronization

/// The thread on which a worker's own code runs: the event loop of its connections, so that neither a reply nor a call changes threads.
///
/// The worker's tasks prefer it as their executor, and its actors have ``actors`` for theirs; both take turns on one queue. What a batch of
/// replies has woken is executed in one go, and what that sends leaves behind it in one piece.
final class Lane: TaskExecutor {
    private struct Job {
        var job: UnownedJob
        var isActors: Bool
    }

    private struct State {
        var jobs: [Job] = []
        var spare: [Job] = []
        var isScheduled = false
        var isClosed = false
    }

    /// The same thread for actors.
    let actors = ActorLane()
    let eventLoop: any EventLoop
    private let state = Mutex(State())

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        actors.lane = self
    }

    func enqueue(_ job: consuming ExecutorJob) {
        add(Job(job: UnownedJob(job), isActors: false))
    }

    fileprivate func enqueue(forActor job: UnownedJob) {
        add(Job(job: job, isActors: true))
    }

    /// The event loop is about to end: what comes from now on is executed elsewhere, still one job at a time.
    func close() async {
        state.withLock { $0.isClosed = true }
        // What was scheduled before is executed by then.
        try? await eventLoop.submit {}.get()
    }

    private func add(_ job: Job) {
        let (mustSchedule, isClosed) = state.withLock { state in
            state.jobs.append(job)
            defer { state.isScheduled = true }
            return (!state.isScheduled, state.isClosed)
        }
        if mustSchedule { schedule(isClosed) }
    }

    private func schedule(_ isClosed: Bool) {
        if isClosed { Task.detached { self.drain() } } else { eventLoop.execute { self.drain() } }
    }

    /// Executes what is there. What that wakes comes with the next turn, so that the loop's other work is not held up.
    private func drain() {
        var jobs = state.withLock { state in
            defer { (state.jobs, state.spare) = (state.spare, []) }
            return state.jobs
        }
        for job in jobs {
            if job.isActors {
                job.job.runSynchronously(
                    isolatedTo: actors.asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            } else {
                job.job.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
        jobs.removeAll(keepingCapacity: true)
        let (isEmpty, isClosed) = state.withLock { state in
            state.isScheduled = !state.jobs.isEmpty
            state.spare = jobs
            return (state.jobs.isEmpty, state.isClosed)
        }
        if !isEmpty { schedule(isClosed) }
    }
}

/// A lane as the executor of actors: one job at a time.
final class ActorLane: SerialExecutor {
    /// Set once, by the lane that owns it.
    fileprivate nonisolated(unsafe) unowned(unsafe) var lane: Lane!

    func enqueue(_ job: consuming ExecutorJob) {
        lane.enqueue(forActor: UnownedJob(job))
    }
}
