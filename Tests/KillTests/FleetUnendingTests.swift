import Stepwise
import StepwiseRedis
import TestSupport
import TestWorkflows
import Testing

/// Workers whose own thread is held by a workflow's code that is neither its function's nor a body's own.
extension FleetTests {
    private static let keeping = WorkflowName<String, String>("keeping")

    private func watched(_ stage: Stage) throws -> WorkerProcess {
        try stage.worker(
            "first", environment: ["TEST_WORKER_STUCK_MS": "1000", "TEST_WORKER_STUCK_THREADS": "10"])
    }

    @Test(.rule(10), arguments: ["words", "code", "saga", "output"])
    func `An end whose own code does not come back costs its run, and takes nothing from the others`(_ kind: String)
        async throws
    {
        try await withStage { stage in
            let worker = try watched(stage)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("mumbling"), kind)
            try await eventually("the run is parked") { try await run.details().status == .parked }
            let reason = try await stage.redis("HGET", .init(stage.keys.run(run.id)), "reason").string ?? ""
            #expect(reason.contains("held its worker's thread") && reason.contains("after step \""), "\(reason)")
            // What its last step had returned was recorded before the thread was left behind.
            #expect(try await stage.ledger.lines().count { $0[1] == "before" } == 1)
            let other = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await other.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            stage.ledger.unblock(kind)
            await worker.terminate()
        }
    }

    /// Has something that a run leaves hold the thread.
    ///
    /// - Parameter holder: as which it is to be told.
    private func holdThread(_ input: String, as holder: String) async throws {
        try await withStage { stage in
            let worker = try watched(stage)
            let run = try await stage.client.enqueue(Self.keeping, input, id: "KEEPER")
            try await eventually("it is told of") {
                try await stage.client.health(onThisHost: false).reason?.contains(holder) == true
            }
            stage.ledger.unblock(input)
            #expect(try await run.result(timeout: .seconds(60)) == input)
            await worker.terminate()
        }
    }

    @Test(.rule(10)) func `A body's error whose deinit does not come back is the body's`() async throws {
        try await holdThread("error", as: "the body of step \"tick#40\" of run KEEPER")
    }

    @Test(.rule(10))
    func `A thread that is held outside of everybody's code is held by the run whose code it executed last`()
        async throws
    {
        try await holdThread("retry", as: "a cancellation handler or a deinit of run KEEPER")
    }
}
