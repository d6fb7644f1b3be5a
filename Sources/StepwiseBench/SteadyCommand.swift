import ArgumentParser
import Foundation
import Stepwise
import StepwiseRedis

/// A steady load: whether a worker's memory grows with the runs that have ended.
struct SteadyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steady",
        abstract: "Keeps one worker busy with runs of every kind, and exits 1 if its memory grows.",
        discussion: "Memory is flat if the last third's mean is at most 5 % and 4 MiB above the middle third's.")

    @Option(help: "For how many seconds.") var seconds = 600
    @Option(help: "How many runs begin in a second.") var rate = 20

    /// So many runs may be under way at once; with more the load is more than the worker can take.
    private static let most = 1000

    func run() async throws {
        try await BenchServer.with(fsync: "everysec") { server in
            let fleet = try await Fleet(1, concurrency: 100, server, options: ["--steady"])
            defer { fleet.stop() }
            var (begun, samples) = (0, [Double]())
            var left: [WorkflowRun<Int>] = []
            let start = ContinuousClock.now
            while true {
                let passed = (ContinuousClock.now - start).seconds
                if passed >= Double(seconds) { break }
                let due = Int(passed * Double(rate))
                left += try await begin(begun..<due, server)
                begun = due
                // The newest may still be on their way to where they wait.
                for run in left.dropLast(10) {
                    try await run.pause()
                    try await run.cancel()
                }
                left = Array(left.suffix(10))
                let live = try await underWay(server)
                if live > Self.most {
                    throw BenchFailure(
                        "\(live) of \(begun) runs are under way after \(Int(passed)) s: this worker cannot take \(rate) runs a second; ask for a "
                            + "smaller --rate")
                }
                samples.append(Double(try fleet.memory()) / 1_048_576)
                if samples.count.isMultiple(of: 120) {
                    print(String(format: "%4.0f s: %d runs begun, worker %.1f MiB", passed, begun, samples.last ?? 0))
                }
                try await Task.sleep(for: .milliseconds(500))
            }
            let third = samples.count / 3
            let (middle, last) = (Self.mean(samples[third..<(2 * third)]), Self.mean(samples[(2 * third)...]))
            let isFlat = last <= middle * 1.05 + 4
            let figures = String(format: "worker %.1f MiB in the middle third, %.1f MiB in the last", middle, last)
            print("\(begun) runs in \(seconds) s: \(figures): \(isFlat ? "flat" : "it grows")")
            if !isFlat { throw ExitCode(1) }
        }
    }

    private static func mean(_ samples: ArraySlice<Double>) -> Double {
        samples.reduce(0, +) / Double(max(1, samples.count))
    }

    /// - Returns: those that wait for ever.
    private func begin(_ numbers: Range<Int>, _ server: BenchServer) async throws -> [WorkflowRun<Int>] {
        if numbers.isEmpty { return [] }
        let kinds = numbers.map { SteadyWork.Kind.allCases[$0 % SteadyWork.Kind.allCases.count] }
        let runs = try await server.client.enqueue(SteadyWork.name, each: kinds)
        for (run, kind) in zip(runs, kinds) where kind == .cancelled { try await run.cancel() }
        return zip(runs, kinds).filter { $1 == .left }.map { run, _ in run }
    }

    /// How many runs have not ended.
    private func underWay(_ server: BenchServer) async throws -> Int {
        var count = 0
        for status in [RunStatus.queued, .running, .noWorker, .parked, .paused, .ending] {
            count += try await server.send("ZCARD", server.keys.runs(status)).integer ?? 0
        }
        return count
    }
}
