import Foundation
import Logging
import NIOCore
import NIOPosix
package import StepwiseRedis
import Synchronization

/// A redis-server of one's own for a test: on a unix socket in a fresh folder, with nothing that outlives it.
///
/// It can be killed, restarted on the same data and address, and frozen. `redis-server` has to be installed.
public final class RedisServer: Sendable {
    /// Where it listens: the loopback port if `tcp` was asked for, the unix socket otherwise.
    public let url: String
    /// Holds the socket, the append-only file and the log; removed by ``stop()``.
    public let folder: String
    private let arguments: [String]
    private let process: Mutex<ServerProcess?>

    /// The number of the running process; 0 after ``kill()`` and ``stop()``.
    public var processID: Int32 { process.withLock { $0?.id ?? 0 } }

    /// Starts a server and returns when it answers.
    /// - Parameters:
    ///   - appendOnly: whether ``restart()`` finds the data again.
    ///   - tcp: whether it also listens on a free port of 127.0.0.1.
    ///   - extraArguments: more of redis-server's own, such as `["--requirepass", "secret"]`.
    public static func start(
        appendOnly: Bool = false,
        tcp: Bool = false,
        extraArguments: [String] = []
    ) async throws -> RedisServer {
        // Another process may take a port that was free a moment ago.
        for _ in 0..<4 where tcp {
            do {
                return try await start(port: freePort(), appendOnly, extraArguments)
            } catch let error as RedisServerError where error.description.contains("Address already in use") {
                continue
            }
        }
        return try await start(port: tcp ? freePort() : 0, appendOnly, extraArguments)
    }

    private static func start(port: Int, _ appendOnly: Bool, _ extraArguments: [String]) async throws -> RedisServer {
        let server = try RedisServer(port: port, appendOnly: appendOnly, extraArguments: extraArguments)
        try await server.run()
        return server
    }

    /// Starts a server, calls `body` with it and stops it, whatever happens.
    public static func withServer<Value>(
        appendOnly: Bool = false,
        tcp: Bool = false,
        extraArguments: [String] = [],
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let server = try await start(appendOnly: appendOnly, tcp: tcp, extraArguments: extraArguments)
        defer { server.stop() }
        return try await body(server)
    }

    private init(port: Int, appendOnly: Bool, extraArguments: [String]) throws {
        // A socket's path has room for about 100 bytes.
        let name = "stepwise-" + String(UInt32.random(in: .min ... .max), radix: 36)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        self.folder = folder.path
        url = port == 0 ? "unix://\(folder.path)/redis.sock" : "redis://127.0.0.1:\(port)"
        arguments =
            [
                "--unixsocket", folder.path + "/redis.sock", "--port", String(port), "--bind", "127.0.0.1",
                "--dir", folder.path, "--logfile", folder.path + "/redis.log", "--daemonize", "no",
                "--save", "", "--maxmemory-policy", "noeviction", "--appendonly", appendOnly ? "yes" : "no",
                // Written before each answer, which outlives kill(); that the machine goes down is no part of a test.
                "--appendfsync", "no",
            ] + extraArguments
        process = Mutex(nil)
    }

    deinit {
        stop()
    }

    /// Ends the process at once, as a crash would (SIGKILL). Data and address stay for ``restart()``.
    public func kill() {
        process.withLock { process in
            process?.kill()
            process = nil
        }
    }

    /// Starts the server again with the same folder, socket and port; kills it first if it runs.
    public func restart() async throws {
        kill()
        try await run()
    }

    /// Freezes the process (SIGSTOP): its connections stay open and nothing answers.
    public func pause() {
        process.withLock { $0?.signal(SIGSTOP) }
    }

    /// Lets a frozen process go on (SIGCONT).
    public func resume() {
        process.withLock { $0?.signal(SIGCONT) }
    }

    /// Kills the server and removes its folder. Stopping twice is fine.
    public func stop() {
        kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Sends one command on a connection of its own.
    package func command(_ words: RedisArgument...) async throws -> RedisValue {
        let client = client()
        let result: Result<RedisValue, RedisError>
        do throws(RedisError) { result = .success(try await client.send(words)) } catch { result = .failure(error) }
        await client.close()
        return try result.get()
    }

    private func client() -> RedisClient {
        RedisClient(
            address: RedisAddress(target: .unixSocket(path: folder + "/redis.sock")),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "stepwise.testing") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func run() async throws {
        let started = try ServerProcess(arguments: arguments)
        process.withLock { $0 = started }
        let client = client()
        let answered = await answers(client, started)
        await client.close()
        if !answered {
            let log = (try? String(contentsOfFile: folder + "/redis.log", encoding: .utf8)) ?? ""
            stop()
            throw RedisServerError(description: "redis-server did not start: \(log.suffix(1_000))")
        }
    }

    private func answers(_ client: RedisClient, _ process: ServerProcess) async -> Bool {
        for _ in 0..<100 {
            do throws(RedisError) {
                _ = try await client.send(["PING"], timeout: .milliseconds(100))
                return true
            } catch {
                // A server that wants a password does answer.
                if error.kind == .denied { return true }
                if !process.isRunning { return false }
            }
        }
        return false
    }

    /// A port of 127.0.0.1 that nobody listens on now.
    package static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port
        try await channel.close()
        return port ?? 0
    }
}

/// Why there is no server.
public struct RedisServerError: Error, CustomStringConvertible {
    public let description: String
}
