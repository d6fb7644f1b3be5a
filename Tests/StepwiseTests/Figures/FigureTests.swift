import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// Costs, counted and not timed: what a run makes Redis do.
    @Suite("Figures", .serialized) struct Figures {
        private let chain = Workflow("chain") { (context, count: Int) async throws -> Int in
            for _ in 0..<count { try await context.run("link") { 1 } }
            return count
        }

        private let fan = Workflow("fan") { (context, count: Int) async throws -> Int in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<count { group.addTask { try await context.run("part") { 1 } } }
                return try await group.reduce(0, +)
            }
        }

        private func cost(
            _ workflow: Workflow<Int, Int>, _ count: Int, configuration: StepwiseWorker.Configuration = .init(),
            workers: Int = 1
        ) async throws -> [ScriptMonitor.Script] {
            try await withWorker([workflow], configuration: configuration) { client, server in
                let others = try (1..<workers).map { _ in
                    let worker = try StepwiseWorker(
                        redis: RedisEndpoint(server.url), workflows: [workflow], configuration: configuration,
                        logger: .silent)
                    return RunningWorker(worker)
                }
                // All scripts are known to the server, all workers are there.
                _ = try await client.enqueue(workflow, 2).result(timeout: patience)
                try await eventually("all workers are there") { try await client.workers().count == workers }
                let monitor = try await ScriptMonitor(server)
                let run = try await client.enqueue(workflow, count)
                try await eventually("the run completes") { try await run.details().status == .completed }
                let scripts = try await monitor.scripts()
                monitor.stop()
                try await others.end()
                return scripts
            }
        }

        @Test(arguments: [10, 100])
        func
            `A run of n steps in a row takes n + 2 scripts: four commands a step, 17 more for its begin and end, and it reads no history`(
                _ count: Int
            ) async throws
        {
            let scripts = try await cost(chain, count)
            #expect(scripts.count == count + 2)
            let longest = scripts.map(\.commands.count).max() ?? 0
            #expect(longest <= 8, "\(scripts.first { $0.commands.count == longest }?.commands ?? [])")
            // No script asks for outcomes; the first asks whether there is such a run.
            #expect(scripts[0].commands.first == "EXISTS")
            #expect(scripts.flatMap { $0.commands.filter { $0 == "HMGET" } }.count == scripts.count - 1)
            // Enqueued, its first step opened; then for each but the last: what to decide by, the clock, its outcome, the run.
            #expect(scripts[0..<2].map(\.commands.count) == [5, 8])
            for script in scripts[2..<(count + 1)] {
                #expect(script.commands == ["HMGET", "TIME", "HSET", "HSET"])
            }
            #expect(scripts.map(\.commands.count).reduce(0, +) <= 4 * count + 17)
        }

        @Test func `A look at the clock costs one script, as every step in a row`() async throws {
            let clocks = Workflow("clocks") { (context, count: Int) async throws -> Int in
                for _ in 0..<count { _ = try await context.now }
                return count
            }
            #expect(try await cost(clocks, 10).count == 12)
        }

        @Test
        func `A run of 10,000 steps in a row takes as many scripts a step at its end as at its beginning`() async throws
        {
            let scripts = try await cost(chain, 10_000)
            #expect(scripts.count == 10_002)
            let early = scripts[10..<110].map(\.commands.count).max()
            let late = scripts[9_800..<9_900].map(\.commands.count).max()
            #expect(early == late)
        }

        @Test(arguments: [20, 200])
        func `A fan-out of k steps over three workers takes at most 2k + 5 scripts`(_ count: Int) async throws {
            let scripts = try await cost(fan, count, configuration: .init(concurrency: 4), workers: 3)
            #expect(scripts.count <= 2 * count + 5)
        }

        @Test(arguments: [20, 200])
        func `A map over k elements on three workers takes a script for each, and a few more`(_ count: Int) async throws
        {
            let map = Workflow("map") { (context, count: Int) async throws -> Int in
                try await context.map(Array(0..<count), "part") { _ in 1 }.reduce(0, +)
            }
            let scripts = try await cost(map, count, configuration: .init(concurrency: 4), workers: 3)
            #expect(scripts.count <= count + 25)
        }

        @Test(.scenario(29))
        func `10,000 parallel steps in one run finish, and no script takes more than a page of 1,000`() async throws {
            let count = 10_000
            let scripts = try await cost(fan, count, workers: 3)
            #expect(scripts.count <= 2 * count + 5 + count / 1000)
            let longest = scripts.map(\.commands.count).max() ?? 0
            #expect(longest < 100)
        }

        @Test(arguments: [(2500, 1, 3), (20, 300_000, 5)])
        func `A cold start reads the history once, in pages of 1,000 outcomes or about 1 MiB`(
            _ count: Int, _ size: Int, _ pages: Int
        ) async throws {
            let gate = Latch()
            let long = Workflow("long") { (context, count: Int) async throws -> Int in
                for _ in 0..<count { try await context.run("link") { String(repeating: "x", count: size) } }
                try await context.run("gate") { await gate.wait() }
                return count
            }
            try await RedisServer.withServer { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                let run = try await client.enqueue(long, count)
                let first = try StepwiseWorker(
                    redis: redis, workflows: [long], configuration: .init(shutdownGrace: .zero), logger: .silent)
                let firstTask = RunningWorker(first)
                try await eventually("all links are recorded") { try await run.details().recorded == count }
                try await firstTask.end()
                let monitor = try await ScriptMonitor(server)
                gate.open()
                let second = try StepwiseWorker(redis: redis, workflows: [long], logger: .silent)
                let secondTask = RunningWorker(second)
                _ = try await run.result(timeout: patience)
                let scripts = try await monitor.scripts()
                monitor.stop()
                // A script reads its run's fields with an HMGET or two; of outcomes first one, and then at most 16 at a time, each once.
                let reads = scripts.map { $0.commands.count { $0 == "HMGET" } }
                #expect(reads.count { $0 > 1 } == pages)
                #expect((reads.max() ?? 0) <= 2 + 1 + 63)
                #expect(reads.reduce(0, +) <= count / 16 + 3 * pages + scripts.count + 1)
                #expect(scripts.count <= 14)
                try await secondTask.end()
                await client.close()
            }
        }

        @Test func `Quick branches that are claimed together are asked for together`() async throws {
            var configuration = StepwiseWorker.Configuration()
            configuration.quickBody = .seconds(1)
            configuration.claimAtOnce = .seconds(1)
            configuration.concurrency = 64
            let gate = Latch()
            let held = Tally()
            let hold = Workflow("hold") { (context, _: Int) async throws -> Void in
                try await context.run("hold") {
                    held.add("hold")
                    await gate.wait()
                }
            }
            let wide = Workflow("wide") { (context, count: Int) async throws -> Int in
                try await context.map(0..<count, "part") { number in
                    if count > 100, number == 0 { gate.open() }
                    return number
                }.count
            }
            try await withWorker([hold, wide], configuration: configuration) { client, server in
                // Its bodies are known to be quick then.
                _ = try await client.enqueue(wide, 20).result(timeout: patience)
                // All slots but one are taken when it fans out, and come back together while the others wait in the queue.
                let holders = try await client.enqueue(hold.workflowName, each: 0..<63)
                try await eventually("the slots are free") { held.all.count == 63 }
                let monitor = try await ScriptMonitor(server)
                _ = try await client.enqueue(wide, 500).result(timeout: patience)
                let requests = try await monitor.requests()
                monitor.stop()
                for run in holders { try await run.result(timeout: patience) }
                let reads = requests.filter { $0.contains("GET\" \"stepwise:{default}:open:") }
                #expect(!reads.isEmpty && reads.count < 200)
            }
        }

        @Test
        func `An idle worker sends fewer than 5 requests a second, and is woken by the LPUSH itself`() async throws {
            try await withWorker([chain]) { client, server in
                try await eventually("the worker is there") { try await client.workers().count == 1 }
                // Workers that died within the hour are looked after, at little cost.
                let time = try await client.redisTime()
                for number in 0..<30 {
                    let name = "gone-\(number)-a"
                    _ = try await server.command(
                        "HSET", .init("stepwise:{default}:worker:\(name)"), "state", "dead", "queues", "default mail",
                        "declaredDead",
                        .init(time))
                    _ = try await server.command("ZADD", "stepwise:{default}:workers", .init(-time), .init(name))
                }
                let first = try await ScriptMonitor(server)
                try await eventually("the dead are not looked after") {
                    // The last request of the first look at them.
                    try await first.requests().contains { $0.contains("\"EXISTS\"") && $0.contains("gone-") }
                }
                first.stop()
                let monitor = try await ScriptMonitor(server)
                let begin = ContinuousClock.now
                try await ContinuousClock().sleep(for: .seconds(4))
                let seconds = (ContinuousClock.now - begin).milliseconds / 1000
                let requests = try await monitor.requests()
                #expect(Double(requests.count) / seconds < 5, "\(requests)")
                #expect(requests.contains { $0.contains("\"BLMOVE\"") })
                // Nothing else takes from the queue, so what an LPUSH brings is claimed by the blocked move.
                #expect(!requests.contains { $0.contains("\"LMOVE\"") || $0.contains("POP\"") })
                _ = try await client.enqueue(chain, 1).result(timeout: patience)
                monitor.stop()
            }
        }

        @Test func `Who waits for a result is told of it, and asks only now and then`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await client.enqueue(chain, 1)
                let monitor = try await ScriptMonitor(server)
                let result = await errorCode { _ = try await run.result(timeout: .seconds(3)) }
                #expect(result == .timedOut)
                let requests = try await monitor.requests()
                monitor.stop()
                // Among them what opens the connection that is told.
                #expect(requests.count < 25, "\(requests)")
                await client.close()
            }
        }

        @Test
        func `Who waits for a run is told by the script that ends it: its function's end, or a cancellation`()
            async throws
        {
            let gate = Latch()
            let gated = Workflow("gated") { (context, input: String) async throws -> String in
                try await context.run("wait") { await gate.wait() }
                return input
            }
            try await withWorker([gated]) { client, server in
                for isCancelled in [false, true] {
                    let queue = isCancelled ? "nobodys" : "default"
                    let run = try await client.enqueue(gated, "in", .queue(queue))
                    let result = Task { try await run.result(timeout: patience) }
                    try await eventually("nobody is said to wait") {
                        let key = "stepwise:{default}:run:\(run.id)"
                        return try await server.command("HGET", .init(key), "awaited").string == "1"
                    }
                    let monitor = try await ScriptMonitor(server)
                    if isCancelled { try await run.cancel() } else { gate.open() }
                    _ = await result.result
                    let scripts = try await monitor.scripts()
                    let requests = try await monitor.requests()
                    monitor.stop()
                    #expect(scripts.contains { $0.commands.last == "PUBLISH" })
                    #expect(!requests.contains { $0.contains("\"PUBLISH\"") })
                }
            }
        }

        @Test func `A finished run with 10 steps of 100 bytes takes less than 4,160 bytes in Redis`() async throws {
            let text = String(repeating: "x", count: 98)
            let workflow = Workflow("ten") { (context, input: String) async throws -> String in
                for index in 0..<10 { try await context.run("step-\(index)") { text } }
                return input
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, text)
                _ = try await run.result(timeout: patience)
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                let keys = try Keys(namespace: "default")
                var bytes = 0
                for key in [keys.run(run.id), keys.steps(run.id), keys.open(run.id), keys.join(run.id)] {
                    bytes += try await redis.send(["MEMORY", "USAGE", .init(key), "SAMPLES", "0"]).integer ?? 0
                }
                await redis.close()
                #expect(bytes < 4160)
                #expect(bytes > 1000)
            }
        }
    }
}
