import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing
import TestWorkflows

/// Workers whose threads are blocked by user code.
extension FleetTests {
    private static let blocking = WorkflowName<String, String>("blocking")
    private static let late = WorkflowName<String, String>("late")
    private static let nap = WorkflowName<String, String>("nap")

    private static let cores = ProcessInfo.processInfo.activeProcessorCount

    /// A worker that has every thread of Swift's pool blocked by a body, and their runs.
    private func blockedWorker(
        _ stage: Stage, grace: Int = 5000
    ) async throws -> (worker: WorkerProcess, runs: [WorkflowRun<String>]) {
        let worker = try stage.worker("first", concurrency: Self.cores + 10, grace: grace)
        let runs = try await stage.client.enqueue(Self.blocking, each: (0..<Self.cores).map { "block-\($0)" })
        try await eventually("bodies block all threads") { try await stage.ledger.lines().count == Self.cores }
        return (worker, runs)
    }

    private func unblock(_ stage: Stage) {
        for number in 0...Self.cores { stage.ledger.unblock("block-\(number)") }
    }

    @Test(.rule(10))
    func `While bodies block every thread of Swift's pool, time limits and upkeep go on`() async throws {
        try await withStage { stage in
            let (worker, runs) = try await blockedWorker(stage)
            let late = try await stage.client.enqueue(Self.late, "limited")
            let nap = try await stage.client.enqueue(Self.nap, "in")
            #expect(try await late.result(timeout: .seconds(60)) == "StepTimeout")
            #expect(try await nap.result(timeout: .seconds(60)) == "in")
            #expect(try await stage.ledger.lines().count == runs.count)
            unblock(stage)
            for run in runs { _ = try await run.result(timeout: .seconds(60)) }
            await worker.terminate()
            // There was no thread for it in time, and it did not begin afterwards.
            #expect(try await !stage.ledger.lines().contains { $0[1] == "limited" })
        }
    }

    @Test(.rule(10))
    func `A worker leaves, and releases what it holds, while bodies block every thread of Swift's pool`() async throws {
        try await withStage { stage in
            let (worker, runs) = try await blockedWorker(stage, grace: 100)
            worker.signal(SIGTERM)
            try await eventually("it has left") {
                try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 0
            }
            #expect(try await stage.redis("LLEN", .init(stage.keys.queue("default"))).integer == runs.count)
            let second = try stage.worker("second", concurrency: runs.count)
            unblock(stage)
            for run in runs { _ = try await run.result(timeout: .seconds(60)) }
            for worker in [worker, second] { await worker.terminate() }
        }
    }

    @Test(.rule(10))
    func `A body that returns after its time limit has timed out, even if the worker's thread was held meanwhile`()
        async throws
    {
        try await withStage { stage in
            let worker = try stage.worker("first")
            let late = try await stage.client.enqueue(Self.late, "limited")
            #expect(try await stage.hasLine("first", "limited"))
            let hog = try await stage.client.enqueue(WorkflowName<String, String>("hog"), "held")
            #expect(try await stage.hasLine("first", "held"))
            // The limit passes. Nobody hears its timer, and the body returns before somebody can.
            try await Task.sleep(for: .seconds(2))
            stage.ledger.unblock("limited")
            #expect(try await stage.hasLine("first", "returns"))
            stage.ledger.unblock("held")
            #expect(try await late.result(timeout: .seconds(60)) == "StepTimeout")
            #expect(try await hog.result(timeout: .seconds(60)) == "held")
            await worker.terminate()
        }
    }

    @Test(.rule(10)) func `Upkeep goes on while a function holds its worker's thread`() async throws {
        try await withStage { stage in
            let worker = try stage.worker("first")
            let hog = try await stage.client.enqueue(WorkflowName<String, String>("hog"), "held")
            #expect(try await stage.hasLine("first", "held"))
            let later = try await stage.client.enqueue(Self.nap, "in", .after(.milliseconds(100)))
            try await eventually("its start comes due, and nobody moves it to its queue") {
                try await stage.redis("ZCARD", .init(stage.keys.delayed)).integer == 0
            }
            stage.ledger.unblock("held")
            #expect(try await hog.result(timeout: .seconds(60)) == "held")
            #expect(try await later.result(timeout: .seconds(60)) == "in")
            await worker.terminate()
        }
    }

    @Test(.rule(10)) func `Bodies that block threads of their own leave those of Swift's pool alone`() async throws {
        try await withStage { stage in
            let worker = try stage.worker("first", concurrency: Self.cores + 10)
            let bodies = (0...Self.cores).map { "block-\($0)" }
            let runs = try await stage.client.enqueue(WorkflowName<String, String>("apart"), each: bodies)
            try await eventually("all of them block a thread") { try await stage.ledger.lines().count == bodies.count }
            let other = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await other.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            unblock(stage)
            for run in runs { _ = try await run.result(timeout: .seconds(60)) }
            await worker.terminate()
        }
    }
}
