import ArgumentParser
import Foundation
import Stepwise
import StepwiseRedis

/// Runs that sleep: what they cost, and how fast they wake.
struct SleepersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sleepers", abstract: "Lets many runs sleep until one moment and measures what that costs.")

    @Option(help: "How many runs.") var count = 100_000
    @Option(help: "How many worker processes.") var workers = 1

    func run() async throws {
        try await BenchServer.with(fsync: "everysec") { server in
            let fleet = try await Fleet(workers, concurrency: 256, server)
            defer { fleet.stop() }
            // What a worker holds once it has worked.
            try await server.enqueue(BenchWorkflows.sleeperName, Date(timeIntervalSinceNow: 1), times: 1000)
            try await server.completed(1000, every: .milliseconds(100))
            let memory = (redis: try await server.usedMemory(), worker: try fleet.memory())
            let start = ContinuousClock.now
            // Long enough for all of them to lie down.
            let alarm = Date(timeIntervalSinceNow: max(20, Double(count) / 1500))
            try await server.enqueue(BenchWorkflows.sleeperName, alarm, times: count)
            while try await server.send("ZCARD", server.keys.delayed).integer ?? 0 < count {
                try await Task.sleep(for: .milliseconds(100))
            }
            let lying = (ContinuousClock.now - start).seconds
            let redis = Double(try await server.usedMemory() - memory.redis) / Double(count)
            let worker = (before: Double(memory.worker) / 1e6, now: Double(try fleet.memory()) / 1e6)
            let busy = try fleet.cpu()
            try await Task.sleep(for: .seconds(5))
            let idle = (try fleet.cpu() - busy) / 5e6 * 100
            print(
                String(
                    format:
                        "%d runs asleep after %.0f s: %.0f bytes of Redis each; worker %.1f MB, was %.1f MB; asleep it uses %.1f %% of a core",
                    count, lying, redis, worker.now, worker.before, idle))
            let rest = alarm.timeIntervalSinceNow
            if rest < 0 { throw BenchFailure("the runs did not lie down in time: it took \(lying) s") }
            try await Task.sleep(for: .seconds(rest))
            let woken = ContinuousClock.now
            while try await server.send("ZCARD", server.keys.delayed).integer ?? 0 > 0 {
                try await Task.sleep(for: .milliseconds(20))
            }
            let promoted = (ContinuousClock.now - woken).seconds
            try await server.completed(count + 1000, every: .milliseconds(20))
            let ended = (ContinuousClock.now - woken).seconds
            print(
                String(
                    format:
                        "all woken after %.1f s (%.0f a second), all ended after %.1f s (%.0f a second); worker %.1f MB",
                    promoted, Double(count) / promoted, ended, Double(count) / ended, Double(try fleet.memory()) / 1e6))
        }
    }
}
