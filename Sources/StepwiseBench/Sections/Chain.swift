import Stepwise

extension Bench {
    /// Runs of ten steps in a row, by 1, 2 and 4 workers; in each round beside the limit, measured just before.
    func chain() async throws -> [BenchTable.Line] {
        let fleets = [1, 2, 4]
        var limits: [Double] = []
        var rounds: [Int: [Figures]] = [:]
        // Two rounds more for the fleet that does most, as a rule: its ratio is near to what is asked.
        for round in 0..<extent.rounds + 2 {
            limits.append(try await BenchServer.with(fsync: fsync) { try await $0.stepScript(runs: extent.chainRuns) })
            for workers in fleets where workers == 1 || round < extent.rounds {
                let figures = try await withFleet(workers) { try await $0.chain($1, runs: extent.chainRuns) }
                rounds[workers, default: []].append(figures)
            }
        }
        var lines: [BenchTable.Line] = []
        var (workers, best): (Int, Figures) = (0, [])
        for fleet in fleets {
            let figures = median(rounds[fleet] ?? [])
            lines += figures.map { .note("chain, \(fleet) workers: \($0.name)", $0.value) }
            if figures["steps/s"] > best["steps/s"] { (workers, best) = (fleet, figures) }
        }
        let rates = (rounds[workers] ?? []).map { $0["steps/s"] }
        let ratio = zip(rates, limits).map { $0 / $1 }.median
        lines.append(.note("chain: the limit beside it, steps/s", limits.median))
        lines.append(.row("chain, \(workers) workers: steps/s ÷ limit", ratio, .atLeast(0.7)))
        for fleet in fleets.dropFirst() {
            let shares = zip(rounds[fleet] ?? [], rates).map { $0["steps/s"] / $1 }
            lines.append(.later("chain, \(fleet) workers: steps/s ÷ best fleet's", shares.median))
        }
        return lines + [
            .row("chain: commands in scripts a step", best["commands in scripts a step"], .atMost(6)),
            .row("chain: scripts a step in a run of 10", best["scripts a step"], .atMost(1.2)),
            .row("chain: worker's microseconds a step", best["worker us a step"], .atMost(25)),
        ]
    }

    /// The chain on a server that writes each answer's changes to the disk first, beside one that does so every second.
    func fsyncAlways() async throws -> [BenchTable.Line] {
        var (ratios, rates): ([Double], [Double]) = ([], [])
        for _ in 0..<extent.rounds {
            var round: [String: Double] = [:]
            for fsync in ["everysec", "always"] {
                round[fsync] = try await withFleet(2, fsync: fsync) {
                    try await $0.chain($1, runs: extent.chainRuns)["steps/s"]
                }
            }
            rates.append(round["always"] ?? 0)
            ratios.append((round["always"] ?? 0) / (round["everysec"] ?? 1))
        }
        return [
            .note("chain with appendfsync always, 2 workers: steps/s", rates.median),
            .row("chain: appendfsync always ÷ everysec", ratios.median, .atLeast(0.4)),
        ]
    }
}

extension BenchServer {
    /// Lets the fleet work for a moment, so that nothing is done for the first time.
    func warmUp() async throws {
        let done = try await completedCount()
        try await enqueue(BenchWorkflows.chainName, 10, times: 300)
        try await completed(done + 300)
    }

    /// So many runs of ten steps in a row, enqueued at once.
    ///
    /// - Parameter queues: each takes its part of the runs, by a call of its own.
    func chain(
        _ fleet: Fleet, _ workflow: WorkflowName<Int, Int> = BenchWorkflows.chainName, runs: Int,
        queues: [String] = ["default"]
    ) async throws -> Figures {
        let done = try await completedCount()
        let before = try await counters()
        let (cpu, memory) = (try fleet.cpu(), try await usedMemory())
        let start = ContinuousClock.now
        for queue in queues { try await enqueue(workflow, 10, times: runs / queues.count, queue: queue) }
        let enqueued = (ContinuousClock.now - start).seconds
        try await completed(done + runs)
        let took = (ContinuousClock.now - start).seconds
        let used = try await counters() - before
        let steps = Double(runs * 10)
        return [
            ("steps/s", steps / took), ("enqueuing, share of the time", enqueued / took),
            ("scripts a step", Double(used.scripts) / steps),
            ("commands in scripts a step", Double(used.commands) / steps),
            ("redis us a step", used.cpu / steps), ("worker us a step", (try fleet.cpu() - cpu) / steps),
            ("append-only bytes a step", Double(used.appended) / steps),
            ("redis bytes a finished run", Double(try await usedMemory() - memory) / Double(runs)),
        ]
    }
}
