import NIOCore
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("What workers tell of their work")
    struct WorkFacts {
        private let keys: Keys

        init() throws { keys = try Keys(namespace: "default") }

        /// The only worker there is.
        private func worker(_ client: StepwiseClient) async throws -> WorkerListing {
            let workers = try await client.workers()
            return try #require(workers.first)
        }

        private func exists(_ key: String, _ server: RedisServer) async throws -> Bool {
            try await server.command("EXISTS", .init(key)).integer == 1
        }

        /// Calls a script by hand.
        private func call(
            _ name: String, _ keys: [String], _ arguments: [String], _ server: RedisServer
        ) async throws -> Int? {
            let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
            let redis = RedisClient(
                address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
            let script = try #require(ScriptLibrary.all.first { $0.name == name })
            let reply: Result<RedisValue, any Error>
            do {
                reply = .success(
                    try await redis.evaluate(script.redis, keys: keys, arguments: arguments.map { .init($0) }))
            } catch { reply = .failure(error) }
            await redis.close()
            await client.close()
            return try reply.get().integer
        }

        // MARK: Bodies

        @Test func `Bodies older than a heartbeat are told with all that is known of them, until they are over`()
            async throws
        {
            let gate = Latch()
            let render = Workflow("render") { (context, _: Int) async throws -> Int in
                async let first: Void = context.run("first \"one\"", .timeout(.seconds(600))) { await gate.wait() }
                async let second: Void = context.run("second") { await gate.wait() }
                _ = try await (first, second)
                return 1
            }
            try await withWorker([render], configuration: .init(lease: .seconds(1))) { client, server in
                try await eventually("it has registered") { try await !client.workers().isEmpty }
                let before = try await client.redisTime()
                let run = try await client.enqueue(render, 1)
                let name = try await worker(client).name
                var bodies: [BusyBody] = []
                try await eventually("both are told of") {
                    bodies = try await client.busy(of: name)
                    return bodies.count == 2
                }
                let after = try await client.redisTime()
                #expect(Set(bodies.map(\.step)) == ["first \"one\"", "second"])
                #expect(bodies.allSatisfy { $0.run == run.id && $0.workflow == "render" && $0.attempt == 1 })
                #expect(bodies.allSatisfy { $0.since >= before - 5 && $0.since <= after - 200 })
                #expect(bodies.first { $0.step == "second" }?.limit == nil)
                #expect(bodies.first { $0.step != "second" }?.limit == 600_000)
                let life = try await server.command("TTL", .init(keys.busy(name))).integer ?? 0
                #expect((1...86_400).contains(life))
                try await expectSound(client)
                gate.open()
                _ = try await run.result(timeout: patience)
                try await eventually("nothing is told of") { try await !exists(keys.busy(name), server) }
            }
        }

        @Test func `A second attempt is told as one, and an idle worker tells of nothing`() async throws {
            let gate = Latch()
            let flaky = Workflow("flaky", .retry(soon)) { (context, _: Int) async throws -> Int in
                try await context.run("work") { (step: Step) in
                    if step.attempt == 1 { throw Hiccup() }
                    await gate.wait()
                }
                return 1
            }
            try await withWorker([flaky], configuration: .init(lease: .seconds(1))) { client, server in
                try await eventually("it has registered") { try await !client.workers().isEmpty }
                let name = try await worker(client).name
                #expect(try await client.busy(of: name) == [])
                let run = try await client.enqueue(flaky, 1)
                try await eventually("it is told of") { try await client.busy(of: name).map(\.attempt) == [2] }
                gate.open()
                _ = try await run.result(timeout: patience)
            }
        }

        @Test func `What is told of bodies leaves with a worker that leaves`() async throws {
            let gate = Latch()
            let deaf = Workflow("deaf") { (context, _: Int) async throws -> Int in
                try await context.run("work") { await gate.wait() }
                return 1
            }
            try await RedisServer.withServer { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                let running = RunningWorker(
                    try StepwiseWorker(
                        redis: redis, workflows: [deaf],
                        configuration: .init(lease: .seconds(1), shutdownGrace: .milliseconds(100)), logger: .silent))
                _ = try await client.enqueue(deaf, 1)
                try await eventually("it has registered") { try await !client.workers().isEmpty }
                let name = try await worker(client).name
                try await eventually("it is told of") { try await client.busy(of: name).count == 1 }
                try await running.end()
                let isThere = try await exists(keys.busy(name), server)
                #expect(!isThere)
                gate.open()
                await client.close()
            }
        }

        @Test func `Whoever is declared dead, or has left, tells of no body, and cannot any more`() async throws {
            try await RedisServer.withServer { server in
                let both = [keys.worker("w"), keys.busy("w")]
                let body = ["", "100", "0", "1", "5000", #"{"run":"r","step":"s","workflow":"f","attempt":1"#]
                #expect(try await call("note_busy", both, body, server) == 0, "nobody has that name")
                _ = try await server.command("HSET", .init(keys.worker("w")), "state", "alive")
                _ = try await server.command("ZADD", .init(keys.workers), "5", "w")
                #expect(try await call("note_busy", both, body, server) == 1)
                let isThere = try await exists(keys.busy("w"), server)
                #expect(isThere)
                let dead = try await call("declare_dead", [keys.workers] + both, ["w", "5"], server)
                #expect(dead == 1)
                let stays = try await exists(keys.busy("w"), server)
                #expect(!stays)
                #expect(try await call("note_busy", both, body, server) == 0)
                // What an earlier version left is swept with the name.
                _ = try await server.command("HSET", .init(keys.busy("w")), "1", "{}")
                #expect(try await call("deregister", [keys.workers] + both, ["w", ""], server) == 1)
                #expect(try await server.command("DBSIZE") == .integer(0))
            }
        }

        // MARK: Slots and clocks

        @Test func `A worker's entry has its lease and how many slots are free`() async throws {
            let gate = Latch()
            let wait = Workflow("wait") { (context, _: Int) async throws -> Int in
                try await context.run("work") { await gate.wait() }
                return 1
            }
            let configuration = StepwiseWorker.Configuration(concurrency: 5, lease: .seconds(2), maximumWorkerLosses: 4)
            try await withWorker([wait], configuration: configuration) { client, _ in
                try await eventually("it has registered") { try await !client.workers().isEmpty }
                let before = try await worker(client)
                #expect(before.lease == 2000 && before.maximumWorkerLosses == 4)
                try await eventually("all are free") { try await worker(client).free == 5 }
                var runs: [WorkflowRun<Int>] = []
                for _ in 0..<3 { runs.append(try await client.enqueue(wait, 1)) }
                try await eventually("two are free") { try await worker(client).free == 2 }
                gate.open()
                for run in runs { _ = try await run.result(timeout: patience) }
                try await eventually("all are free again") { try await worker(client).free == 5 }
            }
        }

        @Test func `A clock that differs from Redis' is told of with its difference`() async throws {
            try await RedisServer.withServer(clock: .skippable) { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                let worker = try StepwiseWorker(
                    redis: redis, workflows: [Workflow("nothing") { (_, _: Int) async throws -> Int in 1 }],
                    logger: .silent)
                try await serving([worker]) {
                    try await eventually("it is told") { try await client.workers().first?.clock != nil }
                    let right = try await self.worker(client)
                    #expect(right.clockText == nil, "\(right)")
                    try await server.advance(by: .seconds(90))
                    try await eventually("it is told") { try await client.workers().first?.clock ?? 0 < -80_000 }
                    let wrong = try await self.worker(client)
                    #expect(wrong.clockText?.contains("s behind redis'") == true)
                }
                await client.close()
            }
        }

        // MARK: Counts

        @Test func `The counts are those of the histories, once the workers have left`() async throws {
            let busy = Workflow("busy", .retry(soon)) { (context, count: Int) async throws -> Int in
                for number in 0..<count {
                    try await context.run("alone") { (step: Step) in
                        if number == 0, step.attempt < 3 { throw Hiccup() }
                    }
                    _ = try await context.map(0..<4, "part") { $0 }
                    try await context.sleep(for: .milliseconds(1))
                }
                if count == 1 { try await context.run("hopeless", .retry(.never)) { throw Hiccup() } }
                return count
            }
            let endless = Workflow("endless") { (context, _: Int) async throws -> Int in
                try await context.run("begin") { try await Task.sleep(for: .milliseconds(20)) }
                try await context.sleep(for: .seconds(3600))
                return 1
            }
            try await RedisServer.withServer { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                var outcomes = 0
                let workers = try (0..<2).map { _ in
                    try StepwiseWorker(
                        redis: redis, workflows: [busy, endless],
                        configuration: .init(concurrency: 3, shutdownGrace: .seconds(5)), logger: .silent)
                }
                try await serving(workers) {
                    var runs: [WorkflowRun<Int>] = []
                    for count in [0, 1, 2, 2, 3, 3] { runs.append(try await client.enqueue(busy, count)) }
                    let cancelled = try await client.enqueue(endless, 1)
                    try await eventually("it sleeps") { try await cancelled.history().count == 1 }
                    try await cancelled.cancel(reason: "enough")
                    runs.append(cancelled)
                    for run in runs {
                        try await eventually("it has ended") { try await run.details().status.isEnded }
                        outcomes += try await run.history().count
                    }
                    // It ends without its function, by its time limit.
                    let late = try await client.enqueue(busy, 1, .after(.hours(1)), .runTimeout(.milliseconds(1)))
                    try await eventually("it has failed") { try await late.details().status == .failed }
                }
                let total = try await client.stats(since: .hours(1)).total
                #expect(total.completed == 5 && total.failed == 2 && total.cancelled == 1, "\(total)")
                #expect(total.outcomes == outcomes, "\(total)")
                // Each run with steps has a first one that fails twice, and one has a hopeless one.
                #expect(total.failedAttempts == 5 * 2 + 1, "\(total)")
                #expect(total.milliseconds >= 19, "\(total)")
                let minute = try await client.redisTime() / 60_000
                var lives: [Int] = []
                for bucket in [minute - 1, minute] {
                    let life = try await server.command("TTL", .init(keys.stats(String(bucket)))).integer ?? 0
                    if life > 0 { lives.append(life) }
                }
                #expect(!lives.isEmpty && lives.allSatisfy { (259_000...259_200).contains($0) }, "\(lives)")
                try await expectSound(client)
                await client.close()
            }
        }

        @Test func `Counts that are sent twice count once, and those of a worker that has left do not`() async throws {
            try await RedisServer.withServer { server in
                let both = [keys.worker("w"), keys.stats("7")]
                let counts = ["1", "100", "outcomes", "3", "completed", "1"]
                #expect(try await call("count_work", both, counts, server) == 0)
                #expect(try await server.command("DBSIZE") == .integer(0))
                _ = try await server.command("HSET", .init(keys.worker("w")), "state", "dead")
                #expect(try await call("count_work", both, counts, server) == 1)
                #expect(try await call("count_work", both, counts, server) == 0)
                #expect(try await call("count_work", both, ["2", "100", "outcomes", "2"], server) == 1)
                let outcomes = try await server.command("HGET", .init(keys.stats("7")), "outcomes")
                #expect(outcomes.string == "5")
            }
        }
    }
}
