import Logging
import NIOCore
import NIOPosix
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// Generous, because tests share their machine; what is to fail in time gets a short timeout of its own.
let patience = TimeAmount.seconds(20)

/// A client that is closed when `body` ends, whatever happens.
func withClient<Value>(
    _ url: String,
    options: RedisOptions = RedisOptions(commandTimeout: patience),
    _ body: (RedisClient) async throws -> Value
) async throws -> Value {
    let client = RedisClient(
        address: try RedisAddress(url: url),
        options: options,
        eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
        logger: .silent
    )
    do {
        let value = try await body(client)
        await client.close()
        return value
    } catch {
        await client.close()
        throw error
    }
}

/// A server and a client of it.
func withServerAndClient<Value>(
    extraArguments: [String] = [],
    options: RedisOptions = RedisOptions(commandTimeout: patience),
    _ body: (RedisServer, RedisClient) async throws -> Value
) async throws -> Value {
    try await RedisServer.withServer(extraArguments: extraArguments) { server in
        try await withClient(server.url, options: options) { client in try await body(server, client) }
    }
}

/// The error that `body` throws; an issue if it throws none.
func redisError(_ body: () async throws(RedisError) -> some Sendable) async -> RedisError? {
    do throws(RedisError) {
        let value = try await body()
        Issue.record("answered \(value) instead of failing")
        return nil
    } catch {
        return error
    }
}

/// Waits until the server shows `count` clients that are blocked in a command.
func waitForBlockedClients(_ count: Int, of observer: RedisClient) async throws {
    while true {
        let info = try await observer.send(["INFO", "clients"]).string ?? ""
        if info.contains("blocked_clients:\(count)\r\n") { return }
        await Task.yield()
    }
}

/// A log whose messages can be awaited.
struct RecordingLog: Sendable {
    private let messages = AsyncStream.makeStream(of: String.self)

    var logger: Logger {
        Logger(label: "test") { _ in Handler(continuation: messages.continuation) }
    }

    /// Drops messages up to the one that is awaited.
    func wait(for text: String) async {
        for await message in messages.stream where message == text { return }
    }

    private struct Handler: LogHandler {
        let continuation: AsyncStream<String>.Continuation
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            continuation.yield(event.message.description)
        }
    }
}
