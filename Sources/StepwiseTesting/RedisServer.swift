import Foundation
import Logging
import NIOCore
import NIOPosix
package import StepwiseRedis
import Synchronization

/// A redis-server of one's own for a test: on a unix socket in a fresh folder, with nothing that outlives it.
///
/// It can be killed, restarted on the same data and address, and frozen, and its clock can be moved. `redis-server` has to be installed.
public final class RedisServer: Sendable {
    /// Where it listens: the loopback port if `tcp` was asked for, the unix socket otherwise.
    public let url: String
    /// Holds the socket, the append-only file and the log; removed by ``stop()``.
    public let folder: String
    private let arguments: [String]
    private let process: Mutex<ServerProcess?>
    private let skippable: SkippableClock?

    /// The number of the running process; 0 after ``kill()`` and ``stop()``.
    public var processID: Int32 { process.withLock { $0?.id ?? 0 } }

    /// Starts a server and returns when it answers.
    /// - Parameters:
    ///   - appendOnly: whether ``restart()`` finds the data again.
    ///   - tcp: whether it also listens on a free port of 127.0.0.1.
    ///   - clock: `.skippable` for a server with ``advance(by:)``.
    ///   - extraArguments: more of redis-server's own, such as `["--requirepass", "secret"]`.
    public static func start(
        appendOnly: Bool = false,
        tcp: Bool = false,
        clock: Clock = .system,
        extraArguments: [String] = []
    ) async throws -> RedisServer {
        // Another process may take a port that was free a moment ago.
        for _ in 0..<4 where tcp {
            do {
                return try await start(port: freePort(), appendOnly, clock, extraArguments)
            } catch let error as RedisServerError where error.description.contains("Address already in use") {
                continue
            }
        }
        return try await start(port: tcp ? freePort() : 0, appendOnly, clock, extraArguments)
    }

    private static func start(
        port: Int, _ appendOnly: Bool, _ clock: Clock, _ extraArguments: [String]
    ) async throws -> RedisServer {
        let server = try RedisServer(port: port, appendOnly: appendOnly, clock: clock, extraArguments: extraArguments)
        try await server.run()
        return server
    }

    /// Starts a server, calls `body` with it and stops it, whatever happens.
    public static func withServer<Value>(
        appendOnly: Bool = false,
        tcp: Bool = false,
        clock: Clock = .system,
        extraArguments: [String] = [],
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let server = try await start(
            appendOnly: appendOnly, tcp: tcp, clock: clock, extraArguments: extraArguments)
        defer { server.stop() }
        return try await body(server)
    }

    private init(port: Int, appendOnly: Bool, clock: Clock, extraArguments: [String]) throws {
        // A socket's path has room for about 100 bytes.
        let name = "stepwise-" + String(UInt32.random(in: .min ... .max), radix: 36)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        self.folder = folder.path
        do {
            skippable = clock == .skippable ? try SkippableClock(folder: folder.path) : nil
        } catch {
            try? FileManager.default.removeItem(at: folder)
            throw error
        }
        url = port == 0 ? "unix://\(folder.path)/redis.sock" : "redis://127.0.0.1:\(port)"
        arguments =
            [
                "--unixsocket", folder.path + "/redis.sock", "--port", String(port), "--bind", "127.0.0.1",
                "--dir", folder.path, "--logfile", folder.path + "/redis.log", "--daemonize", "no",
                "--save", "", "--maxmemory-policy", "noeviction", "--appendonly", appendOnly ? "yes" : "no",
                // Written before each answer, which outlives kill(); that the machine goes down is not part of a test.
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

    /// Lets the server's clock jump ahead and returns when its `TIME` shows it. What is due by then is due at once; keys that have a time to
    /// live by then are gone. Only Redis' clock jumps: workers, clients and their timeouts stay in real time, and a worker acts within
    /// about a second. After a restart the clock goes on from where it was.
    ///
    /// - Parameter duration: not negative.
    /// - Throws: ``RedisServerError`` if the server was not started with `clock: .skippable`, or does not answer.
    public func advance(by duration: Duration) async throws {
        guard let skippable else {
            throw RedisServerError(description: "start the server with clock: .skippable to advance its clock")
        }
        guard duration >= .zero else {
            throw RedisServerError(description: "Redis' clock goes ahead and not back: \(duration) is negative")
        }
        let due = try await time() + duration
        try skippable.advance(by: duration)
        let deadline = ContinuousClock.now + .seconds(10)
        while try await time() < due {
            if ContinuousClock.now > deadline {
                throw RedisServerError(
                    description: "redis-server's TIME does not follow libfaketime's file in \(folder)")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Sets the server's clock back, by no more than it was advanced, and returns when its `TIME` shows it.
    package func setBack(by duration: Duration) async throws {
        guard let skippable else {
            throw RedisServerError(description: "start the server with clock: .skippable to set its clock back")
        }
        let before = try await time()
        try skippable.advance(by: Duration.zero - duration)
        let deadline = ContinuousClock.now + .seconds(10)
        while try await time() >= before {
            if ContinuousClock.now > deadline {
                throw RedisServerError(
                    description: "redis-server's TIME does not follow libfaketime's file in \(folder)")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Since 1970, by Redis' `TIME`.
    private func time() async throws -> Duration {
        let words = try await command("TIME").array?.compactMap { $0.integer } ?? []
        guard words.count == 2 else { throw RedisServerError(description: "redis-server does not tell its TIME") }
        return .seconds(words[0]) + .microseconds(words[1])
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
        let started = try ServerProcess(arguments: arguments, environment: skippable?.environment ?? [:])
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

extension RedisServer {
    /// The clock that a server goes by.
    public enum Clock: Sendable {
        /// The machine's.
        case system
        /// The machine's until ``RedisServer/advance(by:)`` is called. Needs libfaketime (Debian: `apt-get install libfaketime`).
        case skippable
    }
}

/// Why there is no server, or it does not do what was asked.
public struct RedisServerError: Error, CustomStringConvertible {
    public let description: String
}
