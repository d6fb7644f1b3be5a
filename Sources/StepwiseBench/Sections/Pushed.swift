import Stepwise
import StepwiseRedis

extension Bench {
    /// Runs without a step that others push, beside as many that a client enqueues, on the same server; one worker.
    func pushed() async throws -> [BenchTable.Line] {
        try await withFleet(1) { server, _ in
            let count = extent.starts
            // So that nothing is done for the first time.
            _ = try await server.rate(of: 1000) { try await server.push(1000) }
            var (pushed, enqueued): ([Double], [Double]) = ([], [])
            for _ in 0..<extent.rounds {
                enqueued.append(
                    try await server.rate(of: count) {
                        try await server.enqueue(BenchWorkflows.nothingName, 0, times: count)
                    })
                pushed.append(try await server.rate(of: count) { try await server.push(count) })
            }
            let ratios = zip(pushed, enqueued).map { $0 / $1 }
            return [
                .note("runs that a client enqueues: runs/s", enqueued.median),
                .note("runs that are pushed: runs/s", pushed.median),
                .later("pushed items: runs/s ÷ client's enqueue", ratios.median),
            ]
        }
    }
}

extension BenchServer {
    /// Runs a second, from before the first is sent until all have ended.
    fileprivate func rate(of runs: Int, _ send: () async throws -> Void) async throws -> Double {
        let done = try await completedCount()
        let start = ContinuousClock.now
        try await send()
        try await completed(done + runs)
        return Double(runs) / (ContinuousClock.now - start).seconds
    }

    /// Pushes so many runs; a thousand in one command, as many as a client enqueues in one round trip.
    fileprivate func push(_ runs: Int) async throws {
        let item: RedisArgument = #"{"workflow":"nothing","payload":0}"#
        for start in stride(from: 0, to: runs, by: 1000) {
            let items = Array(repeating: item, count: min(1000, runs - start))
            _ = try await redis.send(["LPUSH", .init(keys.inbox("default"))] + items)
        }
    }
}
