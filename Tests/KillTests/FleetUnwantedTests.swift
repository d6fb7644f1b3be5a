import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing
import TestWorkflows

/// Workers with bodies that nobody wants any more and that do not return.
extension FleetTests {
    private static let lostRace = WorkflowName<String, String>("lost-race")
    private static let patient = WorkflowName<String, String>("patient")

    @Test(.rule(10))
    func `A claimed step that is withdrawn gives back its claim and its slot, although its body does not return`()
        async throws
    {
        try await withStage { stage in
            let worker = try stage.worker("first", concurrency: 2)
            // There are two slots.
            for name in ["one", "two"] {
                try await stage.ledger.addGate("\(name)-wins")
                let race = try await stage.client.enqueue(Self.lostRace, name)
                #expect(try await stage.hasLine("first", name))
                try await stage.ledger.openGate("\(name)-wins")
                #expect(try await race.result(timeout: .seconds(60)) == "WON")
            }
            let after = try await stage.client.enqueue(Self.patient, "after")
            #expect(try await after.result(timeout: .seconds(60)) == "AFTER")
            try await eventually("it holds no claim") { try await stage.client.workers().map(\.claims) == [0] }
            // What they return late is for nobody.
            for name in ["one", "two"] { stage.ledger.unblock(name) }
            let last = try await stage.client.enqueue(Self.patient, "last")
            #expect(try await last.result(timeout: .seconds(60)) == "LAST")
            #expect(try await stage.ledger.lines().count { ["one", "two"].contains($0[1]) } == 2)
            await worker.terminate()
        }
    }

