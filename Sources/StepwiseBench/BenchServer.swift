import Foundation
import Logging
import NIOCore
import NIOPosix
import Stepwise
import StepwiseRedis
import StepwiseTesting

/// A redis-server of the measurement's own, and what it says of itself.
struct BenchServer {
    let server: RedisServer
    let redis: RedisClient
    let client: StepwiseClient

    static func with<Value>(fsync: String, _ body: (BenchServer) async throws -> Value) async throws -> Value {
        // The last of two options counts.
        let arguments = ["--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0"]
        return try await RedisServer.withServer(appendOnly: true, extraArguments: arguments) { server in
            let redis = RedisClient(
                address: try RedisAddress(url: server.url), options: RedisOptions(commandTimeout: .seconds(60)),
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "bench"))
            let client = try StepwiseClient(
                redis: RedisEndpoint(server.url), namespace: "bench", logger: Logger(label: "bench"))
            let result: Result<Value, any Error>
            do {
                result = .success(try await body(BenchServer(server: server, redis: redis, client: client)))
            } catch { result = .failure(error) }
            await client.close()
            await redis.close()
            return try result.get()
        }
    }

    var keys: Keys { client.keys }

    func send(_ words: String...) async throws -> RedisValue { try await redis.send(words.map { .init($0) }) }

    /// What INFO says, name to value.
    func info(_ section: String) async throws -> [String: String] {
        let text = try await send("INFO", section).string ?? ""
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        return values
    }

    /// Figures that only rise.
    struct Counters {
        /// Calls of clients.
        var scripts = 0
        /// Commands that scripts have called, and others.
        var commands = 0
        /// In microseconds.
        var cpu = 0.0
        /// Bytes of the append-only file.
        var appended = 0

        static func - (left: Counters, right: Counters) -> Counters {
            Counters(
                scripts: left.scripts - right.scripts, commands: left.commands - right.commands,
                cpu: left.cpu - right.cpu, appended: left.appended - right.appended)
        }
    }

    func counters() async throws -> Counters {
        var counters = Counters()
        for (name, value) in try await info("commandstats") where name.hasPrefix("cmdstat_") {
            let calls = value.split(separator: ",").first?.split(separator: "=").last.flatMap { Int($0) } ?? 0
            if name == "cmdstat_evalsha" || name == "cmdstat_eval" {
                counters.scripts += calls
            } else {
                counters.commands += calls
            }
        }
        let cpu = try await info("cpu")
        for name in ["used_cpu_user", "used_cpu_sys"] { counters.cpu += (Double(cpu[name] ?? "") ?? 0) * 1e6 }
        counters.appended = Int(try await info("persistence")["aof_current_size"] ?? "") ?? 0
        return counters
    }

    func usedMemory() async throws -> Int { Int(try await info("memory")["used_memory"] ?? "") ?? 0 }

    func completedCount() async throws -> Int { try await send("ZCARD", keys.runs(.completed)).integer ?? 0 }

    /// Waits until so many runs have completed.
    func completed(_ count: Int, every pause: Duration = .milliseconds(10)) async throws {
        while try await completedCount() < count {
            let failed = try await send("ZCARD", keys.runs(.failed)).integer ?? 0
            if failed > 0 { throw BenchFailure("\(failed) runs have failed") }
            try await Task.sleep(for: pause)
        }
    }

    /// Starts so many runs with one input; ten thousand in one write.
    func enqueue<Input: Codable & Sendable, Output>(
        _ workflow: WorkflowName<Input, Output>, _ input: Input, times count: Int, queue: String = "default"
    ) async throws {
        for start in stride(from: 0, to: count, by: 10_000) {
            _ = try await client.enqueue(
                workflow, each: Array(repeating: input, count: min(10_000, count - start)), .queue(queue))
        }
    }
}

struct BenchFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
