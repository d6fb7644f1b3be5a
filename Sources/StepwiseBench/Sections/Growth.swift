import Stepwise
import StepwiseRedis

extension Bench {
    /// One run at a time, of more and more steps; and what it takes to go on with it elsewhere.
    func growth() async throws -> [BenchTable.Line] {
        let lengths = [10, 100, 1000, 10_000, 50_000].filter { $0 <= extent.longest }
        var (lines, times): ([BenchTable.Line], [Double]) = ([], [])
        try await withFleet(1) { server, _ in
            for steps in lengths {
                var rounds: [Figures] = []
                for _ in 0..<max(3, 1000 / steps) { rounds.append(try await server.growth(steps)) }
                let figures = median(rounds)
                times.append(figures["us a step"])
                lines += figures.map { .note("one run of \(steps) steps: \($0.name)", $0.value) }
            }
        }
        let held = try await continued(lengths)
        for (steps, time) in zip(lengths, held) {
            lines.append(.note("run of \(steps) steps, continued by a worker that never saw it: ms", time))
        }
        // The longest one needs no Redis, and little time.
        for steps in [10, 100, 1000, 10_000, 50_000] {
            let time = try await RunReplay.microseconds(steps)
            lines.append(.note("cold replay of \(steps) outcomes, without Redis: us an outcome", time))
            if steps == 50_000 { lines.append(.row("cold replay: microseconds an outcome", time, .atMost(2))) }
        }
        return lines + [
            .note("growth: time a step at \(lengths.last ?? 0) steps ÷ at 100", (times.last ?? 0) / times[1]),
            .row(
                "growth: time a step at \(lengths.last ?? 0) steps ÷ at 10", (times.last ?? 0) / times[0], .atMost(1.15)
            ),
        ]
    }

    /// Milliseconds from an event to the end of a run that waits for it after so many steps, when a worker gets it that has to read the whole
    /// history first.
    private func continued(_ lengths: [Int]) async throws -> [Double] {
        try await BenchServer.with(fsync: fsync) { server in
            var runs: [WorkflowRun<Int>] = []
            let first = try await Fleet(1, concurrency: 256, server)
            for steps in lengths { runs.append(try await server.client.enqueue(BenchWorkflows.heldName, steps)) }
            try await server.waiting(runs.count)
            first.stop()
            let second = try await Fleet(1, concurrency: 256, server)
            defer { second.stop() }
            try await server.warmUp()
            var times: [Double] = []
            for run in runs {
                let start = Moment.now
                try await run.notify("go")
                _ = try await run.result()
                times.append((Moment.now - start) / 1000)
            }
            return times
        }
    }
}

extension BenchServer {
    fileprivate func growth(_ steps: Int) async throws -> Figures {
        let before = try await counters()
        let start = Moment.now
        _ = try await client.enqueue(BenchWorkflows.chainName, steps).result()
        let took = Moment.now - start
        let used = try await counters() - before
        return [("us a step", took / Double(steps)), ("scripts a step", Double(used.scripts) / Double(steps))]
    }

    /// Waits until so many runs wait for event "go".
    func waiting(_ count: Int) async throws {
        while try await send("ZCARD", keys.event("go")).integer ?? 0 < count {
            try await Task.sleep(for: .milliseconds(1))
        }
    }
}
