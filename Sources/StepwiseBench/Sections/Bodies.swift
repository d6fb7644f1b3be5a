import Stepwise

extension Bench {
    /// Runs of ten steps whose bodies wait, as most do, by one worker: with the most slots that a worker has, beside the plain chain on the same
    /// server, and with fewer, which allow less than Redis does.
    func bodies() async throws -> [BenchTable.Line] {
        let runs = extent.chainRuns / 2
        return try await withFleet(1, concurrency: 1000) { wide, wideFleet in
            try await withFleet(1, concurrency: 100) { narrow, narrowFleet in
                let waits = BenchWorkflows.waitsName
                _ = try await wide.chain(wideFleet, waits, runs: 1000)
                _ = try await narrow.chain(narrowFleet, waits, runs: 100)
                var limits: [Double] = []
                var (chains, many, few): ([Figures], [Figures], [Figures]) = ([], [], [])
                for _ in 0..<extent.rounds {
                    limits.append(try await BenchServer.with(fsync: fsync) { try await $0.stepScript(runs: runs) })
                    chains.append(try await wide.chain(wideFleet, runs: runs))
                    many.append(try await wide.chain(wideFleet, waits, runs: runs))
                    few.append(try await narrow.chain(narrowFleet, waits, runs: runs / 4))
                }
                let (most, fewer, name) = (median(many), median(few), "worker us a step")
                let costs = zip(many, chains).map { $0[name] / $1[name] }
                return [
                    .note("bodies that wait: the step script's limit beside them, steps/s", limits.median),
                    .note("bodies that wait: plain chain beside them, \(name)", median(chains)[name]),
                    .note("bodies that wait, 1000 slots: \(name)", most[name]),
                    .note("bodies that wait, 1000 slots: steps/s", most["steps/s"]),
                    .note("bodies that wait, 1000 slots: steps/s that the slots allow", allowed(slots: 1000)),
                    .note("bodies that wait, 100 slots: \(name)", fewer[name]),
                    .note("bodies that wait, 100 slots: steps/s", fewer["steps/s"]),
                    .note("bodies that wait, 100 slots: steps/s that the slots allow", allowed(slots: 100)),
                    .later("bodies that wait: worker's microseconds a step ÷ plain chain's", costs.median),
                    .later("bodies that wait, 1000 slots: steps/s ÷ limit", share(of: limits, many, slots: 1000)),
                    .later("bodies that wait, 100 slots: steps/s ÷ limit", share(of: limits, few, slots: 100)),
                ]
            }
        }
    }

    /// Steps a second if a body begins at once where another has ended, and waits no longer than it should.
    private func allowed(slots: Int) -> Double { Double(slots) / BenchWorkflows.wait.seconds }

    /// Of what the step script or the slots allow, whichever is less.
    ///
    /// - Parameter limits: the step script's, of each round.
    private func share(of limits: [Double], _ rounds: [Figures], slots: Int) -> Double {
        zip(rounds, limits).map { $0["steps/s"] / min($1, allowed(slots: slots)) }.median
    }
}
