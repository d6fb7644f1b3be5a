import Foundation
import Stepwise
import StepwiseRedis
import TestSupport
import TestWorkflows
import Testing

/// Workers whose own thread user code does not give back.
extension FleetTests {
    private static let endlessLoop = WorkflowName<String, String>("endless-loop")
    private static let hog = WorkflowName<String, String>("hog")
    private static let patient = WorkflowName<String, String>("patient")
    private static let sequential = WorkflowName<String, String>("sequential")
    private static let cores = ProcessInfo.processInfo.activeProcessorCount

    /// - Parameters:
    ///   - limit: how long user code may hold the thread, in milliseconds.
    ///   - most: how many threads it may hold.
    ///   - goesOn: whether the process goes on when it does.
    private func watched(
        _ stage: Stage, _ author: String, limit: Int = 1000, most: Int = 10, goesOn: Bool = false,
        concurrency: Int = 10,
        grace: Int = 5000
    ) throws -> WorkerProcess {
        var environment = ["TEST_WORKER_STUCK_MS": String(limit), "TEST_WORKER_STUCK_THREADS": String(most)]
        if goesOn { environment["TEST_WORKER_GOES_ON"] = "1" }
        return try stage.worker(author, concurrency: concurrency, grace: grace, environment: environment)
    }

    private func field(_ name: String, of run: String, _ stage: Stage) async throws -> String? {
        try await stage.redis("HGET", .init(stage.keys.run(run)), .init(name)).string
    }

    private func alive(_ stage: Stage) async throws -> [WorkerListing] {
        try await stage.client.workers().filter { $0.state == .alive }
    }

    @Test(.rule(10))
    func `A function that never comes back costs its run, and takes nothing from the others`() async throws {
        try await withStage { stage in
            let worker = try watched(stage, "first")
            try await stage.ledger.addGate("calm")
            let calm = try await stage.client.enqueue(Self.patient, "calm")
            #expect(try await stage.hasLine("first", "calm"))
            let spin = try await stage.client.enqueue(Self.endlessLoop, "spin", id: "SPIN")
            try await eventually("the loop has cost a thread, and the body that ran beside it runs again") {
                let losses = try await field("lost", of: spin.id, stage)
                let lines = try await stage.ledger.lines()
                return losses != nil && lines.count { $0[1] == "calm" } >= 2
            }
            let other = try await stage.client.enqueue(Self.sequential, "in")
            try await stage.ledger.openGate("calm")
            #expect(try await calm.result(timeout: .seconds(60)) == "CALM")
            #expect(try await other.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            try await eventually("the run is parked") { try await field("status", of: spin.id, stage) == "parked" }

            let reason = try await field("reason", of: spin.id, stage) ?? ""
            #expect(reason.contains("held its worker's thread") && reason.contains("after step \"spin\""))
            #expect(try await field("lost", of: spin.id, stage) == "3 1 held")
            // What the body had returned was recorded before the thread was left behind.
            #expect(try await stage.ledger.lines().count { $0[1] == "spin" } == 1)
            for run in [calm.id, other.id] {
                let history = try await stage.redis("HVALS", .init(stage.keys.steps(run))).array ?? []
                #expect(history.allSatisfy { $0.string?.contains("\"lost\"") == false })
            }

            try await eventually("the worker tells of all three threads") {
                try await alive(stage).map(\.held.count) == [3]
            }
            let health = try await stage.client.health(onThisHost: false)
            #expect(health.reason?.contains("the function of run SPIN, after step \"spin\"") == true)
            let warnings = try await Doctor(stage.client).examine().warnings
            #expect(warnings.count == 1 && warnings[0].contains("SPIN"))
            #expect(worker.isRunning)
        }
    }

    @Test(.rule(10))
    func `What a body returns while the thread is held is recorded before the thread is left behind`() async throws {
        try await withStage { stage in
            let worker = try watched(stage, "first", limit: 3000)
            try await stage.ledger.addGate("calm")
            let calm = try await stage.client.enqueue(Self.patient, "calm")
            #expect(try await stage.hasLine("first", "calm"))
            _ = try await stage.client.enqueue(Self.endlessLoop, "spin")
            #expect(try await stage.hasLine("first", "loop-spin"), "the function is in its loop")
            try await stage.ledger.openGate("calm")
            #expect(try await calm.result(timeout: .seconds(60)) == "CALM")
            #expect(try await stage.ledger.lines().count { $0[1] == "calm" } == 1)
            #expect(worker.isRunning)
        }
    }

    @Test(.rule(10))
    func `With as many threads held as there may be, the process ends with 70, and only the loop has lost it`()
        async throws
    {
        try await withStage { stage in
            let first = try watched(stage, "first", most: 1)
            let spin = try await stage.client.enqueue(Self.endlessLoop, "spin")
            #expect(await first.exitCode() == 70)
            #expect(try await field("lost", of: spin.id, stage) == "1 1 held")
            #expect(try await stage.redis("LLEN", .init(stage.keys.queue("default"))).integer == 1)
            #expect(first.logText.contains("maximumStuckThreads"))
            let second = try watched(stage, "second")
            try await eventually("the run is parked") { try await field("status", of: spin.id, stage) == "parked" }
            let other = try await stage.client.enqueue(Self.sequential, "in")
            #expect(try await other.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(second.isRunning)
        }
    }

