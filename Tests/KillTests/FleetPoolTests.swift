import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing
import TestWorkflows

/// Workers whose bodies hold every thread of Swift's pool, and what they have claimed that cannot begin.
extension FleetTests {
    private static let threads = ProcessInfo.processInfo.activeProcessorCount
    private static let warning = "bodies hold every thread of Swift's pool"

    /// The names of the steps of runs that wait for a thread: of a turn's own step, and of steps that are claimed.
    private static let waitingSteps = (0..<3).flatMap {
        ["plain-\($0)", "careful-\($0)", "pair-\($0)-left", "pair-\($0)-right"]
    }

    private func enqueueBlocking(_ stage: Stage, _ names: [String]) async throws -> [WorkflowRun<String>] {
        try await stage.client.enqueue(WorkflowName<String, String>("blocking"), each: names)
    }

    /// - Returns: the runs with their results.
    private func enqueueWaiting(_ stage: Stage) async throws -> [(run: WorkflowRun<String>, result: String)] {
        var runs: [(run: WorkflowRun<String>, result: String)] = []
        for number in 0..<3 {
            for (workflow, name, result) in [
                ("patient", "plain-\(number)", "PLAIN-\(number)"),
                ("careful", "careful-\(number)", "CAREFUL-\(number)"),
                ("pair", "pair-\(number)", "LEFT+RIGHT"),
            ] {
                let run = try await stage.client.enqueue(WorkflowName<String, String>(workflow), name)
                runs.append((run, result))
            }
        }
        return runs
    }

    private func blockedCount(_ stage: Stage) async throws -> Int {
        try await stage.ledger.lines().count { $0[1].hasPrefix("block-") }
    }

