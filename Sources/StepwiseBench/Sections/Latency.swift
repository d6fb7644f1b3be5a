import Foundation
import Stepwise
import StepwiseRedis

extension Bench {
    /// One run of three steps at a time: on an idle fleet, and beside a chain at half of the rate that the fleet reaches.
    func latency() async throws -> [BenchTable.Line] {
        try await withFleet(1) { server, fleet in
            let idle = try await server.latency(extent.latencies)
            let rate = try await server.chain(fleet, runs: extent.chainRuns)["steps/s"]
            let load = HalfLoad(server, stepsPerSecond: rate / 2)
            let loaded = try await server.latency(extent.latencies)
            let enqueued = try await load.stop()
            let ratio = idle.toResult.median / idle.trips.median
            return idle.lines("3 steps, idle") + loaded.lines("3 steps, half load") + [
                .note("latency, half load: steps/s beside it", enqueued),
                .note(
                    "3 steps, idle: enqueue to last step, p50 ÷ five round trips'",
                    idle.toLast.median / idle.trips.median),
                .note(
                    "3 steps, idle: enqueue to end, p50 ÷ five round trips of an empty script",
                    idle.toResult.median / idle.emptyTrips.median),
                .row("latency of 3 steps, p50 ÷ five round trips'", ratio, .atMost(2)),
            ]
        }
    }
}

/// Times of runs of three steps; the bodies say when they began.
private struct RunLatencies {
    var toFirst = Latencies()
    var between = Latencies()
    /// To the last body.
    var toLast = Latencies()
    /// To the result, in the process that enqueued.
    var toResult = Latencies()
    /// Five round trips on a connection like the workers', each beside a run: of the step script, and of one that does nothing.
    var trips = Latencies()
    var emptyTrips = Latencies()

    func lines(_ name: String) -> [BenchTable.Line] {
        toFirst.notes("\(name): enqueue to first step") + between.notes("\(name): step to step")
            + toLast.notes("\(name): enqueue to last step") + toResult.notes("\(name): enqueue to end")
            + [
                .note("\(name): five EVALSHA round trips of the step script, p50, us", trips.median),
                .note("\(name): five EVALSHA round trips of an empty script, p50, us", emptyTrips.median),
            ]
    }
}

extension BenchServer {
    fileprivate func latency(_ count: Int) async throws -> RunLatencies {
        let sha = try await send("SCRIPT", "LOAD", "return 1").string ?? ""
        // A queue that nobody works on.
        let load = StepScriptLoad(keys: keys, redis: redis, queue: "aside")
        try await enqueue(BenchWorkflows.chainName, 6, times: count, queue: "aside")
        let calls = try await load.calls(runs: count, steps: 6, result: Array(#"{"number":1,"text":"done"}"#.utf8))
        var latencies = RunLatencies()
        for number in 0..<count {
            let start = Moment.now
            let moments = try await client.enqueue(BenchWorkflows.timesName, 3).result()
            latencies.toResult.add(Moment.now - start)
            latencies.toFirst.add(moments[0] - start)
            for (earlier, later) in zip(moments, moments.dropFirst()) { latencies.between.add(later - earlier) }
            latencies.toLast.add(moments[2] - start)
            try await latencies.trips.time {
                for step in 0..<5 {
                    let reply = try await redis.send(calls[step * count + number])
                    guard reply.integer == 1 else { throw BenchFailure("the step script has answered \(reply)") }
                }
            }
            try await latencies.emptyTrips.time { for _ in 0..<5 { _ = try await send("EVALSHA", sha, "0") } }
        }
        return latencies
    }
}

/// Chains that are enqueued at a steady rate, by this process, until it is told to stop.
private struct HalfLoad {
    private let server: BenchServer
    private let task: Task<Int, any Error>
    private let start = ContinuousClock.now

    init(_ server: BenchServer, stepsPerSecond: Double) {
        self.server = server
        task = Task {
            let start = ContinuousClock.now
            var runs = 0
            while !Task.isCancelled {
                let due = Int((ContinuousClock.now - start).seconds * stepsPerSecond / 10)
                if due > runs {
                    try await server.enqueue(BenchWorkflows.chainName, 10, times: due - runs)
                    runs = due
                }
                try? await Task.sleep(for: .milliseconds(10))
            }
            return runs
        }
    }

    /// - Returns: steps a second.
    func stop() async throws -> Double {
        task.cancel()
        let took = (ContinuousClock.now - start).seconds
        let runs = try await task.value
        while try await server.send("LLEN", server.keys.queue("default")).integer ?? 0 > 0 {
            try await Task.sleep(for: .milliseconds(10))
        }
        return Double(runs * 10) / took
    }
}
