/// When a link connects, waits and gives up: events go in, what to do comes out. No clock and no socket in it.
package struct LinkStateMachine {
    private enum State: Hashable {
        /// Nobody has wanted a connection yet.
        case idle
        case connecting(failures: Int)
        case connected
        case waiting(failures: Int)
        case closed
    }

    package enum Action: Hashable {
        case nothing
        case connect
        /// Wait and then say ``LinkStateMachine/waited()``; `failures` in a row set for how long.
        case wait(failures: Int)
        /// What was just achieved is wanted no more.
        case discard
        case use
    }

    private var state = State.idle

    package init() {}

    package var isClosed: Bool { state == .closed }

    package mutating func wanted() -> Action {
        guard state == .idle else { return .nothing }
        state = .connecting(failures: 0)
        return .connect
    }

    package mutating func succeeded() -> Action {
        guard case .connecting = state else { return .discard }
        state = .connected
        return .use
    }

    package mutating func failed() -> Action {
        guard case .connecting(let failures) = state else { return .nothing }
        state = .waiting(failures: failures + 1)
        return .wait(failures: failures + 1)
    }

    package mutating func lost() -> Action {
        guard state == .connected else { return .nothing }
        // Also after a connection that worked: a server that ends each one at once is not to be hammered.
        state = .waiting(failures: 1)
        return .wait(failures: 1)
    }

    package mutating func waited() -> Action {
        guard case .waiting(let failures) = state else { return .nothing }
        state = .connecting(failures: failures)
        return .connect
    }

    package mutating func close() {
        state = .closed
    }
}
