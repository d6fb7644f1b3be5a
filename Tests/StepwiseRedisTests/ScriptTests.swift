import NIOCore
import StepwiseRedis
import Testing

@Suite("Lua scripts", .serialized)
struct ScriptTests {
    private let count = RedisScript(name: "count", source: "return redis.call('INCRBY', KEYS[1], ARGV[1])")

    @Test func `A script is loaded at its first call and called by its SHA from then on`() async throws {
        try await withServerAndClient { _, client in
            for expected in 1...5 {
                let reply = try await client.evaluate(count, keys: ["key"], arguments: ["1"])
                #expect(reply == .integer(expected))
            }
            let reply = try await client.submit(count, keys: ["key"], arguments: ["5"]).get()
            #expect(reply == .integer(10))
            let statistics = try await client.send(["INFO", "commandstats"]).string ?? ""
            #expect(statistics.contains("cmdstat_evalsha:calls=6,"))
            #expect(statistics.contains("cmdstat_script|load:calls=1,"))
        }
    }

    @Test func `A server that has forgotten a script is told it again, and the script is executed once`() async throws {
        try await withServerAndClient { _, client in
            _ = try await client.evaluate(count, keys: ["key"], arguments: ["1"])
            _ = try await client.send(["SCRIPT", "FLUSH"])
            let second = try await client.evaluate(count, keys: ["key"], arguments: ["1"])
            #expect(second == .integer(2))
            _ = try await client.send(["SCRIPT", "FLUSH"])
            let third = try await client.submit(count, keys: ["key"], arguments: ["1"]).get()
            #expect(third == .integer(3))
        }
    }

    @Test func `An error inside a script, and a source that is no Lua, are refused`() async throws {
        try await withServerAndClient { _, client in
            _ = try await client.send(["SET", "text", "x"])
            let failing = await redisError { () throws(RedisError) in
                try await client.evaluate(count, keys: ["text"], arguments: ["1"])
            }
            #expect(failing?.kind == .refused)
            let broken = RedisScript(name: "broken", source: "return (")
            let error = await #expect(throws: RedisError.self) {
                try await client.submit(broken, keys: [], arguments: []).get()
            }
            #expect(error?.kind == .refused)
        }
    }
}
