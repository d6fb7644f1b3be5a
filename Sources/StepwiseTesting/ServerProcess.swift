import Dispatch
import Foundation
import Synchronization

/// A redis-server process, from its start to its end.
final class ServerProcess: Sendable {
    let id: Int32
    private let end = End()

    var isRunning: Bool { !end.hasCome }

    /// - Parameter environment: what is added to this process' own.
    init(arguments: [String], environment: [String: String]) throws {
        guard let executable = Self.path(of: "redis-server") else {
            throw RedisServerError(description: "redis-server is not installed: apt-get install redis-server")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        if !environment.isEmpty {
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.terminationHandler = { [end] _ in end.come() }
        try process.run()
        id = process.processIdentifier
    }

    func signal(_ signal: Int32) {
        // A number that is reaped may be another process's.
        if isRunning { Foundation.kill(id, signal) }
    }

    /// Kills the process and returns when it is reaped.
    func kill() {
        signal(SIGKILL)
        end.wait()
    }

    private final class End: Sendable {
        private let came = Mutex(false)
        private let semaphore = DispatchSemaphore(value: 0)

        var hasCome: Bool { came.withLock { $0 } }

        func come() {
            came.withLock { $0 = true }
            semaphore.signal()
        }

        func wait() {
            semaphore.wait()
            // For whoever waits next.
            semaphore.signal()
        }
    }

    private static func path(of program: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (folders + ["/usr/local/bin"]).map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
