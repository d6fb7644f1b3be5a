import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// What others push to a run takes nothing from what its clients, its callbacks and its own steps send.
    @Suite("Bounds of pushed events", .serialized) struct PushedMailTests {
        private static let prefix = "stepwise:{default}:"

        private func key(_ name: String) -> RedisArgument { .init(Self.prefix + name) }

        /// Pushes an item so many times.
        private func push(_ item: String, times: Int = 1, _ server: RedisServer) async throws {
            let script = "for _ = 1, ARGV[2] do redis.call('LPUSH', KEYS[1], ARGV[1]) end"
            _ = try await server.command("EVAL", .init(script), "1", key("inbox:default"), .init(item), .init(times))
        }

        /// How many pushed events a run's mailbox counts; `nil` for none.
        private func pushedCount(of run: String, _ server: RedisServer) async throws -> Int? {
            let first = try await server.command("ZRANGE", key("mail:\(run)"), "0", "0").array?.first?.string ?? ""
            let words = first.split(separator: " ")
            return words.first == "pushed" && words.count == 4 ? Int(words[1]) : nil
        }

        @Test(.rule(8), .timeLimit(.minutes(2)))
        func
            `Pushed events have half of a mailbox; a client's event and the answer to a callback are kept beside them`()
            async throws
        {
            let tokens = Tally()
            let workflow = Workflow("asking") { (context, _: Int) async throws -> [String] in
                let callback = try await context.callback("approved", as: String.self)
                try await context.run("ask") { () async -> Void in tokens.add(callback.token) }
                try await context.waitForEvent("go")
                let answer = try await callback.value()
                return [answer, try await context.waitForEvent("news", as: String.self)]
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "r")
                try await eventually("it waits") { try await client.openSteps(ofRun: "r").map(\.step) == ["go"] }
                try await push(#"{"event":"news","run":"r","payload":"flood"}"#, times: 5010, server)
                try await eventually("what is too much is refused") {
                    try await client.malformed(limit: 20).count == 10
                }
                let reason = try await client.malformed(limit: 1).first?.reason
                #expect(reason?.contains("5000 pushed events wait there already") == true)
                #expect(try await pushedCount(of: "r", server) == 5000)
                #expect(try await client.notify("news", "honest", run: "r") == .kept)
                let secret = tokens.all[0].suffix(32)
                try await push(#"{"event":"callback:\#(secret)","run":"r","payload":"yes"}"#, server)
                try await eventually("the answer is there") {
                    try await server.command("ZLEXCOUNT", key("mail:r"), "[callback:", "[callback;").integer == 2
                }
                try await client.notify("go", run: "r")
                #expect(try await complete(run, of: workflow).output == ["yes", "flood"])
                // What the run has taken does not count any more.
                #expect(try await pushedCount(of: "r", server) == 4999)
                #expect(try await client.malformed(limit: 20).count == 10)
            }
        }

        @Test(.rule(8))
        func `A pushed event takes no place of a client's, and an answer is kept though the mailbox is full`()
            async throws
        {
            let tokens = Tally()
            let workflow = Workflow("asking") { (context, _: Int) async throws -> String in
                let callback = try await context.callback("approved", as: String.self)
                try await context.run("ask") { () async -> Void in tokens.add(callback.token) }
                try await context.waitForEvent("go")
                return try await callback.value()
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "r")
                try await eventually("it waits") { try await client.openSteps(ofRun: "r").map(\.step) == ["go"] }
                try await push(#"{"event":"news","run":"r","payload":1}"#, server)
                try await eventually("the pushed one is there") { try await pushedCount(of: "r", server) == 1 }
                // One place is left: the callback, the wait, what was pushed and its counter are there beside these.
                let script = "for n = 1, 9997 do redis.call('ZADD', KEYS[1], 0, 'other m ' .. n .. ' 1') end"
                _ = try await server.command("EVAL", .init(script), "1", key("mail:r"))
                #expect(try await server.command("ZCARD", key("mail:r")).integer == 10_001)
                #expect(try await client.notify("news", 2, run: "r") == .kept)
                #expect(await errorCode { try await client.notify("news", 3, run: "r") } == .mailboxFull)
                #expect(try await client.complete(tokens.all[0], "yes") == .kept)
                try await client.notify("go", run: "r")
                #expect(try await complete(run, of: workflow).output == "yes")
            }
        }

        @Test(.rule(8))
        func `Pushed events of a run have half of the bytes that its outcomes may have`() async throws {
            let workflow = Workflow("patient") { (context, _: Int) async throws -> Void in
                try await context.waitForEvent("go")
            }
            let configuration = StepwiseWorker.Configuration(maximumPayloadSize: 100_000, maximumRunSize: 200_000)
            try await withWorker([workflow], configuration: configuration) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "r")
                try await eventually("it waits") { try await client.openSteps(ofRun: "r").count == 1 }
                let value = String(repeating: "x", count: 60_000)
                let item = #"{"event":"news","run":"r","payload":"\#(value)"}"#
                try await push(item, times: 2, server)
                try await eventually("the second is refused") { try await client.malformed(limit: 9).count == 1 }
                let reason = try await client.malformed(limit: 1).first?.reason
                #expect(reason?.contains("half of maximumRunSize") == true)
                try await eventually("the first is kept") { try await pushedCount(of: "r", server) == 1 }
                #expect(try await client.notify("news", value, run: "r") == .kept)
                try await push(#"{"event":"go","run":"r"}"#, server)
                try await run.result(timeout: patience)
            }
        }

        @Test(.rule(8))
        func `Nobody can use an event's id up by a push`() async throws {
            let workflow = Workflow("patient") { (context, _: Int) async throws -> String in
                try await context.waitForEvent("go")
                return try await context.waitForEvent("news", as: String.self)
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "r")
                try await eventually("it waits") { try await client.openSteps(ofRun: "r").count == 1 }
                try await push(#"{"event":"other","run":"r","payload":1,"id":"one"}"#, server)
                try await eventually("it is there") { try await pushedCount(of: "r", server) == 1 }
                #expect(try await client.notify("news", "good", run: "r", id: "one") == .kept)
                #expect(try await client.notify("news", "good", run: "r", id: "one") == .repeated)
                // Among what is pushed, an id is known all the same.
                try await push(#"{"event":"other","run":"r","payload":2,"id":"one"}"#, server)
                try await push(#"{"event":"go","run":"r"}"#, server)
                #expect(try await complete(run, of: workflow).output == "good")
                try await eventually("all are taken") {
                    try await client.queueTotals().queues.allSatisfy { $0.pushed == 0 }
                }
                try await eventually("nothing is held") {
                    let worker = try await client.workers().first?.name ?? ""
                    return try await server.command("EXISTS", key("accepting:\(worker):default")).integer == 0
                }
                #expect(try await pushedCount(of: "r", server) == 1)
            }
        }

        @Test func `A step whose event is not kept, because another one is, fails and says what to try`() async throws {
            let workflow = Workflow("herald") { (context, _: Int) async throws -> String in
                do {
                    try await context.notify("news", "second", keep: .seconds(600))
                    return "sent"
                } catch let failure as StepFailure { return failure.message }
            }
            try await withWorker([workflow]) { client, _ in
                try await client.notify("news", "first", keep: .seconds(600))
                let first = try await complete(client.enqueue(workflow, 0), of: workflow).output
                #expect(first.contains("another one of this name is kept already") && first.contains("without keep:"))
                #expect(try await client.clearKeptEvents(["news"]) == 1)
                #expect(try await complete(client.enqueue(workflow, 0), of: workflow).output == "sent")
                #expect(try await client.keptEvents(limit: 9).map(\.value) == [#""second""#])
            }
        }

        @Test(.rule(6))
        func `A long claim whose reply was lost is taken up`() async throws {
            let workflow = Workflow("listener") { (context, _: Int) async throws -> String in
                try await context.waitForEvent("news", as: String.self)
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("it waits") { try await client.openSteps(ofRun: run.id).count == 1 }
                let worker = try #require(try await client.workers().first?.name)
                let claims = key("claimed:\(worker):default")
                let value = String(repeating: "x", count: 500_000)
                // It is for whoever has waited since before then, by Redis' clock.
                let item = #"broadcast news 9000000000000000 "\#(value)""#
                _ = try await server.command("LPUSH", claims, .init(item))
                #expect(try await complete(run, of: workflow).output == value)
                try await eventually("the claim has ended") {
                    try await server.command("EXISTS", claims).integer == 0
                }
            }
        }

        @Test(.rule(8))
        func `A beat lists a long claim by its beginning and its length`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                let long = "broadcast news 1 \"" + String(repeating: "x", count: 500_000) + "\""
                _ = try await redis.send(["LPUSH", key("claimed:w:default"), .init(long), "turn r 1"])
                let script = try #require(ScriptLibrary.all.first { $0.name == "beat" })
                let keys = [
                    "workers", "worker:w", "delayed", "meta", "paused", "claimed:w:default", "accepting:w:default",
                ]
                let reply = try await redis.evaluate(
                    script.redis, keys: keys.map { Self.prefix + $0 },
                    arguments: ["w", "100", "1", "1", "", "", "0", "2048", "", ""])
                let claims = reply.array?[3].array?.map { $0.string ?? "" }
                #expect(claims == [String(long.prefix(2048)) + "\n\(long.utf8.count)", "turn r 1"])
                await redis.close()
                await client.close()
            }
        }
    }
}
