import Foundation
import Logging
import NIOCore
import NIOPosix
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport

/// What a command left behind.
struct CommandEnd {
    var code: Int32
    var output: String
    var complaint: String
}

/// A throw-away Redis, and the built `stepwise` that talks to it.
struct Fixture {
    let server: RedisServer
    let redis: RedisClient
    let client: StepwiseClient

    static func with(_ body: (Fixture) async throws -> Void) async throws {
        try await RedisServer.withServer { server in try await with(server, body) }
    }

    static func with(_ server: RedisServer, _ body: (Fixture) async throws -> Void) async throws {
        let redis = RedisClient(
            address: try RedisAddress(url: server.url), options: RedisOptions(commandTimeout: .seconds(20)),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: .silent)
        let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(Fixture(server: server, redis: redis, client: client)))
        } catch {
            result = .failure(error)
        }
        await client.close()
        await redis.close()
        try result.get()
    }

    /// Sends one command, its words separated by spaces, then `words`, taken whole; `~` stands for the prefix.
    @discardableResult
    func send(_ line: String, _ words: String...) async throws -> RedisValue {
        let all = line.split(separator: " ").map(String.init) + words
        return try await redis.send(all.map { .init($0.replacing("~", with: "stepwise:{default}:")) })
    }

    func generation(of run: String) async throws -> String {
        try await redis.send(["HGET", .init("stepwise:{default}:run:\(run)"), "generation"]).string ?? ""
    }

    /// Has a worker with these workflows run while `body` does.
    func withWorker(_ workflows: [any AnyWorkflow], _ body: () async throws -> Void) async throws {
        let worker = try StepwiseWorker(redis: RedisEndpoint(server.url), workflows: workflows, logger: .silent)
        try await serving([worker], body)
    }

    // MARK: The command line

    func stepwise(_ arguments: String..., environment: [String: String] = [:]) async throws -> CommandEnd {
        try await run(arguments, environment)
    }

    func run(_ arguments: [String], _ environment: [String: String] = [:]) async throws -> CommandEnd {
        try await run(Self.binary, arguments, environment)
    }

    /// The same with a terminal for stdout.
    func runAtTerminal(_ arguments: [String]) async throws -> CommandEnd {
        try await run(Self.binary, arguments, [:], terminal: PseudoTerminal())
    }

    /// A line of shell, in which `$STEPWISE` is the program.
    func shell(_ line: String) async throws -> CommandEnd {
        try await run(URL(fileURLWithPath: "/bin/sh"), ["-c", line], ["STEPWISE": Self.binary.path])
    }

    private func run(
        _ program: URL, _ arguments: [String], _ more: [String: String], terminal: PseudoTerminal? = nil
    ) async throws -> CommandEnd {
        let name = "\(server.folder)/\(UInt32.random(in: .min ... .max))"
        for file in [name + ".out", name + ".err"] { try Data().write(to: URL(fileURLWithPath: file)) }
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .merging(["STEPWISE_REDIS_URL": server.url, "STEPWISE_NAMESPACE": ""]) { $1 }.merging(more) { $1 }
        process.standardInput = FileHandle.nullDevice
        let output: FileHandle? = terminal?.end ?? FileHandle(forWritingAtPath: name + ".out")
        process.standardOutput = output
        process.standardError = FileHandle(forWritingAtPath: name + ".err")
        async let shown = terminal?.text()
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
            // The program has its own: the text is over once that is closed.
            try? terminal?.end.close()
        }
        let file = try String(contentsOfFile: name + ".out", encoding: .utf8)
        return CommandEnd(
            code: process.terminationStatus, output: await shown ?? file,
            complaint: try String(contentsOfFile: name + ".err", encoding: .utf8))
    }

    /// The program, built beside the tests.
    private static var binary: URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("stepwise")
    }
}

/// A terminal for one program, which writes to its end what a person would see.
struct PseudoTerminal {
    /// The program's end.
    let end: FileHandle
    private let screen: Int32

    init() throws {
        var (screen, end): (Int32, Int32) = (-1, -1)
        guard openpty(&screen, &end, nil, nil, nil) == 0 else { throw POSIXError(.ENODEV) }
        // Another program that is started meanwhile would keep it open.
        for file in [screen, end] { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
        // Byte for byte: no carriage return before a newline.
        var settings = termios()
        tcgetattr(end, &settings)
        cfmakeraw(&settings)
        tcsetattr(end, TCSANOW, &settings)
        self.screen = screen
        self.end = FileHandle(fileDescriptor: end, closeOnDealloc: true)
    }

    /// Everything until the program's end is closed; may be asked once.
    func text() async -> String {
        await withCheckedContinuation { continuation in
            // A read blocks its thread.
            Thread.detachNewThread { [screen] in
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 4096)
                while true {
                    let count = buffer.withUnsafeMutableBytes { Foundation.read(screen, $0.baseAddress, $0.count) }
                    if count < 0, errno == EINTR { continue }
                    if count <= 0 { break }
                    bytes += buffer[..<count]
                }
                close(screen)
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            }
        }
    }
}

/// A JSON document, for looking into.
func document(_ text: String) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
}
