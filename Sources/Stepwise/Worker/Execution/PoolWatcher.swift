internal import Logging
import NIOCore
import Synchronization

/// Watches Swift's pool for a worker, from a loop that user code cannot hold.
///
/// While bodies hold all threads of the pool, the worker claims nothing and releases what has not begun, so that no work item stays with a
/// worker that cannot execute it. Bodies that have begun go on, and those of `.blocking` steps, which have threads of their own, begin.
final class PoolWatcher: Sendable {
    private struct State {
        var watch: PoolWatch
        var verdict = PoolWatch.Verdict.free
        /// For how many ticks in a row it has been held.
        var heldTicks = 0
        /// What the last note says of who holds it.
        var noted: PoolBodies.Picture?
        var notes = 0
        /// How many comparisons there were at the last tick: another server may have lost what was noted.
        var comparisons = 0
    }

    /// What the worker's entry is to say.
    private struct Note {
        var number: Int
        /// For how long the pool has begun nothing; `nil` once it goes on.
        var age: Duration?
        var bodies: [HeldThread] = []
    }

    private let session: WorkerSession
    private let engine: WorkerExecutor
    private let interval: Duration
    /// After how many ticks in a row for which the pool is held the process ends, if nobody waits for what holds it.
    private let endingLimit: Int?
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
        endingLimit =
            session.configuration.onStuck == .endProcess
            ? StuckWatch.ticks(of: session.configuration.stuckLimit, every: interval.wholeMilliseconds) : nil
        state = Mutex(State(watch: PoolWatch(limit: limit.wholeMilliseconds / interval.wholeMilliseconds)))
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
                    .notePool(session.keys, session.name, number: note.number, age: note.age, bodies: note.bodies))
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
        let (before, now, heldTicks, age, isNewServer) = state.withLock { state in
            let before = state.verdict
            defer { state.comparisons = comparisons }
            state.verdict = state.watch.tick(probeHasRun: probeHasRun, begun: begun)
            state.heldTicks = state.verdict == .held ? state.heldTicks + 1 : 0
            let age = interval * (state.watch.still + max(0, state.heldTicks - 1))
            return (before, state.verdict, state.heldTicks, age, state.comparisons != comparisons)
        }
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
            if mayEnd(after: heldTicks, bodies) {
                session.end(.poolHeld(milliseconds: age.wholeMilliseconds))
            }
        case .wary(let number): session.slots.allow(number)
        case .free: if before != .free { session.slots.allow(nil) }
        }
    }

    /// Whether the process may end for it: nobody waits for what holds the pool, and the worker holds nothing that would be interrupted.
    private func mayEnd(after heldTicks: Int, _ bodies: PoolBodies.Picture) -> Bool {
        guard let endingLimit, heldTicks >= endingLimit, bodies.count > 0, bodies.areUnwanted else { return false }
        return session.ledger.isEmpty && session.pushedCount == 0
    }

    private func hold(_ age: Duration, _ bodies: PoolBodies.Picture) {
        session.slots.hold()
        session.logger.warning(
            "step bodies hold every thread of Swift's pool; the worker claims nothing, and releases what has not begun",
            metadata: [
                "for": "\(age)", "waiting": "\(session.poolLoad.waiting)", "bodies": "\(bodies.holders)",
                "try": "the option .blocking for steps whose bodies block or compute for long, or more workers",
            ])
        // A claim that waits on an empty list would still take an item.
        for client in session.connections.blocking.values {
            Task.detached(executorPreference: engine) { [session] in await session.stopWaiting(client) }
        }
        note(age, bodies)
    }

    private func goOn() {
        session.logger.notice("Swift's pool begins bodies again; claiming goes on")
        note(nil, .init())
    }

    private func note(_ age: Duration?, _ bodies: PoolBodies.Picture) {
        let number = state.withLock { state in
            state.notes += 1
            state.noted = bodies
            return state.notes
        }
        addNote.yield(Note(number: number, age: age, bodies: age == nil ? [] : bodies.first))
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
