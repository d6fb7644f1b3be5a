import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// What comes by a queue's inbox is a pushed item and nothing else, whoever reads it.
    @Suite("Inbox", .serialized) struct InboxTests {
        private let pay = Workflow("pay") { (context, amount: Int) async throws -> Int in
            try await context.run("charge") { amount }
        }

        private static let prefix = "stepwise:{default}:"
        private static let inbox = RedisArgument(prefix + "inbox:default")
        private static let malformed = RedisArgument(prefix + "malformed")

        /// Everything that Redis has of a run.
        private func state(of run: String, _ server: RedisServer) async throws -> [String] {
            let fields = try await server.command("HGETALL", .init(Self.prefix + "run:" + run)).array ?? []
            let steps = try await server.command("HGETALL", .init(Self.prefix + "steps:" + run)).array ?? []
            return (fields + steps).map { $0.string ?? "" }
        }

        /// A dead worker that has claimed an item from the inbox.
        private func plantDeadWorker(_ name: String, holding item: String, _ server: RedisServer) async throws {
            _ = try await server.command("LPUSH", .init(Self.prefix + "accepting:\(name):default"), .init(item))
            _ = try await server.command(
                "HSET", .init(Self.prefix + "worker:\(name)"), "state", "dead", "queues", "default", "declaredDead", "1"
            )
            _ = try await server.command("ZADD", .init(Self.prefix + "workers"), "-1", .init(name))
        }

        private func rejected(_ server: RedisServer) async throws -> Int {
            try await server.command("LLEN", Self.malformed).integer ?? 0
        }

        private func entry(_ server: RedisServer) async throws -> JSONMembers? {
            JSONMembers(try await server.command("LINDEX", Self.malformed, "0").bytes ?? [])
        }

        @Test(
            .rule(8),
            arguments: [
                "turn victim @", "turn victim @ pay 999999", "step victim @ 1 charge", "ended victim @ nobody charge",
                "cancel victim - other @ child", "withdraw victim @ 0 prices prices",
                "broadcast news 99999999999999999 \"x\"},\"oops",
            ])
        func `A pushed text that reads like a work item is rejected, and no run learns of it`(_ text: String)
            async throws
        {
            try await withWorker([pay]) { client, server in
                let victim = try await client.enqueue(pay, 100, id: "victim", .after(.seconds(3600)))
                let generation =
                    try await server.command("HGET", .init(Self.prefix + "run:victim"), "generation").string ?? ""
                let before = try await state(of: victim.id, server)
                let item = text.replacing("@", with: generation)
                _ = try await server.command("LPUSH", Self.inbox, .init(item))
                try await eventually("the item is rejected") { try await rejected(server) == 1 }
                #expect(try await state(of: victim.id, server) == before)
                #expect(try await entry(server)?.string("item") == item)
                try await expectSound(client)
            }
        }

        @Test(.rule(8))
        func `What begins as an option of a command does is no run's id, no workflow and no event`() async throws {
            try await withWorker([pay]) { client, server in
                for item in [
                    #"{"workflow":"pay","id":"--workflow=pay","payload":1}"#, #"{"workflow":"--all","payload":1}"#,
                    #"{"event":"--all","payload":1}"#, #"{"event":"news","run":"--workflow=pay","payload":1}"#,
                ] {
                    _ = try await server.command("LPUSH", Self.inbox, .init(item))
                }
                try await eventually("all are rejected") { try await rejected(server) == 4 }
                let reasons = try await client.malformed(limit: 9).map(\.reason)
                #expect(reasons.allSatisfy { $0.contains("begins with \"-\"") }, "\(reasons)")
                #expect(try await server.command("EXISTS", .init(Self.prefix + "run:--workflow=pay")).integer == 0)
            }
        }

        @Test(.rule(8))
        func `A label that stands in the labels twice is rejected`() async throws {
            try await withWorker([pay]) { client, server in
                for name in ["a", #"\u0061"#] {
                    let item = #"{"workflow":"pay","id":"r","payload":1,"labels":{"a":"1","\#(name)":"2"}}"#
                    _ = try await server.command("LPUSH", Self.inbox, .init(item))
                }
                try await eventually("both are rejected") { try await rejected(server) == 2 }
                let reasons = try await client.malformed(limit: 9).map(\.reason)
                #expect(reasons.allSatisfy { $0 == "a member of \"labels\" stands in it twice" }, "\(reasons)")
                #expect(try await server.command("EXISTS", .init(Self.prefix + "run:r")).integer == 0)
            }
        }

        @Test(.rule(8))
        func `What a dead worker had claimed from the inbox is read as a pushed item by whoever takes it up`()
            async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let victim = try await client.enqueue(pay, 100, id: "victim", .after(.seconds(3600)))
                let generation =
                    try await server.command("HGET", .init(Self.prefix + "run:victim"), "generation").string ?? ""
                let before = try await state(of: victim.id, server)
                try await plantDeadWorker("gone-1-a", holding: "turn victim \(generation)", server)
                try await plantDeadWorker("gone-2-a", holding: #"{"workflow":"pay","id":"late","payload":7}"#, server)
                try await withWorkers(server, pay, configuration: .init(lease: .seconds(1))) {
                    let late = client.handle("late", as: Int.self)
                    try await eventually("the pushed run is there") { (try? await late.details()) != nil }
                    #expect(try await late.result(timeout: patience) == 7)
                    try await eventually("the item is rejected") { try await rejected(server) == 1 }
                    #expect(try await state(of: victim.id, server) == before)
                    try await expectSound(client)
                }
                await client.close()
            }
        }

        @Test(.rule(8))
        func `A pushed item with which workers die is rejected after so many losses, with their number`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let secret = "00112233445566778899aabbccddeeff"
                let item = #"{"workflow":"pay","id":"poison","payload":"token:\#(secret)"}"#
                // It serves another queue, so that what goes back stays there.
                let configuration = StepwiseWorker.Configuration(
                    queues: ["other"], lease: .seconds(1), maximumWorkerLosses: 3)
                try await withWorkers(server, pay, configuration: configuration) {
                    for loss in 1...3 {
                        try await plantDeadWorker("gone-\(loss)-a", holding: item, server)
                        let list = RedisArgument(Self.prefix + "accepting:gone-\(loss)-a:default")
                        try await eventually("the dead worker's list is empty") {
                            try await server.command("EXISTS", list).integer == 0
                        }
                        let waiting = try await server.command("LPOP", Self.inbox).string
                        #expect(waiting == (loss < 3 ? item : nil))
                    }
                    #expect(try await rejected(server) == 1)
                    let entry = try await entry(server)
                    // What may be a callback's secret does not stay.
                    #expect(entry?.string("item") == item.replacing(secret, with: SHA1.hex(secret)))
                    #expect(entry?.string("reason")?.hasPrefix("3 workers ended while they accepted it") == true)
                    #expect(try await server.command("EXISTS", .init(Self.prefix + "redelivered")).integer == 0)
                }
                await client.close()
            }
        }

        @Test(.rule(8))
        func `Equal items that one worker held have lost one worker, and who accepts one forgets that`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let item = #"{"workflow":"pay","payload":7}"#
                let list = RedisArgument(Self.prefix + "accepting:gone-1-a:default")
                for _ in 0..<9 { _ = try await server.command("LPUSH", list, .init(item)) }
                try await plantDeadWorker("gone-1-a", holding: item, server)
                let elsewhere = StepwiseWorker.Configuration(
                    queues: ["other"], lease: .seconds(1), maximumWorkerLosses: 3)
                try await withWorkers(server, pay, configuration: elsewhere) {
                    try await eventually("all are back") { try await server.command("LLEN", Self.inbox).integer == 10 }
                }
                #expect(try await rejected(server) == 0)
                let losses = try await server.command("HVALS", .init(Self.prefix + "redelivered")).array
                #expect(losses?.map(\.string) == ["1 gone-1-a"])
                try await withWorkers(server, pay) {
                    try await eventually("all are executed") {
                        try await client.runs(status: .completed, limit: 20).count == 10
                    }
                }
                #expect(try await server.command("EXISTS", .init(Self.prefix + "redelivered")).integer == 0)
                await client.close()
            }
        }

        @Test(.rule(6))
        func `A pushed item is accepted once, also if the call is sent again beside an equal one`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                let list = RedisArgument(Self.prefix + "accepting:w:default")
                for _ in 0..<2 { _ = try await redis.send(["LPUSH", list, "twin"]) }
                let script = try #require(ScriptLibrary.all.first { $0.name == "accept_pushed" })
                let values = [
                    "id": "made-up", "workflow": "pay", "queue": "default", "payload": "7", "item": "twin",
                    "worker": "w",
                    "token": "w/1", "is_new": "1",
                ]
                let keys = [
                    "run:made-up", "accepting:w:default", "claimed:w:default", "runs:running", "delayed", "runs:queued",
                    "redelivered",
                ]
                var replies: [[String?]] = []
                for _ in 0..<2 {
                    let reply = try await redis.evaluate(
                        script.redis, keys: keys.map { Self.prefix + $0 },
                        arguments: script.arguments.map { .init(values[$0.description] ?? "") })
                    replies.append(reply.array?.map(\.string) ?? [])
                }
                #expect(replies[0].first == "ok" && replies[0] == replies[1])
                #expect(try await redis.send(["LLEN", list]).integer == 1)
                await redis.close()
                await client.close()
            }
        }

        @Test(.rule(8))
        func `A push cannot take the id of a schedule's next run or of a child`() async throws {
            try await withWorker([pay]) { client, server in
                let item = #"{"workflow":"pay","id":"daily/2026-12-01T09:00:00Z","payload":7}"#
                _ = try await server.command("LPUSH", Self.inbox, .init(item))
                try await eventually("the item is rejected") { try await rejected(server) == 1 }
                #expect(try await entry(server)?.string("reason")?.contains("use another character") == true)
                #expect(try await client.runs(limit: 1).isEmpty)
            }
        }

        @Test(.rule(8))
        func `Of rejected items the newest are kept, and how a long one begins`() async throws {
            try await withWorker([pay]) { client, server in
                let long = String(repeating: "é", count: 100_000)
                for number in 0..<1005 { _ = try await server.command("LPUSH", Self.inbox, .init("junk \(number)")) }
                _ = try await server.command("LPUSH", Self.inbox, .init(long))
                try await eventually("the long item is rejected") {
                    try await client.malformed(limit: 1).first?.length == 200_000
                }
                try await eventually("all are taken") {
                    let queues = try await client.queueTotals().queues
                    return queues.allSatisfy { $0.pushed == 0 }
                }
                try await eventually("the newest thousand are there") { try await rejected(server) == 1000 }
                let bytes = try await server.command("LINDEX", Self.malformed, "0").bytes ?? []
                #expect(bytes.count < 10_000)
                #expect(JSON.problem(with: bytes) == nil)
            }
        }

        @Test(.rule(8), arguments: [1, 1000])
        func `An item that is far too long is rejected unread, and a run behind it ends`(_ concurrency: Int)
            async throws
        {
            let configuration = StepwiseWorker.Configuration(concurrency: concurrency, maximumPayloadSize: 10_000)
            try await withWorker([pay], configuration: configuration) { client, server in
                for length in [10_001, 30_000_000, 10_000] {
                    _ = try await server.command("LPUSH", Self.inbox, .init(String(repeating: "x", count: length)))
                }
                let item = #"{"workflow":"pay","id":"behind","payload":7}"#
                _ = try await server.command("LPUSH", Self.inbox, .init(item))
                let behind = client.handle("behind", as: Int.self)
                try await eventually("the pushed run is there") { (try? await behind.details()) != nil }
                #expect(try await behind.result(timeout: patience) == 7)
                try await eventually("all are rejected") { try await rejected(server) == 3 }
                let entries = try await client.malformed(limit: 3)
                #expect(entries.map(\.length) == [10_000, 30_000_000, 10_001])
                #expect(entries.allSatisfy { $0.item == String(repeating: "x", count: 4096) })
                #expect(entries[1].reason.hasPrefix("it has 30000000 bytes, and the limit is 10000"))
                #expect(entries[0].reason.contains("push a JSON object"))
            }
        }

        @Test(.rule(8))
        func `A generation cannot be read off the time of the run's creation`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                var endings: Set<Substring> = []
                for number in 0..<20 {
                    _ = try await client.enqueue(pay, number, id: "r\(number)")
                    let key = RedisArgument(Self.prefix + "run:r\(number)")
                    let generation = try await server.command("HGET", key, "generation").string ?? ""
                    let created = try await server.command("HGET", key, "created").string ?? ""
                    #expect(generation.dropLast(3) == created)
                    endings.insert(generation.suffix(3))
                }
                #expect(endings.count > 5)
                await client.close()
            }
        }

        @Test(.rule(8))
        func `What nobody of the engine wrote to a queue is rejected, and the reason names the inbox`() async throws {
            try await withWorker([pay]) { client, server in
                let item = #"{"workflow":"pay","payload":1}"#
                _ = try await server.command("LPUSH", .init(Self.prefix + "queue:default"), .init(item))
                try await eventually("the item is rejected") { try await rejected(server) == 1 }
                #expect(try await entry(server)?.string("reason")?.contains("inbox:default") == true)
                #expect(try await client.runs(limit: 1).isEmpty)
            }
        }

        /// How long each connection that waits for an item has waited for it, in seconds.
        private func waits(_ server: RedisServer) async throws -> [Int] {
            let clients = try await server.command("CLIENT", "LIST").string ?? ""
            return clients.split(separator: "\n").filter { $0.contains("cmd=blmove") }.compactMap { line in
                line.split(separator: " ").first { $0.hasPrefix("idle=") }.flatMap { Int($0.dropFirst(5)) }
            }
        }

        @Test(.rule(10))
        func `A worker that leaves while writes are paused leaves the server alive`() async throws {
            try await RedisServer.withServer { server in
                let worker = RunningWorker(
                    try StepwiseWorker(redis: RedisEndpoint(server.url), workflows: [pay], logger: .silent))
                try await eventually("both lists are waited for") { try await waits(server).count == 2 }
                _ = try await server.command("CLIENT", "PAUSE", "60000", "WRITE")
                try await eventually("the waits grow old") { try await waits(server).allSatisfy { $0 > 0 } }
                // What is sent while writes are paused is postponed; ended by UNBLOCK, it aborts this server.
                try await eventually("new ones are postponed") { try await waits(server) == [0, 0] }
                worker.leave()
                try await eventually("nobody waits") { try await waits(server).isEmpty }
                _ = try await server.command("CLIENT", "UNPAUSE")
                try await worker.end()
                #expect(try await server.command("PING").string == "PONG")
                #expect(try await calls(of: "client|unblock", server) == 0)
            }
        }

        @Test(.rule(10))
        func `A worker that leaves ends its blocking moves with their connections`() async throws {
            try await RedisServer.withServer { server in
                let worker = RunningWorker(
                    try StepwiseWorker(redis: RedisEndpoint(server.url), workflows: [pay], logger: .silent))
                try await eventually("both lists are waited for") { try await waits(server).count == 2 }
                let before = try await calls(of: "client|kill", server)
                worker.leave()
                try await worker.end()
                // One for each list; a connection that comes back ends the one before it, too.
                #expect(try await calls(of: "client|kill", server) >= before + 2)
                #expect(try await calls(of: "client|unblock", server) == 0)
            }
        }

        private func calls(of command: String, _ server: RedisServer) async throws -> Int {
            let text = try await server.command("INFO", "commandstats").string ?? ""
            let start = "cmdstat_\(command):calls="
            guard let line = text.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix(start) }) else {
                return 0
            }
            return Int(line.dropFirst(start.count).prefix { $0.isNumber }) ?? 0
        }
    }
}
