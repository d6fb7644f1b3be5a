import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// What is pushed stays in the lists that bound it, and takes nothing of others' along.
    @Suite("Places of what is pushed", .serialized) struct PushedPlaceTests {
        private static let prefix = "stepwise:{default}:"
        private let pay = Workflow("pay") { (context, amount: Int) async throws -> Int in amount }

        private func key(_ name: String) -> RedisArgument { .init(Self.prefix + name) }

        private func names(_ list: String, _ server: RedisServer) async throws -> [String] {
            try await server.command("ZRANGE", key(list), "0", "-1").array?.compactMap(\.string) ?? []
        }

        /// Calls `body` with a client of a throw-away Redis.
        private func withClient(_ body: (StepwiseClient, RedisServer) async throws -> Void) async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await body(client, server)
                await client.close()
            }
        }

        @Test(.rule(8), arguments: [false, true])
        func `What was pushed to a refused run leaves with it, unless a client has sent something as well`(
            _ hasClients: Bool
        ) async throws {
            try await Scripts.withRun { scripts in
                let prefix = Scripts.prefix
                _ = try await scripts.redis.send(["HSET", .init(prefix + "run:r"), "pushed", "1"])
                _ = try await scripts.redis.send([
                    "ZADD", .init(prefix + "mail:r"), "0", "news m 1 p 1", "0", " pushed 1 12 1",
                ])
                _ = try await scripts.redis.send(["ZADD", .init(prefix + "seen:r"), "-1", "p e1"])
                if hasClients {
                    _ = try await scripts.redis.send(["ZADD", .init(prefix + "mail:r"), "0", "news m 2 2"])
                }
                let script = try #require(ScriptLibrary.all.first { $0.name == "refuse_waiting" })
                let keys = [
                    "run:r", "steps:r", "open:r", "join:r", "mail:r", "seen:r", "expected", "claimed:w:default",
                    "runs:running", "delayed", "malformed",
                ]
                let reply = try await scripts.redis.evaluate(
                    script.redis, keys: keys.map { prefix + $0 },
                    arguments: ["r", .init(scripts.turn), "w", #"{"queue":"default""#, "too many", "1000"])
                #expect(reply.integer == 1)
                let left = try await scripts.redis.send([
                    "EXISTS", .init(prefix + "mail:r"), .init(prefix + "seen:r"), .init(prefix + "expected"),
                ])
                #expect(left.integer == (hasClients ? 3 : 0))
            }
        }

        @Test(.rule(8))
        func `A pushed run that is paused before its start stays listed, and waits again once it is resumed`()
            async throws
        {
            try await withClient { client, server in
                try await withWorkers(server, pay) {
                    for item in [
                        #"{"workflow":"pay","id":"later","payload":1,"after":3600000}"#,
                        #"{"workflow":"other","id":"old","payload":1}"#,
                    ] {
                        _ = try await server.command("LPUSH", key("inbox:default"), .init(item))
                    }
                    try await eventually("both wait") {
                        try await names("waiting:pushed:default", server).sorted() == ["later", "old"]
                    }
                }
                let isPaused = try await client.pause("later")
                #expect(isPaused)
                for id in ["later", "old"] {
                    _ = try await server.command("ZADD", key("waiting:pushed:default"), "1", .init(id))
                }
                let configuration = StepwiseWorker.Configuration(
                    queues: ["elsewhere"], waitingLimit: .milliseconds(1))
                try await withWorkers(server, pay, configuration: configuration) {
                    try await eventually("the other leaves") { try await client.details(ofRun: "old") == nil }
                }
                try await client.resume("later")
                let listed = try await names("waiting:pushed:default", server)
                let status = try await client.details(ofRun: "later")?.status
                #expect(listed == ["later"] && status == .queued)
            }
        }

        @Test(.rule(8))
        func `A pushed run that is resumed from a step, and waits for a worker, is none that has never begun`()
            async throws
        {
            let flow = Workflow("flow") { (context, amount: Int) async throws -> Int in
                try await context.run("one") {}
                return try await context.run("two", .retry(.never)) { () async throws -> Int in throw Hiccup() }
            }
            try await withClient { client, server in
                try await withWorkers(server, flow) {
                    _ = try await server.command(
                        "LPUSH", key("inbox:default"), #"{"workflow":"flow","id":"r","payload":1}"#)
                    try await eventually("it fails") { try await client.details(ofRun: "r")?.status == .failed }
                }
                let before = try #require(try await client.details(ofRun: "r"))
                try await client.resume("r", from: "two")
                try await withWorkers(server, pay) {
                    try await eventually("it waits") { try await client.details(ofRun: "r")?.status == .noWorker }
                }
                let details = try #require(try await client.details(ofRun: "r"))
                #expect(details.began == before.began && before.began != nil && details.recorded == 1)
                let listed = try await names("waiting:pushed:default", server)
                #expect(listed == [], "else it leaves with its history, by its age")
            }
        }

        @Test(.rule(8))
        func `A pushed run whose time is up while it waits keeps its place, and leaves like the others`() async throws {
            try await withClient { client, server in
                try await withWorkers(server, pay) {
                    let item = #"{"workflow":"other","id":"late","payload":1,"timeout":3600000}"#
                    _ = try await server.command("LPUSH", key("inbox:default"), .init(item))
                    try await eventually("it waits") {
                        try await names("waiting:pushed:default", server) == ["late"]
                    }
                    let generation = try await server.command("HGET", key("run:late"), "generation").string ?? ""
                    _ = try await server.command(
                        "ZADD", key("delayed"), "XX", "1", .init("default timeout late \(generation)"))
                    try await eventually("it fails") { try await client.details(ofRun: "late")?.status == .failed }
                    let dead = try await client.deadRuns().runs
                    #expect(dead.map(\.id) == ["late"] && dead.first?.error.type == "RunTimeout")
                }
                // More than may wait: upkeep looks at every entry, whatever its age.
                try await withWorkers(server, pay, configuration: .init(queues: ["elsewhere"], maximumPushedWaiting: 1))
                {
                    _ = try await server.command("ZADD", key("waiting:pushed:default"), "1", "nobody")
                    try await eventually("what does not wait leaves") {
                        try await names("waiting:pushed:default", server) == ["late"]
                    }
                }
                let configuration = StepwiseWorker.Configuration(
                    queues: ["elsewhere"], waitingLimit: .milliseconds(1))
                try await withWorkers(server, pay, configuration: configuration) {
                    try await eventually("it leaves") { try await client.details(ofRun: "late") == nil }
                }
                for list in ["waiting:pushed:default", "dead", "runs:failed"] {
                    let left = try await names(list, server)
                    #expect(left.isEmpty, "\(list)")
                }
            }
        }

        @Test(.rule(8))
        func `A pushed run that runs out of time just before it has to wait is listed, and leaves like the others`()
            async throws
        {
            try await Scripts.withRun { scripts in
                let prefix = Scripts.prefix
                let entry = "default timeout r \(scripts.generation)"
                _ = try await scripts.redis.send(["HSET", .init(prefix + "run:r"), "pushed", "1", "deadline", "1"])
                _ = try await scripts.redis.send(["ZADD", .init(prefix + "delayed"), "1", .init(entry)])
                let fired = try await scripts.call("timer_fired", ["entry": entry])
                #expect(fired == ["fired"])
                _ = try await scripts.call(
                    "set_unserved", ["is_turn": "1", "reason": "no worker has it", "max_waiting": "1"])
                let status = try await scripts.field("status")
                let listed = try await names("waiting:pushed:default", scripts.server)
                #expect(status == "unserved" && listed == ["r"])

                _ = try await scripts.redis.send(["ZADD", .init(prefix + "waiting:pushed:default"), "1", "r"])
                let script = try #require(ScriptLibrary.all.first { $0.name == "forget_waiting" })
                let keys = [
                    "waiting:pushed:default", "runs:parked", "runs:unserved", "runs:queued", "delayed", "paused",
                    "runs:failed", "dead", "run:r", "steps:r", "open:r", "join:r", "mail:r", "seen:r",
                    "unserved:default:greet",
                    "unfit:greet",
                ]
                let stays = try await scripts.redis.evaluate(
                    script.redis, keys: keys.map { prefix + $0 }, arguments: ["default", "1000", "0", "r"])
                let stored = try await scripts.redis.send([
                    "EXISTS", .init(prefix + "run:r"), .init(prefix + "steps:r"),
                ])
                #expect(stays.integer == 0 && stored.integer == 0)
            }
        }

        @Test(.rule(8))
        func `Events to a run that is not there stay when another queue's list has become too old`() async throws {
            try await withClient { client, server in
                let queues = StepwiseWorker.Configuration(queues: ["default", "mail"])
                try await withWorkers(server, pay, configuration: queues) {
                    for (queue, id) in [("default", "x"), ("default", "y"), ("mail", "x")] {
                        let item = #"{"event":"news","run":"\#(id)","payload":1}"#
                        _ = try await server.command("LPUSH", key("inbox:\(queue)"), .init(item))
                        try await eventually("it is there") {
                            try await names("expected:pushed:\(queue)", server).contains(id)
                        }
                    }
                }
                // The first two are old; what came through the other queue is not.
                for id in ["x", "y"] {
                    _ = try await server.command("ZADD", key("expected:pushed:default"), "1", .init(id))
                }
                _ = try await server.command("ZREMRANGEBYLEX", key("mail:y"), "[ pushed ", "( pushed!")
                _ = try await server.command("ZADD", key("mail:y"), "0", " pushed 1 30 1")
                try await withWorkers(server, pay, configuration: queues) {
                    try await eventually("they leave") {
                        try await names("expected:pushed:default", server).isEmpty
                    }
                }
                let (kept, gone) = (try await names("mail:x", server), try await names("mail:y", server))
                #expect(kept.count == 3 && gone.isEmpty)
                let listed = try await names("expected:pushed:mail", server)
                #expect(listed == ["x"])
            }
        }
    }
}
