import Stepwise

extension Bench {
    /// Chains whose steps have larger results.
    func sizes() async throws -> [BenchTable.Line] {
        var lines: [BenchTable.Line] = []
        for (name, bytes) in [("100 B", 100), ("10 KB", 10_000), ("100 KB", 100_000), ("1 MB", 1_000_000)] {
            let runs = max(1, min(extent.chainRuns / 2, extent.resultBytes / (bytes * 10)))
            let rates = try await withFleet(2) { server, _ in
                var rates: [Double] = []
                for _ in 0..<extent.rounds { rates.append(try await server.sized(bytes, runs: runs)) }
                return rates
            }
            lines.append(.note("results of \(name): steps/s", rates.median))
            lines.append(.note("results of \(name): MB/s", rates.median * Double(bytes) / 1e6))
        }
        return lines
    }
}

extension BenchServer {
    /// Steps a second.
    fileprivate func sized(_ bytes: Int, runs: Int) async throws -> Double {
        let done = try await completedCount()
        let start = ContinuousClock.now
        try await enqueue(BenchWorkflows.sizedName, .init(steps: 10, bytes: bytes), times: runs)
        try await completed(done + runs)
        return Double(runs * 10) / (ContinuousClock.now - start).seconds
    }
}
