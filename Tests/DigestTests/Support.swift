import Foundation
import Synchronization

/// Makes a folder, calls `body` with its path, and removes it.
func withFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("digest-" + String(UInt32.random(in: .min ... .max), radix: 36))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder.path)
}

/// A program that a test starts and ends: by its own number, and at the latest when the value goes away.
final class Program: Sendable {
    private let process: Mutex<Process>
    private let output: String
    private let id: Int32
    private let ended: AsyncStream<Int32>

    /// - Parameters:
    ///   - path: the executable.
    ///   - output: the file that standard output and standard error go to.
    init(_ path: String, _ arguments: [String], environment: [String: String] = [:], output: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        try Data().write(to: URL(fileURLWithPath: output))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = file
        process.standardError = file
        let (ended, end) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = { process in
            end.yield(process.terminationStatus)
            end.finish()
        }
        try process.run()
        try file.close()
        id = process.processIdentifier
        self.process = Mutex(process)
        self.output = output
        self.ended = ended
    }

    deinit {
        process.withLock { process in
            if process.isRunning { kill(id, SIGKILL) }
        }
    }

    /// Asks the program to end, as an orchestrator does (SIGTERM).
    func terminate() {
        process.withLock { process in
            if process.isRunning { kill(id, SIGTERM) }
        }
    }

    /// Waits for the program's end.
    ///
    /// - Returns: its exit status.
    func status() async -> Int32? {
        await ended.first { _ in true }
    }

    /// What the program has printed so far.
    var text: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }
}

/// What a shell command prints, without the newline at its end.
func shell(_ command: String) async throws -> String {
    try await withFolder { folder in
        let program = try Program("/bin/sh", ["-c", command], environment: ["LC_ALL": "C"], output: folder + "/output")
        _ = await program.status()
        return program.text.trimmingCharacters(in: .newlines)
    }
}

/// The `Digest` that was built with these tests: it lies beside them.
func digestExecutable() throws -> String {
    let bundles = [Bundle.main.bundleURL] + Bundle.allBundles.map(\.bundleURL)
    let folders =
        bundles + bundles.map { $0.deletingLastPathComponent() }
        + [URL(fileURLWithPath: CommandLine.arguments[0])]
        .map { $0.deletingLastPathComponent() }
    let paths = folders.map { $0.appendingPathComponent("Digest").path }
    guard let path = paths.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
        throw MissingExecutable(description: "no Digest beside the tests; looked at \(paths.joined(separator: ", "))")
    }
    return path
}

struct MissingExecutable: Error, CustomStringConvertible {
    let description: String
}
