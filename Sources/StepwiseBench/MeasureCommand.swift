import ArgumentParser
import Foundation
import Stepwise
import StepwiseTesting

struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "measure", abstract: "Measures and prints a table.")

    @Option(help: "everysec or always.") var fsync = "everysec"
    @Option var workers = 1
    @Option var runs = 5000
    @Option var steps = 10
    @Option var concurrency = 256
    @Flag var hold = false

    func run() async throws {
        try await BenchServer.with(fsync: fsync) { server in
            let fleet = try await Fleet(workers, concurrency: concurrency, server)
            defer { fleet.stop() }
            if hold { print(server.server.url, fleet.ids) }
            for round in 0..<3 {
                let before = try await server.counters()
                let cpu = try fleet.cpu()
                let start = ContinuousClock.now
                _ = try await server.client.enqueue(
                    WorkflowName<Int, Int>("chain"), each: Array(repeating: steps, count: runs))
                let enqueued = ContinuousClock.now - start
                try await server.completed(runs * (round + 1))
                let took = ContinuousClock.now - start
                let after = try await server.counters() - before
                let worker = try fleet.cpu() - cpu
                let total = Double(runs * steps)
                let seconds = Double(took.components.attoseconds) / 1e18 + Double(took.components.seconds)
                let es = Double(enqueued.components.attoseconds) / 1e18 + Double(enqueued.components.seconds)
                print(
                    String(
                        format: "%.0f steps/s, enqueuing %.0f%%, %.2f scripts, %.2f commands, redis %.1f us, worker %.1f us, aof %.0f B",
                        total / seconds, es / seconds * 100, Double(after.scripts) / total, Double(after.commands) / total,
                        after.cpu / total, worker / total, Double(after.appended) / total))
            }
        }
    }
}
