import Stepwise

extension Bench {
    /// The chain on a server with many queued runs, then finished ones, beside the chain on a server without; both fleets are there all the time.
    func backlog() async throws -> [BenchTable.Line] {
        try await withFleet(2) { empty, emptyFleet in
            try await withFleet(2) { full, fullFleet in
                func compare(_ what: String) async throws -> [BenchTable.Line] {
                    var (without, with): ([Figures], [Figures]) = ([], [])
                    for _ in 0..<extent.rounds {
                        without.append(try await empty.chain(emptyFleet, runs: extent.chainRuns))
                        with.append(try await full.chain(fullFleet, runs: extent.chainRuns))
                    }
                    let ratios = zip(with, without).map { $0["steps/s"] / $1["steps/s"] }
                    return ["redis us a step", "worker us a step"].flatMap { name -> [BenchTable.Line] in
                        [
                            .note("chain with \(what): \(name)", median(with)[name]),
                            .note("chain without \(what): \(name)", median(without)[name]),
                        ]
                    } + [.row("chain with \(what) ÷ without", ratios.median, .atLeast(0.95))]
                }
                try await full.enqueue(BenchWorkflows.nothingName, 0, times: extent.backlog, queue: "idle")
                let queued = try await compare("\(extent.backlog) runs queued")
                let done = try await full.completedCount()
                try await full.enqueue(BenchWorkflows.nothingName, 0, times: extent.backlog)
                try await full.completed(done + extent.backlog, every: .milliseconds(50))
                return queued + (try await compare("\(extent.backlog) runs finished"))
            }
        }
    }
}
