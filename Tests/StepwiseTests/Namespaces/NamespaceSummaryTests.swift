import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// What is told of a whole namespace, and who may ask.
extension Scenarios.NamespaceTests {
    @Test func `The summary counts what there is, and writes nothing`() async throws {
        try await withClient { server, client, keys in
            for id in ["one", "two"] { _ = try await client.enqueue(pay, 1, id: id, .queue("mail")) }
            _ = try await client.enqueue(pay, 1, id: "later", .after(.seconds(3600)))
            _ = try await client.pause(queue: "mail")
            _ = try await server.command("LPUSH", .init(keys.inbox("default")), "1", "2", "3")
            _ = try await server.command("LPUSH", .init(keys.unserved("mail", "ship")), "turn x 1")
            _ = try await server.command("LPUSH", .init(keys.malformed), "{}")
            _ = try await server.command("HSET", .init(keys.schedules), "daily", "{}")
            _ = try await server.command("SET", .init(keys.kept("news")), "1 1")
            _ = try await server.command("SET", .init(keys.prefix + "strange"), "1")
            let now = try await time(server)
            let beats = ["on-1-a": String(now), "off-1-a": String(now - 60_000), "dead-1-a": "-\(now)"]
            for (worker, beat) in beats {
                _ = try await server.command("ZADD", .init(keys.workers), .init(beat), .init(worker))
            }
            _ = try await server.command("HSET", .init(keys.worker("on-1-a")), "queues", "mail quiet")
            let monitor = try await ScriptMonitor(server)
            let summary = try await client.namespaceSummary()
            let requests = try await monitor.requests()
            monitor.stop()

            #expect(summary.format != nil && summary.isReadable && summary.deletingSince == nil)
            #expect(summary.runs == [.queued: 3] && summary.liveRuns == 3)
            let workers = [summary.workersAlive, summary.workersSilent, summary.workersDead]
            #expect(workers == [1, 1, 1])
            let counts = [
                summary.schedules, summary.delayed, summary.unserved, summary.keptEvents, summary.malformed,
                summary.paused,
            ]
            #expect(counts == [1, 1, 1, 1, 1, 1])
            #expect(
                summary.queues == [
                    .init(name: "default", pushed: 3), .init(name: "mail", ready: 2, workers: 1, isPaused: true),
                    .init(name: "quiet", workers: 1),
                ])
            #expect(summary.kinds["run"]?.count == 3 && summary.kinds["unknown"]?.count == 1)
            #expect(summary.isComplete && summary.keysFound == summary.databaseSize)
            #expect(summary.kinds.values.allSatisfy { ($0.bytes ?? 0) > 0 })
            let reads: Set = [
                "time", "hmget", "hget", "zcard", "hlen", "llen", "dbsize", "zcount", "scan", "memory",
                "zrevrangebyscore",
            ]
            let sent = Set(requests.compactMap { $0.split(separator: "\"").dropFirst().first?.lowercased() })
            #expect(sent.subtracting(reads) == [])
            #expect(requests.count <= 130, "\(requests.count) commands were sent")
        }
    }

    @Test func `The summary looks at so many keys of the database, and says how many`() async throws {
        try await withClient { server, client, _ in
            try await plantRuns(server, "a", 30_000)
            try await plantRuns(server, "other", 70_000)
            _ = try await server.command("CONFIG", "RESETSTAT")
            let summary = try await client.namespaceSummary(lookingAt: 5000)
            #expect(try await calls(of: "scan", server) == 5)
            #expect(try await calls(of: "memory|usage", server) <= 10)
            #expect(!summary.isComplete && summary.looked == 5000 && summary.databaseSize == 100_000)
            let found = try #require(summary.kinds["run"]?.count)
            #expect((1..<5500).contains(found), "\(found) were found")
            let whole = try await client.namespaceSummary(lookingAt: .max)
            #expect(whole.isComplete && whole.kinds["run"]?.count == 30_000)
        }
    }

    @Test func `Who only looks may see the summary, and who has a worker's rights and scan may delete`()
        async throws
    {
        try await RedisServer.withServer { server in
            let count = try await plantAllKinds(server, "default")
            let monitor = try await client(server, as: "sw-monitor")
            let owner = try await client(server, as: "sw-worker", and: "+scan")
            let summary = try await monitor.namespaceSummary()
            #expect(summary.keysFound == count && summary.bytes != nil)
            #expect(await errorCode { _ = try await deleteAtOnce(monitor) } == .redisDenied)
            #expect(try await server.command("EXISTS", "stepwise:{default}:run:x").integer == 1)
            #expect(try await server.command("HGET", "stepwise:{default}:meta", "format") == .null)
            _ = try await server.command("ACL", "LOG", "RESET")
            #expect(try await deleteAtOnce(owner) == count)
            let refused = try await server.command("ACL", "LOG").array ?? []
            #expect(refused.isEmpty, "\(refused)")
            await monitor.close()
            await owner.close()
        }
    }
}
