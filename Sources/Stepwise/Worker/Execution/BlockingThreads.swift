import NIOCore
import NIOPosix
import Synchronization

/// The threads of bodies that block theirs (`StepOption.blocking`), apart from Swift's pool and from the engine.
///
/// They are started with the first such body. A thread that a body holds for which nobody waits any more does not count: a spare one takes its
/// place, as often as there are threads. The spare ones are started when the first is needed. A thread that blocks forever is left behind.
final class BlockingThreads: Sendable {
    private struct Job {
        let job: UnownedJob
        let body: BlockingBody
    }

    /// What a body has here.
    private struct Use {
        let executor: BlockingBody
        /// Since it has begun, until it returns.
        var body: RunningBody?
        /// How many threads it has just now: none while it awaits something, more than one if it has child tasks.
        var threads = 0
        var isUnwanted = false

        var held: Int { isUnwanted ? threads : 0 }
    }

    private struct State {
        /// The threads, and the spare ones.
        var pools: [NIOThreadPool] = []
        /// How many of each are busy.
        var busy = [0, 0]
        var waiting = CircularBuffer<Job>()
        var uses: [ObjectIdentifier: Use] = [:]
        /// How many threads have bodies for which nobody waits.
        var held = 0
        var isClosed = false
    }

    private let count: Int
    private let held = Atomic(false)
    private let bodies = PoolBodies()
    private let state = Mutex(State())

    /// - Parameter count: how many bodies can block at once; more wait for a thread. There are as many spare threads.
    init(_ count: Int) {
        self.count = count
    }

    // MARK: Who holds them

    /// Finds out which threads are held by bodies for which nobody waits, and begins others in their place. To be called again and again.
    ///
    /// - Parameter session: whose bodies may be wanted.
    /// - Returns: whether such bodies hold all threads, the spare ones too.
    func look(for session: String) -> Bool {
        let areHeld = state.withLock { state in
            for use in state.uses.values where !use.isUnwanted {
                guard let body = use.body, use.executor.session != session || !body.isWanted else { continue }
                Self.change(use.executor, &state) { $0.isUnwanted = true }
            }
            return state.held >= 2 * count
        }
        begin()
        return areHeld
    }

    /// Whether a body that is handed to them would have no thread.
    func hold(_ isHeld: Bool) { held.store(isHeld, ordering: .relaxed) }
    var isHeld: Bool { held.load(ordering: .relaxed) }

    /// Whether something waits for a thread.
    var areWanted: Bool { state.withLock { !$0.waiting.isEmpty } }

    /// Which bodies have begun here and have not returned.
    ///
    /// - Parameter session: whose bodies may be wanted.
    func picture(for session: String) -> PoolBodies.Picture { bodies.picture(for: session) }

    fileprivate func enter(_ body: RunningBody, _ step: Step, _ executor: BlockingBody) -> Int {
        state.withLock { Self.change(executor, &$0) { $0.body = body } }
        return bodies.add(body, step, of: executor.session)
    }

    fileprivate func leave(_ number: Int, _ executor: BlockingBody) {
        bodies.remove(number)
        state.withLock { Self.change(executor, &$0) { ($0.body, $0.isUnwanted) = (nil, false) } }
    }

    private static func change(_ executor: BlockingBody, _ state: inout State, _ change: (inout Use) -> Void) {
        let id = ObjectIdentifier(executor)
        var use = state.uses[id] ?? Use(executor: executor)
        state.held -= use.held
        change(&use)
        state.held += use.held
        state.uses[id] = use.threads > 0 || use.body != nil ? use : nil
    }

    // MARK: Jobs

    fileprivate func enqueue(_ job: UnownedJob, of body: BlockingBody) {
        let job = Job(job: job, body: body)
        let isClosed = state.withLock { state in
            if !state.isClosed { state.waiting.append(job) }
            return state.isClosed
        }
        if isClosed { executeElsewhere(job) } else { begin() }
    }

    /// Begins what waits, as long as a thread is free for it.
    private func begin() {
        while let (job, pool, place) = state.withLock({ next(&$0) }) {
            pool.submit { [self] verdict in
                switch verdict {
                case .active: job.body.execute(job.job)
                case .cancelled: executeElsewhere(job)
                }
                end(job, place)
            }
        }
    }

    private func next(_ state: inout State) -> (Job, NIOThreadPool, Int)? {
        // As many spare threads as others, and each in the place of a held one.
        guard state.busy[0] + state.busy[1] < count + min(state.held, count), let job = state.waiting.popFirst() else {
            return nil
        }
        let place = state.busy[0] < count ? 0 : 1
        if state.pools.count == place {
            let pool = NIOThreadPool(numberOfThreads: count)
            pool.start()
            state.pools.append(pool)
        }
        state.busy[place] += 1
        Self.change(job.body, &state) { $0.threads += 1 }
        return (job, state.pools[place], place)
    }

    private func end(_ job: Job, _ place: Int) {
        state.withLock { state in
            state.busy[place] -= 1
            Self.change(job.body, &state) { $0.threads -= 1 }
        }
        begin()
    }

    /// What is left of bodies that nobody waits for continues on Swift's pool.
    private func executeElsewhere(_ job: Job) {
        Task.detached { job.body.execute(job.job) }
    }

    /// The worker ends. Waits for no thread.
    func close() {
        let (pools, waiting) = state.withLock { state in
            defer { (state.pools, state.waiting, state.isClosed) = ([], CircularBuffer<Job>(), true) }
            return (state.pools, Array(state.waiting))
        }
        for pool in pools { pool.shutdownGracefully { _ in } }
        for job in waiting { executeElsewhere(job) }
    }
}

/// The ``BlockingThreads`` as one body sees them: so it is known which threads that body has.
final class BlockingBody: TaskExecutor {
    private let threads: BlockingThreads
    fileprivate let session: String

    /// - Parameter session: its name.
    init(on threads: BlockingThreads, of session: String) {
        (self.threads, self.session) = (threads, session)
    }

    func enqueue(_ job: consuming ExecutorJob) { threads.enqueue(UnownedJob(job), of: self) }

    fileprivate func execute(_ job: UnownedJob) { job.runSynchronously(on: asUnownedTaskExecutor()) }

    /// The body has a thread.
    ///
    /// - Returns: the number to give to ``leave(_:)`` once it has returned.
    func enter(_ body: RunningBody, _ step: Step) -> Int { threads.enter(body, step, self) }
    func leave(_ number: Int) { threads.leave(number, self) }
}
