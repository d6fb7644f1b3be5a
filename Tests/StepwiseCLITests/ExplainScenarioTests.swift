import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private struct Declined: Error, CustomStringConvertible {
    var description: String { "no money" }
}

/// Causes that are made with real workers, and what they advise, executed.
@Suite("What explain says of real runs", .serialized)
struct ExplainScenarioTests {
    private let gate = Latch()

    private let plain = Workflow("plain") { (context, text: String) async throws -> String in
        try await context.run("one") { text }
    }

    /// Asks until a cause is the worst one.
    private func explained(
        _ fixture: Fixture, _ id: String, _ cause: Explanation.Cause, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Explanation {
        try await fixture.told(cause, id, sourceLocation: sourceLocation)
    }

    /// Executes the first command that is advised, as a person would paste it.
    private func obey(
        _ explanation: Explanation, _ fixture: Fixture, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await fixture.obey(explanation, sourceLocation: sourceLocation)
    }

    /// Waits until the one worker has beaten twice: by then it knows what is paused.
    private func twoBeats(_ fixture: Fixture) async throws {
        for _ in 1...2 {
            let workers: [RedisArgument] = ["ZRANGE", "stepwise:{default}:workers", "0", "-1", "WITHSCORES"]
            let before = try await fixture.redis.send(workers)
            try await eventually("the worker beats") { try await fixture.redis.send(workers) != before }
        }
    }

    // MARK: In queues

    @Test func `Without a worker it is stuck, pushed or enqueued; a worker takes it up, and it completes`() async throws
    {
        try await Fixture.with { fixture in
            let run = try await fixture.client.enqueue(plain, "in", id: "enqueued")
            try await fixture.send("LPUSH ~inbox:default", #"{"workflow":"plain","payload":"in","id":"pushed"}"#)
            let queued = try await fixture.told(.noWorkerForQueue, "enqueued", .stuck)
            #expect(queued.sentence == "No worker is alive")
            #expect(queued.also.map(\.cause) == [])
            let pushed = try await fixture.told(.notTakenUp, "pushed", .stuck)
            #expect(
                pushed.sentence
                    == "pushed is not a run yet: it lies 1st of 1 in the inbox of queue default, and no worker that is alive claims from it"
            )
            try await fixture.withWorker([plain]) {
                let result = try await run.result(timeout: patience)
                #expect(result == "in")
                _ = try await explained(fixture, "pushed", .completed)
                let ended = try await run.explain()
                #expect(ended.verdict == .ended && ended.sentence.hasSuffix("with 1 outcome"))
            }
        }
    }

    @Test func `Of an id that is not there it is said whether it was rejected, is expected, or is unknown`()
        async throws
    {
        try await Fixture.with { fixture in
            try await fixture.withWorker([plain]) {
                try await fixture.send("LPUSH ~inbox:default", #"{"workflow":"plain","payLoad":1,"id":"second"}"#)
                let rejected = try await explained(fixture, "second", .rejected)
                #expect(rejected.verdict == .stuck && rejected.sentence.contains("\"payLoad\" is not a known member"))
                try await fixture.send("LPUSH ~queue:default", #"{"workflow":"plain","id":"third"}"#)
                let misplaced = try await explained(fixture, "third", .rejected)
                #expect(misplaced.sentence.contains("push JSON objects onto inbox:default"))
            }
            try await fixture.client.notify("go", 1, run: "fourth")
            let expected = try await fixture.told(.expected, "fourth")
            #expect(
                expected.sentence.hasPrefix(
                    "There is no run fourth, but 1 event waits for it, the last of them sent at 2"))
            let pushed = #"{"workflow":"plain","id":"astray"}"#
            try await fixture.send("LPUSH ~inbox:mial", pushed)
            let astray = try await fixture.told(.notTakenUp, "astray", .stuck)
            #expect(astray.sentence.contains("it lies 1st of 1 in the inbox of queue mial, and no worker"))
            let unknown = try await fixture.told(.noSuchRun, "fifth", .unknown)
            #expect(unknown.sentence == "There is no run fifth in namespace default, and nothing waits for it")
            _ = try await fixture.redis.send(["HSET", "stepwise:{shop}:run:a[b]*", "status", "running"])
            _ = try await fixture.redis.send(["HSET", "stepwise:{mall}:run:aXbbb", "status", "running"])
            let elsewhere = try await fixture.told(.noSuchRun, "a[b]*", .unknown)
            #expect(elsewhere.sentence.hasSuffix("and there is one of that id in namespace shop"))
            try await fixture.send("LPUSH ~queue:default", #"{"workflow":"plain","id":"sixth"}"#)
            let lost = try await fixture.told(.notTakenUp, "sixth", .stuck)
            #expect(lost.sentence.contains("it lies in queue:default"))
        }
    }

    @Test func `A paused queue, a paused workflow and a paused run go on by the command that is advised`() async throws
    {
        try await Fixture.with { fixture in
            try await fixture.client.pause(queue: "default")
            let queued = try await fixture.client.enqueue(plain, "in")
            let stuck = try await fixture.client.explain(queued.id)
            #expect(stuck.cause == .queuePaused && stuck.verdict == .stuck)
            #expect(stuck.sentence.hasSuffix("; 1 work item waits in it"))
            #expect(stuck.also.map(\.cause) == [.noWorkerForQueue])
            try await fixture.withWorker([plain]) {
                try await obey(try await explained(fixture, queued.id, .queuePaused), fixture)
                #expect(try await queued.result(timeout: patience) == "in")

                try await fixture.client.pause(workflow: "plain")
                try await twoBeats(fixture)
                let held = try await fixture.client.enqueue(plain, "in")
                let paused = try await explained(fixture, held.id, .workflowPaused)
                #expect(paused.verdict == .stuck)
                try await eventually("it is put apart") { try await held.details().status == .noWorker }
                let put = try await fixture.client.explain(held.id)
                #expect(put.sentence.hasSuffix("; 1 work item of its runs waits apart from queue default"))
                try await obey(put, fixture)
                #expect(try await held.result(timeout: patience) == "in")
            }
            let alone = try await fixture.client.enqueue(plain, "in")
            try await alone.pause(reason: "lunch")
            let paused = try await fixture.client.explain(alone.id)
            #expect(paused.cause == .paused && paused.verdict == .stuck && paused.sentence.hasSuffix(" ago: lunch"))
            try await obey(paused, fixture)
            try await fixture.withWorker([plain]) {
                let result = try await alone.result(timeout: patience)
                #expect(result == "in")
            }
        }
    }

    @Test func `Workers that cannot take it are counted, and told one by one`() async throws {
        try await Fixture.with { fixture in
            let other = Workflow("plains") { (_: WorkflowContext) in }
            try await withWorkers(fixture.server, other) {
                try await withWorkers(fixture.server, plain, configuration: .init(queues: ["images"])) {
                    let run = try await fixture.client.enqueue(plain, "in")
                    let stuck = try await explained(fixture, run.id, .noWorkerForWorkflow)
                    try await eventually("it is put apart") { try await run.details().status == .noWorker }
                    let put = try await fixture.client.explain(run.id)
                    #expect(
                        put.sentence
                            == "0 of 2 workers can take it: 1 does not serve queue default, 1 does not have workflow plain (but there is plains)"
                    )
                    #expect(stuck.verdict == .stuck && put.workers.count == 2 && put.workers.allSatisfy { !$0.can })
                    try await fixture.withWorker([plain]) {
                        let result = try await run.result(timeout: patience)
                        #expect(result == "in")
                    }
                }
            }
        }
    }

    // MARK: Under way

    @Test func `A body that runs, a step that backs off, a sleep, an event and a child are each told`() async throws {
        let gate = gate
        let child = Workflow("child") { (context, _: Int) async throws -> Int in
            try await context.waitForEvent("approved", as: Int.self)
        }
        let code = Workflow("all") { (context, what: String) async throws -> Int in
            switch what {
            case "body":
                return try await context.run("slow") {
                    await gate.wait()
                    return 1
                }
            case "retry":
                return try await context.run("charge", .retry(Retry(attempts: 3, initialDelay: .seconds(900)))) {
                    () async throws -> Int in throw Declined()
                }
            case "sleep":
                try await context.sleep(for: .seconds(7200), name: "cool down")
                return 1
            default: return try await context.invoke(child, 1, id: "the-child")
            }
        }
        try await Fixture.with { fixture in
            try await fixture.withWorker([code, child]) {
                let body = try await fixture.client.enqueue(code, "body")
                let running = try await explained(fixture, body.id, .bodyRunning)
                #expect(running.verdict == .moving && running.sentence.hasSuffix(", attempt 1"))

                let retry = try await fixture.client.enqueue(code, "retry")
                let failed = try await explained(fixture, retry.id, .backingOff)
                #expect(failed.verdict == .waiting && failed.until != nil)
                #expect(
                    failed.sentence.contains(" and is tried again at 2")
                        && failed.sentence.contains("Last: Declined: no money, on "))

                let sleep = try await fixture.client.enqueue(code, "sleep")
                let sleeping = try await explained(fixture, sleep.id, .sleeping)
                #expect(sleeping.verdict == .waiting && sleeping.sentence.hasSuffix(" (step \"cool down\")"))

                let parent = try await fixture.client.enqueue(code, "child", id: "the-parent")
                let waiting = try await explained(fixture, "the-child", .waitsForEvent)
                #expect(waiting.verdict == .waiting)
                #expect(waiting.sentence.hasSuffix(", without a time limit; 1 step waits for that name"))
                let above = try await explained(fixture, parent.id, .waitsForChild)
                #expect(
                    above.sentence.hasPrefix("Step child waits for run the-child (child): It waits for event approved"))
                #expect(above.children.map(\.run) == ["the-child"] && above.children.map(\.cause) == [.waitsForEvent])
                try await fixture.client.notify("aproved", 1, run: "the-child")
                let mistaken = try await fixture.client.explain("the-child")
                #expect(mistaken.sentence.hasSuffix("; its mailbox has events of other names: aproved"))
                try await fixture.client.notify("approved", 7, run: "the-child")
                #expect(try await parent.result(timeout: patience) == 7)

                gate.open()
                #expect(try await body.result(timeout: patience) == 1)
                for run in [retry, sleep] {
                    try await run.cancel(reason: "enough")
                    let cancelled = try await explained(fixture, run.id, .cancelled)
                    #expect(cancelled.sentence.hasSuffix(": enough"))
                }
            }
        }
    }

