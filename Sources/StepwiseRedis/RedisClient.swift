package import Logging
package import NIOCore
import Synchronization

/// One connection to a Redis server, made at the first command and made again whenever it is lost.
///
/// Commands of all callers go out in the order in which they were handed over, those of one moment in one piece. While
/// there is no connection they wait, each up to its timeout. A client is to be closed by its owner.
package final class RedisClient: Sendable {
    package let eventLoop: any EventLoop
    let commandTimeout: TimeAmount
    private let core: NIOLoopBoundBox<RedisClientCore>
    private let inbox = Mutex<[RedisCommand]>([])
    private let observed: SessionObservers
    private let expectedEnd = ExpectedEnd()

    package init(address: RedisAddress, options: RedisOptions = .init(), eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        commandTimeout = options.commandTimeout
        let observers = SessionObservers()
        observed = observers
        let core = RedisClientCore(address: address, options: options, eventLoop: eventLoop, logger: logger)
        core.onSession = { session in observers.change(to: session) }
        core.expectEnd { [expectedEnd] id in id != 0 && expectedEnd.id.load(ordering: .relaxed) == id }
        let box: NIOLoopBoundBox<RedisClientCore> = .makeBoxSendingValue(core, eventLoop: eventLoop)
        self.core = box
        options.gate?.add { [weak box] change in
            guard let box else { return eventLoop.makeSucceededVoidFuture() }
            return eventLoop.submit { box.value.apply(change) }
        }
    }

    /// The present connection's session; `nil` while there is none.
    package var session: RedisSession? { observed.session }

    /// Has `body` called on the event loop after each successful handshake, before any waiting command is sent.
    package func onConnect(_ body: @escaping @Sendable (RedisSession) -> Void) {
        observed.addConnect(body)
    }

    /// Has `body` called on the event loop whenever a connection that had shaken hands is gone.
    package func onDisconnect(_ body: @escaping @Sendable () -> Void) {
        observed.addDisconnect(body)
    }

    /// Why there is no connection that can be used now: what was last tried came to it. `nil` while there is one, and before the first attempt is over.
    package func trouble() async -> RedisError? {
        await withCheckedContinuation { continuation in
            eventLoop.execute { [core] in continuation.resume(returning: core.value.trouble) }
        }
    }

    /// The most bytes of a reply that came in pieces which the present connection has held at once; 0 without one. For tests.
    package func mostHeld() async throws -> Int {
        try await eventLoop.submit { [core] in core.value.mostHeld }.get()
    }

    /// Gives the present connection up, so that the next command makes a new one: the address may lead to another server by then.
    package func reconnect() {
        eventLoop.execute { [core] in core.value.reconnect() }
    }

    /// The present connection is about to be killed on purpose, over another one: that is not logged as a loss. What waits for a reply fails all the
    /// same, and the next command makes a new connection.
    package func expectEnd() {
        // At once: the event loop may hear of the end before it comes to what it is asked for now.
        expectedEnd.id.store(session?.clientID ?? 0, ordering: .relaxed)
    }

    /// Ends the connection. Commands that have no reply yet and all later ones fail with `closed`. Closing twice is fine.
    package func close() async {
        await withCheckedContinuation { continuation in
            eventLoop.execute { [core] in
                core.value.close()
                continuation.resume()
            }
        }
    }

    /// Sends one command.
    /// - Parameters:
    ///   - timeout: from now to the reply; `nil`: the client's.
    ///   - maximumBulk: the most bytes of a string in the reply; a longer one is a ``RedisValue/excerpt``. `nil`: the client's, and a
    ///     longer one fails the command as `refused`.
    /// - Returns: the reply. An error reply and every other failure fails the future with a ``RedisError`` and nothing else.
    package func submit(_ arguments: [RedisArgument], timeout: TimeAmount? = nil, maximumBulk: Int? = nil)
        -> EventLoopFuture<RedisValue>
    {
        let promise = eventLoop.makePromise(of: RedisValue.self)
        let command = RedisCommand(arguments, timeout: timeout ?? commandTimeout, maximumBulk: maximumBulk)
        command.onCompletion { reply in promise.completeWith(reply.mapError { $0 as any Error }) }
        hand(over: CollectionOfOne(command))
        return promise.futureResult
    }

    /// Sends one command and waits for its reply.
    ///
    /// When the task is cancelled the wait ends with `cancelled`; a reply that comes later is dropped.
    /// - Parameters:
    ///   - timeout: from now to the reply; `nil`: the client's.
    ///   - maximumBulk: as for ``submit(_:timeout:maximumBulk:)``.
    ///   - passesGate: whether it is sent to a server that is not admitted, too; see ``ServerGate``.
    nonisolated(nonsending) package func send(
        _ arguments: [RedisArgument], timeout: TimeAmount? = nil, maximumBulk: Int? = nil, passesGate: Bool = false
    ) async throws(RedisError) -> RedisValue {
        if Task.isCancelled { throw .cancelled }
        let command = RedisCommand(
            arguments, timeout: timeout ?? commandTimeout, maximumBulk: maximumBulk, passesGate: passesGate)
        return try await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Result<RedisValue, RedisError>, Never>) in
                command.onCompletion { continuation.resume(returning: $0) }
                hand(over: CollectionOfOne(command))
            }
        } onCancel: {
            eventLoop.execute { command.cancel() }
        }.get()
    }

    /// Sends commands in one write.
    /// - Parameter maximumBulk: of each of them, as for ``submit(_:timeout:maximumBulk:)``.
    /// - Returns: a reply or an error for each command, in order.
    /// - Throws: ``RedisError`` of kind `cancelled` only.
    package func pipeline(_ commands: [[RedisArgument]], maximumBulk: Int? = nil)
        async throws(RedisError) -> [Result<RedisValue, RedisError>]
    {
        if Task.isCancelled { throw .cancelled }
        if commands.isEmpty { return [] }
        let batch = CommandBatch(commands, timeout: commandTimeout, maximumBulk: maximumBulk)
        let replies = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                batch.onCompletion { continuation.resume(returning: $0) }
                hand(over: batch.commands)
            }
        } onCancel: {
            eventLoop.execute { for command in batch.commands { command.cancel() } }
        }
        if replies.contains(.failure(.cancelled)) { throw .cancelled }
        return replies
    }

    /// Sends commands in one write, without a wait.
    ///
    /// - Parameter body: called once, on the event loop, with a reply or an error for each command, in order.
    package func pipeline(
        _ commands: [[RedisArgument]], _ body: @escaping @Sendable ([Result<RedisValue, RedisError>]) -> Void
    ) {
        let batch = CommandBatch(commands, timeout: commandTimeout)
        batch.onCompletion(body)
        hand(over: batch.commands)
    }

    /// Puts commands in line. Whoever finds the line empty calls the event loop, so that what gathers until it comes goes
    /// out in one piece.
    func hand(over commands: some Collection<RedisCommand>) {
        let wasEmpty = inbox.withLock { line in
            defer { line.append(contentsOf: commands) }
            return line.isEmpty
        }
        guard wasEmpty else { return }
        eventLoop.execute { [self] in
            core.value.submit(inbox.withLock { line in exchange(&line, with: []) })
        }
    }
}

/// The connection that somebody is about to kill.
private final class ExpectedEnd: Sendable {
    /// The client's id at its server; 0: none.
    let id = Atomic<Int>(0)
}
