import NIOCore
internal import StepwiseRedis
import Synchronization

/// Writes what a worker's bodies do to `busy:<worker>`, from the heartbeat's event loop, which no body can hold.
final class BusyWatch: Sendable {
    private struct State {
        var bodies: BusyBodies
        var isNoting = false
        /// How many comparisons there were by then: another server may have lost what was noted.
        var comparisons = 0
    }

    private let session: WorkerSession
    private let age: Duration
    private let state: Mutex<State>

    /// - Parameter interval: between two ticks, in milliseconds; younger bodies are not told of.
    init(session: WorkerSession, every interval: Int) {
        self.session = session
        age = .milliseconds(interval)
        state = Mutex(State(bodies: BusyBodies(renewal: 3_600_000 / max(1, interval))))
    }

    /// To be called as often as a heartbeat, on its event loop.
    func tick() {
        if session.isOver { return }
        let bodies = session.bodies.sightings(olderThan: age, at: .now, most: BusyBodies.most)
        let comparisons = session.comparisons.count
        let change = state.withLock { state -> BusyBody.Change? in
            if state.isNoting { return nil }
            if state.comparisons != comparisons {
                state.comparisons = comparisons
                state.bodies.forget()
            }
            let change = state.bodies.look(bodies)
            state.isNoting = change != nil
            return change
        }
        guard let change else { return }
        let call = ScriptCall.noteBusy(session.keys, session.name, change, seconds: BusyBodies.retention)
        session.connections.beat.submit(call).whenComplete { [self] reply in
            state.withLock { state in
                state.isNoting = false
                // A refusal is no reason to stop: the next tick sends the same.
                if case .success = reply, session.comparisons.count == comparisons { state.bodies.confirm(change) }
            }
        }
    }
}
