import ArgumentParser
import Foundation
import Stepwise

/// What a step costs in things that can be counted: the same on every machine, however busy it is.
struct CountsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counts",
        abstract: "Counts what a step costs; a worker is started in between, by valgrind for instance.",
        discussion: """
            Two fleets of one worker execute runs of ten steps, the second one more of them: what that took more is told for each step, \
            start and end of the worker not among it. {runs} in the launcher's words becomes the number of runs, so that each writes \
            a file of its own; {worker} this program. Files that hold counts are read when the worker has ended: of callgrind its \
            "summary:", of others the only number.
            """)

    @Option(help: "How many runs the first worker executes, and how many the second.") var runs = "200,600"
    @Option(help: "What starts a worker: words separated by spaces.") var launcher = "{worker}"
    @Option(help: ArgumentHelp("Where callgrind writes.", valueName: "file")) var callgrind: String?
    @Option(help: ArgumentHelp("Where the number of allocations is written.", valueName: "file"))
    var allocations: String?

    func run() async throws {
        let counts = runs.split(separator: ",").compactMap { Int($0) }
        guard counts.count == 2, counts[0] > 0, counts[1] > counts[0] else {
            throw ValidationError("--runs takes two numbers, the second one larger, as in 200,600")
        }
        for (name, value) in try await redis() { print(name, String(format: "%.3f", value)) }
        let (few, many) = (try await worker(counts[0]), try await worker(counts[1]))
        let steps = Double((counts[1] - counts[0]) * 10)
        for (name, value) in many { print(name, String(format: "%.3f", (value - few[name]) / steps)) }
    }

    /// What a step makes Redis do, of a worker that nobody slows down: a slow one asks more often.
    private func redis() async throws -> Figures {
        try await BenchServer.with(fsync: "everysec") { server in
            let fleet = try await Fleet(1, concurrency: 256, server)
            defer { fleet.stop() }
            let chain = try await server.chain(fleet, runs: 2000)
            return [
                ("scripts", chain["scripts a step"]),
                ("commands-in-scripts", chain["commands in scripts a step"]),
                ("append-only-bytes", chain["append-only bytes a step"]),
            ]
        }
    }

    /// What a worker had counted when it had executed so many runs and ended.
    private func worker(_ runs: Int) async throws -> Figures {
        try await BenchServer.with(fsync: "everysec") { server in
            let words = launcher.split(separator: " ").map { named(String($0), runs) }
            // What executes it may slow everything down a hundred times.
            let fleet = try await Fleet(
                1, concurrency: 256, server, launcher: words, options: ["--quick-body", "100"])
            defer { fleet.stop() }
            try await server.enqueue(BenchWorkflows.chainName, 10, times: runs)
            try await server.completed(runs, every: .milliseconds(50))
        }
        var figures: Figures = []
        if let callgrind {
            let text = try String(contentsOfFile: named(callgrind, runs), encoding: .utf8)
            let line = text.split(separator: "\n").last { $0.hasPrefix("summary: ") || $0.hasPrefix("totals: ") }
            guard let line, let number = line.split(separator: " ").dropFirst().first.flatMap({ Double($0) }) else {
                throw BenchFailure("\(named(callgrind, runs)) has no line \"summary:\" with a number")
            }
            figures.append(("instructions", number))
        }
        if let allocations {
            let text = try String(contentsOfFile: named(allocations, runs), encoding: .utf8)
            guard let number = Double(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
                throw BenchFailure("\(named(allocations, runs)) does not hold a number")
            }
            figures.append(("allocations", number))
        }
        return figures
    }

    private func named(_ word: String, _ runs: Int) -> String {
        word.replacingOccurrences(of: "{runs}", with: String(runs))
            .replacingOccurrences(of: "{worker}", with: Fleet.program.path)
    }
}
