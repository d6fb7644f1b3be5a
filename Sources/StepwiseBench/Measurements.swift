import Foundation
import NIOCore
import Stepwise
import StepwiseRedis
import StepwiseTesting

/// What was measured, by name; rates are a second's, times are microseconds.
typealias Figures = [(name: String, value: Double)]

/// How much is measured.
struct Extent {
    var chainRuns: Int
    var rounds: Int
    var backlog: Int
    var longest: Int
    var latencies: Int

    static let short = Extent(chainRuns: 4000, rounds: 3, backlog: 100_000, longest: 10_000, latencies: 300)
    static let long = Extent(chainRuns: 10_000, rounds: 5, backlog: 1_000_000, longest: 50_000, latencies: 2000)
}

extension BenchServer {
    /// Runs of ten steps in a row: the median of some rounds.
    func chain(_ fleet: Fleet, runs: Int, rounds: Int) async throws -> Figures {
        var all: [Figures] = []
        for _ in 0..<rounds {
            let done = try await completedCount()
            let before = try await counters()
            let (cpu, memory) = (try fleet.cpu(), try await usedMemory())
            let start = ContinuousClock.now
            _ = try await client.enqueue(
                WorkflowName<Int, Int>("chain"), each: Array(repeating: 10, count: runs))
            let enqueued = (ContinuousClock.now - start).seconds
            try await completed(done + runs)
            let took = (ContinuousClock.now - start).seconds
            let used = try await counters() - before
            let steps = Double(runs * 10)
            all.append([
                ("steps/s", steps / took), ("enqueuing, share of the time", enqueued / took),
                ("scripts a step", Double(used.scripts) / steps),
                ("commands in scripts a step", Double(used.commands) / steps),
                ("redis us a step", used.cpu / steps), ("worker us a step", (try fleet.cpu() - cpu) / steps),
                ("append-only bytes a step", Double(used.appended) / steps),
                ("redis bytes a finished run", Double(try await usedMemory() - memory) / Double(runs)),
            ])
        }
        return median(all)
    }

    /// Runs of so many parallel steps and one after them: steps a second.
    func fanOut(_ width: Int, runs: Int) async throws -> Double {
        let done = try await completedCount()
        let start = ContinuousClock.now
        _ = try await client.enqueue(WorkflowName<Int, Int>("fan"), each: Array(repeating: width, count: runs))
        try await completed(done + runs)
        return Double(runs * (width + 1)) / (ContinuousClock.now - start).seconds
    }

    /// One run of three steps at a time, from enqueue to result, beside five round trips of a script on a connection like the workers'.
    func latency(_ count: Int) async throws -> (run: Latencies, trips: Latencies) {
        let sha = try await send("SCRIPT", "LOAD", "return 1").string ?? ""
        var run = Latencies()
        var trips = Latencies()
        for _ in 0..<count {
            try await run.time {
                _ = try await client.enqueue(BenchWorkflows.chain, 3).result()
            }
            try await trips.time { for _ in 0..<5 { _ = try await send("EVALSHA", sha, "0") } }
        }
        return (run, trips)
    }

    /// One run of so many steps in a row: microseconds a step.
    func growth(_ steps: Int) async throws -> Double {
        let start = ContinuousClock.now
        _ = try await client.enqueue(BenchWorkflows.chain, steps).result()
        return (ContinuousClock.now - start).seconds * 1e6 / Double(steps)
    }

    /// Steps a second of the step script alone, by redis-cli's pipe: what Redis does if nobody has anything else to do.
    func limit(runs: Int) async throws -> Double {
        let load = StepScriptLoad(keys: keys, redis: redis)
        _ = try await client.enqueue(WorkflowName<Int, Int>("chain"), each: Array(repeating: 10, count: runs))
        let calls = try await load.calls(runs: runs, steps: 10, result: Array(#"{"number":1,"text":"done"}"#.utf8))
        let encoder = CommandEncoder()
        var buffer = ByteBuffer()
        for call in calls { encoder.encode(call, into: &buffer) }
        let file = URL(fileURLWithPath: server.folder + "/load")
        try Data(buffer.readableBytesView).write(to: file)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-s", server.folder + "/redis.sock", "--pipe"]
        process.standardInput = try FileHandle(forReadingFrom: file)
        let pipe = Pipe()
        process.standardOutput = pipe
        let start = ContinuousClock.now
        try process.run()
        let text = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        let took = (ContinuousClock.now - start).seconds
        guard text.contains("errors: 0, replies: \(calls.count)") else { throw BenchFailure("redis-cli says: \(text)") }
        let done = try await send("ZCARD", keys.runs(.completed)).integer ?? 0
        guard done == runs else { throw BenchFailure("the load has ended \(done) of \(runs) runs") }
        return Double(calls.count) / took
    }

    func completedCount() async throws -> Int { try await send("ZCARD", keys.runs(.completed)).integer ?? 0 }
}

/// Times of the same thing.
struct Latencies {
    private var times: [Double] = []

    mutating func time(_ body: () async throws -> Void) async throws {
        let start = ContinuousClock.now
        try await body()
        times.append((ContinuousClock.now - start).seconds * 1e6)
    }

    /// In microseconds.
    func percentile(_ percent: Double) -> Double {
        let sorted = times.sorted()
        return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * percent / 100))]
    }
}

func median(_ all: [Figures]) -> Figures {
    guard let first = all.first else { return [] }
    return first.indices.map { index in
        (first[index].name, all.map { $0[index].value }.sorted()[all.count / 2])
    }
}
