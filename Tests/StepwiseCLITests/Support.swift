import Foundation
import Logging
import NIOCore
import NIOPosix
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

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
    func withWorker(
        _ workflows: [any AnyWorkflow], configuration: StepwiseWorker.Configuration = .init(),
        _ body: () async throws -> Void
    ) async throws {
        let worker = try StepwiseWorker(
            redis: RedisEndpoint(server.url), workflows: workflows, configuration: configuration, logger: .silent)
        try await serving([worker], body)
    }

    // MARK: The command line

    /// Every command that the program has, as the words that name it; those with subcommands are not among them.
    func commands() async throws -> [String] {
        func leaves(_ command: [String: Any], _ path: [String]) -> [String] {
            let subcommands = command["subcommands"] as? [[String: Any]] ?? []
            if subcommands.isEmpty { return [path.joined(separator: " ")] }
            return subcommands.flatMap { leaves($0, path + [$0["commandName"] as? String ?? ""]) }
        }
        let help = try document(try await stepwise("--experimental-dump-help").output)
        return leaves(help["command"] as? [String: Any] ?? [:], []).filter { $0 != "help" }
    }

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

    /// The same with a terminal for stdin, at which a line is typed.
    func run(_ arguments: [String], typing line: String) async throws -> CommandEnd {
        let keyboard = try PseudoTerminal()
        keyboard.type(line + "\n")
        let end = try await run(Self.binary, arguments, [:], input: keyboard.end)
        _ = await keyboard.text()
        return end
    }

    /// A line of shell, in which `$STEPWISE` is the program.
    func shell(_ line: String) async throws -> CommandEnd {
        try await run(URL(fileURLWithPath: "/bin/sh"), ["-c", line], ["STEPWISE": Self.binary.path])
    }

    /// The same with a terminal for stderr.
    func runWithComplaintsAtTerminal(_ arguments: [String]) async throws -> CommandEnd {
        try await run(Self.binary, arguments, [:], complaints: PseudoTerminal())
    }

    /// Has `body` called while a command goes on, which ends at the latest with it.
    func withCommand(_ arguments: String..., body: (RunningCommand) async throws -> Void) async throws {
        // Where the tests ignore it, the program would as well.
        signal(SIGINT, SIG_DFL)
        let (process, name, files) = try prepare(Self.binary, arguments, [:])
        try process.run()
        for file in files { try file.close() }
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        try await body(RunningCommand(process: process, name: name))
    }

    /// A process whose output and complaints go to files of this name, to be closed once it runs: nothing else closes them, and Foundation
    /// crashes in a process with more than 1,350 open files that starts another.
    private func prepare(
        _ program: URL, _ arguments: [String], _ more: [String: String]
    ) throws -> (process: Process, name: String, files: [FileHandle]) {
        let name = "\(server.folder)/\(UInt32.random(in: .min ... .max))"
        for file in [name + ".out", name + ".err"] { try Data().write(to: URL(fileURLWithPath: file)) }
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .merging(["STEPWISE_REDIS_URL": server.url, "STEPWISE_NAMESPACE": ""]) { $1 }.merging(more) { $1 }
        process.standardInput = FileHandle.nullDevice
        let files = [name + ".out", name + ".err"].compactMap { FileHandle(forWritingAtPath: $0) }
        (process.standardOutput, process.standardError) = (files[0], files[1])
        return (process, name, files)
    }

    private func run(
        _ program: URL, _ arguments: [String], _ more: [String: String], terminal: PseudoTerminal? = nil,
        complaints: PseudoTerminal? = nil, input: FileHandle? = nil
    ) async throws -> CommandEnd {
        let (process, name, files) = try prepare(program, arguments, more)
        if let input { process.standardInput = input }
        if let terminal { process.standardOutput = terminal.end }
        if let complaints { process.standardError = complaints.end }
        async let shown = terminal?.text()
        async let complained = complaints?.text()
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
            // The program has its own: the text is over once that is closed.
            try? terminal?.end.close()
            for file in files + [input, complaints?.end].compactMap(\.self) { try? file.close() }
        }
        let output = try String(contentsOfFile: name + ".out", encoding: .utf8)
        let complaint = try String(contentsOfFile: name + ".err", encoding: .utf8)
        return CommandEnd(
            code: process.terminationStatus, output: await shown ?? output, complaint: await complained ?? complaint)
    }

    private static var binary: URL { program("stepwise") }

    /// A program, built beside the tests.
    static func program(_ name: String) -> URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent(name)
    }
}

/// A command that goes on while a test looks at what it has written.
struct RunningCommand {
    fileprivate let process: Process
    fileprivate let name: String

    var output: String {
        get throws { try String(contentsOfFile: name + ".out", encoding: .utf8) }
    }

    var complaint: String {
        get throws { try String(contentsOfFile: name + ".err", encoding: .utf8) }
    }

    /// As Ctrl-C does.
    func interrupt() { kill(process.processIdentifier, SIGINT) }

    /// Waits until it has ended.
    ///
    /// - Returns: the code with which it exited, or the signal that ended it.
    func end() async throws -> (code: Int32, isSignal: Bool) {
        try await eventually("the command ends") { !process.isRunning }
        return (process.terminationStatus, process.terminationReason == .uncaughtSignal)
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

    /// Types something, which the program may read later.
    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { Foundation.write(screen, $0.baseAddress, $0.count) }
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