    @Test(.rule(10))
    func `A worker that stops claiming goes on beating, says why, and claims again when a thread is free`() async throws
    {
        try await withStage { stage in
            let worker = try watched(stage, "first", most: 1, goesOn: true)
            let hog = try await stage.client.enqueue(Self.hog, "held", id: "HOG")
            try await eventually("it has stopped") { try await alive(stage).map(\.isStopped) == [true] }
            let other = try await stage.client.enqueue(Self.sequential, "in")
            let health = try await stage.client.health(onThisHost: false)
            #expect(health.reason?.contains("claims nothing: the function of run HOG, before its first step") == true)
            // Both wait, and nobody claims them.
            #expect(try await stage.redis("LLEN", .init(stage.keys.queue("default"))).integer == 2)
            #expect(worker.isRunning)

            stage.ledger.unblock("held")
            #expect(try await other.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await hog.result(timeout: .seconds(60)) == "held")
            try await eventually("all is well again") { try await stage.client.health(onThisHost: false).reason == nil }
            await worker.terminate()
        }
    }

    @Test(.rule(10))
    func `A quick body that one day blocks costs its step one worker, and its late return is refused`() async throws {
        try await withStage { stage in
            let worker = try watched(stage, "first")
            let snag = try await stage.client.enqueue(WorkflowName<String, String>("snag"), "blocks")
            try await eventually("it has held the thread, and blocks elsewhere") {
                try await stage.ledger.lines().count { $0[1] == "blocks" } == 2
            }
            // With a worker lost, a body no longer begins on the thread: others go on beside it.
            let other = try await stage.client.enqueue(Self.sequential, "in")
            #expect(try await other.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            try await eventually("the thread is left behind") { try await alive(stage).map(\.held.count) == [1] }
            stage.ledger.unblock("blocks")
            #expect(try await snag.result(timeout: .seconds(60)) == "blocks")
            let history = try await stage.redis("HVALS", .init(stage.keys.steps(snag.id))).array ?? []
            #expect(history.count == 40)
            #expect(history.count { $0.string?.contains("\"lost\":1") == true } == 1)
            try await eventually("the thread is free") { try await alive(stage).map(\.held.count) == [0] }
            await worker.terminate()
        }
    }

    @Test(.rule(10))
    func `Asked to leave, a process ends although user code holds all of its threads, and loses nothing`() async throws
    {
        try await withStage { stage in
            // Without the watch nothing but the signal can end it.
            let worker = try watched(stage, "first", limit: 0, concurrency: Self.cores + 10, grace: 500)
            let bodies = (0..<Self.cores).map { "block-\($0)" }
            var runs = try await stage.client.enqueue(WorkflowName<String, String>("blocking"), each: bodies)
            try await eventually("bodies block all threads") { try await stage.ledger.lines().count == bodies.count }
            runs.append(try await stage.client.enqueue(Self.hog, "held"))
            #expect(try await stage.hasLine("first", "held"))
            worker.signal(SIGTERM)
            #expect(await worker.exitCode() == 70)
            #expect(worker.logText.contains("has not left in time"))
            #expect(try await stage.redis("LLEN", .init(stage.keys.queue("default"))).integer == runs.count)
            for run in runs { #expect(try await field("lost", of: run.id, stage) == nil) }

            for body in bodies + ["held"] { stage.ledger.unblock(body) }
            let second = try watched(stage, "second", concurrency: runs.count)
            for run in runs { _ = try await run.result(timeout: .seconds(60)) }
            // In time there is nothing for the signal to do.
            second.signal(SIGTERM)
            #expect(await second.exitCode() == 0)
        }
    }

    @Test(.rule(10))
    func `A session that begins anew for another reason does not need the thread that user code holds`() async throws {
        try await withStage { stage in
            let worker = try watched(stage, "first", limit: 0)
            let hog = try await stage.client.enqueue(Self.hog, "held")
            #expect(try await stage.hasLine("first", "held"))
            // As another worker does that has seen no beat for a lease.
            let name = try #require(try await alive(stage).first?.name)
            _ = try await stage.redis("HSET", .init(stage.keys.worker(name)), "state", "dead")
            _ = try await stage.redis("ZADD", .init(stage.keys.workers), "-1", .init(name))
            try await eventually("it has a new name, and tells of the thread") {
                try await alive(stage).map(\.held.count) == [1]
            }
            stage.ledger.unblock("held")
            #expect(try await hog.result(timeout: .seconds(60)) == "held")
            await worker.terminate()
        }
    }
}
