import Synchronization

/// The session that anybody may read, and those who are told when it changes.
final class SessionObservers: Sendable {
    private struct State {
        var session: RedisSession?
        var connect: [@Sendable (RedisSession) -> Void] = []
        var disconnect: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    var session: RedisSession? { state.withLock { $0.session } }

    func addConnect(_ body: @escaping @Sendable (RedisSession) -> Void) {
        state.withLock { $0.connect.append(body) }
    }

    func addDisconnect(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.disconnect.append(body) }
    }

    /// Outside the lock, so that an observer may ask for the session.
    func change(to session: RedisSession?) {
        let (connect, disconnect) = state.withLock { state in
            state.session = session
            return (state.connect, state.disconnect)
        }
        if let session {
            for body in connect { body(session) }
        } else {
            for body in disconnect { body() }
        }
    }
}
