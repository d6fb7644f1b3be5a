import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// No test waits for it.
private let long = Retry.fixed(.seconds(36_000), attempts: 3)

extension Scenarios {
    /// A person does not want to wait for a step's next attempt.
    @Suite("Attempts that are made at once", .serialized) struct RetryNowTests {
        private func refusal(_ client: StepwiseClient, _ step: String, of run: String = "r") async -> String {
            do {
                try await client.retry(run, step: step)
            } catch let error as StepwiseError {
                return "\(error.code): \(error.message)"
            } catch {
                return "\(error)"
            }
            return "it was retried"
        }

        @Test(arguments: Memory.allCases)
        func `A step with a long delay is retried at once and completes, and its history tells how long it has waited`(
            _ memory: Memory
        ) async throws {
            let tally = Tally()
            let code = Workflow("pay") { (context, amount: Int) async throws -> Int in
                try await context.run("charge", .retry(long)) { (step: Step) async throws -> Int in
                    tally.add("charge")
                    if step.attempt < 3 { throw Hiccup() }
                    return amount
                }
            }
            try await withWorker([code], memory: memory) { client, _ in
                let run = try await client.enqueue(code, 7)
                for attempt in 2...3 {
                    try await eventually("it does not wait") {
                        try await client.queueTotals().delayed == 1 && tally.all.count == attempt - 1
                    }
                    let made = try await run.retry(step: "charge")
                    #expect(made == attempt)
                }
                let completed = try await complete(run, of: code)
                #expect(completed.output == 7 && tally.all.count == 3)
                let failed = try #require(completed.recorded("charge")).failed
                #expect(failed.map(\.attempt) == [1, 2])
                #expect(failed.allSatisfy { $0.delay < .seconds(36_000) })
                try await expectSound(client)
            }
        }

        @Test func `Of two steps of one name, which has a space, the one that is named is retried`() async throws {
            let tally = Tally()
            let code = Workflow("twins") { (context, _: Int) async throws -> Int in
                async let one = context.run("two words", .retry(long)) { (step: Step) async throws -> Int in
                    if step.attempt == 1 { throw Hiccup() }
                    return tally.add("body")
                }
                async let two = context.run("two words", .retry(long)) { (step: Step) async throws -> Int in
                    if step.attempt == 1 { throw Hiccup() }
                    return tally.add("body")
                }
                return try await one + two
            }
            try await withWorker([code]) { client, _ in
                let run = try await client.enqueue(code, 0)
                try await eventually("both do not wait") { try await client.queueTotals().delayed == 2 }
                try await client.retry(run.id, step: "two words#2")
                try await eventually("it is not recorded") { try await run.history().count == 1 }
                let recorded = try await run.history().map(\.step)
                #expect(recorded == ["two words#2"] && tally.all.count == 1)
                let words = await refusal(client, "two word", of: run.id)
                #expect(
                    words.contains("is not open") && words.hasSuffix("have failed and are open: 'two words'"),
                    "\(words)")
                try await client.retry(run.id, step: "two words")
                let sum = try await run.result(timeout: patience)
                #expect(sum == 3)
            }
        }

        @Test func `What moves otherwise is refused, each with what helps there, and nothing is changed`() async throws
        {
            let gate = Latch()
            let tally = Tally()
            let child = Workflow("child") { (context, _: Int) async throws -> Void in
                try await context.waitForEvent("never")
            }
            let code = Workflow("busy") { (context, _: Int) async throws -> Void in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await context.sleep(for: .seconds(36_000), name: "cool down") }
                    group.addTask { try await context.waitForEvent("approved") }
                    group.addTask { _ = try await context.callback("signature", as: Int.self).value() }
                    group.addTask { try await context.invoke(child, 1, id: "c") }
                    group.addTask {
                        try await context.run("work") {
                            tally.add("work")
                            await gate.wait()
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try await withWorker([code, child]) { client, _ in
                let run = try await client.enqueue(code, 0, id: "r")
                func places() async throws -> [String] { try await client.openSteps(ofRun: "r").map(\.state.place) }
                try await eventually("not everything is open") {
                    let now = try await places().sorted()
                    return now.count == 5 && now.starts(with: ["child", "event", "event"]) && tally["work"] == 1
                }
                let before = try await places()
                for (step, words) in [
                    ("cool down", "no command ends a sleep: wait for it, or end the run with stepwise cancel r"),
                    ("approved", "send it, with stepwise notify approved --run r"),
                    ("signature", "with stepwise callback complete and the token"),
                    ("child", "waits for the end of run c: look at that one, with stepwise status c"),
                    ("work", "is at work, "), ("none", "is not open: it has its outcome (stepwise history r), or "),
                ] {
                    let answer = await refusal(client, step)
                    #expect(answer.hasPrefix("wrongStatus: step \"\(step)\" of run r "), "\(answer)")
                    #expect(answer.contains(words), "\(answer)")
                }
                let after = try await places()
                #expect(before == after && tally.all.count == 1)
                try await expectSound(client)
                gate.open()
                try await run.cancel()
            }
        }

        @Test func `A run that has not begun, or is not there, has no step to retry, and says what helps`() async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let name = WorkflowName<Int, Int>("pay")
                _ = try await client.enqueue(name, 1, id: "later", .after(.hours(1)))
                _ = try await client.enqueue(name, 1, id: "queued")
                let later = await refusal(client, "charge", of: "later")
                #expect(later.hasPrefix("wrongStatus: run later has not begun: it starts at "), "\(later)")
                #expect(later.contains("cancel it (stepwise cancel later)"), "\(later)")
                let queued = await refusal(client, "charge", of: "queued")
                #expect(queued.hasPrefix("wrongStatus: run queued has not begun"), "\(queued)")
                let none = await refusal(client, "charge", of: "none")
                #expect(none.hasPrefix("noSuchRun: no run none"), "\(none)")
                let delayed = try await client.queueTotals().delayed
                #expect(delayed == 1)
                await client.close()
            }
        }

