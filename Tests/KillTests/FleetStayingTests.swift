import Foundation
import Stepwise
import StepwiseRedis
import TestSupport
import TestWorkflows
import Testing

/// Processes that user code keeps from ending, or from hearing that they should.
extension FleetTests {
    /// A worker that has executed, or executes, the body of a workflow that stays.
    private func staying(_ stage: Stage, _ workflow: String, logs: Bool = false) async throws -> WorkerProcess {
        let worker = try stage.worker("first", grace: 500, environment: logs ? ["TEST_WORKER_LOG": "1"] : [:])
        _ = try await stage.client.enqueue(WorkflowName<String, String>(workflow), "stays")
        #expect(try await stage.hasLine("first", "stays"))
        return worker
    }

    private func expectEnd(of worker: WorkerProcess) async throws {
        try await eventually("the process has ended") { !worker.isRunning }
    }

    @Test(
        .rule(10),
        arguments: [("main-holder", false), ("exit-holder", false), ("log-holder", true)])
    func `A process ends although its worker has left and user code holds what it needs to exit`(
        _ workflow: String, logs: Bool
    ) async throws {
        try await withStage { stage in
            let worker = try await staying(stage, workflow, logs: logs)
            worker.signal(SIGTERM)
            try await expectEnd(of: worker)
            if !worker.isRunning { #expect(await worker.exitCode() == 70) }
        }
    }

    @Test(.rule(10))
    func `A worker hears SIGTERM, releases what it holds and ends although user code holds Dispatch's threads`()
        async throws
    {
        try await withStage { stage in
            let worker = try await staying(stage, "queue-holder")
            // Dispatch starts its threads one after the other.
            try await Task.sleep(for: .seconds(1))
            worker.signal(SIGTERM)
            try await expectEnd(of: worker)
            #expect(try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 0)
        }
    }

    @Test(.rule(10)) func `A worker hears SIGTERM although user code has it ignored`() async throws {
        try await withStage { stage in
            let worker = try await staying(stage, "ignoring")
            // Several looks at who handles the signal.
            try await Task.sleep(for: .seconds(2))
            worker.signal(SIGTERM)
            try await expectEnd(of: worker)
            if !worker.isRunning { #expect(await worker.exitCode() == 0) }
        }
    }

    @Test(.rule(10)) func `A held pool gives its worker no more time to leave than others have`() async throws {
        try await withStage { stage in
            let cores = ProcessInfo.processInfo.activeProcessorCount
            let worker = try stage.worker("first", concurrency: cores + 10, grace: 500)
            let names = (0..<cores).map { "block-\($0)" }
            let runs = try await stage.client.enqueue(WorkflowName<String, String>("blocking"), each: names)
            try await eventually("bodies block all threads") { try await stage.ledger.lines().count == cores }
            worker.signal(SIGTERM)
            try await expectEnd(of: worker)
            if !worker.isRunning { #expect(await worker.exitCode() == 70) }
            #expect(try await stage.redis("LLEN", .init(stage.keys.queue("default"))).integer == runs.count)
            // Counted by the process: 2.5 s, and the eight of a slow release if it had those too.
            let log = worker.logText
            let text = log.split(separator: "milliseconds=").dropFirst().first?.prefix { $0.isNumber } ?? ""
            let waited = try #require(Int(text), "\(log)")
            #expect(waited >= 2500 && waited < 8000)
        }
    }
}
