import ArgumentParser
import Foundation
import Stepwise

/// The table: what is asked, and what was reached beside it.
struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "Measures everything and prints what was reached beside what is asked.",
        discussion: "Exits 1 if a row falls short. Takes a minute or two; with --long half an hour.")

    @Flag(help: "More runs, more rounds, a million runs for the backlog.") var long = false
    @Option(help: ArgumentHelp("Write all figures as JSON to a file.", valueName: "file")) var json: String?
    @Option(
        help: ArgumentHelp(
            "Sidekiq's steps/s on the same workload, measured in the same hour, for the row that compares.",
            valueName: "steps/s"))
    var sidekiq: Double?

    func run() async throws {
        let extent = long ? Extent.long : .short
        var table = BenchTable()
        let limit = try await BenchServer.with(fsync: "everysec") { try await $0.limit(runs: extent.chainRuns / 2) }
        table.note("limit: the step script alone, steps/s", limit)
        var best: (workers: Int, figures: Figures) = (0, [])
        for workers in [1, 2, 4] {
            let figures = try await BenchServer.with(fsync: "everysec") { server in
                let fleet = try await Fleet(workers, concurrency: 256, server)
                defer { fleet.stop() }
                return try await server.chain(fleet, runs: extent.chainRuns, rounds: extent.rounds)
            }
            for figure in figures { table.note("chain, \(workers) workers: \(figure.name)", figure.value) }
            if figures["steps/s"] > best.figures["steps/s"] { best = (workers, figures) }
        }
        let chain = best.figures["steps/s"]
        table.row("chain, \(best.workers) workers: steps/s ÷ limit", chain / limit, atLeast: 0.7)
        if let sidekiq { table.row("chain: steps/s ÷ Sidekiq's", chain / sidekiq, atLeast: 14) }
        table.row("chain: commands in scripts a step", best.figures["commands in scripts a step"], atMost: 6)
        table.row("chain: scripts a step in a run of 10", best.figures["scripts a step"], atMost: 1.2)
        table.row("chain: worker's microseconds a step", best.figures["worker us a step"], atMost: 25)
        try await fanOutAndLatency(&table, extent, chain)
        try await growth(&table, extent)
        table.row("cold replay: microseconds an outcome", try await Replay.microseconds(50_000), atMost: 2)
        try await backlog(&table, extent)
        let always = try await BenchServer.with(fsync: "always") { server in
            let fleet = try await Fleet(best.workers, concurrency: 256, server)
            defer { fleet.stop() }
            return try await server.chain(fleet, runs: extent.chainRuns, rounds: extent.rounds)["steps/s"]
        }
        table.row("chain: appendfsync always ÷ everysec", always / chain, atLeast: 0.4)
        print(table.text)
        if let json { try table.json.write(to: URL(fileURLWithPath: json), atomically: true, encoding: .utf8) }
        if !table.isReached { throw ExitCode(1) }
    }

    private func fanOutAndLatency(_ table: inout BenchTable, _ extent: Extent, _ chain: Double) async throws {
        let (hundred, wide, latency) = try await BenchServer.with(fsync: "everysec") { server in
            let fleet = try await Fleet(2, concurrency: 256, server)
            defer { fleet.stop() }
            _ = try await server.fanOut(100, runs: 20)
            let hundred = try await server.fanOut(100, runs: extent.chainRuns / 20)
            let wide = try await server.fanOut(10_000, runs: 2)
            return (hundred, wide, try await server.latency(extent.latencies))
        }
        table.note("fan-out of 10,000, steps/s", wide)
        table.row("fan-out of 100: steps/s ÷ chain's", hundred / chain, atLeast: 0.5)
        for percent in [50.0, 90, 99, 100] {
            table.note("latency of 3 steps, p\(Int(percent)), us", latency.run.percentile(percent))
        }
        table.note("five EVALSHA round trips, p50, us", latency.trips.percentile(50))
        table.row(
            "latency of 3 steps, p50 ÷ five round trips'", latency.run.percentile(50) / latency.trips.percentile(50),
            atMost: 2)
    }

    private func growth(_ table: inout BenchTable, _ extent: Extent) async throws {
        let times = try await BenchServer.with(fsync: "everysec") { server in
            let fleet = try await Fleet(1, concurrency: 256, server)
            defer { fleet.stop() }
            var times: [(Int, Double)] = []
            for steps in [10, 100, 1000, 10_000, 50_000] where steps <= extent.longest {
                var rounds: [Double] = []
                for _ in 0..<max(3, 300 / steps) { rounds.append(try await server.growth(steps)) }
                times.append((steps, rounds.sorted()[rounds.count / 2]))
            }
            return times
        }
        for (steps, time) in times { table.note("one run of \(steps) steps: us a step", time) }
        guard let first = times.first, let last = times.last else { return }
        table.row("growth: time a step at \(last.0) steps ÷ at 10", last.1 / first.1, atMost: 1.15)
    }

    private func backlog(_ table: inout BenchTable, _ extent: Extent) async throws {
        let (before, queued, finished) = try await BenchServer.with(fsync: "everysec") { server in
            let fleet = try await Fleet(2, concurrency: 256, server)
            defer { fleet.stop() }
            let before = try await server.chain(fleet, runs: extent.chainRuns, rounds: extent.rounds)["steps/s"]
            try await server.enqueue(BenchWorkflows.nothingName, 0, times: extent.backlog, queue: "idle")
            let queued = try await server.chain(fleet, runs: extent.chainRuns, rounds: extent.rounds)["steps/s"]
            let done = try await server.completedCount()
            try await server.enqueue(BenchWorkflows.nothingName, 0, times: extent.backlog)
            try await server.completed(done + extent.backlog)
            let finished = try await server.chain(fleet, runs: extent.chainRuns, rounds: extent.rounds)["steps/s"]
            return (before, queued, finished)
        }
        table.row("chain with \(extent.backlog) runs queued ÷ without", queued / before, atLeast: 0.95)
        table.row("chain with \(extent.backlog) runs finished ÷ without", finished / before, atLeast: 0.95)
    }
}

extension Figures {
    subscript(_ name: String) -> Double { first { $0.name == name }?.value ?? 0 }
}
