import Logging
import NIOCore
import NIOPosix

/// Keeps a connection that has shaken hands, and makes a new one whenever it is lost, until it is closed.
///
/// Belongs to its event loop. From the first ``want()`` on it tries without end, with jittered exponential back-off.
final class RedisLink {
    enum Event {
        case connected(RedisConnection, RedisSession)
        /// A connection that was announced is gone.
        case lost(RedisError)
        /// An attempt failed; another follows. Hopeless: for whoever waits now, waiting is of no use.
        case attemptFailed(RedisError, hopeless: Bool)
    }

    private let address: RedisAddress
    private let options: RedisOptions
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var machine = LinkStateMachine()
    private var connection: RedisConnection?
    private var previous: RedisSession?
    /// Whether nobody listened there at the last attempt, or whoever did is no Redis or closed the connection at once; and there was no connection yet.
    private(set) var isRefused = false
    /// Whether the server has said something at the last attempt: it is there.
    private var isThere = false
    /// What the files for TLS held when they were last good.
    private var tls: RedisTLS.Loaded?
    /// `nil` without TLS.
    private let peer: TLSPeer?
    private let troubles: RedisTroubles
    private let source: RedisTroubles.Source
    private var lastFileWarning: String?
    /// Whether the connection of this id is ended on purpose, by way of the server.
    var isEndExpected: (Int) -> Bool = { _ in false }
    var onEvent: ((Event) -> Void)?

    init(address: RedisAddress, options: RedisOptions, eventLoop: any EventLoop, logger: Logger) {
        self.address = address
        self.options = options
        self.eventLoop = eventLoop
        self.logger = logger
        peer = address.tls ? TLSPeer(options.tls, at: address.target) : nil
        troubles = options.troubles ?? RedisTroubles(logger: logger)
        source = troubles.newSource()
    }

    func want() { perform(machine.wanted()) }

    func close() {
        machine.close()
        troubles.forget(source)
        onEvent = nil
        connection?.onFailure = nil
        connection?.abort(.closed)
        connection = nil
    }

