internal import Logging
import NIOCore
import Synchronization

/// Watches Swift's pool for a worker, from a loop that user code cannot hold, and the threads for `.blocking` steps.
///
/// While bodies hold all threads of the pool, the worker claims nothing and releases what has not begun, so that no work item stays with a
/// worker that cannot execute it. Bodies that have begun go on, and those of `.blocking` steps, which have threads of their own, begin. The same
/// holds the other way round, once a `.blocking` step waits for threads that bodies hold for which nobody waits.
final class PoolWatcher: Sendable {
    private struct State {
        var watch: PoolWatch
        var verdict = PoolWatch.Verdict.free
        /// For how many ticks in a row it has been held.
        var heldTicks = 0
        /// The same while not only bodies that somebody waits for hold it, and none of its bodies returned.
        var lastingTicks = 0
        /// How many had returned by then.
        var returned = 0
        /// For how many ticks in a row all threads for bodies that block have been held by such that nobody waits for.
        var blockingTicks = 0
        /// Some of those; empty as long as they do not hold all.
        var blockingBodies: [HeldThread] = []
        /// Whether nothing is claimed for that: a body waits for one of them.
        var blockingStops = false
        /// What the last note says of who holds it.
        var noted: PoolBodies.Picture?
        var notes = 0
        /// How many comparisons there were at the last tick: another server may have lost what was noted.
        var comparisons = 0
    }

    /// After how many ticks in a row for which threads are held the process ends.
    private struct Limits {
        /// If nobody waits for a body there.
        let unwanted: Int
        /// If somebody does: four times as long, and as long as it takes to call the pool held.
        let wanted: Int
    }

    /// What the worker's entry is to say.
    private struct Note {
        var number: Int
        /// For how long the pool has begun nothing; `nil` once it goes on.
        var age: Duration?
        var bodies: [HeldThread] = []
        /// Some that hold all threads for bodies that block.
        var blockingBodies: [HeldThread] = []
    }

    private let session: WorkerSession
    private let engine: WorkerExecutor
    private let interval: Duration
    /// After how many ticks in a row threads count as held.
    private let startTicks: Int
    /// `nil`: the process does not end for it.
    private let limits: Limits?
    /// How many threads Swift's pool has, or less.
    private let threads = System.coreCount
    private let probe = PoolProbe()
    private let state: Mutex<State>
    private let task = Mutex<RepeatedTask?>(nil)
    private let notes: AsyncStream<Note>
    private let addNote: AsyncStream<Note>.Continuation

    init(session: WorkerSession, on engine: WorkerExecutor) {
        self.session = session
        self.engine = engine
        let limit = session.configuration.bodyStartLimit
        // Any limit is a few ticks long, and watching costs next to nothing.
        let interval = min(max(limit / 20, .milliseconds(50)), .milliseconds(500))
        self.interval = interval
        let startTicks = max(1, limit.wholeMilliseconds / interval.wholeMilliseconds)
        self.startTicks = startTicks
        limits =
            session.configuration.onStuck == .endProcess
            ? StuckWatch.ticks(of: session.configuration.stuckLimit, every: interval.wholeMilliseconds).map {
                Limits(unwanted: $0, wanted: 4 * $0 + startTicks)
            } : nil
        state = Mutex(State(watch: PoolWatch(limit: startTicks)))
        (notes, addNote) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func start() {
        let repeated = engine.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: TimeAmount(atMost: interval)) {
            [self] _ in tick()
        }
        task.withLock { $0 = repeated }
    }

    func stop() {
        task.withLock { $0?.cancel() }
        addNote.finish()
    }

    /// Writes the notes to the worker's entry, until ``stop()``. Over the caller's connection.
    func writeNotes() async {
        for await note in notes {
            do {
                _ = try await session.evaluate(
                    .notePool(
                        session.keys, session.name, number: note.number, age: note.age, bodies: note.bodies,
                        blocking: note.blockingBodies))
            } catch is SessionEnded {
                return
            } catch {
                session.logger.warning(
                    "the state of Swift's pool was not written to the worker's entry", metadata: ["error": "\(error)"])
            }
        }
    }

    private func tick() {
        if session.isOver { return }
        let probeHasRun = probe.send()
        let begun = session.poolLoad.begun
        let comparisons = session.comparisons.count
        let (before, now, age, isNewServer) = state.withLock { state in
            let before = state.verdict
            defer { state.comparisons = comparisons }
            state.verdict = state.watch.tick(probeHasRun: probeHasRun, begun: begun)
            state.heldTicks = state.verdict == .held ? state.heldTicks + 1 : 0
            if state.verdict != .held { state.lastingTicks = 0 }
            let age = interval * (state.watch.still + max(0, state.heldTicks - 1))
            return (before, state.verdict, age, state.comparisons != comparisons)
        }
        let (stopped, stops) = lookAfterBlockingThreads(poolAge: now == .held ? age : nil)
        if before == .held, now != .held { goOn() }
        if isNewServer { note(now == .held ? age : nil, session.poolLoad.picture) }
        switch now {
        case .held:
            let bodies = session.poolLoad.picture
            if before != .held {
                hold(age, bodies)
            } else if state.withLock({ $0.noted != bodies }) {
                note(age, bodies)
            }
            // Also bodies that were handed to the pool since.
            if session.poolLoad.waiting > 0 { session.withdrawBodies() }
            if mayEnd(bodies) {
                session.end(
                    .poolHeld(milliseconds: age.wholeMilliseconds, by: holder(bodies), bodies: bodies.holders))
            }
        case .wary(let number): if !stops { session.slots.allow(number) }
        case .free: if !stops, before != .free || stopped { session.slots.allow(nil) }
        }
    }

