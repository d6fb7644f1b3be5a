import NIOCore
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// What a worker knows of a run, and whether Redis has it.
struct KnownCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Generation, recorded, kind, last, opened, delivered.
    let known: [String]
    let isThere: Bool

    static let record = #"{"step":"two","took":1,"claim":"w/2","at":5,"value":1}"#

    static let all: [KnownCase] = [
        KnownCase(testDescription: "nothing yet", known: ["7", "0", "", "", "0", "-1"], isThere: true),
        KnownCase(testDescription: "all of it", known: ["7", "2", "token", "w/2", "3", "2"], isThere: true),
        KnownCase(testDescription: "less than there is", known: ["7", "1", "token", "w/1", "2", "1"], isThere: true),
        KnownCase(testDescription: "another generation", known: ["8", "0", "", "", "0", "-1"], isThere: false),
        KnownCase(testDescription: "a longer history", known: ["7", "3", "token", "w/3", "3", "2"], isThere: false),
        KnownCase(
            testDescription: "another last outcome", known: ["7", "2", "token", "w/3", "3", "2"], isThere: false),
        KnownCase(
            testDescription: "the last outcome as it was read",
            known: ["7", "2", String(record.utf8.count), String(record.prefix(20)), "3", "2"], isThere: true),
        KnownCase(
            testDescription: "the same outcome at another time",
            known: ["7", "2", String(record.utf8.count), record.replacing("\"at\":5", with: "\"at\":4"), "3", "2"],
            isThere: false),
        KnownCase(
            testDescription: "a longer outcome",
            known: ["7", "2", String(record.utf8.count + 1), String(record.prefix(20)), "3", "2"], isThere: false),
        KnownCase(testDescription: "more opened", known: ["7", "2", "token", "w/2", "4", "2"], isThere: false),
        KnownCase(testDescription: "a lost plan", known: ["7", "2", "token", "w/2", "3", "3"], isThere: false),
    ]
}

extension Scenarios {
    @Suite("What a server has of what a worker holds")
    struct CompareTests {
        private static let prefix = "stepwise:{default}:"

        private static func withRedis(_ body: (RedisClient) async throws -> Void) async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                let result: Result<Void, any Error>
                do { result = .success(try await body(redis)) } catch { result = .failure(error) }
                await redis.close()
                await client.close()
                try result.get()
            }
        }

        private static func call(
            _ name: String, _ keys: [String], _ arguments: [String], _ redis: RedisClient
        ) async throws -> RedisValue {
            let script = try #require(ScriptLibrary.all.first { $0.name == name })
            return try await redis.evaluate(
                script.redis, keys: keys.map { prefix + $0 }, arguments: arguments.map { .init($0) })
        }

        @Test(.rule(6), arguments: KnownCase.all)
        func `A run is as it is known if generation, last outcome, opened calls and applied plans are there`(
            _ known: KnownCase
        ) async throws {
            try await Self.withRedis { redis in
                _ = try await redis.send([
                    "HSET", .init(Self.prefix + "run:r"), "generation", "7", "recorded", "2", "opened", "3",
                    "delivered",
                    "2",
                ])
                _ = try await redis.send([
                    "HSET", .init(Self.prefix + "steps:r"), "1", #"{"step":"one","claim":"w/1","at":4,"value":1}"#, "2",
                    .init(KnownCase.record),
                ])
                let reply = try await Self.call(
                    "compare", ["workers", "worker:w", "run:none", "steps:none", "run:r", "steps:r"],
                    ["w", "0", "7", "0", "", "", "0", "-1"] + known.known, redis)
                let lacking = reply.array?[2].array?.compactMap(\.integer)
                #expect(lacking == (known.isThere ? [0] : [0, 1]))
            }
        }

        @Test(.rule(6)) func `The answer has the worker's entry and its claims, and changes nothing`() async throws {
            try await Self.withRedis { redis in
                func compare() async throws -> [RedisValue] {
                    try await Self.call("compare", ["workers", "worker:w", "claimed:w:default"], ["w", "1"], redis)
                        .array
                        ?? []
                }
                let none = try await compare()
                #expect(none.first?.string == "gone")
                let keys = try await redis.send(["DBSIZE"])
                #expect(keys == .integer(0))
                _ = try await redis.send(["HSET", .init(Self.prefix + "worker:w"), "state", "alive"])
                let unlisted = try await compare()
                #expect(unlisted.first?.string == "gone")
                _ = try await redis.send(["ZADD", .init(Self.prefix + "workers"), "5", "w"])
                _ = try await redis.send(["LPUSH", .init(Self.prefix + "claimed:w:default"), "one", "two"])
                let alive = try await compare()
                #expect(alive.first?.string == "alive")
                #expect(alive[1].array?.compactMap(\.string) == ["one", "two"])
                _ = try await Self.call("declare_dead", ["workers", "worker:w", "busy:w"], ["w", "5"], redis)
                let dead = try await compare()
                #expect(dead.first?.string == "dead")
            }
        }

        @Test(.rule(6))
        func `A worker's own death is written also where nothing is known of it, and others' only where something is`()
            async throws
        {
            try await Self.withRedis { redis in
                let others = try await Self.call("declare_dead", ["workers", "worker:w", "busy:w"], ["w", "5"], redis)
                #expect(others == .integer(0))
                let keys = try await redis.send(["DBSIZE"])
                #expect(keys == .integer(0))
                for expected in [1, 0] {
                    let own = try await Self.call(
                        "declare_dead", ["workers", "worker:w", "busy:w"], ["w", "", "default other"], redis)
                    #expect(own == .integer(expected))
                    let entry = try await redis.send(["HMGET", .init(Self.prefix + "worker:w"), "state", "queues"])
                    #expect(entry.array?.map(\.string) == ["dead", "default other"])
                    let score = try await redis.send(["ZSCORE", .init(Self.prefix + "workers"), "w"])
                    #expect(score.string?.hasPrefix("-") == true)
                }
            }
        }
    }
}
