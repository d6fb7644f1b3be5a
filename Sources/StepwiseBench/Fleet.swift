import Foundation
import Stepwise
import StepwiseTesting

/// Worker processes that a measurement has started.
final class Fleet {
    private var processes: [Process] = []

    /// This program.
    static var program: URL { URL(filePath: "/proc/self/exe").resolvingSymlinksInPath() }

    /// Starts them and waits until all have registered.
    ///
    /// - Parameters:
    ///   - launcher: the words before the worker's own; default: this program.
    ///   - options: words behind them.
    init(
        _ count: Int, concurrency: Int, _ server: BenchServer, launcher: [String] = [Fleet.program.path],
        options: [String] = []
    ) async throws {
        for _ in 0..<count {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments =
                launcher + ["worker", "--redis", server.server.url, "--concurrency", String(concurrency)]
                + options
            try process.run()
            processes.append(process)
        }
        while try await server.client.workers().count < count {
            if let dead = processes.first(where: { !$0.isRunning }) {
                throw BenchFailure("a worker has ended with \(dead.terminationStatus) before it had begun")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    var ids: [Int32] { processes.map(\.processIdentifier) }

    /// Microseconds of processor time that they have used until now.
    func cpu() throws -> Double {
        try ids.reduce(0) { sum, id in
            let text = try String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)
            let fields = text.drop { $0 != ")" }.split(separator: " ")
            guard fields.count > 12, let user = Double(fields[12]), let system = Double(fields[13]) else { return sum }
            return sum + (user + system) * 1e6 / Double(sysconf(Int32(_SC_CLK_TCK)))
        }
    }

    /// Bytes of memory that they hold.
    func memory() throws -> Int {
        try ids.reduce(0) { sum, id in
            let text = try String(contentsOfFile: "/proc/\(id)/statm", encoding: .utf8)
            return sum + (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
        }
    }

    func stop() {
        for process in processes { process.terminate() }
        for process in processes { process.waitUntilExit() }
        processes = []
    }

    deinit { stop() }
}