    @Test func `A failed run goes on by the command that is advised, and keeps what it has`() async throws {
        let isOpen = gate
        let code = Workflow("pay") { (context, text: String) async throws -> String in
            let first = try await context.run("first") { text }
            return try await context.run("charge", .retry(.never)) { () async throws -> String in
                if !isOpen.isOpen { throw Declined() }
                return first
            }
        }
        try await Fixture.with { fixture in
            try await fixture.withWorker([code]) {
                let run = try await fixture.client.enqueue(code, "in")
                let failed = try await explained(fixture, run.id, .failed)
                #expect(failed.verdict == .ended)
                #expect(
                    failed.sentence.hasSuffix(
                        "step charge, after 1 attempt: Declined: no money. A resume keeps 1 outcome and tries step charge again"
                    ))
                isOpen.open()
                try await obey(failed, fixture)
                let result = try await run.result(timeout: patience)
                #expect(result == "in")
            }
        }
    }

    // MARK: Broken

    @Test func `A lost work item is found out also where many workers have died in the last hour`() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.client.enqueue(plain, "in")
            for number in 1...30 {
                try await fixture.send("ZADD ~workers -\(number) w-\(number)")
                try await fixture.send("HSET ~worker:w-\(number) state dead queues default")
            }
            try await fixture.send("DEL ~queue:default")
            var lost = try await fixture.client.explain(run.id)
            #expect(lost.cause == .nobodyMoves && lost.verdict == .stuck, "\(lost.sentence)")
            // One of them still holds it.
            let generation = try await fixture.generation(of: run.id)
            try await fixture.send("LPUSH ~claimed:w-1:default", "turn \(run.id) \(generation)")
            lost = try await fixture.client.explain(run.id)
            #expect(lost.cause == .heldByDeadNobodyLeft, "\(lost.sentence)")
        }
    }

    @Test func `A run whose work item was lost moves again by the command that the doctor advises`() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.client.enqueue(plain, "in")
            try await fixture.send("DEL ~queue:default")
            let lost = try await fixture.told(.nobodyMoves, run.id, .stuck)
            try await obey(lost, fixture)
            try await fixture.withWorker([plain]) {
                let result = try await run.result(timeout: patience)
                #expect(result == "in")
            }
        }
    }

    // MARK: Cost

    /// What an explanation may send.
    private static let reads: Set<String> = [
        "AUTH", "CLIENT", "CONFIG", "EVALSHA", "EXISTS", "HELLO", "HGET", "HLEN", "HMGET", "HSCAN", "HVALS", "INFO",
        "LLEN", "LPOS", "LRANGE",
        "PING", "SCRIPT", "SELECT", "TIME", "ZCARD", "ZCOUNT", "ZMSCORE", "ZRANGE", "ZRANGEBYLEX", "ZRANGEBYSCORE",
        "ZSCORE", "GET", "ROLE", "SCAN",
    ]

    /// What Redis was sent since its counters were reset: how many commands, and their names. Inner commands of scripts are among the names.
    private func statistics(_ fixture: Fixture) async throws -> (calls: Int, names: Set<String>) {
        let info = try await fixture.send("INFO commandstats").string ?? ""
        var names: Set<String> = []
        for line in info.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_") {
            names.insert(line.dropFirst(8).prefix { $0 != ":" && $0 != "|" }.uppercased())
        }
        let stats = try await fixture.send("INFO stats").string ?? ""
        let processed = stats.split(whereSeparator: \.isNewline).first { $0.hasPrefix("total_commands_processed:") }
        return (Int(processed?.dropFirst(25) ?? "") ?? 0, names)
    }

    @Test
    func `However long the queue and however many the workers, it reads only, and sends at most 60 commands`()
        async throws
    {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(plain, "in", id: "r")
            let plant = """
                local now = redis.call('TIME')[1] * 1000
                for n = 1, 300 do
                  redis.call('ZADD', KEYS[1], now + 600000, 'w-' .. n)
                  redis.call('HSET', KEYS[2] .. n, 'state', 'alive', 'queues', 'default', 'workflows', 'plain', 'concurrency', 10)
                end
                for n = 1, 1000 do
                  local page = {}
                  for m = 1, 1000 do page[m] = 'turn x-' .. n .. '-' .. m .. ' 1' end
                  redis.call('RPUSH', KEYS[3], unpack(page))
                end
                return redis.call('LLEN', KEYS[3])
                """
            let prefix = "stepwise:{default}:"
            let length = try await fixture.redis.send([
                "EVAL", .init(plant), "3", .init(prefix + "workers"), .init(prefix + "worker:w-"),
                .init(prefix + "queue:default"),
            ])
            #expect(length.integer == 1_000_001)
            for id in ["r", "nobody"] {
                let fresh = try StepwiseClient(redis: RedisEndpoint(fixture.server.url), logger: .silent)
                let before = try await statistics(fixture).calls
                try await fixture.send("CONFIG RESETSTAT")
                let explanation = try await fresh.explain(id)
                let after = try await statistics(fixture)
                await fresh.close()
                // Redis counts inner commands of scripts, too; the reset has begun anew, and two of the others are this test's.
                #expect(before > 0 && after.calls <= 60 + 20 + 2, "\(after.calls) commands for \(id)")
                #expect(after.names.subtracting(Self.reads) == [], "\(id)")
                if id == "r" {
                    #expect(explanation.cause == .inQueue && explanation.verdict == .waiting, "\(explanation.line)")
                    #expect(
                        explanation.sentence.hasPrefix("It is 1000001st in queue default: 1000000 are ahead; "))
                    #expect(explanation.sentence.hasSuffix(" of 300 workers were looked at)"))
                }
            }
        }
    }
}