    /// Each of the steps was executed once, at its first attempt.
    private func expectOnce(_ stage: Stage, by author: String? = nil) async throws {
        let lines = try await stage.ledger.lines()
        for step in Self.waitingSteps {
            let its = lines.filter { $0[1] == step }
            #expect(its.map { $0[2] } == ["1"], "\(step)")
            if let author { #expect(its.map { $0[0] } == [author], "\(step)") }
        }
    }

    private func expectFirstAttempts(_ runs: [(run: WorkflowRun<String>, result: String)]) async throws {
        for (run, result) in runs {
            #expect(try await run.result(timeout: .seconds(60)) == result)
            for step in try await run.history() {
                #expect(step.attempts == 1 && step.lost == 0, "\(run.id): \(step)")
            }
        }
    }

    /// How often the turns of runs were taken.
    private func turns(_ stage: Stage, _ runs: [(run: WorkflowRun<String>, result: String)]) async throws -> [Int] {
        var turns: [Int] = []
        for (run, _) in runs {
            let reply = try await stage.redis("HGET", .init(stage.keys.run(run.id)), "turns")
            turns.append(reply.string.flatMap { Int($0) } ?? 0)
        }
        return turns
    }

    @Test(.rule(10))
    func `A worker whose pool is held releases what has not begun, and claims again when the pool goes on`()
        async throws
    {
        try await withStage { stage in
            let first = try stage.worker("first", concurrency: Self.threads + 40, bodyStartLimit: 2000)
            let names = (0..<Self.threads).map { "block-\($0)" }
            let blocked = try await enqueueBlocking(stage, names)
            try await eventually("bodies block all threads") { try await blockedCount(stage) == Self.threads }
            let waiting = try await enqueueWaiting(stage)
            try await eventually("it holds nothing but what has begun") {
                let workers = try await stage.client.workers()
                return workers.map(\.claims) == [Self.threads] && workers[0].poolHeldSince != nil
            }
            let reason = try await stage.client.health(onThisHost: false).reason
            #expect(reason?.contains("Swift's pool") == true)
            #expect(first.logText.contains(Self.warning))

            let second = try stage.worker("second", concurrency: 40)
            try await expectFirstAttempts(waiting)
            try await expectOnce(stage, by: "second")
            await second.terminate()

            for name in names { stage.ledger.unblock(name) }
            for run in blocked { _ = try await run.result(timeout: .seconds(60)) }
            let after = try await stage.client.enqueue(WorkflowName<String, String>("patient"), "after")
            #expect(try await after.result(timeout: .seconds(60)) == "AFTER")
            #expect(try await stage.hasLine("first", "after"))
            try await eventually("it tells that its pool goes on") {
                try await stage.client.health(onThisHost: false).reason == nil
            }
            await first.terminate()
            // The threads were free since: nothing that was taken back has begun after all.
            try await expectOnce(stage, by: "second")
            #expect(try await blockedCount(stage) == Self.threads)
        }
    }

    @Test(.rule(10)) func `Nothing circulates in a fleet whose pools are all held`() async throws {
        try await withStage { stage in
            let count = 2 * Self.threads
            let workers = try ["first", "second"].map {
                try stage.worker($0, concurrency: count + 40, bodyStartLimit: 1000)
            }
            let names = (0..<count).map { "block-\($0)" }
            let blocked = try await enqueueBlocking(stage, names)
            try await eventually("bodies block all threads of both") { try await blockedCount(stage) == count }
            let waiting = try await enqueueWaiting(stage)
            func areAtRest() async throws -> Bool {
                let workers = try await stage.client.workers()
                return workers.count == 2 && workers.allSatisfy { $0.poolHeldSince != nil && $0.claims == Self.threads }
            }
            func beat(for milliseconds: Int) async throws {
                let time = try await stage.client.redisTime()
                try await eventually("they beat for \(milliseconds) ms") {
                    try await stage.client.workers().allSatisfy { $0.lastBeat ?? 0 > time + milliseconds }
                }
            }
            try await eventually("both hold nothing but what has begun") { try await areAtRest() }
            // What they have claimed is told with the next beat.
            try await beat(for: 1000)
            let claims = try await stage.client.workers().map { [$0.name: $0.lastClaim] }
            let before = try await turns(stage, waiting)
            let queue = try await stage.redis("LRANGE", .init(stage.keys.queue("default")), "0", "-1")
            // Either may have claimed it before it was held.
            #expect(before.allSatisfy { $0 <= 2 }, "\(before)")

            try await beat(for: 4000)
            #expect(try await areAtRest())
            #expect(try await Set(stage.client.workers().map { [$0.name: $0.lastClaim] }) == Set(claims))
            #expect(try await turns(stage, waiting) == before)
            #expect(try await stage.redis("LRANGE", .init(stage.keys.queue("default")), "0", "-1") == queue)

            for name in names { stage.ledger.unblock(name) }
            for run in blocked { _ = try await run.result(timeout: .seconds(60)) }
            try await expectFirstAttempts(waiting)
            for worker in workers { await worker.terminate() }
            try await expectOnce(stage)
            #expect(try await blockedCount(stage) == count)
        }
    }

    @Test(.rule(10)) func `A worker that was frozen for longer than the limit does not take its pool for held`()
        async throws
    {
        try await withStage { stage in
            let worker = try stage.worker("first", lease: 60_000, bodyStartLimit: 500)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("patient"), "before")
            #expect(try await run.result(timeout: .seconds(60)) == "BEFORE")
            worker.freeze()
            try await Task.sleep(for: .seconds(2))
            worker.thaw()
            let time = try await stage.client.redisTime()
            try await eventually("it beats for several limits") {
                try await stage.client.workers().allSatisfy { $0.lastBeat ?? 0 > time + 2000 }
            }
            let after = try await stage.client.enqueue(WorkflowName<String, String>("patient"), "after")
            #expect(try await after.result(timeout: .seconds(60)) == "AFTER")
            #expect(!worker.logText.contains(Self.warning))
            await worker.terminate()
        }
    }
}
