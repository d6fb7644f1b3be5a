import Stepwise

extension Bench {
    /// Runs of parallel steps and one after them, beside the chain on the same server; one worker, the fleet that does most.
    func fanOut() async throws -> [BenchTable.Line] {
        try await withFleet(1) { server, fleet in
            var (hundred, wide, ratios): ([Double], [Double], [Double]) = ([], [], [])
            _ = try await server.fanOut(100, runs: 20)
            // The ratio is near to what is asked: two rounds more than others have.
            for _ in 0..<extent.rounds + 2 {
                let chain = try await server.chain(fleet, runs: extent.chainRuns)["steps/s"]
                hundred.append(try await server.fanOut(100, runs: extent.chainRuns / 20))
                wide.append(try await server.fanOut(10_000, runs: 2))
                ratios.append((hundred.last ?? 0) / chain)
            }
            return [
                .note("fan-out of 100, steps/s", hundred.median), .note("fan-out of 10,000, steps/s", wide.median),
                .row("fan-out of 100: steps/s ÷ chain's", ratios.median, .atLeast(0.5)),
            ]
        }
    }
}

extension BenchServer {
    /// Steps a second of so many runs, enqueued at once.
    fileprivate func fanOut(_ width: Int, runs: Int) async throws -> Double {
        let done = try await completedCount()
        let start = ContinuousClock.now
        _ = try await client.enqueue(WorkflowName<Int, Int>("fan"), each: Array(repeating: width, count: runs))
        try await completed(done + runs)
        return Double(runs * (width + 1)) / (ContinuousClock.now - start).seconds
    }
}
