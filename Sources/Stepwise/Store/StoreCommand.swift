internal import NIOCore
internal import StepwiseRedis

/// One Redis command on the namespace's keys, and what its reply says. Only this room makes them: the key schema has one home.
///
/// A reply of a shape that the command never has reads as if nothing were there. A key of another type is an error of Redis.
struct StoreCommand<Reply>: Sendable {
    let arguments: [RedisArgument]
    /// The most bytes of a string in the reply, if ``read`` takes an excerpt of a longer one.
    let maximumBulk: Int?
    let read: @Sendable (RedisValue) -> Reply

    init(_ arguments: [RedisArgument], maximumBulk: Int? = nil, read: @escaping @Sendable (RedisValue) -> Reply) {
        (self.arguments, self.maximumBulk, self.read) = (arguments, maximumBulk, read)
    }
}

extension StoreCommand<Int> {
    /// A command that answers with a number.
    init(counting arguments: [RedisArgument]) { self.init(arguments) { $0.integer ?? 0 } }
}

extension StoreCommand<Bool> {
    /// A command that answers 1 if it did something, or found something.
    init(asking arguments: [RedisArgument]) { self.init(arguments) { $0.integer == 1 } }
}

extension StoreCommand<Void> {
    /// A command whose reply tells nothing that the caller does not know.
    init(doing arguments: [RedisArgument]) { self.init(arguments) { _ in } }
}

/// A page of something that is walked over with a cursor.
struct Page<Element: Sendable>: Sendable {
    var elements: [Element]
    /// Where the next page begins; `0` after the last one.
    var next: String

    /// The reply of SCAN and its kin.
    init(_ reply: RedisValue, _ read: ([RedisValue]) -> [Element]) {
        guard let items = reply.array, items.count == 2, let next = items[0].string, let flat = items[1].array else {
            (elements, self.next) = ([], "0")
            return
        }
        (elements, self.next) = (read(flat), next)
    }

    /// The reply of HSCAN and ZSCAN. A pair that cannot be read is left out.
    init(_ reply: RedisValue, pairs read: (RedisValue, RedisValue) -> Element?) {
        self.init(reply) { $0.pairs(read) }
    }
}

extension RedisValue {
    /// A flat list of pairs, as HGETALL, HSCAN and WITHSCORES answer. A pair that cannot be read is left out.
    func pairs<Element>(_ read: (RedisValue, RedisValue) -> Element?) -> [Element] {
        (array ?? []).pairs(read)
    }
}

extension [RedisValue] {
    /// See ``RedisValue/pairs(_:)``.
    func pairs<Pair>(_ read: (RedisValue, RedisValue) -> Pair?) -> [Pair] {
        stride(from: 0, to: count - 1, by: 2).compactMap { read(self[$0], self[$0 + 1]) }
    }
}

extension RedisClient {
    /// Sends a command and reads its reply.
    nonisolated(nonsending) func send<Reply>(_ command: StoreCommand<Reply>) async throws(RedisError) -> Reply {
        command.read(try await send(command.arguments, maximumBulk: command.maximumBulk))
    }

    /// Sends commands of one kind in one write.
    ///
    /// - Returns: a reply or an error for each, in order.
    /// - Throws: ``RedisError`` of kind `cancelled` only.
    nonisolated(nonsending) func send<Reply>(_ commands: [StoreCommand<Reply>])
        async throws(RedisError) -> [Result<Reply, RedisError>]
    {
        let replies = try await pipeline(commands.map(\.arguments), maximumBulk: commands.first?.maximumBulk)
        return zip(commands, replies).map { command, reply in reply.map(command.read) }
    }

    /// Sends a call without a wait.
    ///
    /// - Parameter body: called once, on the event loop.
    func send<Reply>(_ call: ScriptCall<Reply>, _ body: @escaping @Sendable (Result<RedisValue, RedisError>) -> Void) {
        send(call.script.redis, keys: call.keys, arguments: call.arguments, body)
    }

    /// Sends a call.
    ///
    /// - Returns: its reply, or a ``RedisError``.
    func submit<Reply>(_ call: ScriptCall<Reply>) -> EventLoopFuture<RedisValue> {
        submit(call.script.redis, keys: call.keys, arguments: call.arguments)
    }
}