        // MARK: The script

        /// Calls `body` with a run "r" whose step "one" waits an hour for its second attempt.
        private func withDelayed(_ body: (Scripts) async throws -> Void) async throws {
            try await Scripts.withRun { scripts in
                let plan = ["1", "0", "one", "", "", "", "0", "0", "0", "", "1000000", ""]
                let opened = try await scripts.call("advance", ["is_last": "1", "slots": "2"], plan)
                #expect(opened.first == "inline")
                let failed = try await scripts.call(
                    "retry", ["step": "one", "delay": "3600000", "failure": #"{"attempt":1"#, "took": "1"])
                #expect(failed == ["delayed"])
                try await body(scripts)
            }
        }

        private func everything(_ scripts: Scripts) async throws -> [String: RedisValue] {
            var keys: [String: RedisValue] = [:]
            for key in try await scripts.redis.send(["KEYS", "*"]).array?.compactMap(\.string) ?? [] {
                keys[key] = try await scripts.redis.send(["DUMP", .init(key)])
            }
            return keys
        }

        private func openText(_ scripts: Scripts) async throws -> String {
            try await scripts.redis.send(["HGET", .init(Scripts.prefix + "open:r"), "one"]).string ?? ""
        }

        @Test(.rule(1), .rule(6))
        func
            `The step goes from the list of times to its queue; sent again, or promoted beside it, it goes nowhere else`()
            async throws
        {
            try await withDelayed { scripts in
                let entry = "default step r \(scripts.generation) 2 one"
                let reply = try await scripts.call("retry_now", ["step": "one"])
                #expect(reply == ["queued", "2"])
                let queue = try await scripts.list("queue:default")
                #expect(queue == [String(entry.dropFirst("default ".count))])
                let delayed = try await scripts.client.queueTotals().delayed
                #expect(delayed == 0)
                let text = try await openText(scripts)
                #expect(text.hasPrefix("run 2 0 item ") && !text.contains(#""delay":3600000"#), "\(text)")
                try await expectSound(scripts.client)

                let before = try await everything(scripts)
                let again = try await scripts.call("retry_now", ["step": "one"])
                #expect(again == ["ready", "2", scripts.generation])
                // A worker has seen the entry when it was there.
                _ = try await scripts.call("promote", ["prefix_length": "8"], [entry])
                let after = try await everything(scripts)
                #expect(before == after)
                let words = await refusal(scripts.client, "one")
                #expect(words.contains("waits for no time: its attempt 2 is in queue default"), "\(words)")
                try await scripts.claim()
                let claimed = await refusal(scripts.client, "one")
                #expect(claimed.hasPrefix("wrongStatus: step \"one\" of run r waits for no time"), "\(claimed)")
            }
        }

        @Test(.rule(1), arguments: ["paused", "parked", "ending", "failed", "completed", "cancelled"])
        func `Of a run that is held, or decided, nothing is retried`(_ status: String) async throws {
            try await withDelayed { scripts in
                _ = try await scripts.redis.send([
                    "HSET", .init(Scripts.prefix + "run:r"), "status", .init(status), "turn", "",
                ])
                let before = try await everything(scripts)
                let words = await refusal(scripts.client, "one")
                #expect(words.hasPrefix("wrongStatus: run r "), "\(words)")
                #expect(words.contains(status), "\(words)")
                #expect(
                    words.contains("stepwise resume r") == ["paused", "parked", "failed"].contains(status), "\(words)")
                let after = try await everything(scripts)
                #expect(before == after)
            }
        }

        @Test(.rule(5)) func `It is done where Redis' memory is full, and not for a run of another queue`() async throws
        {
            try await withDelayed { scripts in
                let before = try await everything(scripts)
                let other = try await scripts.call("retry_now", ["step": "one", "queue": "other"])
                #expect(other == ["missing"])
                let after = try await everything(scripts)
                #expect(before == after)
                _ = try await scripts.redis.send(["CONFIG", "SET", "maxmemory", "1"])
                let attempt = try await scripts.client.retry("r", step: "one")
                #expect(attempt == 2)
                _ = try await scripts.redis.send(["CONFIG", "SET", "maxmemory", "0"])
                let queue = try await scripts.list("queue:default")
                #expect(queue == ["step r \(scripts.generation) 2 one"])
            }
        }
    }
}
