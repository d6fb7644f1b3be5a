import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// What scripts note for whoever asks why a run does not move: when it began, since when its steps are queued, how many attempts they may
    /// have.
    @Suite("Facts about runs") struct FactTests {
        private static let head = #"{"step":"step 0","took":40,"claim":"w/5""#
        private static let past = 5000

        private func open(_ step: String, _ scripts: Scripts) async throws -> String? {
            try await scripts.redis.send(["HGET", .init(Scripts.prefix + "open:r"), .init(step)]).string
        }

        /// Has the text of step 0 say that it was put on the queue so many milliseconds ago, and claims its work item.
        private func queueEarlier(
            _ scripts: Scripts, by milliseconds: Int = FactTests.past, kind: String = "run 1 0", limits: String = ""
        ) async throws {
            let called = try await scripts.client.redisTime() - milliseconds
            let text = "\(kind) item\(limits) called=\(called)"
            _ = try await scripts.redis.send(["HSET", .init(Scripts.prefix + "open:r"), "step 0", .init(text)])
            try await scripts.claim()
        }

        private func text(_ scripts: Scripts) -> String { "step r \(scripts.generation) 1 step 0" }

        /// What is recorded as the run's first outcome.
        private func record(_ scripts: Scripts) async throws -> OutcomeRecord {
            let bytes = try await scripts.redis.send(["HGET", .init(Scripts.prefix + "steps:r"), "1"]).bytes
            return try OutcomeRecord(try #require(bytes))
        }

        private func record(_ script: String, head: String = FactTests.head, _ scripts: Scripts) async throws {
            _ = try await scripts.call(
                script,
                [
                    "text": text(scripts), "step": "step 0", "number": "", "head": head, "tail": #""value":1"#,
                    "token": "w/5",
                ])
        }

        @Test(arguments: ["take_turn", "take_turn_plain", "accept_pushed"])
        func `The script that takes a run's first turn notes when, whichever it is`(_ script: String) async throws {
            try await Scripts.withRun(takesTurn: false) { scripts in
                let none = try await scripts.field("began")
                #expect(none == nil, "it is queued")
                let claimed = try await scripts.list("claimed:w:default").first ?? ""
                var arguments = [
                    "text": claimed, "taken_text": scripts.turn, "token": "w/1", "turn": "w 1 w/1",
                    "step": script == "take_turn" ? "" : "one",
                ]
                if script == "accept_pushed" {
                    _ = try await scripts.redis.send(["DEL", .init(Scripts.prefix + "run:r")])
                    _ = try await scripts.redis.send(["LPUSH", .init(Scripts.prefix + "runs:accepting"), "item"])
                    arguments.merge(["item": "item", "workflow": "greet", "payload": "1"]) { $1 }
                }
                let before = try await scripts.client.redisTime()
                _ = try await scripts.call(script, arguments)
                let after = try await scripts.client.redisTime()
                let (noted, turns) = (try await scripts.field("began"), try await scripts.field("turns"))
                let began = try #require(noted.flatMap { Int($0) })
                #expect(before <= began && began <= after && turns == "1")
            }
        }

        @Test func `A pushed run that starts later has not begun`() async throws {
            try await Scripts.withRun(takesTurn: false) { scripts in
                _ = try await scripts.redis.send(["DEL", .init(Scripts.prefix + "run:r")])
                _ = try await scripts.redis.send(["LPUSH", .init(Scripts.prefix + "runs:accepting"), "item"])
                _ = try await scripts.call(
                    "accept_pushed",
                    ["item": "item", "workflow": "greet", "payload": "1", "token": "w/1", "start": "+60000"])
                let (began, starts) = (try await scripts.field("began"), try await scripts.field("startsAt"))
                #expect(began == nil && starts != nil)
            }
        }

        @Test func `A later turn leaves it as it is`() async throws {
            try await Scripts.withRun { scripts in
                _ = try await scripts.redis.send(["HSET", .init(Scripts.prefix + "run:r"), "began", "7"])
                let released = try await scripts.call("release", ["kind": "turn"])
                #expect(released == ["moved"])
                try await scripts.claim()
                try await scripts.takeTurn()
                let (began, turns) = (try await scripts.field("began"), try await scripts.field("turns"))
                #expect(began == "7" && turns == "2")
            }
        }

        @Test func `A run that no worker could begin has not begun, and begins with the next turn`() async throws {
            try await Scripts.withRun { scripts in
                _ = try await scripts.call("set_unserved", ["is_turn": "1", "reason": "no worker has it"])
                let none = try await scripts.field("began")
                #expect(none == nil)
                _ = try await scripts.call("reclaim", ["is_turn": "1"])
                try await scripts.takeTurn()
                let began = try await scripts.field("began")
                #expect(began != nil)
            }
        }

        @Test(arguments: [(0, 0), (1, 1), (2, 2), (9, 3)])
        func `Steps that are queued say since when; those that the turn's holder keeps do not`(
            _ slots: Int, _ kept: Int
        )
            async throws
        {
            try await Scripts.withRun { scripts in
                var plan = ["3"]
                for number in 0..<3 {
                    plan += [String(number), "step \(number)", "", number == 1 ? "total=60000" : "", ""]
                }
                plan += ["0", "0", "0", "", "1000000", ""]
                let before = try await scripts.client.redisTime()
                let reply = try await scripts.call("advance", ["is_last": "1", "slots": String(slots)], plan)
                let after = try await scripts.client.redisTime()
                #expect(reply.count == kept + 1)
                for number in 0..<3 {
                    let state = try #require(try await open("step \(number)", scripts).flatMap { OpenStep($0) })
                    #expect((state.called == nil) == (number < kept))
                    if let called = state.called { #expect(before <= called && called <= after) }
                    #expect(Array(state.limits.keys) == (number == 1 ? ["total"] : []))
                }
                // A limit's entry has the limit's time, not that of the queue.
                let limit = try await scripts.redis.send([
                    "ZRANGE", .init(Scripts.prefix + "delayed"), "0", "-1", "WITHSCORES",
                ])
                let due = limit.array?.last?.string.flatMap { Int($0) } ?? 0
                #expect(due > before + 50_000)
            }
        }

        @Test func `A step that the turn's holder executes inline has nothing to tell of a queue`() async throws {
            try await Scripts.withRun { scripts in
                let plan = ["1", "0", "step 0", "", "total=60000", "", "0", "0", "0", "", "1000000", ""]
                let reply = try await scripts.call("advance", ["is_last": "1"], plan)
                #expect(reply.first == "inline")
                let state = try #require(try await open("step 0", scripts).flatMap { OpenStep($0) })
                #expect(state.place == "inline" && state.called == nil)
            }
        }

        @Test(arguments: ["record", "record_plain"])
        func `An outcome says how long its step was on a queue before its body began`(_ script: String) async throws {
            try await Scripts.withRun { scripts in
                try await scripts.open(2, isLast: false)
                try await queueEarlier(scripts)
                try await record(script, scripts)
                let waited = try #require(try await record(scripts).waited)
                #expect(waited >= Self.past - 40 && waited < Self.past + 30_000)
            }
        }

        @Test(arguments: ["record", "record_plain"])
        func `A wait that is as long as the body, or of a clock that went back, is not told`(_ script: String)
            async throws
        {
            for (milliseconds, took) in [(Self.past, 3_600_000), (-Self.past, 40), (-Self.past, 0)] {
                try await Scripts.withRun { scripts in
                    try await scripts.open(2, isLast: false)
                    try await queueEarlier(scripts, by: milliseconds)
                    try await record(script, head: Self.head.replacing("40", with: String(took)), scripts)
                    let waited = try await record(scripts).waited
                    #expect(waited == nil)
                }
            }
        }

        @Test(arguments: ["run 1 1", "run 1 0"])
        func `Of a step that was lost with a worker the wait is not told, and since when it is queued again is`(
            _ kind: String
        ) async throws {
            try await Scripts.withRun { scripts in
                try await scripts.open(2, isLast: false)
                try await queueEarlier(scripts, kind: kind)
                let before = try await scripts.client.redisTime()
                let released = try await scripts.call(
                    "release", ["text": text(scripts), "kind": "step", "step": "step 0", "is_lost": "1"])
                #expect(released == ["moved"])
                let state = try #require(try await open("step 0", scripts).flatMap { OpenStep($0) })
                #expect(state.lost > 0 && (state.called ?? 0) >= before)
                try await queueEarlier(scripts, kind: "run 1 \(state.lost)")
                try await record("record", scripts)
                let outcome = try await record(scripts)
                #expect(outcome.waited == nil && outcome.lost == state.lost)
            }
        }

        @Test func `A step that its worker has kept and gives back says since when it is queued`() async throws {
            try await Scripts.withRun { scripts in
                let plan = ["2", "0", "step 0", "", "", "", "1", "step 1", "", "", ""]
                let rest = ["0", "0", "0", "", "1000000", ""]
                _ = try await scripts.call("advance", ["is_last": "1", "slots": "2"], plan + rest)
                let kept = try await open("step 0", scripts)
                #expect(kept == "run 1 0 item")
                let before = try await scripts.client.redisTime()
                let released = try await scripts.call(
                    "release", ["text": text(scripts), "kind": "step", "step": "step 0"])
                #expect(released == ["moved"])
                let state = try #require(try await open("step 0", scripts).flatMap { OpenStep($0) })
                #expect(state.lost == 0 && (state.called ?? 0) >= before)
            }
        }

        @Test
        func `A failed attempt leaves how many there may be, when the next is due, and how long the first has waited`()
            async throws
        {
            try await Scripts.withRun { scripts in
                try await scripts.open(2, isLast: false)
                try await queueEarlier(scripts, limits: " total=9999999999999")
                let arguments = [
                    "text": text(scripts), "number": "", "step": "step 0", "delay": "60000",
                    "failure": #"{"attempt":1"#,
                    "took": "40", "of": "4",
                ]
                for _ in 0..<2 {
                    let reply = try await scripts.call("retry", arguments)
                    #expect(reply == ["delayed"], "also sent again")
                }
                let state = try #require(try await open("step 0", scripts).flatMap { OpenStep($0) })
                #expect(state.of == 4 && state.attempt == 2 && state.limits == ["total": 9_999_999_999_999])
                #expect((state.waited ?? 0) >= Self.past - 40)
                let entry = RedisArgument("default step r \(scripts.generation) 2 step 0")
                let due = try await scripts.redis.send(["ZSCORE", .init(Scripts.prefix + "delayed"), entry]).string
                #expect(due.flatMap { Int($0) } == state.called)
                let time = try await scripts.client.redisTime()
                #expect(state.queued(at: time) == nil, "it is delayed")

                // The second attempt's outcome tells of the first's wait.
                let again = "step r \(scripts.generation) 2 step 0"
                _ = try await scripts.redis.send(["LPUSH", .init(Scripts.prefix + "claimed:w:default"), .init(again)])
                _ = try await scripts.call(
                    "record",
                    [
                        "text": again, "step": "step 0", "number": "", "attempt": "2", "head": Self.head,
                        "tail": #""value":1"#, "token": "w/6",
                    ])
                let outcome = try await record(scripts)
                #expect(outcome.waited == state.waited && outcome.failed.isEmpty)
            }
        }

        @Test func `Without a limit of attempts none is told`() async throws {
            try await Scripts.withRun { scripts in
                try await scripts.open(2, isLast: false)
                try await scripts.claim()
                let reply = try await scripts.call(
                    "retry",
                    [
                        "text": text(scripts), "number": "", "step": "step 0", "delay": "0", "failure": "{",
                        "took": "0",
                    ])
                #expect(reply == ["delayed"])
                let state = try #require(try await open("step 0", scripts).flatMap { OpenStep($0) })
                #expect(state.of == nil && state.waited == nil && state.called != nil)
            }
        }

        @Test func `A step that waits for its child has left the queue, and tells how long it was there`() async throws
        {
            try await Scripts.withRun { scripts in
                try await scripts.open(2, wait: "child c greet", isLast: false)
                try await queueEarlier(scripts, kind: "child:1:c:greet 1 0")
                let reply = try await scripts.call(
                    "await_child",
                    ["text": text(scripts), "number": "", "step": "step 0", "child": "c", "policy": "cancel"])
                #expect(reply == ["waits"])
                let state = try #require(try await open("step 0", scripts).flatMap { OpenStep($0) })
                #expect(state.child == "c" && state.called == nil && (state.waited ?? 0) >= Self.past)
            }
        }

        @Test func `A step that is held is on no queue, and says anew since when it is once its run is resumed`()
            async throws
        {
            try await Scripts.withRun { scripts in
                try await scripts.open(2, isLast: true)
                try await scripts.client.pause("r")
                try await queueEarlier(scripts)
                let held = try await scripts.call(
                    "take_turn", ["text": text(scripts), "step": "step 0", "token": "w/7"])
                #expect(held == ["obsolete"])
                let aside = try await open("step 0", scripts)
                #expect(aside == "run 1 0 held")
                let before = try await scripts.client.redisTime()
                try await scripts.client.resume("r")
                let state = try #require(try await open("step 0", scripts).flatMap { OpenStep($0) })
                #expect(state.place == "item" && (state.called ?? 0) >= before)
            }
        }

        // With workers.

        @Test func `A step that waits for a slot says since when, and its outcome how long`() async throws {
            let gate = Latch()
            let wide = Workflow("wide") { (context, _: Int) async throws -> Int in
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<3 {
                        group.addTask {
                            try await context.run("part") {
                                await gate.wait()
                                return 1
                            }
                        }
                    }
                    return try await group.reduce(0, +)
                }
            }
            try await withWorker([wide], configuration: .init(concurrency: 1)) { client, _ in
                let run = try await client.enqueue(wide, 0)
                var called: [Int] = []
                try await eventually("steps are queued") {
                    called = try await client.openSteps(ofRun: run.id).compactMap(\.state.called)
                    return !called.isEmpty
                }
                let first = try #require(called.min())
                try await eventually("they have waited") { try await client.redisTime() > first + 200 }
                gate.open()
                let output = try await run.result(timeout: patience)
                #expect(output == 3)
                let (steps, details) = (try await run.history(), try await run.details())
                #expect((steps.compactMap(\.waited).max() ?? .zero) > .milliseconds(100))
                let created = try #require(details.created)
                let began = try #require(details.began)
                let ended = try #require(details.ended)
                #expect(created <= began && began <= ended)
                try await expectSound(client)
            }
        }

        @Test func `A run that goes step by step tells of no wait`() async throws {
            let chain = Workflow("chain") { (context, count: Int) async throws -> Int in
                for _ in 0..<count { try await context.run("link") { 1 } }
                return count
            }
            try await withWorker([chain]) { client, _ in
                let run = try await client.enqueue(chain, 5)
                _ = try await run.result(timeout: patience)
                let (steps, details) = (try await run.history(), try await run.details())
                #expect(steps.count == 5 && steps.allSatisfy { $0.waited == nil } && details.began != nil)
            }
        }
    }
}
