import Foundation
import Stepwise
import StepwiseRedis

extension Bench {
    /// What one worker holds beside what it held once it had worked: with as many bodies as it executes at a time, with runs in flight, each of
    /// which has executed a step and waits for an event, and with runs asleep.
    func memory() async throws -> [BenchTable.Line] {
        let busy = try await withFleet(1, concurrency: 1000) { server, fleet in
            try await server.held(fleet, 1000) {
                // Long enough for all of them to begin.
                try await server.enqueue(BenchWorkflows.busyName, 3000, times: 1000)
                while try await server.send("ZCARD", server.keys.runs(.running)).integer ?? 0 < 1000 {
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
        }
        let waiting = try await withFleet(1) { server, fleet in
            try await server.held(fleet, extent.waiting) {
                try await server.enqueue(BenchWorkflows.heldName, 1, times: extent.waiting)
                try await server.waiting(extent.waiting)
            }
        }
        let sleeping = try await withFleet(1) { server, fleet in
            try await server.held(fleet, extent.sleeping) {
                let alarm = Date(timeIntervalSinceNow: 86_400)
                try await server.enqueue(BenchWorkflows.sleeperName, alarm, times: extent.sleeping)
                while try await server.send("ZCARD", server.keys.delayed).integer ?? 0 < extent.sleeping {
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
        }
        return busy.map { BenchTable.Line.note("1000 bodies at a time: \($0.name)", $0.value) }
            + waiting.map { BenchTable.Line.note("\(extent.waiting) runs wait for an event: \($0.name)", $0.value) }
            + sleeping.map { BenchTable.Line.note("\(extent.sleeping) runs sleep: \($0.name)", $0.value) }
    }
}

extension BenchServer {
    /// What so many runs hold, of the worker and of Redis.
    fileprivate func held(_ fleet: Fleet, _ runs: Int, _ body: () async throws -> Void) async throws -> Figures {
        let before = (worker: try fleet.memory(), redis: try await usedMemory())
        try await body()
        let (worker, redis) = (try fleet.memory(), try await usedMemory())
        return [
            ("worker, MB", Double(worker) / 1e6), ("worker before, MB", Double(before.worker) / 1e6),
            ("worker, bytes a run", Double(worker - before.worker) / Double(runs)),
            ("Redis, bytes a run", Double(redis - before.redis) / Double(runs)),
        ]
    }
}
