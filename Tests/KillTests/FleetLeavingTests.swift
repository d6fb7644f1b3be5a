import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing
import TestWorkflows

/// Workers that are asked to leave, and bodies that are cancelled.
extension FleetTests {
    @Test
    func `A worker that executes an inline body hears of the cancellation beside it, also by SIGTERM's grace`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("two")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "two"))
            // Drains, and waits for the body, which nobody lets go on.
            first.signal(SIGTERM)
            #expect(try await run.cancel() == .requested)
            do {
                _ = try await run.result(timeout: .seconds(60))
                Issue.record("the run was not cancelled")
            } catch let error as StepwiseError {
                #expect(error.code == .runCancelled)
            }
            await first.terminate()
            #expect(try await run.details().status == .cancelled)
        }
    }

    @Test func `The body of a step that has lost a race is cancelled, on whichever worker it runs`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("left")
            try await stage.ledger.addGate("right")
            let workers = try ["first", "second"].map { try stage.worker($0, concurrency: 1) }
            let run = try await stage.client.enqueue(WorkflowName<String, String>("race"), "in")
            try await eventually("both bodies run") { try await stage.ledger.lines().count == 2 }
            let lines = try await stage.ledger.lines()
            #expect(Set(lines.map { $0[0] }) == ["first", "second"])
            try await stage.ledger.openGate("left")
            #expect(try await run.result(timeout: .seconds(60)) == "in,LEFT,AFTER")
            // Nobody opens the other gate.
            try await eventually("nobody holds a claim any more") {
                for name in try await stage.redis("ZRANGE", .init(stage.keys.workers), "0", "-1").array ?? [] {
                    let list = stage.keys.claimed(name.string ?? "", "default")
                    if try await stage.redis("LLEN", .init(list)).integer != 0 { return false }
                }
                return true
            }
            for worker in workers { await worker.terminate() }
        }
    }

    @Test(.scenario(49))
    func `A worker that is asked to leave lets its running body end, begins nothing, and leaves nothing behind`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("two")
            let first = try stage.worker("first", grace: 60_000)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "two"))
            first.signal(SIGTERM)
            // It leaves once its blocking claim is gone.
            try await eventually("it claims nothing any more") { try await stage.blockedClaims() == 0 }
            let late = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "late")
            let second = try stage.worker("second")
            #expect(try await stage.hasLine("second", "two"))
            try await stage.ledger.openGate("two")
            await first.terminate()
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await late.result(timeout: .seconds(60)) == "late,ONE,TWO,THREE")
            let lines = try await stage.ledger.lines()
            #expect(lines.filter { $0[0] == "first" }.map { $0[1] } == ["one", "two"])
            // The other run's three steps, and the last of this one.
            #expect(lines.filter { $0[0] == "second" }.map { $0[1] }.sorted() == ["one", "three", "three", "two"])
            #expect(try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 1)
            await second.terminate()
        }
    }

    @Test(.scenario(49))
    func `A body that does not end within the grace is released and executed elsewhere`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("two")
            let first = try stage.worker("first", grace: 50)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "two"))
            await first.terminate()
            let second = try stage.worker("second", lease: 60_000)
            // Long before the lease: it was released, not swept.
            #expect(try await stage.hasLine("second", "two"))
            try await stage.ledger.openGate("two")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            await second.terminate()
        }
    }
}
