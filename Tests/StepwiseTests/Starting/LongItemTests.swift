import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Many long items")
    struct LongItems {
        private static let prefix = "stepwise:{default}:"

        private func looks(_ server: RedisServer) async throws -> Int {
            let statistics = try await server.command("INFO", "commandstats").string ?? ""
            let line = statistics.split { $0.isNewline }.first { $0.hasPrefix("cmdstat_lindex:calls=") }
            return line.flatMap { Int($0.drop { $0 != "=" }.dropFirst().prefix { $0.isNumber }) } ?? 0
        }

        @Test(.rule(8))
        func `Each is looked for where it lies: rejecting many costs as many looks`() async throws {
            let echo = Workflow("echo") { (context, number: Int) async throws -> Int in number }
            let configuration = StepwiseWorker.Configuration(maximumPayloadSize: 1024)
            try await withWorker([echo], configuration: configuration) { client, server in
                try await eventually("the worker is there") { try await client.workers().count == 1 }
                let before = try await looks(server)
                // All at once, so that many are claimed together.
                let push = "for n = 1, 100 do redis.call('LPUSH', KEYS[1], n .. string.rep('x', 2000)) end"
                _ = try await server.command("EVAL", .init(push), "1", .init(Self.prefix + "inbox:default"))
                try await eventually("all are rejected") { try await client.queueTotals().malformed == 100 }
                // Upkeep looks at the oldest from time to time.
                let count = try await looks(server) - before
                #expect((100..<150).contains(count))
            }
        }

        @Test(.rule(8))
        func `One that does not lie where it should is found all the same, and no other is rejected for it`()
            async throws
        {
            let script = try #require(ScriptLibrary.all.first { $0.name == "reject" })
            try await RedisServer.withServer { server in
                let claims = RedisArgument(Self.prefix + "accepting:x:default")
                let malformed = RedisArgument(Self.prefix + "malformed")
                for number in 0..<9 {
                    _ = try await server.command(
                        "LPUSH", claims, .init("\(number)" + String(repeating: "x", count: 20)))
                }
                for (beginning, newer, reply) in [("4xx", "0", 1), ("4xx", "4", 0), ("8xx", "8", 1), ("0xx", "100", 1)]
                {
                    let answer = try await server.command(
                        "EVAL", .init(script.redis.source), "2", claims, malformed, .init(beginning), "21", "{\"a\":1",
                        "too long", "10", .init(newer))
                    #expect(answer == .integer(reply), "\(beginning)")
                }
                let left = try await server.command("LRANGE", claims, "0", "-1").array?.compactMap { $0.string?.first }
                #expect(left == ["7", "6", "5", "3", "2", "1"])
            }
        }
    }
}
