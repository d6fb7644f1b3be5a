import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// Workers with several versions of a workflow serve one queue.
    @Suite("Versions of a workflow", .serialized) struct Versions {
        private let gate = Latch()
        private let tally = Tally()

        private func workflow(_ calls: String, version: String? = nil) -> Workflow<String, String> {
            if let version { return Calls(calls).workflow(gate, tally, .version(version)) }
            return Calls(calls).workflow(gate, tally)
        }

        /// Has one version take runs to where they wait for their slow step, and calls `body` when no worker is there.
        private func begin(
            _ before: Workflow<String, String>, runs count: Int = 1,
            _ body: (StepwiseClient, RedisServer, [WorkflowRun<String>]) async throws -> Void
        ) async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let runs = try await client.enqueue(before.workflowName, each: Array(repeating: "in", count: count))
                try await withWorkers(server, before, grace: .zero) {
                    try await eventually("the slow steps begin") { tally.all.count { $0 == "slow" } == count }
                }
                try await body(client, server, runs)
                try await expectSound(client)
                await client.close()
            }
        }

        private func areParked(
            _ client: StepwiseClient, _ runs: [WorkflowRun<String>], incompatibleVersions: [String]
        ) async throws {
            try await eventually("they are not parked by \(incompatibleVersions)") {
                for run in runs {
                    let record = try #require(try await client.record(ofRun: run.id))
                    if record.details.status != .parked
                        || record.incompatibleVersions.sorted() != incompatibleVersions
                    {
                        return false
                    }
                }
                return true
            }
        }

        private func expectEnd(of runs: [WorkflowRun<String>]) async throws {
            for run in runs { #expect(try await run.result(timeout: patience) == "in") }
        }

        /// How often the run's turn was taken.
        private func turns(_ server: RedisServer, _ run: WorkflowRun<String>) async throws -> Int {
            try await server.command("HGET", .init("stepwise:{default}:run:\(run.id)"), "turns").integer ?? 0
        }

        @Test(.scenario(55))
        func `A run that one version parks goes on by itself once a worker has the one that fits, beside the other`()
            async throws
        {
            let old = workflow("one slow two+three+four five", version: "1")
            let new = workflow("uno slow two+three+four five", version: "2")
            try await begin(old, runs: 3) { client, server, runs in
                try await withWorkers(server, new) {
                    try await areParked(client, runs, incompatibleVersions: ["2"])
                    #expect(try await runs[0].details().reason?.contains("changed code") == true)
                    gate.open()
                    // Few slots: what is in parallel goes through the queue that both serve.
                    try await withWorkers(server, old, configuration: .init(concurrency: 2, lease: .seconds(2))) {
                        for run in runs {
                            #expect(try await run.result(timeout: patience) == "in")
                            let steps = try await run.history().map(\.step)
                            #expect(steps.contains("one"))
                        }
                        #expect(try await client.enqueue(new, "other").result(timeout: patience) == "other")
                    }
                }
                #expect(try await server.command("EXISTS", "stepwise:{default}:unfit:changed").integer == 0)
            }
        }

        @Test
        func `Each version tries once until somebody resumes the run, however many workers look at it`() async throws {
            let old = workflow("one slow", version: "1")
            let second = workflow("zwei slow", version: "2")
            let third = workflow("trois slow", version: "3")
            try await begin(old, runs: 20) { client, server, runs in
                try await withWorkers(server, second, second, third, third) {
                    try await areParked(client, runs, incompatibleVersions: ["2", "3"])
                    var before: [Int] = []
                    for run in runs { before.append(try await turns(server, run)) }
                    let monitor = try await ScriptMonitor(server)
                    try await eventually("the workers do not look") {
                        try await monitor.requests().count { $0.contains("\"HSCAN\"") } >= 8
                    }
                    monitor.stop()
                    for (run, before) in zip(runs, before) { #expect(try await turns(server, run) == before) }
                    try await client.resume(runs[0].id)
                    // Both are asked once more.
                    try await areParked(client, [runs[0]], incompatibleVersions: ["2", "3"])
                }
                gate.open()
                try await withWorkers(server, old) {
                    try await expectEnd(of: runs)
                }
            }
        }

        @Test func `Without a version changed code parks the run until somebody resumes it`() async throws {
            let old = workflow("one slow", version: "1")
            try await begin(old) { client, server, runs in
                try await withWorkers(server, workflow("zwei slow")) {
                    try await areParked(client, runs, incompatibleVersions: [])
                }
                gate.open()
                try await withWorkers(server, old) {
                    let other = try await client.enqueue(old, "other")
                    #expect(try await other.result(timeout: patience) == "other")
                    #expect(try await runs[0].details().status == .parked)
                    try await client.resume(runs[0].id)
                    #expect(try await runs[0].result(timeout: patience) == "in")
                }
            }
        }

        @Test
        func `What a version that cannot replay a run has claimed waits for one that can, and says so`() async throws {
            let old = workflow("one slow last", version: "1")
            let new = workflow("uno slow last", version: "2")
            try await begin(old) { client, server, runs in
                try await withWorkers(server, new) { try await areParked(client, runs, incompatibleVersions: ["2"]) }
                // The old version begins the step again and leaves it.
                try await withWorkers(server, old, grace: .zero) {
                    try await eventually("the slow step begins again") { tally.all.count { $0 == "slow" } == 2 }
                }
                try await withWorkers(server, new) {
                    // The step, and the turn if the old version had not ended it yet.
                    try await eventually("it does not wait") {
                        let totals = try await client.queueTotals()
                        return totals.unserved["changed"] != nil
                            && totals.queues.allSatisfy { $0.ready + $0.claimed == 0 }
                    }
                    #expect(tally.all.count { $0 == "slow" } == 2)
                    gate.open()
                    try await withWorkers(server, old) { try await expectEnd(of: runs) }
                }
            }
        }

        @Test
        func `A turn that such a version has claimed waits as well, under its status and with the reason`()
            async throws
        {
            let old = workflow("one slow last", version: "1")
            let new = workflow("uno slow last", version: "2")
            try await begin(old) { client, server, runs in
                let run = runs[0]
                let keys = try Keys(namespace: "default")
                try await withWorkers(server, new) { try await areParked(client, runs, incompatibleVersions: ["2"]) }
                // As if the old version had taken it up, and given its turn back.
                _ = try await server.command("HDEL", .init(keys.unfit("changed")), .init(run.id))
                try await client.resume(run.id)
                _ = try await server.command("HSET", .init(keys.run(run.id)), "unfit", "2")
                try await withWorkers(server, new) {
                    try await eventually("it does not wait") { try await run.details().status == .noWorker }
                    let details = try await run.details()
                    #expect(details.reason?.contains("these cannot: 2") == true)
                    gate.open()
                    try await withWorkers(server, old) { try await expectEnd(of: runs) }
                }
            }
        }

        @Test func `A run of changed code that is cancelled leaves nothing behind`() async throws {
            try await begin(workflow("one slow", version: "1")) { client, server, runs in
                try await withWorkers(server, workflow("uno slow", version: "2")) {
                    try await areParked(client, runs, incompatibleVersions: ["2"])
                    #expect(try await client.cancel(runs[0].id) == .cancelled)
                    #expect(try await server.command("EXISTS", "stepwise:{default}:unfit:changed").integer == 0)
                }
            }
        }

        @Test
        func
            `In a fleet of two versions every run ends as one of them has it, and no step's body is executed for nothing`()
            async throws
        {
            let old = workflow("one+two three+four five+six", version: "1")
            let new = workflow("one+two neu+four five+six", version: "2")
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let runs = try await client.enqueue(old.workflowName, each: Array(repeating: "in", count: 30))
                try await withWorkers(
                    server, old, new, configuration: .init(concurrency: 3, lease: .seconds(2), cachedStepLimit: 0)
                ) {
                    for run in runs {
                        #expect(try await run.result(timeout: patience) == "in")
                        let steps = Set(try await run.history().map(\.step))
                        #expect(steps.contains("three") != steps.contains("neu"), "\(steps)")
                    }
                }
                try await expectSound(client)
                await client.close()
            }
        }

        @Test
        func `A worker shows the versions of its workflows; one that cannot be a version is refused`() async throws {
            try await begin(workflow("one slow", version: "1")) { client, server, _ in
                gate.open()
                try await withWorkers(server, workflow("one", version: "2026-11/a")) {
                    try await eventually("the worker is there") {
                        try await client.workers().contains { $0.versions == ["changed": "2026-11/a"] }
                    }
                }
            }
            for bad in ["", "a b", "a=b", "é", String(repeating: "x", count: 101)] {
                let code = await errorCode {
                    _ = try StepwiseWorker(
                        redis: RedisEndpoint("redis://localhost"), workflows: [workflow("one", version: bad)],
                        logger: .silent)
                }
                #expect(code == .invalidIdentifier)
            }
        }
    }
}
