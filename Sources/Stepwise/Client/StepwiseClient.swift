public import Logging
internal import NIOPosix
package import NIOCore
public import ServiceLifecycle
internal import StepwiseRedis

/// Enqueues runs and looks at them, from any service. Does not need the workflows' code.
///
/// ```swift
/// let client = try StepwiseClient(redis: .fromEnvironment(), logger: logger)
/// let run = try await client.enqueue(.processOrder, order)
/// let receipt = try await run.result()
/// ```
///
/// Usable at once; as a ServiceLifecycle service it closes its connections at shutdown.
public final class StepwiseClient: Service, Sendable {
    package let keys: Keys
    let commands: RedisClient
    let subscriber: RedisSubscriber
    private let redis: RedisEndpoint
    /// The most bytes that an input may have, as JSON.
    let maximumPayloadSize: Int
    private let logger: Logger
    private let isChecked = Latch()
    private let hasWritten = Latch()
    package let knownIndexes = KnownIndexes()
    /// Opens once every call fails with code `closed`.
    let isClosed = Latch()

    /// - Parameters:
    ///   - redis: where Redis is.
    ///   - namespace: part of every key; `nil`: `STEPWISE_NAMESPACE`, else `default`.
    ///   - maximumPayloadSize: the most bytes that a run's input may have, as JSON.
    ///   - logger: gets what becomes of the connection.
    /// - Throws: ``StepwiseError`` with code `invalidIdentifier` or `invalidConfiguration` for a namespace that cannot be one.
    public convenience init(
        redis: RedisEndpoint, namespace: String? = nil, maximumPayloadSize: Int = 1_048_576, logger: Logger
    ) throws {
        try self.init(
            redis: redis, keys: Keys(namespace: namespace ?? StepwiseNamespace.fromEnvironment(), redis: redis),
            maximumPayloadSize: maximumPayloadSize, logger: logger)
    }

    package init(redis: RedisEndpoint, keys: Keys, maximumPayloadSize: Int = 1_048_576, logger: Logger) {
        self.keys = keys
        self.redis = redis
        self.maximumPayloadSize = maximumPayloadSize
        let logger = logger.printable
        self.logger = logger
        // The process' own loops, which never end: a call after close() is answered on one of them.
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        var options = RedisOptions()
        // As long as Redis' own limit: which settings the workers have, and how long a run's values are, is not known here.
        options.maximumBulk = 512 << 20
        options.connectionName = "stepwise:client"
        options.tls = redis.tls
        options.password = redis.password
        options.refusalTimeout = .seconds(2)
        commands = RedisClient(address: redis.address, options: options, eventLoop: eventLoop, logger: logger)
        options.connectionName = "stepwise:client:ends"
        subscriber = RedisSubscriber(address: redis.address, options: options, eventLoop: eventLoop, logger: logger)
    }

    /// Waits for the shutdown and closes the connections. Not needed to use the client.
    public func run() async throws {
        try? await gracefulShutdown()
        await close()
    }

    /// Closes the connections; what waits, and every later call, fails with code `closed`. Closing twice is fine.
    public func close() async {
        await commands.close()
        await subscriber.close()
        isClosed.open()
    }

    /// The event loop of this client's connections.
    package var eventLoop: any EventLoop { commands.eventLoop }

    /// Why there is no connection to Redis now, and what may help; `nil` if there is one, or it is not known yet.
    package func connectionTrouble() async -> String? {
        await commands.trouble().map { "\($0.message)\($0.advice(clearing: keys.clearingCommands))" }
    }

    /// What there is to say if Redis has not answered in time.
    ///
    /// An attempt that goes on and one that was given up for silence are the same to who reads it.
    package func silence(within limit: Duration) async -> String {
        let silence = "redis at \(redis) did not answer within \(TimeAmount(atMost: limit).text)"
        if let trouble = await commands.trouble(), !trouble.isSilence {
            return "\(silence): \(trouble.message)\(trouble.advice)"
        }
        let hasAnswered = isChecked.isOpen || hasWritten.isOpen
        return silence
            + (hasAnswered
                ? ", and has answered before: it may stand still; look at its machine and its log"
                : ": it may stand still; look at its machine and its log, and check the address")
    }

    // MARK: Calls

    /// Looks at the namespace's data format and the server, once.
    ///
    /// - Parameter writes: whether what follows writes to the namespace.
    func prepare(writes: Bool = false) async throws(StepwiseError) {
        let flag = writes ? hasWritten : isChecked
        if flag.isOpen { return }
        do throws(StepwiseError) { try await check(writes: writes) } catch {
            if error.code != .redisAmbiguous { throw error }
            try await check(writes: writes)
        }
        flag.open()
    }

    private func check(writes: Bool) async throws(StepwiseError) {
        try await DataFormat.check(commands, keys: keys, redis: redis, logger: logger, writes: writes)
    }

    /// Whether it has looked at the namespace.
    var isPrepared: Bool { isChecked.isOpen }

    /// Makes calls that do the same when they arrive twice, and makes them once more if nobody knows whether they have arrived.
    func repeating<Reply: Sendable>(_ calls: () async throws -> Reply) async throws -> Reply {
        do { return try await calls() } catch let error as StepwiseError where error.code == .redisAmbiguous {}
        do { return try await calls() } catch let error as StepwiseError where error.code != .closed {
            // Whatever is said of the second, the first may have been done.
            throw StepwiseError(.redisAmbiguous, error.message)
        }
    }

    /// - Parameter what: names the call in the error.
    func evaluate(
        _ script: RedisScript, _ keys: [String], _ arguments: [RedisArgument], doing what: @autoclosure () -> String
    ) async throws(StepwiseError) -> RedisValue {
        try await prepare()
        do { return try await commands.evaluate(script, keys: keys, arguments: arguments) } catch {
            throw StepwiseError(error, doing: what(), of: self.keys)
        }
    }

    /// Makes a call and reads its reply.
    ///
    /// - Parameter what: names the call in the error.
    func evaluate<Reply>(_ call: ScriptCall<Reply>, doing what: @autoclosure () -> String) async throws -> Reply {
        try call.reply(try await evaluate(call.script.redis, call.keys, call.arguments, doing: what()))
    }

    /// Sends one command and reads its reply.
    ///
    /// - Parameter what: names the call in the error.
    func command<Reply>(_ command: StoreCommand<Reply>, doing what: @autoclosure () -> String)
        async throws(StepwiseError) -> Reply
    {
        try await prepare()
        do { return try await commands.send(command) } catch {
            throw StepwiseError(error, doing: what(), of: keys)
        }
    }

    /// Sends many commands in one write. A key of a wrong type is as if it were not there: the doctor names it, and it hides no other.
    ///
    /// - Parameter isAnyFormat: whether they are sent to a namespace of whatever data format.
    func all<Reply>(
        _ several: [StoreCommand<Reply>], inAnyFormat isAnyFormat: Bool = false, doing what: @autoclosure () -> String
    ) async throws(StepwiseError) -> [Reply] {
        if !isAnyFormat { try await prepare() }
        do {
            var replies: [Reply] = []
            for (command, result) in zip(several, try await commands.send(several)) {
                if case .failure(let error) = result, error.message.hasPrefix("WRONGTYPE") {
                    replies.append(command.read(.null))
                } else {
                    replies.append(try result.get())
                }
            }
            return replies
        } catch {
            throw StepwiseError(error, doing: what(), of: keys)
        }
    }
}
