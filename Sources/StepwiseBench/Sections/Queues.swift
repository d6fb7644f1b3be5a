import Stepwise

extension Bench {
    /// The chain over 100 queues, which one worker serves, beside the chain over one queue, which another one serves, on the same server.
    func queues() async throws -> [BenchTable.Line] {
        let hundred = (1...100).map { "queue-\($0)" }
        // As many calls on both sides.
        let one = Array(repeating: "default", count: hundred.count)
        return try await withFleet(1) { server, oneFleet in
            let hundredFleet = try await Fleet(
                1, concurrency: 256, server, options: ["--queues", hundred.joined(separator: ",")])
            defer { hundredFleet.stop() }
            _ = try await server.chain(hundredFleet, runs: 1000, queues: hundred)
            var (alone, spread): ([Figures], [Figures]) = ([], [])
            for _ in 0..<extent.rounds {
                alone.append(try await server.chain(oneFleet, runs: extent.chainRuns, queues: one))
                spread.append(try await server.chain(hundredFleet, runs: extent.chainRuns, queues: hundred))
            }
            let ratios = zip(spread, alone).map { $0["steps/s"] / $1["steps/s"] }
            return ["steps/s", "worker us a step", "redis us a step"].flatMap { name -> [BenchTable.Line] in
                [
                    .note("chain over one queue: \(name)", median(alone)[name]),
                    .note("chain over 100 queues: \(name)", median(spread)[name]),
                ]
            } + [.later("chain over 100 queues: steps/s ÷ one queue's", ratios.median)]
        }
    }
}
