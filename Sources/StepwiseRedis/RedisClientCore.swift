import Logging
import NIOCore

/// The part of a client that belongs to its event loop: what waits for a connection, and what goes out on it.
final class RedisClientCore {
    private let link: RedisLink
    private let timer: DeadlineTimer
    private let gate: ServerGate?
    private let refusalTimeout: TimeAmount?
    private var connection: RedisConnection?
    /// The session of ``connection``.
    private var session: RedisSession?
    /// A connection to a server that is not admitted.
    private var apart: (connection: RedisConnection, session: RedisSession)?
    private var waiting = CircularBuffer<RedisCommand>()
    private var lastCause: RedisError?
    private var isClosed = false
    private let probeAfter: TimeAmount
    /// Whether ``connection`` was idle and has not answered yet: commands wait until it does.
    private var isProbing = false
    /// The session that begins, or `nil` when one ends.
    var onSession: ((RedisSession?) -> Void)?

    init(address: RedisAddress, options: RedisOptions, eventLoop: any EventLoop, logger: Logger) {
        gate = options.gate
        probeAfter = options.probeAfter
        refusalTimeout = options.refusalTimeout
        link = RedisLink(address: address, options: options, eventLoop: eventLoop, logger: logger)
        timer = DeadlineTimer(eventLoop: eventLoop)
        timer.onDue = { [weak self] now in self?.sweep(now) }
        link.onEvent = { [weak self] event in self?.handle(event) }
    }

    /// Takes commands in the order in which they are to be executed, and sends them in one piece.
    func submit(_ commands: [RedisCommand]) {
        // When the first was made is known from its deadline: nobody has to look at the clock.
        if let connection, let first = commands.first,
            connection.isIdle(at: first.deadline - first.timeout, for: probeAfter)
        {
            probe(connection)
        }
        for command in commands {
            command.adopt()
            if command.isComplete { continue }
            if isClosed {
                command.complete(.failure(.closed))
            } else if let connection, !isProbing {
                connection.write(command)
            } else if let apart {
                if command.passesGate { apart.connection.write(command) } else { command.complete(.failure(.apart)) }
            } else {
                waiting.append(command)
                timer.ensure(by: end(of: command).time)
                link.want()
            }
        }
        connection?.flush()
        apart?.connection.flush()
    }

    /// Why there is no connection now, as far as that is known.
    var trouble: RedisError? { connection == nil && apart == nil || isProbing ? lastCause : nil }

    var mostHeld: Int { connection?.mostHeld ?? 0 }

    /// How long an idle connection has for a sign of life. What waits meanwhile has time left for another connection.
    private static let probeTime = TimeAmount.seconds(2)

    /// Asks an idle connection for a sign of life. One that gives none is lost, and nothing with it: what waits goes out on the next.
    private func probe(_ connection: RedisConnection) {
        isProbing = true
        lastCause = RedisError(.unavailable, "the connection was idle, and has not given a sign of life yet")
        let ping = RedisCommand(["PING"], timeout: Self.probeTime)
        ping.onCompletion { [weak self] reply in self?.probed(connection, reply) }
        connection.write(ping)
        connection.flush()
    }

    private func probed(_ connection: RedisConnection, _ reply: Result<RedisValue, RedisError>) {
        guard isProbing, self.connection === connection else { return }
        // A refusal is a sign of life, too.
        if case .failure(let error) = reply, error.kind == .ambiguous { return connection.abort(error) }
        isProbing = false
        lastCause = nil
        sendWaiting(on: connection)
        connection.flush()
    }

    func reconnect() {
        (connection ?? apart?.connection)?.abort(
            RedisError(.unavailable, "the connection was given up for a new one"))
    }

    /// Does what a change of the gate means for the connection that is there.
    func apply(_ change: ServerGate.Change) {
        switch change {
        case .admitAll:
            if let apart { open(apart.connection, apart.session) }
        case .admit(let runID):
            if let apart, apart.session.runID == runID {
                open(apart.connection, apart.session)
            } else if apart != nil || connection != nil, session?.runID != runID {
                reconnect()
            }
        case .shut:
            // A server without a name cannot be met again: its connections would take turns for ever.
            if connection != nil, session?.runID.isEmpty == false { reconnect() }
        }
        connection?.flush()
    }

    func expectEnd(_ isExpected: @escaping (Int) -> Bool) { link.isEndExpected = isExpected }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        let hadSession = connection != nil
        (connection, session, apart) = (nil, nil, nil)
        isProbing = false
        timer.stop()
        link.close()
        if hadSession { onSession?(nil) }
        onSession = nil
        failWaiting(.closed)
    }

    private func handle(_ event: RedisLink.Event) {
        switch event {
        case .connected(let connection, let session):
            if gate?.admits(session) ?? true { open(connection, session) } else { stayApart(connection, session) }
        case .lost(let error):
            let hadSession = connection != nil
            (connection, session, apart) = (nil, nil, nil)
            isProbing = false
            lastCause = error
            if hadSession { onSession?(nil) }
        case .attemptFailed(let error, let hopeless):
            lastCause = error
            if hopeless { failWaiting(link.hopelessError(error)) }
            if let earliest = waiting.lazy.map({ [self] in end(of: $0).time }).min() { timer.ensure(by: earliest) }
        }
    }

    private func open(_ connection: RedisConnection, _ session: RedisSession) {
        apart = nil
        (self.connection, self.session) = (connection, session)
        onSession?(session)
        sendWaiting(on: connection)
    }

    private func sendWaiting(on connection: RedisConnection) {
        while self.connection === connection, let command = waiting.popFirst() {
            if !command.isComplete { connection.write(command) }
        }
    }

    private func stayApart(_ connection: RedisConnection, _ session: RedisSession) {
        apart = (connection, session)
        gate?.tellApart()
        while let command = waiting.popFirst() {
            if command.isComplete { continue }
            if command.passesGate { connection.write(command) } else { command.complete(.failure(.apart)) }
        }
    }

    private func failWaiting(_ error: RedisError) {
        let failing = waiting
        waiting.removeAll()
        for command in failing { command.complete(.failure(error)) }
    }

    private func sweep(_ now: NIODeadline) -> NIODeadline? {
        var next: NIODeadline?
        waiting.removeAll { command in
            if command.isComplete { return true }
            let (time, timeout) = end(of: command)
            guard time <= now else {
                next = min(next ?? time, time)
                return false
            }
            command.complete(.failure(link.timeoutError(after: timeout, lastCause: lastCause)))
            return true
        }
        return next
    }

    /// When a command that waits for a connection is given up, and how long it has waited then.
    private func end(of command: RedisCommand) -> (time: NIODeadline, timeout: TimeAmount) {
        guard link.isRefused, let refusalTimeout, refusalTimeout < command.timeout else {
            return (command.deadline, command.timeout)
        }
        return (command.deadline - command.timeout + refusalTimeout, refusalTimeout)
    }
}