    /// Has every thread of a worker's pool held by bodies that are past their time limits.
    private func holdPool(_ stage: Stage) async throws -> [WorkflowRun<String>] {
        let count = ProcessInfo.processInfo.activeProcessorCount
        let late = WorkflowName<String, String>("late")
        let runs = try await stage.client.enqueue(late, each: (0..<count).map { "late-\($0)" })
        for run in runs { #expect(try await run.result(timeout: .seconds(60)) == "StepTimeout") }
        return runs
    }

    @Test(.rule(10)) func `Which bodies hold Swift's pool is told, also of those that nobody waits for`() async throws {
        try await withStage { stage in
            let worker = try stage.worker(
                "first", concurrency: 100, bodyStartLimit: 500,
                environment: ["TEST_WORKER_STUCK_MS": "1000", "TEST_WORKER_GOES_ON": "1"])
            let runs = try await holdPool(stage)
            let ids = Set(runs.map(\.id))
            try await eventually("its entry tells of them") {
                let bodies = try await stage.client.workers().flatMap(\.poolBodies)
                return !bodies.isEmpty && bodies.allSatisfy { ids.contains($0.run ?? "") && $0.isBody }
            }
            let reason = try await stage.client.health(onThisHost: false).reason ?? ""
            #expect(reason.contains("the body of step \"late-"))
            let warnings = try await Doctor(stage.client).examine().warnings
            #expect(warnings.count == 1 && warnings[0].contains("the body of step \"late-"))
            #expect(worker.logText.contains("late-"))
            for number in runs.indices { stage.ledger.unblock("late-\(number)") }
            try await eventually("its pool goes on") {
                try await stage.client.workers().allSatisfy { $0.poolHeldSince == nil && $0.poolBodies.isEmpty }
            }
            await worker.terminate()
        }
    }

    @Test(.rule(10))
    func `A process whose pool is held by bodies that nobody waits for ends with 70, and nothing is lost`() async throws
    {
        try await withStage { stage in
            let first = try stage.worker(
                "first", concurrency: 100, bodyStartLimit: 500, environment: ["TEST_WORKER_STUCK_MS": "1000"])
            _ = try await holdPool(stage)
            // It is on the queue, or it was claimed, has no thread, and is released.
            let after = try await stage.client.enqueue(Self.patient, "after")
            #expect(await first.exitCode() == 70)
            #expect(first.logText.contains("that nobody waits for hold every thread of Swift's pool"))
            #expect(try await stage.redis("LLEN", .init(stage.keys.queue("default"))).integer == 1)
            _ = try stage.worker("second")
            #expect(try await after.result(timeout: .seconds(60)) == "AFTER")
            let history = try await stage.redis("HVALS", .init(stage.keys.steps(after.id))).array ?? []
            #expect(history.count == 1 && history.allSatisfy { $0.string?.contains("\"lost\"") == false })
        }
    }

    @Test(.rule(10)) func `A process whose pool is held does not end while somebody waits for all bodies there`()
        async throws
    {
        try await withStage { stage in
            let worker = try stage.worker(
                "first", concurrency: 100, bodyStartLimit: 500, environment: ["TEST_WORKER_STUCK_MS": "1000"])
            let names = (0..<ProcessInfo.processInfo.activeProcessorCount).map { "block-\($0)" }
            let runs = try await stage.client.enqueue(WorkflowName<String, String>("blocking"), each: names)
            try await eventually("it has beaten for much longer than both limits") {
                let workers = try await stage.client.workers()
                return workers.contains { worker in
                    worker.poolHeldSince.map { worker.lastBeat ?? 0 > $0 + 8000 } ?? false
                }
            }
            #expect(worker.isRunning)
            for name in names { stage.ledger.unblock(name) }
            for (run, name) in zip(runs, names) { #expect(try await run.result(timeout: .seconds(60)) == name) }
            let lines = try await stage.ledger.lines().map { $0[1] }
            #expect(lines.sorted() == names.sorted())
            await worker.terminate()
        }
    }

    @Test(.rule(10))
    func `A process whose pool is held ends later if somebody waits for a body there, and releases that`()
        async throws
    {
        try await withStage { stage in
            let first = try stage.worker(
                "first", concurrency: 100, bodyStartLimit: 500, environment: ["TEST_WORKER_STUCK_MS": "1000"])
            // It awaits something, and has no thread on which it could go on.
            try await stage.ledger.addGate("wanted")
            let wanted = try await stage.client.enqueue(Self.patient, "wanted")
            #expect(try await stage.hasLine("first", "wanted"))
            _ = try await holdPool(stage)
            // Since then one of the limits counts.
            let time = try await stage.client.redisTime()
            #expect(await first.exitCode() == 70)
            #expect(try await stage.client.redisTime() > time + 3000)
            #expect(first.logText.contains("every thread of Swift's pool, also such that nobody waits for"))
            try await stage.ledger.openGate("wanted")
            _ = try stage.worker("second")
            #expect(try await wanted.result(timeout: .seconds(60)) == "WANTED")
            #expect(try await stage.ledger.lines().filter { $0[1] == "wanted" }.map { $0[0] } == ["first", "second"])
            let history = try await stage.redis("HVALS", .init(stage.keys.steps(wanted.id))).array ?? []
            #expect(history.count == 1 && history.allSatisfy { $0.string?.contains("\"lost\"") == false })
        }
    }

    @Test(.rule(10)) func `A process whose pool is held by tasks that a body left behind ends with 70`() async throws {
        try await withStage { stage in
            let first = try stage.worker(
                "first", concurrency: 100, bodyStartLimit: 500, environment: ["TEST_WORKER_STUCK_MS": "1000"])
            let strays = try await stage.client.enqueue(WorkflowName<String, String>("strays"), "stray")
            #expect(try await strays.result(timeout: .seconds(60)) == "LEFT")
            let after = try await stage.client.enqueue(Self.patient, "after")
            #expect(await first.exitCode() == 70)
            #expect(first.logText.contains("code that no step body waits for holds every thread of Swift's pool"))
            _ = try stage.worker("second")
            #expect(try await after.result(timeout: .seconds(60)) == "AFTER")
            let history = try await stage.redis("HVALS", .init(stage.keys.steps(after.id))).array ?? []
            #expect(history.count == 1 && history.allSatisfy { $0.string?.contains("\"lost\"") == false })
        }
    }

    @Test(.rule(10))
    func `A process ends with 70 once bodies that nobody waits for hold all threads for blocking ones`()
        async throws
    {
        try await withStage { stage in
            let first = try stage.worker(
                "first", concurrency: 100, bodyStartLimit: 500,
                environment: ["TEST_WORKER_STUCK_MS": "1000", "TEST_WORKER_BLOCKING_THREADS": "2"])
            // There are as many spare ones.
            let names = (0..<4).map { "late-\($0)" }
            for name in names {
                let late = try await stage.client.enqueue(WorkflowName<String, String>("late-apart"), name)
                #expect(try await stage.hasLine("first", name))
                #expect(try await late.result(timeout: .seconds(60)) == "StepTimeout")
            }
            // It is claimed, and has no thread.
            let after = try await stage.client.enqueue(WorkflowName<String, String>("apart"), "after")
            #expect(await first.exitCode() == 70)
            #expect(first.logText.contains("hold every thread for .blocking steps"))
            #expect(try await stage.ledger.lines().map { $0[1] }.sorted() == names)
            stage.ledger.unblock("after")
            _ = try stage.worker("second")
            #expect(try await after.result(timeout: .seconds(60)) == "after")
            let history = try await stage.redis("HVALS", .init(stage.keys.steps(after.id))).array ?? []
            #expect(history.count == 1 && history.allSatisfy { $0.string?.contains("\"lost\"") == false })
        }
    }

    /// Has one run lose two workers, and wait on a third for its last delivery, beside another run's body. Both have a gate.
    private func waitToBeAlone(
        _ stage: Stage
    ) async throws -> (unlucky: WorkflowRun<String>, calm: WorkflowRun<String>, third: WorkerProcess) {
        for name in ["unlucky", "calm"] { try await stage.ledger.addGate(name) }
        let unlucky = try await stage.client.enqueue(Self.patient, "unlucky")
        let first = try stage.worker("first")
        #expect(try await stage.hasLine("first", "unlucky"))
        first.kill()
        // It has no slot for anything else.
        let second = try stage.worker("second", concurrency: 1)
        #expect(try await stage.hasLine("second", "unlucky"))
        let calm = try await stage.client.enqueue(Self.patient, "calm")
        let third = try stage.worker("third")
        #expect(try await stage.hasLine("third", "calm"))
        second.kill()
        try await eventually("it waits to be alone") { third.logText.contains("waits to be alone") }
        return (unlucky, calm, third)
    }

    @Test(.rule(10))
    func `Who waits to be alone beside a body that does not end keeps its worker from claiming for a lease only`()
        async throws
    {
        try await withStage { stage in
            let (unlucky, calm, third) = try await waitToBeAlone(stage)
            let other = try await stage.client.enqueue(Self.patient, "other")
            #expect(try await other.result(timeout: .seconds(60)) == "OTHER")
            #expect(try await !stage.ledger.lines().contains { $0[0] == "third" && $0[1] == "unlucky" })

            try await stage.ledger.openGate("calm")
            #expect(try await calm.result(timeout: .seconds(60)) == "CALM")
            #expect(try await stage.hasLine("third", "unlucky"))
            try await stage.ledger.openGate("unlucky")
            #expect(try await unlucky.result(timeout: .seconds(60)) == "UNLUCKY")
            await third.terminate()
        }
    }

    @Test(.rule(10))
    func `A process that ends while a last delivery waits to be alone is no loss of what waits`() async throws {
        try await withStage { stage in
            let (unlucky, calm, third) = try await waitToBeAlone(stage)
            third.kill()

            for name in ["unlucky", "calm"] { try await stage.ledger.openGate(name) }
            let fourth = try stage.worker("fourth")
            #expect(try await unlucky.result(timeout: .seconds(60)) == "UNLUCKY")
            #expect(try await calm.result(timeout: .seconds(60)) == "CALM")
            let lines = try await stage.ledger.lines().filter { $0[1] == "unlucky" }
            #expect(lines.map(\.[0]) == ["first", "second", "fourth"])
            await fourth.terminate()
        }
    }

    @Test(.rule(10))
    func `A function on its last delivery is alone until it is at rest, also while it is away from its executor`()
        async throws
    {
        try await withStage { stage in
            let run = try await stage.client.enqueue(WorkflowName<String, String>("astray"), "astray")
            for name in ["first", "second"] {
                let worker = try stage.worker(name)
                try await eventually("it is away") { worker.logText.contains("awaits something that is not a step") }
                worker.kill()
            }
            let third = try stage.worker("third")
            try await eventually("it is away") { third.logText.contains("awaits something that is not a step") }
            let other = try await stage.client.enqueue(Self.patient, "other")
            try await eventually("it is parked") {
                let lines = try await stage.ledger.lines()
                let isParked = try await run.details().status == .parked
                #expect(isParked || lines.isEmpty, "something began beside it")
                return isParked
            }
            #expect(try await other.result(timeout: .seconds(60)) == "OTHER")
            await third.terminate()
        }
    }

    @Test(.rule(10))
    func `While a thread is held Redis freezes for longer than last calls may take, and nobody else loses a worker`()
        async throws
    {
        try await withStage { stage in
            let first = try stage.worker("first", environment: ["TEST_WORKER_STUCK_MS": "1000"])
            try await stage.ledger.addGate("calm")
            let calm = try await stage.client.enqueue(Self.patient, "calm")
            #expect(try await stage.hasLine("first", "calm"))
            let hog = try await stage.client.enqueue(WorkflowName<String, String>("hog"), "held")
            #expect(try await stage.hasLine("first", "held"))
            stage.server.pause()
            try await eventually("the thread is given up") { first.logText.contains("leaves it behind") }
            // It has cost one worker, and is to cost no more.
            stage.ledger.unblock("held")
            // Those have 5 s.
            try await Task.sleep(for: .seconds(7))
            stage.server.resume()
            // It would sweep the name.
            let second = try stage.worker("second")
            try await eventually("the body runs again") {
                try await stage.ledger.lines().count { $0[1] == "calm" } >= 2
            }
            try await stage.ledger.openGate("calm")
            #expect(try await calm.result(timeout: .seconds(60)) == "CALM")
            let history = try await stage.redis("HVALS", .init(stage.keys.steps(calm.id))).array ?? []
            #expect(history.count == 1 && history.allSatisfy { $0.string?.contains("\"lost\"") == false })
            #expect(try await hog.result(timeout: .seconds(60)) == "held")
            for worker in [first, second] { await worker.terminate() }
        }
    }

    @Test(.rule(10))
    func `A begun body that may be executed once only is waited for when somebody else holds the thread`() async throws
    {
        try await withStage { stage in
            let worker = try stage.worker("first", grace: 30_000, environment: ["TEST_WORKER_STUCK_MS": "1000"])
            for name in ["once", "calm"] { try await stage.ledger.addGate(name) }
            let once = try await stage.client.enqueue(WorkflowName<String, String>("careful"), "once")
            let calm = try await stage.client.enqueue(Self.patient, "calm")
            for name in ["once", "calm"] { #expect(try await stage.hasLine("first", name)) }
            let hog = try await stage.client.enqueue(WorkflowName<String, String>("hog"), "held")
            #expect(try await stage.hasLine("first", "held"))
            try await eventually("the thread is given up") { worker.logText.contains("leaves it behind") }
            // The thread is free from here on, and still nothing ends the body.
            stage.ledger.unblock("held")
            // Others have no reason to wait.
            try await eventually("the other is on the queue") {
                let items = try await stage.redis("LRANGE", .init(stage.keys.queue("default")), "0", "-1").array ?? []
                return items.contains { $0.string?.contains(calm.id) == true }
            }
            try await stage.ledger.openGate("once")
            #expect(try await once.result(timeout: .seconds(60)) == "ONCE")
            #expect(try await stage.ledger.lines().count { $0[1] == "once" } == 1)
            try await stage.ledger.openGate("calm")
            #expect(try await calm.result(timeout: .seconds(60)) == "CALM")
            #expect(try await hog.result(timeout: .seconds(60)) == "held")
            await worker.terminate()
        }
    }

    @Test(.rule(10))
    func `A run fails whose function has held two threads and lost a process, and its error names both`() async throws {
        try await withStage { stage in
            let first = try stage.worker(
                "first", environment: ["TEST_WORKER_STUCK_MS": "2000", "TEST_WORKER_STUCK_THREADS": "10"])
            let spin = try await stage.client.enqueue(WorkflowName<String, String>("endless-loop"), "spin")
            func field(_ name: String) async throws -> String {
                try await stage.redis("HGET", .init(stage.keys.run(spin.id)), .init(name)).string ?? ""
            }
            try await eventually("two threads are held, and it goes on on a third, alone") {
                guard try await field("lost") == "2 1 held",
                    let name = try await field("turn").split(separator: " ").first.map(String.init)
                else { return false }
                let alone = try await stage.redis("HGET", .init(stage.keys.worker(name)), "alone").string
                return alone?.contains(spin.id) == true
            }
            first.kill()
            let second = try stage.worker("second")
            try await eventually("it has failed") { try await field("status") == "failed" }
            let error = try await field("error")
            #expect(error.contains("3 workers were lost") && error.contains("or holds its worker's thread"), "\(error)")
            await second.terminate()
        }
    }
}
