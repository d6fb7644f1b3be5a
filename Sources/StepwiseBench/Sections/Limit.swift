import Foundation
import NIOCore
import Stepwise
import StepwiseRedis
import StepwiseTesting

extension Bench {
    /// What Redis does if nobody has anything else to do.
    func limit() async throws -> [BenchTable.Line] {
        var (steps, plain): ([Double], [Double]) = ([], [])
        for _ in 0..<extent.rounds {
            steps.append(try await BenchServer.with(fsync: fsync) { try await $0.stepScript(runs: extent.chainRuns) })
            plain.append(try await BenchServer.with(fsync: fsync) { try await $0.plainScript(calls: 100_000) })
        }
        return [
            .note("limit: the step script alone, steps/s", steps.median),
            .note("limit: a script of two commands alone, calls/s", plain.median),
        ]
    }
}

extension BenchServer {
    /// Steps a second of the step script with the arguments that a fleet would send, by redis-cli's pipe. Of a server that has executed nothing.
    func stepScript(runs: Int) async throws -> Double {
        let load = StepScriptLoad(keys: keys, redis: redis)
        try await enqueue(BenchWorkflows.chainName, 10, times: runs)
        let calls = try await load.calls(runs: runs, steps: 10, result: Array(#"{"number":1,"text":"done"}"#.utf8))
        let encoder = CommandEncoder()
        var buffer = ByteBuffer()
        for call in calls { encoder.encode(call, into: &buffer) }
        let file = URL(fileURLWithPath: server.folder + "/load")
        try Data(buffer.readableBytesView).write(to: file)
        let start = ContinuousClock.now
        let text = try execute("redis-cli", "-s", server.folder + "/redis.sock", "--pipe", input: file)
        let took = (ContinuousClock.now - start).seconds
        guard text.contains("errors: 0, replies: \(calls.count)") else { throw BenchFailure("redis-cli says: \(text)") }
        let done = try await completedCount()
        guard done == runs else { throw BenchFailure("the load has ended \(done) of \(runs) runs") }
        return Double(calls.count) / took
    }

    /// Calls a second of a script that writes a result and counts it, by redis-benchmark: what any engine on Redis is held to.
    func plainScript(calls: Int) async throws -> Double {
        let script =
            "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) return redis.call('HINCRBY', KEYS[1], 'finished', 1)"
        let sha = try await send("SCRIPT", "LOAD", script).string ?? ""
        let start = ContinuousClock.now
        _ = try execute(
            "redis-benchmark", "-s", server.folder + "/redis.sock", "-q", "-c", "50", "-P", "16", "-n", String(calls),
            "-r", String(calls / 10), "EVALSHA", sha, "1", "run:__rand_int__", "7", #"{"number":1,"text":"done"}"#)
        return Double(calls) / (ContinuousClock.now - start).seconds
    }

    private func execute(_ words: String..., input: URL? = nil) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        if let input { process.standardInput = try FileHandle(forReadingFrom: input) }
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw BenchFailure("\(words[0]) has failed: \(text)") }
        return text
    }
}
