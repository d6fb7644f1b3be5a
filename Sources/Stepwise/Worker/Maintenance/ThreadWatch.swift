internal import Logging
import NIOCore
internal import StepwiseRedis
import Synchronization

/// Watches the worker's own thread from the heartbeat's, and gives the session up when user code holds it for too long. It also writes to
/// the worker's entry what holds its threads.
final class ThreadWatch: Sendable {
    private struct State {
        var watch: StuckWatch
        /// What the worker's entry says.
        var noted = LeftThreads.Picture()
        var isNoting = false
        /// How many comparisons there were by then: another server may have lost it.
        var comparisons = 0
    }

    private let session: WorkerSession
    /// Milliseconds.
    private let interval: Int
    private let limit: Int?
    private let state: Mutex<State>
    private let hasAnswered = Atomic(false)

    /// - Parameter interval: between two ticks, in milliseconds.
    init(session: WorkerSession, every interval: Int) {
        self.session = session
        self.interval = interval
        limit = StuckWatch.ticks(of: session.configuration.stuckLimit, every: interval)
        state = Mutex(State(watch: StuckWatch(limit: limit)))
    }

    /// To be called as often as a heartbeat, on its event loop.
    func tick() {
        noteHeld()
        let verdict = state.withLock { state in
            state.watch.look(
                hasAnswered: hasAnswered.load(ordering: .acquiring), owner: session.occupancy.lastOwner)
        }
        switch verdict {
        case .ask:
            hasAnswered.store(false, ordering: .releasing)
            session.connections.executor.eventLoop.execute { [self] in
                hasAnswered.store(true, ordering: .releasing)
            }
        case .wait: break
        case .stuck(let ticks): giveUp(after: ticks)
        }
    }

    private func giveUp(after ticks: Int) {
        if session.isOver { return }
        if !session.occupancy.seize() {
            // A run that enters its code and leaves it again, over and over, is met in it at one of the next ticks.
            guard ticks >= 2 * (limit ?? ticks) else { return }
            session.suspectLast()
        }
        let milliseconds = ticks * interval
        let holder = session.holder(since: wallClockMilliseconds() - milliseconds)
        // First: whoever writes the log may be held as well.
        session.end(.threadHeld(milliseconds: milliseconds))
        session.logger.error(
            "user code holds the worker's thread; the worker leaves it behind and goes on with another",
            metadata: [
                "holder": "\(holder.holder)", "run": "\(holder.run ?? "")", "step": "\(holder.step ?? "")",
                "milliseconds": "\(milliseconds)",
            ])
    }

    /// Writes what holds threads, if that has changed; what was not written is tried again.
    private func noteHeld() {
        let picture = session.left.picture
        let comparisons = session.comparisons.count
        let isNew = state.withLock { state in
            if state.isNoting || (state.noted == picture && state.comparisons == comparisons) { return false }
            state.isNoting = true
            return true
        }
        guard isNew else { return }
        let call = ScriptCall.noteHeld(session.keys, session.name, picture.held, isStopped: picture.isStopped)
        session.connections.beat.submit(call).whenComplete { [self] reply in
            state.withLock { state in
                state.isNoting = false
                if case .success = reply { (state.noted, state.comparisons) = (picture, comparisons) }
            }
        }
    }
}