    private func perform(_ action: LinkStateMachine.Action) {
        switch action {
        case .connect:
            connect()
        case .wait(let failures):
            // The lower half stays as it is: a jitter down to nothing would undo the back-off.
            let longest = min(2_000, 50 << min(failures - 1, 6))
            let delay = TimeAmount.milliseconds(.random(in: Int64(longest / 2)...Int64(longest)))
            eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
                guard let self else { return }
                perform(machine.waited())
            }
        case .nothing, .discard, .use:
            break
        }
    }

    // MARK: Connecting

    private func connect() {
        guard let password = options.password else { return connect(as: address) }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        password.ask(within: options.connectTimeout, on: eventLoop) { answer in
            let link = bound.value
            switch answer {
            case .success(let password):
                var address = link.address
                address.password = password
                link.connect(as: address)
            case .failure(let error):
                link.isRefused = false
                link.attemptFailed(error, hopeless: error.isPermanent)
            }
        }
    }

    /// - Parameter login: the address, with the password of this attempt.
    private func connect(as login: RedisAddress) {
        if machine.isClosed { return }
        guard let peer else { return open(login, tls: nil) }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        // The files are read each time: who renews a certificate needs no restart.
        options.tls.load(comparingNames: peer.canBeCompared, within: options.connectTimeout, on: eventLoop) { answer in
            bound.value.filesRead(answer, login)
        }
    }

    private func filesRead(_ answer: Result<RedisTLS.Loaded, RedisError>, _ login: RedisAddress) {
        switch answer {
        case .success(let loaded):
            tls = loaded
            lastFileWarning = nil
        case .failure(let error) where tls == nil:
            isRefused = false
            return attemptFailed(error, hopeless: error.isPermanent)
        case .failure(let error):
            // Somebody may be about to exchange them; what they held before may still be good.
            if lastFileWarning != "\(error)" {
                logger.warning(
                    "the files for TLS cannot be used; what they held before is used",
                    metadata: ["redis": "\(address)", "cause": "\(error)"])
            }
            lastFileWarning = "\(error)"
        }
        open(login, tls: tls)
    }

    private func open(_ login: RedisAddress, tls: RedisTLS.Loaded?) {
        if machine.isClosed { return }
        bootstrap(tls: tls).assumeIsolated().whenComplete { [weak self] result in
            if case .failure(let error) = result, self?.previous == nil {
                self?.isRefused = isRefusal(error)
            } else {
                self?.isRefused = false
            }
            switch (result, self) {
            case (.success(let channel), let self?): self.shakeHands(channel, as: login)
            case (.success(let channel), nil): channel.close(promise: nil)
            case (.failure(let error), let self?): self.couldNotConnect(error)
            case (.failure, nil): break
            }
        }
    }

    private func couldNotConnect(_ error: any Error) {
        isThere = false
        let isUnknown = isUnknownHost(error)
        // A name that had an address may have one again; one that never had is a slip.
        attemptFailed(
            RedisError(.unavailable, networkErrorText(error), fault: isUnknown ? .host : nil),
            hopeless: isUnknown && previous == nil)
    }

    private func bootstrap(tls: RedisTLS.Loaded?) -> EventLoopFuture<any Channel> {
        let target = address.target
        let maximumBulk = options.maximumBulk
        let peer = self.peer
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(options.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls, let peer { try pipeline.addHandler(peer.makeHandler(tls.context)) }
                    try pipeline.addHandler(
                        RedisConnection(
                            eventLoop: channel.eventLoop, maximumBulk: maximumBulk, peer: peer,
                            authorities: tls?.files[.authorities]))
                }
            }
        switch target {
        case .tcp(let host, let port):
            return
                bootstrap
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .keepingAlive()
                .connect(host: host, port: port)
        case .unixSocket(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
        }
    }

    // MARK: Handshake

    private func shakeHands(_ channel: any Channel, as login: RedisAddress) {
        guard let connection = try? channel.pipeline.syncOperations.handler(type: RedisConnection.self),
            !machine.isClosed
        else {
            channel.close(promise: nil)
            if !machine.isClosed {
                attemptFailed(RedisError(.unavailable, "the server closed the connection"), hopeless: false)
            }
            return
        }
        self.connection = connection
        let handshake = RedisHandshake(
            address: login, connectionName: options.connectionName, passwordPlace: options.password?.place)
        let batch = CommandBatch(handshake.commands, timeout: options.connectTimeout)
        let server = channel.remoteAddress
        batch.onCompletion { [weak self] replies in
            self?.handshakeEnded(connection, at: server, handshake.outcome(replies))
        }
        for command in batch.commands { connection.write(command) }
        connection.flush()
        if address.tls, let server { ask(server, unlessAnswering: connection) }
    }

    /// How long a server has for its first reply before it is asked whether it speaks TLS at all: a Redis that does not waits for more.
    private static let answerTime = TimeAmount.seconds(1)

    private func ask(_ server: SocketAddress, unlessAnswering connection: RedisConnection) {
        eventLoop.assumeIsolated().scheduleTask(in: Self.answerTime) { [weak self, weak connection] in
            guard let self, let connection, previous == nil, self.connection === connection,
                !connection.hasAnswered
            else { return }
            let answer = SchemeProbe.finds(tls: false, at: server, on: eventLoop)
            answer.assumeIsolated().whenSuccess { [weak connection] isFound in
                if isFound { connection?.abort(.otherScheme(tls: true)) }
            }
        }
    }

    private func handshakeEnded(
        _ connection: RedisConnection, at server: SocketAddress?, _ outcome: RedisHandshake.Outcome
    ) {
        isThere = connection.hasAnswered
        switch outcome {
        case .ready(let session) where session.role == "slave" && options.gate?.refusesReplicas == true:
            self.connection = nil
            connection.abort(.replica)
            attemptFailed(.replica, hopeless: false)
        case .ready(let session):
            guard connection.failure == nil, machine.succeeded() == .use else { return connection.abort(.closed) }
            announce(connection, session)
        case .retry(let error):
            self.connection = nil
            // A server that is full says so, and closes the connection.
            let failure = error.fault == .connections ? error : connection.failure ?? error
            let isEnd = !connection.hasAnswered && connection.failure?.isEndAtOnce == true
            isRefused = previous == nil && (failure.isOtherProtocol || isEnd)
            let cause = failure.message + (failure.fault == nil ? hint(after: connection) : "")
            connection.abort(error)
            // A certificate was not accepted.
            if failure.kind == .denied { return attemptFailed(failure, hopeless: true) }
            let told = RedisError(.unavailable, cause, fault: failure.fault)
            if previous == nil, failure.fault == nil, !connection.hasAnswered, !machine.isClosed, let server,
                case .tcp = address.target
            {
                attemptFailed(told, unlessOtherSchemeAt: server)
            } else {
                attemptFailed(told, hopeless: failure.fault == .scheme && previous == nil)
            }
        case .hopeless(let error):
            self.connection = nil
            connection.abort(error)
            attemptFailed(error, hopeless: true)
        }
    }

    /// A server that ended a first connection without a single reply may speak TLS where the URL does not, or the other way round.
    private func attemptFailed(_ error: RedisError, unlessOtherSchemeAt server: SocketAddress) {
        let tls = address.tls
        let answer = SchemeProbe.finds(tls: !tls, at: server, on: eventLoop)
        answer.assumeIsolated().whenSuccess { [weak self] isFound in
            self?.attemptFailed(isFound ? .otherScheme(tls: tls) : error, hopeless: isFound)
        }
    }

    /// What a connection that ended without a single reply is often about.
    private func hint(after connection: RedisConnection) -> String {
        guard !connection.hasAnswered, !troubles.hasAnswered, case .tcp = address.target else { return "" }
        if connection.hasMetTLS { return "; it speaks TLS: check that it is a Redis server" }
        return address.tls
            ? "; if it does not speak TLS on this port, use redis://" : "; if it speaks TLS on this port, use rediss://"
    }

    private func announce(_ connection: RedisConnection, _ session: RedisSession) {
        troubles.connected(source)
        connection.onFailure = { [weak self] error in self?.connectionLost(error) }
        if let previous, previous.clientID > 0, !previous.runID.isEmpty, previous.runID == session.runID {
            // A half-open connection of ours must not take an item from a list for a reader who is gone. Only on the same
            // server process: after a restart the number may be somebody else's.
            let kill = RedisCommand(
                ["CLIENT", "KILL", "ID", RedisArgument(previous.clientID)], timeout: options.commandTimeout)
            connection.write(kill)
        }
        previous = session
        onEvent?(.connected(connection, session))
        connection.flush()
    }

    // MARK: Failures

    /// What somebody gets who waited for a connection until their time was over.
    func timeoutError(after timeout: TimeAmount, lastCause: RedisError?) -> RedisError {
        let cause = lastCause?.message ?? "the first attempt goes on"
        if let lastCause, lastCause.isOtherProtocol, previous == nil {
            return RedisError(
                .unavailable, "the server at \(address) is not a Redis: \(cause)\(lastCause.advice)",
                fault: lastCause.fault)
        }
        return RedisError(
            .unavailable,
            "could not reach redis at \(address) within \(timeout.text): \(cause)\(advice(after: lastCause))",
            fault: lastCause?.fault)
    }

    private func advice(after cause: RedisError?) -> String {
        // With a fault, whoever shows the error adds what helps.
        if isThere, let cause { return cause.fault == nil ? cause.advice : "" }
        return troubles.hasAnswered
            ? "; it has answered before: check that the server runs and does not stand still"
            : "; check that the server runs, that the address is right and that nothing between blocks the port"
    }

    /// What somebody gets at once where waiting cannot help.
    func hopelessError(_ error: RedisError) -> RedisError {
        RedisError(error.kind, "could not use redis at \(address): \(error.message)", fault: error.fault)
    }

    private func connectionLost(_ error: RedisError) {
        connection = nil
        isThere = false
        // What was closed on purpose is not lost.
        if !machine.isClosed, !isEndExpected(previous?.clientID ?? 0) {
            troubles.note(lost: error, at: "\(address)", by: source)
        }
        let next = machine.lost()
        onEvent?(.lost(error))
        perform(next)
    }

    private func attemptFailed(_ error: RedisError, hopeless: Bool) {
        let next = machine.failed()
        guard next != .nothing else { return }
        // As those who wait are told: a worker may end with it.
        let told = error.isPermanent ? hopelessError(error) : error
        troubles.note(connection: "redis cannot be used; trying again", told, at: "\(address)", by: source)
        onEvent?(.attemptFailed(error, hopeless: hopeless))
        perform(next)
    }
}
