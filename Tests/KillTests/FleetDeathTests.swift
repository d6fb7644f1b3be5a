import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing
import TestWorkflows

/// Workers that die.
extension FleetTests {
    @Test(.scenario(17, 18, 46))
    func `A branch ends while the other's body runs on; when the worker dies, only the other is executed again`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("a1")
            try await stage.ledger.addGate("b1")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("branches"), "in")
            #expect(try await stage.hasLine("first", "a1"))
            #expect(try await stage.hasLine("first", "b1"))
            let second = try stage.worker("second")
            try await stage.ledger.openGate("a1")
            // a2 begins and ends beside b1, which does not end.
            try await eventually("branch a goes on") { try await run.history().map(\.step).contains("a2") }
            first.kill()
            #expect(try await stage.hasLine("second", "b1"))
            try await stage.ledger.openGate("b1")
            #expect(try await run.result(timeout: .seconds(60)) == "in,A1A2,B1B2")
            #expect(try await stage.ledger.lines().filter { $0[0] == "second" }.map { $0[1] } == ["b1", "b2"])
            await second.terminate()
        }
    }

    /// Starts workers one after the other, each when the one before has died, until `isDone`.
    private func replaceTheDead(
        _ stage: Stage, limit: Int, until isDone: () async throws -> Bool
    ) async throws -> Int {
        var deaths = 0
        while deaths < limit {
            let worker = try stage.worker("w\(deaths)")
            var done = false
            try await eventually("the worker is done or has died") {
                done = try await isDone()
                return done || !worker.isRunning
            }
            if done {
                await worker.terminate()
                return deaths
            }
            deaths += 1
            if deaths == 2 {
                for gate in 0..<5 { try await stage.ledger.openGate("innocent-\(gate)") }
            }
        }
        Issue.record("more than \(limit) workers died")
        return deaths
    }

    @Test(.scenario(50))
    func `A step that ends its process fails after three deaths, and none of the runs beside it is taken along`()
        async throws
    {
        try await withStage { stage in
            var innocents: [WorkflowRun<String>] = []
            for number in 0..<5 {
                try await stage.ledger.addGate("innocent-\(number)")
                innocents.append(
                    try await stage.client.enqueue(WorkflowName<String, String>("patient"), "innocent-\(number)"))
            }
            let caught = try await stage.client.enqueue(WorkflowName<String, String>("poison"), "catch", id: "poison")
            let deaths = try await replaceTheDead(stage, limit: 6) {
                for run in innocents + [caught] where try await !run.details().status.isEnded { return false }
                return true
            }
            #expect(deaths == 3)
            for (number, run) in innocents.enumerated() {
                #expect(try await run.result(timeout: .seconds(60)) == "INNOCENT-\(number)")
            }
            #expect(try await caught.result(timeout: .seconds(60)) == "workersLost,UNDO")
            let step = try #require(try await caught.history().first)
            #expect(step.step == "trip" && step.lost == 3 && step.attempts == 1)
            #expect(try await stage.ledger.lines().count { $0[1] == "trip" } == 3)
        }
    }

    @Test(.scenario(50))
    func `Two poisoned runs fail by their own steps; uncaught, that is the run's end`() async throws {
        try await withStage { stage in
            let runs = [
                try await stage.client.enqueue(WorkflowName<String, String>("poison"), "in"),
                try await stage.client.enqueue(WorkflowName<String, String>("poison"), "in"),
            ]
            _ = try await replaceTheDead(stage, limit: 7) {
                for run in runs where try await !run.details().status.isEnded { return false }
                return true
            }
            for run in runs {
                let error = try #require(try await run.details().error)
                #expect(error.contains("WorkersLost") && error.contains("\"step\":\"trip\""), "\(error)")
            }
        }
    }

    @Test(.scenario(50))
    func `A function that ends its process between steps fails its run after three deaths`() async throws {
        try await withStage { stage in
            let run = try await stage.client.enqueue(WorkflowName<String, String>("fatal"), "in")
            let deaths = try await replaceTheDead(stage, limit: 5) { try await run.details().status.isEnded }
            #expect(deaths == 3)
            let details = try await run.details()
            #expect(details.status == .failed && details.error?.contains("WorkersLost") == true)
        }
    }

    @Test func `Bodies that block every thread of Swift's pool do not make their worker look dead`() async throws {
        try await withStage { stage in
            let threads = ProcessInfo.processInfo.activeProcessorCount
            let first = try stage.worker("first", concurrency: threads + 1)
            let runs = try await stage.client.enqueue(
                WorkflowName<String, String>("stubborn"), each: (0..<threads).map(String.init))
            try await eventually("all bodies run") { try await stage.ledger.lines().count == threads }
            let second = try stage.worker("second")
            for run in runs { _ = try await run.result(timeout: .seconds(60)) }
            // No body was given to the second worker, which was there for longer than the lease.
            #expect(try await stage.ledger.lines().map { $0[0] } == Array(repeating: "first", count: threads))
            #expect(try await stage.redis("ZCOUNT", .init(stage.keys.workers), "1", "+inf").integer == 2)
            #expect(try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 2)
            for worker in [first, second] { await worker.terminate() }
        }
    }

    @Test(.scenario(8))
    func
        `A worker dies inside the body of an .atMostOnce step: the function learns of it, and the body is not executed again`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("pay-again")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("once"), "in")
            #expect(try await stage.hasLine("first", "pay-again"))
            first.kill()
            let second = try stage.worker("second")
            #expect(try await run.result(timeout: .seconds(60)) == "in,PAID,interrupted,BESIDE")
            #expect(try await stage.ledger.lines().count { $0[1] == "pay-again" } == 1)
            let step = try #require(try await run.history().first { $0.step == "pay-again" })
            #expect(step.error?.cause == .interrupted && step.lost == 1 && step.attempts == 1)
            #expect(step.error?.message.contains("find out how far it came") == true)
            await second.terminate()
        }
    }

    @Test(.scenario(7))
    func `A failed attempt and its wait survive the worker's death, and the death counts as no attempt`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("last")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("retrying"), "in")
            #expect(try await stage.hasLine("first", "last"))
            first.kill()
            let second = try stage.worker("second")
            #expect(try await stage.hasLine("second", "last"))
            try await stage.ledger.openGate("last")
            #expect(try await run.result(timeout: .seconds(60)) == "in,FLAKY,LAST")
            let history = try await run.history()
            #expect(history.map(\.attempts) == [3, 1])
            #expect(history.map(\.lost) == [0, 1])
            #expect(history[0].failed.map(\.type) == ["Declined", "Declined"])
            await second.terminate()
        }
    }

    @Test(.scenario(46))
    func
        `Workers die in a row's first step, twice, and in its second: each death counts with the step that was executed`()
        async throws
    {
        try await withStage { stage in
            for gate in ["one", "two"] { try await stage.ledger.addGate(gate) }
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            var last: WorkerProcess?
            for (author, step, lost) in [("a", "one", 0), ("b", "one", 1), ("c", "one", 2), ("d", "two", 1)] {
                let worker = try stage.worker(author)
                #expect(try await stage.hasLine(author, step))
                let open = try await stage.client.openSteps(ofRun: run.id)
                #expect(open.map(\.step) == [step] && open.map(\.state.lost) == [lost])
                #expect(open.map(\.state.place) == ["inline"])
                if author == "c" {
                    try await stage.ledger.openGate(step)
                    #expect(try await stage.hasLine(author, "two"))
                }
                if author == "d" { last = worker } else { worker.kill() }
            }
            try await stage.ledger.openGate("two")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await run.history().map(\.lost) == [2, 1, 0])
            #expect(try await run.history().map(\.attempts) == [1, 1, 1])
            await last?.terminate()
        }
    }

    @Test
    func `A run is cancelled, and its worker dies before it can do anything about it: another one ends the run`()
        async throws
    {
        try await withStage { stage in
            for gate in ["a1", "b1"] { try await stage.ledger.addGate(gate) }
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("branches"), "in")
            #expect(try await stage.hasLine("first", "a1"))
            #expect(try await stage.hasLine("first", "b1"))
            first.freeze()
            #expect(try await run.cancel(reason: "no longer wanted") == .requested)
            let second = try stage.worker("second")
            do {
                _ = try await run.result(timeout: .seconds(60))
                Issue.record("the run was not cancelled")
            } catch let error as StepwiseError {
                #expect(error.code == .runCancelled)
            }
            first.kill()
            #expect(try await stage.ledger.lines().allSatisfy { ["a1", "b1"].contains($0[1]) })
            #expect(try await run.history().map(\.cancel) == ["no longer wanted"])
            await second.terminate()
        }
    }

    @Test func `Thousands of dead names neither hide a death nor stay for ever`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("two")
            let time = try await stage.client.redisTime()
            for number in 0..<2100 {
                let name = "gone-\(number)-a"
                _ = try await stage.redis(
                    "HSET", .init(stage.keys.worker(name)), "state", "dead", "queues", "default", "declaredDead",
                    .init(time - 7_200_000))
                _ = try await stage.redis("ZADD", .init(stage.keys.workers), .init(7_200_000 - time), .init(name))
            }
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "two"))
            let second = try stage.worker("second")
            first.kill()
            #expect(try await stage.hasLine("second", "two"))
            try await stage.ledger.openGate("two")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            try await eventually("both workers are there") {
                try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 2
            }
            await second.terminate()
        }
    }

    @Test(.scenario(17))
    func
        `A branch's second step starts on another worker while the first branch's body, killed with its worker, waits there again`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("a1")
            try await stage.ledger.addGate("b1")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("branches"), "in")
            #expect(try await stage.hasLine("first", "a1"))
            #expect(try await stage.hasLine("first", "b1"))
            let second = try stage.worker("second")
            try await eventually("both workers are there") { try await stage.client.workers().count == 2 }
            first.kill()
            try await stage.ledger.openGate("a1")
            #expect(try await stage.hasLine("second", "a2"))
            #expect(try await stage.hasLine("second", "b1"))
            #expect(try await run.history().map(\.step).contains("b1") == false)
            try await stage.ledger.openGate("b1")
            #expect(try await run.result(timeout: .seconds(60)) == "in,A1A2,B1B2")
            await second.terminate()
        }
    }
}
