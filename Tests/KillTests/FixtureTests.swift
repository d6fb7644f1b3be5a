import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing
import TestWorkflows

/// What a release left in Redis is replayed and finished by the next. Each release adds a fixture that is never changed; until 0.1.0 there is one,
/// made anew with each change of the data format.
@Suite(.serialized) struct FixtureTests {
    @Test(arguments: ["format-3-draft-6"])
    func `Runs in every state that data format 3-draft-6 knows are finished by this version`(_ name: String)
        async throws
    {
        try await RedisServer.withServer { server in
            try load(name, into: server)
            let ledger = try Ledger(url: server.url, name: "old", author: "new")
            let endpoint = try RedisEndpoint(server.url)
            let client = try StepwiseClient(redis: endpoint, namespace: "old", logger: .silent)
            let worker = try StepwiseWorker(
                redis: endpoint, workflows: TestWorkflows(ledger: ledger).all,
                configuration: .init(namespace: "old", lease: .seconds(1), completedRetention: .zero), logger: .silent)
            let service = RunningWorker(worker)
            let outputs = [
                "queued": "in,ONE,TWO,THREE", "inline": "in,ONE,TWO,THREE", "pushed": "in,ONE,TWO,THREE",
                "done": "in,ONE,TWO,THREE",
                "fanned": "in,PART-0+PART-1+PART-2+PART-3+PART-4,JOIN", "failing": "in,RESERVE,Declined:UNDO",
            ]
            for (id, expected) in outputs {
                let run = client.handle(id, as: String.self)
                try await eventually("there is run \(id)") { (try? await run.details()) != nil }
                let output = try await run.result(timeout: .seconds(60))
                #expect(output == expected)
            }
            // What was recorded did not run again.
            let executed = try await ledger.lines().map { $0[1] }.sorted()
            #expect(
                executed == [
                    "join", "one", "one", "part-1", "part-2", "part-4", "three", "three", "three", "two", "two", "two",
                    "undo",
                ])
            try await expectSound(client)
            try await service.end()
            await client.close()
            await ledger.client.close()
        }
    }

    @Test(arguments: ["format-3-draft-6"])
    func `The histories of earlier releases are replayed by this one's code, and changed code is told from it`(
        _ name: String
    ) async throws {
        try await RedisServer.withServer { server in
            try load(name, into: server)
            let ledger = try Ledger(url: server.url, name: "old", author: "new")
            let client = try StepwiseClient(redis: RedisEndpoint(server.url), namespace: "old", logger: .silent)
            let workflows = TestWorkflows(ledger: ledger).all
            for id in ["queued", "inline", "fanned", "failing", "done"] {
                let run = client.handle(id)
                let record = try #require(try await client.record(ofRun: id))
                let open = try await client.openSteps(ofRun: id).map(\.step)
                let history = RecordedHistory(run: record, steps: try await run.history(), open: open)
                let workflow = try #require(workflows.first { $0.name == record.details.workflow })
                try await ReplayCheck(workflow).check(history)
                let other = Workflow(WorkflowName<String, String>(record.details.workflow)) { context, _ in
                    try await context.run("another") { "" }
                }
                // Of a run that has not begun, every code is right.
                if id != "queued" {
                    await #expect(throws: ReplayFailure.self) { try await ReplayCheck(other).check(history) }
                }
            }
            #expect(try await ledger.lines().isEmpty)
            await client.close()
            await ledger.client.close()
        }
    }

    private func load(_ name: String, into server: RedisServer) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Fixtures/\(name).redis")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-e", "-s", server.folder + "/redis.sock"]
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}
