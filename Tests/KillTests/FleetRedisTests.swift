import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing
import TestWorkflows

/// Redis goes away, comes back, or is a replica for a while.
extension FleetTests {
    @Test func `Drains and restarts of Redis are no losses`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("innocent")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("patient"), "innocent")
            for round in 1...4 {
                let worker = try stage.worker("w\(round)", grace: 10)
                #expect(try await stage.hasLine("w\(round)", "innocent"))
                await worker.terminate()
            }
            let open = try #require(try await stage.client.openSteps(ofRun: run.id).first)
            #expect(open.state.lost == 0 && open.state.attempt == 1)
            let worker = try stage.worker("last")
            try await stage.ledger.openGate("innocent")
            #expect(try await run.result(timeout: .seconds(60)) == "INNOCENT")
            await worker.terminate()
        }
    }

    @Test
    func `Runs that start later outlive the death of their worker and of Redis: each starts once, and none early`()
        async throws
    {
        try await withStage(appendOnly: true) { stage in
            let first = try stage.worker("first")
            let runs = try await stage.client.enqueue(
                WorkflowName<String, String>("patient"), each: (0..<20).map { "later-\($0)" }, .after(.seconds(2)))
            try await eventually("claims wait at Redis") { try await stage.blockedClaims() > 0 }
            first.kill()
            try await stage.server.restart()
            let report = try await Doctor(stage.client).examine()
            #expect(report.violations.isEmpty && report.liveRuns == 20 && report.workItems == 20)
            let second = try stage.worker("second")
            for (number, run) in runs.enumerated() {
                #expect(try await run.result(timeout: .seconds(60)) == "LATER-\(number)")
                let starts = try #require(try await run.details().startsAt)
                #expect(try await run.history()[0].at! >= starts)
            }
            #expect(try await stage.ledger.lines().count == 20)
            await second.terminate()
        }
    }

    @Test(.scenario(48))
    func `Redis is killed and restarted in the middle of a run: the run goes on from what was recorded`() async throws {
        try await withStage(appendOnly: true) { stage in
            try await stage.ledger.addGate("two")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "two"))
            try await stage.server.restart()
            try await stage.ledger.openGate("two")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await stage.ledger.lines().filter { $0[1] == "one" }.count == 1)
            await first.terminate()
        }
    }

    @Test(.scenario(49))
    func `A worker that is asked to leave while Redis is away ends by itself, soon after its grace`() async throws {
        try await RedisServer.withServer { other in
            try await withStage(ledgerURL: other.url) { stage in
                try await stage.ledger.addGate("two")
                let first = try stage.worker("first", grace: 1000)
                _ = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
                #expect(try await stage.hasLine("first", "two"))
                stage.server.kill()
                let start = ContinuousClock.now
                await first.terminate()
                // The grace, and 8 s for a release that has no answer; the rest is this machine's.
                #expect(ContinuousClock.now - start < .seconds(20))
                try await stage.server.restart()
            }
        }
    }

    @Test(.scenario(48))
    func `Redis becomes a replica in the middle of a run: workers wait, and go on when a master is there again`()
        async throws
    {
        try await RedisServer.withServer { other in
            try await withStage(ledgerURL: other.url) { stage in
                try await stage.ledger.addGate("two")
                let first = try stage.worker("first")
                let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
                #expect(try await stage.hasLine("first", "two"))
                // Of a master that nobody can reach: the server keeps its data and takes no writes.
                _ = try await stage.redis("REPLICAOF", "127.0.0.1", "1")
                try await stage.ledger.openGate("two")
                try await eventually("the worker learns that Redis is a replica") {
                    first.logText.contains("redis is a replica")
                }
                let code = await #expect(throws: StepwiseError.self) {
                    try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "late")
                }
                #expect(code?.code == .redisUnavailable)
                _ = try await stage.redis("REPLICAOF", "NO", "ONE")
                #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
                #expect(try await stage.ledger.lines().filter { $0[1] == "one" }.count == 1)
                await first.terminate()
            }
        }
    }
}