    /// Whether the process may end for the pool: nobody waits for what holds it, and the worker holds nothing that would be interrupted.
    ///
    /// Later it may also end while somebody waits for bodies there: those that await something cannot go on.
    private func mayEnd(_ bodies: PoolBodies.Picture) -> Bool {
        guard let limits else { return false }
        // They may be all that holds it: then it comes free.
        let areWork = bodies.unwanted == 0 && bodies.count >= threads
        let returned = session.poolLoad.returned
        let ticks = state.withLock { state in
            state.lastingTicks = areWork || state.returned != returned ? 0 : state.lastingTicks + 1
            state.returned = returned
            return state.lastingTicks
        }
        if bodies.areUnwanted {
            if session.ledger.isEmpty, session.pushedCount == 0 { return ticks >= limits.unwanted }
            // Bodies with threads of their own are not held up by it.
            if !session.blockingThreads.picture(for: session.name).areUnwanted { return false }
        }
        return ticks >= limits.wanted
    }

    private func holder(_ bodies: PoolBodies.Picture) -> String {
        if bodies.unwanted == 0 { return "code that no step body waits for holds every thread of Swift's pool" }
        return bodies.areUnwanted
            ? "step bodies that nobody waits for hold every thread of Swift's pool"
            : "step bodies hold every thread of Swift's pool, also such that nobody waits for"
    }

    /// Has threads replaced that bodies hold for which nobody waits. Once there are no spare ones any more and a body waits for one, nothing is
    /// claimed, and the process may end.
    ///
    /// - Parameter poolAge: for how long Swift's pool has begun nothing, if it is held.
    /// - Returns: whether nothing was claimed for it until now, and whether nothing is from now on.
    private func lookAfterBlockingThreads(poolAge: Duration?) -> (stopped: Bool, stops: Bool) {
        let threads = session.blockingThreads
        let areHeld = threads.look(for: session.name)
        let areWanted = areHeld && threads.areWanted
        let (wereHeld, ticks, stopped, stops) = state.withLock { state in
            let (ticks, stopped) = (state.blockingTicks, state.blockingStops)
            state.blockingTicks = areHeld ? ticks + 1 : 0
            state.blockingStops = areHeld && (stopped || areWanted && ticks >= startTicks)
            return (ticks > 0, state.blockingTicks, stopped, state.blockingStops)
        }
        // At each tick: the threads are those of all sessions of the process.
        threads.hold(stops)
        if stops, !stopped { stopClaiming() }
        // Also bodies that were handed to the threads since.
        if areWanted, stops { session.withdrawBodies() }
        let bodies = areHeld ? threads.picture(for: session.name) : .init()
        if areHeld != wereHeld {
            state.withLock { $0.blockingBodies = bodies.first }
            note(poolAge, poolAge == nil ? .init() : session.poolLoad.picture)
        }
        guard areHeld else { return (stopped, stops) }
        let holder = "step bodies that nobody waits for hold every thread for .blocking steps, the spare ones too"
        if ticks == 1 {
            session.logger.error(
                "\(holder); once another such step waits for one, the worker releases it and claims nothing until a body returns or the process is restarted",
                metadata: ["bodies": "\(bodies.holders)", "try": "find out why these bodies do not return"])
        }
        guard let limits else { return (stopped, stops) }
        let mayEnd =
            if bodies.areUnwanted, session.poolLoad.picture.areUnwanted { ticks >= limits.unwanted } else {
                ticks >= limits.wanted && (stops || areWanted)
            }
        if mayEnd {
            let age = interval * ticks
            session.end(.poolHeld(milliseconds: age.wholeMilliseconds, by: holder, bodies: bodies.holders))
        }
        return (stopped, stops)
    }

    private func stopClaiming() {
        session.slots.hold()
        // A claim that waits on an empty list would still take an item.
        for client in session.connections.blocking.values {
            Task.detached(executorPreference: engine) { [session] in await session.stopWaiting(client) }
        }
    }

    private func hold(_ age: Duration, _ bodies: PoolBodies.Picture) {
        session.poolLoad.hold(true)
        stopClaiming()
        session.logger.warning(
            "\(bodies.count == 0 ? "code of no step body holds" : "step bodies hold") every thread of Swift's pool; the worker claims nothing, and releases what has not begun",
            metadata: [
                "for": "\(age)", "waiting": "\(session.poolLoad.waiting)", "bodies": "\(bodies.holders)",
                "try": "the option .blocking for steps whose bodies block or compute for long, or more workers",
            ])
        note(age, bodies)
    }

    private func goOn() {
        session.poolLoad.hold(false)
        session.logger.notice("Swift's pool begins bodies again; claiming goes on")
        note(nil, .init())
    }

    private func note(_ age: Duration?, _ bodies: PoolBodies.Picture) {
        let (number, blocking) = state.withLock { state in
            state.notes += 1
            state.noted = bodies
            return (state.notes, state.blockingBodies)
        }
        addNote.yield(
            Note(number: number, age: age, bodies: age == nil ? [] : bodies.first, blockingBodies: blocking))
    }
}

/// A task that does nothing, sent to Swift's pool again and again.
private final class PoolProbe: Sendable {
    private let hasRun = Atomic(true)

    /// Sends it, unless it is on its way.
    ///
    /// - Returns: whether it has run since it was sent.
    func send() -> Bool {
        guard hasRun.load(ordering: .relaxed) else { return false }
        hasRun.store(false, ordering: .relaxed)
        Task.detached { self.hasRun.store(true, ordering: .relaxed) }
        return true
    }
}
