import Foundation
import NIOCore
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// What is kept, for how long, and what happens when there is no room or the data is another version's.
    @Suite("What is stored", .serialized) struct Storage {
        private let echo = Workflow("echo") { (context, text: String) async throws -> String in
            try await context.run("say") { text }
        }

        private func redis<Value>(
            _ server: RedisServer, _ eventLoop: any EventLoop, _ body: (RedisClient) async throws -> Value
        ) async throws
            -> Value
        {
            let redis = RedisClient(address: try RedisAddress(url: server.url), eventLoop: eventLoop, logger: .silent)
            let result: Result<Value, any Error>
            do { result = .success(try await body(redis)) } catch { result = .failure(error) }
            await redis.close()
            return try result.get()
        }

        @Test(.rule(5))
        func `When Redis' memory is full, runs go on to their ends and new ones are refused with a clear error`()
            async throws
        {
            let gate = Latch()
            let gated = Workflow("gated") { (context, text: String) async throws -> String in
                try await context.run("wait") { await gate.wait() }
                let text = try await context.run("next") { text }
                async let left = context.run("left") { text }
                async let right = context.run("right") { text }
                let both = try await left + right
                async let third = context.run("third") { both }
                async let fourth = context.run("fourth") { "" }
                let all = try await third + fourth
                return try await context.run("last", .atMostOnce) { all }
            }
            try await withWorker([gated]) { client, server in
                let run = try await client.enqueue(gated, "x")
                try await eventually("the body runs") { try await client.openSteps(ofRun: run.id).count == 1 }
                try await redis(server, client.eventLoop) { redis in
                    _ = try await redis.send(["CONFIG", "SET", "maxmemory", "1"])
                    gate.open()
                    try await eventually("the run completes") { try await run.details().status == .completed }
                    let error = await #expect(throws: StepwiseError.self) { try await client.enqueue(gated, "y") }
                    #expect(error?.code == .redisRefused)
                    #expect(error?.message.contains("redis' memory is full: raise its maxmemory") == true)
                    _ = try await redis.send(["CONFIG", "SET", "maxmemory", "0"])
                }
                let output = try await run.result(timeout: patience)
                #expect(output == "xx")
            }
        }

        @Test(.rule(5))
        func `When Redis' memory is full, what adds to it is refused whole, and what ends or removes something passes`()
            async throws
        {
            let tokens = Tally()
            let asking = Workflow("asking") { (context, _: Int) async throws -> String in
                let callback = try await context.callback("approved", as: String.self)
                try await context.run("ask") { _ = tokens.add(callback.token) }
                return try await callback.value(timeout: .seconds(3600))
            }
            let listening = Workflow("listening") { (context, _: Int) async throws -> String in
                try await context.waitForEvent("said", as: String.self)
            }
            let failing = Workflow("failing") { (context, text: String) async throws -> String in
                throw CocoaError(.coderInvalidValue)
            }
            try await withWorker([asking, listening, failing]) { client, server in
                for id in ["asks", "leaves"] { _ = try await client.enqueue(asking, 1, id: id) }
                _ = try await client.enqueue(listening, 1, id: "listens")
                for id in ["failed", "old"] { _ = try await client.enqueue(failing, "x", id: id) }
                try await eventually("somebody does not wait, or has not failed") {
                    for id in ["asks", "leaves", "listens"] {
                        let steps = try await client.openSteps(ofRun: id)
                        if steps.first?.state.place.hasPrefix("event") != true { return false }
                    }
                    return try await client.runs(status: .failed, limit: 3).count == 2
                }
                let token = try #require(tokens.all.first { $0.hasPrefix("asks:") })
                let daily = try Schedule("daily", .every(.seconds(86_400)), failing, "x")
                let hourly = try Schedule("daily", .every(.seconds(3600)), failing, "x")
                let other = try Schedule("other", .every(.seconds(3600)), failing, "x")
                try await client.schedules.create(daily)
                _ = try await client.notify("kept", 1, keep: .seconds(3600))
                _ = try await client.notify("early", 1, run: "nobody")
                let large = String(repeating: "x", count: 100_000)
                let adds: [(String, () async throws -> Void)] = [
                    ("enqueue", { _ = try await client.enqueue(failing, large) }),
                    ("enqueue with labels", { _ = try await client.enqueue(failing, large, .label("a", "b")) }),
                    ("enqueue for later", { _ = try await client.enqueue(failing, large, .after(.seconds(60))) }),
                    ("restart", { _ = try await client.restart("failed") }),
                    ("notify a run that waits", { _ = try await client.notify("said", large, run: "listens") }),
                    ("notify a run that does not", { _ = try await client.notify("other", large, run: "listens") }),
                    ("notify a run that is not there", { _ = try await client.notify("ev", large, run: "nosuch") }),
                    ("notify with an id", { _ = try await client.notify("ev", large, run: "nosuch", id: "e") }),
                    ("notify everybody", { _ = try await client.notify("all", large) }),
                    ("notify and keep it", { _ = try await client.notify("full", large, keep: .seconds(60)) }),
                    ("answer", { _ = try await client.complete(token, large) }),
                    ("extend", { _ = try await client.extend(token, by: .seconds(7200)) }),
                    ("make a schedule", { try await client.schedules.create(other) }),
                    ("change a schedule", { try await client.schedules.update(hourly) }),
                    ("trigger a schedule", { _ = try await client.schedules.trigger("daily") }),
                ]
                func count() async throws -> [Int?] {
                    let keys = try await server.command("KEYS", "*").array?.compactMap(\.string) ?? []
                    // A worker may count what it has done meanwhile.
                    var counts: [Int?] = [keys.count { !$0.contains(":stats:") }]
                    for key in ["mail:listens", "mail:nosuch", "mail:asks", "keeping"] {
                        counts.append(try await server.command("ZCARD", .init("stepwise:{default}:\(key)")).integer)
                    }
                    counts.append(try await server.command("LLEN", "stepwise:{default}:queue:default").integer)
                    counts.append(try await server.command("HLEN", "stepwise:{default}:run:failed").integer)
                    return counts
                }
                try await eventually("the broadcast is not over") {
                    try await server.command("LLEN", "stepwise:{default}:queue:default").integer == 0
                }
                _ = try await server.command("CONFIG", "SET", "maxmemory", "1")
                let before = try await count()
                for (what, add) in adds {
                    do {
                        try await add()
                        Issue.record("\(what): it was not refused")
                    } catch let error as StepwiseError {
                        #expect(error.code == .redisRefused, "\(what): \(error)")
                    }
                }
                #expect(try await count() == before)
                _ = try await client.cancel("leaves")
                try await client.delete("old")
                #expect(try await client.clearKeptEvents([]) == 1)
                #expect(try await client.clearExpectedRuns([]) == 1)
                #expect(try await client.schedules.pause("daily"))
                try await client.schedules.delete("daily")
                try await client.resume("failed")
                _ = try await server.command("CONFIG", "SET", "maxmemory", "0")
                try await client.complete(token, "yes")
                #expect(try await client.handle("asks", as: String.self).result(timeout: patience) == "yes")
                try await expectSound(client, within: patience)
            }
        }

        @Test(.scenario(64))
        func `Ended runs leave after their retention, failed ones after theirs, live ones never`() async throws {
            let gate = Latch()
            let live = Workflow("live") { (context, _: String) async throws -> String in
                try await context.run("wait") { await gate.wait() }
                return "ended"
            }
            let failing = Workflow("failing") { (context, text: String) async throws -> String in
                throw CocoaError(.coderInvalidValue)
            }
            let configuration = StepwiseWorker.Configuration(
                completedRetention: .milliseconds(1), failedRetention: .zero)
            try await withWorker([echo, live, failing], configuration: configuration) { client, _ in
                let gone = try await client.enqueue(echo, "x")
                let kept = try await client.enqueue(failing, "x")
                let still = try await client.enqueue(live, "x")
                try await eventually("the completed run is gone") { (try? await gone.details()) == nil }
                let goneCode = await errorCode { _ = try await gone.details() }
                #expect(goneCode == .runGone)
                let error = await #expect(throws: StepwiseError.self) {
                    _ = try await client.storedEnd(ofRun: gone.id, timeout: .seconds(5))
                }
                #expect(error?.code == .runGone && error?.message.contains("without its last writes") == true)
                let code = await errorCode { _ = try await client.handle(gone.id).details() }
                #expect(code == .noSuchRun)
                let failed = try await kept.details().status
                #expect(failed == .failed)
                let running = try await still.details().status
                #expect(running == .running)
                try await expectSound(client)
                gate.open()
            }
        }

        /// Lets the run "the-child" of `child` end, and retention, which keeps what has completed for a millisecond, come and leave it.
        ///
        /// - Returns: what `delete` throws of it then.
        private func refusalToDeleteAfterRetention(
            _ child: Workflow<Int, Int>, _ server: RedisServer, _ client: StepwiseClient
        ) async throws -> StepwiseError? {
            let brief = StepwiseWorker.Configuration(queues: ["children"], completedRetention: .milliseconds(1))
            var error: StepwiseError?
            try await withWorkers(server, child, configuration: brief) {
                try await eventually("the child does not end") {
                    try await client.handle("the-child").details().status == .completed
                }
                let other = try await client.enqueue(child, 1, .queue("children"))
                try await eventually("retention does not come") { (try? await other.details()) == nil }
                #expect(try await client.handle("the-child").details().status == .completed)
                error = await #expect(throws: StepwiseError.self) { try await client.delete("the-child") }
            }
            return error
        }

        @Test(.scenario(64))
        func `An ended child stays until its parent has read its end, however old it is`() async throws {
            let child = Workflow("child") { (context, number: Int) async throws -> Int in
                try await context.run("double") { number * 2 }
            }
            let parent = Workflow("parent") { (context, number: Int) async throws -> Int in
                try await context.invoke(child, number, id: "the-child", .queue("children"))
            }
            let parents = StepwiseWorker.Configuration(queues: ["parents"])
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await client.enqueue(parent, 4, id: "the-parent", .queue("parents"))
                try await withWorkers(server, parent, configuration: parents) {
                    try await eventually("the parent does not wait") {
                        try await client.openSteps(ofRun: "the-parent").first?.state.place == "child"
                    }
                }
                // Nobody serves the parent's queue meanwhile.
                let error = try await refusalToDeleteAfterRetention(child, server, client)
                #expect(error?.code == .wrongStatus)
                try await withWorkers(server, parent, configuration: parents) {
                    let output = try await run.result(timeout: patience)
                    #expect(output == 8)
                }
                try await client.delete("the-child")
                try await expectSound(client)
                await client.close()
            }
        }

        @Test(.scenario(64))
        func `A child with an id of its own stays while its failed parent may be resumed, and is not begun anew`()
            async throws
        {
            let bodies = Tally()
            let isMended = Flag()
            let gate = Latch()
            let child = Workflow("child") { (context, number: Int) async throws -> Int in
                try await context.run("double") {
                    bodies.add("double \(number)")
                    return number * 2
                }
            }
            let parent = Workflow("parent") { (context, number: Int) async throws -> Int in
                async let doubled = context.invoke(
                    child, number, id: "the-child", onParentEnd: .abandon, .queue("children"))
                async let checked: Void = context.run("check", .retry(.never)) { () async throws -> Void in
                    await gate.wait()
                    if !isMended.isSet { throw CocoaError(.coderInvalidValue) }
                }
                try await checked
                return try await doubled
            }
            let parents = StepwiseWorker.Configuration(queues: ["parents"])
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await client.enqueue(parent, 4, id: "the-parent", .queue("parents"))
                try await withWorkers(server, parent, configuration: parents) {
                    try await eventually("the parent does not wait") {
                        try await client.openSteps(ofRun: "the-parent").contains { $0.state.place == "child" }
                    }
                    gate.open()
                    #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                }
                #expect(try await client.handle("the-child").details().status == .queued)
                let error = try await refusalToDeleteAfterRetention(child, server, client)
                #expect(error?.code == .wrongStatus)
                let words = #"once it is resumed step "child" may ask for this run again"#
                #expect(error?.message.contains(words) == true)
                isMended.set()
                try await client.resume(run.id)
                // Nobody could do another child.
                try await withWorkers(server, parent, configuration: parents) {
                    let output = try await run.result(timeout: patience)
                    #expect(output == 8)
                }
                #expect(bodies["double 4"] == 1)
                try await client.delete("the-child")
                try await expectSound(client)
                await client.close()
            }
        }

        /// What of a parent keeps its child `c`, which its step `s` has made in generation 100.
        @Test(
            .scenario(64),
            arguments: [
                (["status", "failed", "generation", "100"], "c", "completed", true),
                (["status", "failed", "generation", "100.2"], "c", "completed", true),
                (["status", "running", "generation", "100.1"], "c", "completed", true),
                (["status", "running", "generation", "101"], "c", "completed", true),
                (["status", "ending", "ending", "failed", "generation", "100"], "c", "completed", true),
                (["status", "running", "generation", "100", "inline", "s"], "c", "cancelled", true),
                // It has read the end.
                (["status", "running", "generation", "100"], "c", "completed", false),
                // It will not be resumed.
                (["status", "failed", "generation", "100", "restarted", "r"], "c", "completed", false),
                (["status", "completed", "generation", "100.1"], "c", "completed", false),
                (["status", "cancelled", "generation", "100"], "c", "completed", false),
                (["status", "ending", "ending", "cancelled", "generation", "100"], "c", "completed", false),
                ([], "c", "completed", false),
                // It has begun anew since the child was there, and refuses it.
                (["status", "running", "generation", "9000"], "c", "completed", false),
                // A resumed one makes a child of another id.
                (["status", "failed", "generation", "100"], "p/100/s", "completed", false),
                // Nothing is done twice, or it is for a person to say.
                (["status", "failed", "generation", "100"], "c", "cancelled", false),
                (["status", "failed", "generation", "100"], "c", "failed", false),
            ] as [([String], String, String, Bool)])
        func `A child that its parent may still ask for cannot be deleted, and no other stays`(
            _ parent: [String], _ id: String, _ status: String, _ stays: Bool
        ) async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let prefix = "stepwise:{default}:"
                for index in stride(from: 0, to: parent.count, by: 2) {
                    _ = try await server.command(
                        "HSET", .init(prefix + "run:p"), .init(parent[index]), .init(parent[index + 1]))
                }
                _ = try await server.command(
                    "HSET", .init(prefix + "run:\(id)"), "workflow", "w", "queue", "default", "payload", "1", "status",
                    .init(status), "generation", "200", "created", "1", "ended", "1", "parent", "p 100 s",
                    "parentQueue", "default")
                _ = try await server.command("ZADD", .init(prefix + "runs:\(status)"), "1", .init(id))
                var code: StepwiseError.Code?
                do { try await client.delete(id) } catch let error as StepwiseError { code = error.code }
                let expected: StepwiseError.Code? = stays ? .wrongStatus : nil
                #expect(code == expected)
                #expect(try await server.command("EXISTS", .init(prefix + "run:\(id)")).integer == (stays ? 1 : 0))
                await client.close()
            }
        }

        @Test(.scenario(64))
        func `Retention passes over hundreds of children that stay, and removes what is behind them`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let prefix = "stepwise:{default}:"
                _ = try await client.enqueue(echo, "x", id: "first", .queue("elsewhere"))
                try await redis(server, client.eventLoop) { redis in
                    _ = try await redis.send([
                        "HSET", .init(prefix + "run:p"), "status", "failed", "generation", "100",
                    ])
                    // Most end within one millisecond. Every fourth has no parent, and is removed.
                    for number in 0..<450 {
                        let time = number < 350 ? "5" : "\(number)"
                        var words: [RedisArgument] = [
                            "HSET", .init(prefix + "run:c\(number)"), "status", "completed", "generation", "200",
                            "created", "1", "ended", .init(time),
                        ]
                        if number % 4 != 0 { words += ["parent", "p 100 s", "parentQueue", "default"] }
                        _ = try await redis.send(words)
                        _ = try await redis.send([
                            "ZADD", .init(prefix + "runs:completed"), .init(time), .init("c\(number)"),
                        ])
                    }
                    try await withWorkers(server, echo, configuration: .init(completedRetention: .milliseconds(1))) {
                        try await eventually("what is behind stays") {
                            try await redis.send(["EXISTS", .init(prefix + "run:c448")]).integer == 0
                        }
                        // Once more, behind those that it has passed.
                        _ = try await client.enqueue(echo, "x", id: "later").result(timeout: patience)
                        let left = try await redis.send(["ZCARD", .init(prefix + "runs:completed")]).integer ?? 0
                        #expect((337...338).contains(left))
                    }
                }
                await client.close()
            }
        }

        @Test func `What stays is looked at again after ten minutes, and not before the walk has come to its end`() {
            let start = ContinuousClock.now
            var walk = RetentionWalk()
            func runs(_ entries: (String, String)...) -> [ExpiredRun] {
                entries.map { ExpiredRun(id: $0.0, score: $0.1) }
            }
            walk.begin(at: start)
            walk.pass(runs(("a", "1"), ("b", "5"), ("c", "5")))
            #expect(walk.place == ExpiredPlace(score: "5", passed: 2))
            // A page of which all were removed.
            walk.pass([])
            #expect(walk.place == ExpiredPlace(score: "5", passed: 2))
            walk.begin(at: start + .seconds(3600))
            walk.pass(runs(("d", "5"), ("e", "7")))
            #expect(walk.place == ExpiredPlace(score: "7", passed: 1))
            walk.end(at: start + .seconds(3600))
            for second in [3601, 3660, 4199] {
                walk.begin(at: start + .seconds(second))
                walk.end(at: start + .seconds(second))
                #expect(walk.place == ExpiredPlace(score: "7", passed: 1))
            }
            walk.begin(at: start + .seconds(4200))
            #expect(walk.place == nil)
            // Where nothing stays, each look begins with the oldest.
            walk.end(at: start + .seconds(4200))
            walk.begin(at: start + .seconds(9000))
            #expect(walk.place == nil)
        }

        @Test(.scenario(51))
        func `An id that is used again after its run has left begins a run of its own: its input, its steps, its keys`()
            async throws
        {
            let keys = Tally()
            let pair = Workflow("pair") { (context, text: String) async throws -> String in
                async let left = context.run("left") { step in
                    keys.add(step.idempotencyKey)
                    return text
                }
                async let right = context.run("right") { text }
                return try await left + right
            }
            // Two workers: the one that does not take the run to its end keeps an instance of it.
            let configuration = StepwiseWorker.Configuration(concurrency: 1, completedRetention: .milliseconds(1))
            try await withWorker([pair], configuration: configuration) { client, server in
                let other = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [pair], configuration: configuration, logger: .silent)
                let service = RunningWorker(other)
                let first = try await client.enqueue(pair, "a", id: "the-id")
                var output = try await first.result(timeout: patience)
                #expect(output == "aa")
                try await eventually("the run is gone") { (try? await first.details()) == nil }
                let second = try await client.enqueue(pair, "b", id: "the-id")
                #expect(second.isNew)
                output = try await second.result(timeout: patience)
                #expect(output == "bb")
                #expect(Set(keys.all).count == 2)
                try await service.end()
            }
        }

        @Test func `Retention keeps up with thousands of runs that end at once`() async throws {
            let empty = Workflow("empty") { (_: WorkflowContext, _: Int) async throws -> Int in 0 }
            let count = 4500
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await withWorkers(server, empty) {
                    _ = try await client.enqueue(empty.workflowName, each: 0..<count)
                    try await eventually("the runs go on", within: .seconds(120)) {
                        try await server.command("ZCARD", "stepwise:{default}:runs:completed").integer == count
                    }
                }
                // A worker looks for them some seconds after it starts, and once a minute: gone are all of them, not only the 2,000 of one look.
                try await withWorkers(server, empty, configuration: .init(completedRetention: .milliseconds(1))) {
                    try await eventually("the runs stay") { try await server.command("DBSIZE").integer ?? 100 < 10 }
                }
                await client.close()
            }
        }

        @Test func `A worker that runs refuses a data format that becomes another under it`() async throws {
            try await RedisServer.withServer { server in
                let worker = try StepwiseWorker(redis: RedisEndpoint(server.url), workflows: [echo], logger: .silent)
                let service = Task { try await worker.run() }
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let output = try await client.enqueue(echo, "x").result(timeout: patience)
                #expect(output == "x")
                _ = try await server.command("HSET", "stepwise:{default}:meta", "format", "3-draft-999")
                let result = await service.result
                let error = #expect(throws: StepwiseError.self) { try result.get() }
                #expect(error?.code == .otherDataFormat)
                await client.close()
            }
        }

        @Test func `Whoever writes first notes the data format, and whoever only looks leaves nothing behind`()
            async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                _ = try? await client.handle("r").details()
                #expect(try await server.command("EXISTS", "stepwise:{default}:meta").integer == 0)
                _ = try await client.enqueue(echo, "x")
                #expect(try await server.command("HGET", "stepwise:{default}:meta", "format").string == "3-draft-6")
                await client.close()
            }
        }

        @Test(arguments: ["1", "2", "3", "4", "3-draft-1", "3-draft-2", "3-draft-3", "3-draft-4"])
        func `Who meets another data format refuses, names both, and changes nothing`(_ format: String) async throws {
            try await RedisServer.withServer { server in
                let endpoint = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: endpoint, logger: .silent)
                _ = try await server.command("HSET", "stepwise:{default}:meta", "format", .init(format))
                let worker = try StepwiseWorker(redis: endpoint, workflows: [echo], logger: .silent)
                let refused = await #expect(throws: StepwiseError.self) { try await worker.run() }
                #expect(refused?.code == .otherDataFormat)
                #expect(refused?.message.contains("data format \(format), and") == true)
                #expect(refused?.message.contains("reads and writes 3-draft-6") == true)
                #expect(await errorCode { try await client.enqueue(echo, "x") } == .otherDataFormat)
                #expect(await errorCode { _ = try await client.handle("r").details() } == .otherDataFormat)
                #expect(try await server.command("HGET", "stepwise:{default}:meta", "format").string == format)
                #expect(try await server.command("DBSIZE").integer == 1)
                await client.close()
            }
        }
    }
}
