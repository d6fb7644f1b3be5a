import Stepwise

extension Bench {
    /// The chain on a server with many queued runs, then finished ones, beside the chain on a server without; both fleets are there all the time.
    func backlog() async throws -> [BenchTable.Line] {
        try await withFleet(2) { empty, emptyFleet in
            try await withFleet(2) { full, fullFleet in
                func ratio() async throws -> Double {
                    var ratios: [Double] = []
                    for _ in 0..<extent.rounds {
                        let without = try await empty.chain(emptyFleet, runs: extent.chainRuns)["steps/s"]
                        ratios.append(try await full.chain(fullFleet, runs: extent.chainRuns)["steps/s"] / without)
                    }
                    return ratios.median
                }
                try await full.enqueue(BenchWorkflows.nothingName, 0, times: extent.backlog, queue: "idle")
                let queued = try await ratio()
                let done = try await full.completedCount()
                try await full.enqueue(BenchWorkflows.nothingName, 0, times: extent.backlog)
                try await full.completed(done + extent.backlog, every: .milliseconds(50))
                return [
                    .row("chain with \(extent.backlog) runs queued ÷ without", queued, .atLeast(0.95)),
                    .row("chain with \(extent.backlog) runs finished ÷ without", try await ratio(), .atLeast(0.95)),
                ]
            }
        }
    }
}
