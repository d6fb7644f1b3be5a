package import NIOCore
import Synchronization

/// Which server process the connections of one or several clients are for.
///
/// Until ``admit(_:)`` is called, every server is admitted. From then on a connection to another process stays *apart*: it has shaken hands, and nothing
/// goes out on it but the commands that say that they pass the gate. All others fail as `unavailable`, not executed, and so do those that waited
/// for a connection. No connection to a replica is made. The gate's owner is told; it asks that server what it wants to know, and admits it.
///
/// A server that does not tell its `run_id` has the empty one, and cannot be recognized: each connection that is made to it is apart.
package final class ServerGate: Sendable {
    /// What has become of the gate.
    enum Change: Sendable {
        /// What is open to another process is given up, and what is apart to this one is opened.
        case admit(String)
        /// Every server may be used.
        case admitAll
        /// What is open is given up, but for connections to a server that does not tell its `run_id`.
        case shut
    }

    private enum Admitted {
        case all
        case none
        case server(String)
    }

    private struct State {
        var admitted = Admitted.all
        var isRestricted = false
        var isShut = false
        var apart: RedisSession?
        var isLetGo = false
        var clients: [@Sendable (Change) -> EventLoopFuture<Void>] = []
        var observers: [@Sendable () -> Void] = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: Its owner

    /// Whether something is apart, or nothing is admitted.
    package var isShut: Bool { state.withLock { $0.isShut } }

    /// The server that was met last, if it is not admitted.
    package var apart: RedisSession? { state.withLock { $0.apart } }

    /// Calls `body`, on an event loop, whenever a connection is apart, before any command fails because of it.
    package func onApart(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.observers.append(body) }
    }

    /// From now on only this server process may be used. What is connected to another one is connected anew.
    @discardableResult
    package func admit(_ runID: String) -> [EventLoopFuture<Void>] {
        change(.admit(runID)) { state in
            (state.admitted, state.isRestricted) = (.server(runID), true)
            (state.isShut, state.apart) = (false, nil)
        }
    }

    /// From now on every server may be used.
    @discardableResult
    package func admitAll() -> [EventLoopFuture<Void>] {
        change(.admitAll) { state in
            (state.admitted, state.isShut, state.apart) = (.all, false, nil)
        }
    }

    /// No server may be used until one is admitted.
    ///
    /// - Returns: what is done once no reply of an earlier connection can arrive any more.
    @discardableResult
    package func shut() -> [EventLoopFuture<Void>] {
        change(.shut) { state in
            (state.admitted, state.isShut) = (.none, true)
        }
    }

    /// Ends what is left of a gate whose clients have come back to the admitted server by themselves.
    package func reopen() {
        let waiters = state.withLock { state in
            if state.apart == nil { state.isShut = false }
            defer { if !state.isShut { state.waiters = [] } }
            return state.isShut ? [] : state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits while the gate is shut.
    package func waitUntilOpen() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                let isOpen = !state.isShut || state.isLetGo
                if !isOpen { state.waiters.append(continuation) }
                return isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    /// Ends all waits, those of later as well.
    package func letGo() {
        let waiters = state.withLock { state in
            state.isLetGo = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func change(_ change: Change, _ body: (inout State) -> Void) -> [EventLoopFuture<Void>] {
        let (clients, waiters) = state.withLock { state in
            body(&state)
            defer { if !state.isShut { state.waiters = [] } }
            return (state.clients, state.isShut ? [] : state.waiters)
        }
        let changes = clients.map { $0(change) }
        for waiter in waiters { waiter.resume() }
        return changes
    }

    // MARK: Its clients

    func add(_ client: @escaping @Sendable (Change) -> EventLoopFuture<Void>) {
        state.withLock { $0.clients.append(client) }
    }

    /// Whether replicas are not to be connected to.
    var refusesReplicas: Bool { state.withLock { $0.isRestricted } }

    /// Asked for each connection that has shaken hands. `false`: it is apart.
    func admits(_ session: RedisSession) -> Bool {
        state.withLock { state in
            switch state.admitted {
            case .all: return true
            case .server(session.runID) where !session.runID.isEmpty:
                state.apart = nil
                return true
            case .server, .none:
                (state.isShut, state.apart) = (true, session)
                return false
            }
        }
    }

    func tellApart() {
        for observer in state.withLock({ $0.observers }) { observer() }
    }
}

extension RedisError {
    static var apart: RedisError {
        RedisError(
            .unavailable,
            "redis is another server process than before; commands wait until it was asked what it has")
    }

    package static var replica: RedisError { RedisError(.unavailable, "redis is a replica, which takes no writes") }
}
