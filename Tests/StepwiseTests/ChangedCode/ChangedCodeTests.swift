import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// What a workflow's function calls, in its order; `+` stands between steps that are called in parallel.
struct Calls: Sendable, CustomTestStringConvertible {
    var text: String
    var testDescription: String { text }

    init(_ text: String) { self.text = text }

    /// - Parameters:
    ///   - gate: at which steps wait whose names begin with `slow`.
    ///   - held: at which those wait whose names begin with `held`.
    func workflow(
        _ gate: Latch, _ tally: Tally, held: Latch = Latch(), _ options: WorkflowOption...
    ) -> Workflow<String, String> {
        let groups = text.split(separator: " ").map { $0.split(separator: "+").map(String.init) }
        let body: @Sendable (WorkflowContext, String) async throws -> String = { context, input in
            for group in groups {
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for name in group {
                        tasks.addTask {
                            try await context.run(name) {
                                tally.add(name)
                                if name.hasPrefix("slow") { await gate.wait() }
                                if name.hasPrefix("held") { await held.wait() }
                            }
                        }
                    }
                    try await tasks.waitForAll()
                }
            }
            return input
        }
        return options.first.map { Workflow("changed", $0, body: body) } ?? Workflow("changed", body: body)
    }
}

extension Scenarios {
    /// A run is begun by one code and met by another.
    @Suite("Changed code") struct ChangedCode {
        struct Change: Sendable, CustomTestStringConvertible {
            var name: String
            var before: Calls
            var after: Calls
            var position: Int
            var standing: Divergence.Standing
            var expected: String?
            var asked: [String]
            var testDescription: String { name }

            init(
                _ name: String, _ before: String, _ after: String, _ position: Int, _ standing: Divergence.Standing,
                _ expected: String?, asked: String...
            ) {
                self.name = name
                (self.before, self.after) = (Calls(before), Calls(after))
                (self.position, self.standing, self.expected, self.asked) = (position, standing, expected, asked)
            }
        }

        static let changes = [
            Change("renamed, recorded", "one two slow", "one zwei slow", 2, .recorded, "two", asked: "zwei"),
            Change("removed, recorded", "one two slow", "one slow", 2, .recorded, "two", asked: "slow"),
            Change("removed with all behind it", "one two slow", "one", 2, .recorded, "two"),
            Change("reordered", "one two slow", "two one slow", 1, .recorded, "one", asked: "two"),
            Change("added before", "one two slow", "new one two slow", 1, .recorded, "one", asked: "new"),
            Change("renamed while it is open", "one slow", "one slow-too", 2, .open, "slow", asked: "slow-too"),
            Change("removed while it is open", "one slow", "one", 2, .open, "slow"),
        ]

        /// Has the old code take a run to where it waits for its slow steps, and calls `body` when no worker is there.
        private func begin(
            _ before: Workflow<String, String>, slow: Int, _ tally: Tally,
            _ body: (StepwiseClient, RedisServer, WorkflowRun<String>) async throws -> Void
        ) async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await client.enqueue(before, "in")
                try await withWorkers(server, before, grace: .zero) {
                    try await eventually("the slow steps begin") {
                        tally.all.count { $0.hasPrefix("slow") } == slow
                    }
                }
                try await body(client, server, run)
                try await expectSound(client)
                await client.close()
            }
        }

        @Test(.scenario(55), arguments: changes)
        func
            `Changed code parks the run, says what was expected where and what was asked for, and harms no other run; the old code ends it`(
                _ change: Change
            ) async throws
        {
            let gate = Latch()
            let tally = Tally()
            let before = change.before.workflow(gate, tally)
            let after = change.after.workflow(gate, tally)
            let slow = change.before.text.split(whereSeparator: { " +".contains($0) }).count { $0.hasPrefix("slow") }
            try await begin(before, slow: slow, tally) { client, server, run in
                let bodies = tally.all.count
                try await withWorkers(server, after) {
                    try await eventually("the run is not parked") { try await run.details().status == .parked }
                    let details = try await run.details()
                    let divergence = try #require(details.divergence)
                    #expect(divergence.position == change.position && divergence.standing == change.standing)
                    #expect(divergence.expected?.step == change.expected)
                    #expect(divergence.asked.map(\.step) == change.asked)
                    #expect(details.reason?.contains("changed code: \(divergence)") == true)
                    try await eventually("what it has queued is claimed and put aside") {
                        try await client.queueTotals().queues.allSatisfy { $0.ready + $0.claimed == 0 }
                    }
                    #expect(tally.all.count == bodies, "no body began")
                    gate.open()
                    #expect(try await client.enqueue(after, "other").result(timeout: patience) == "other")
                    #expect(try await run.details().status == .parked)
                }
                try await withWorkers(server, before) {
                    try await client.resume(run.id)
                    #expect(try await run.result(timeout: patience) == "in")
                    let details = try await run.details()
                    #expect(details.divergence == nil && details.reason == nil)
                }
            }
        }

        static let parallelChanges = [
            Change("put between open ones", "one slow+held", "one slow+new+held", 3, .open, "held", asked: "new"),
            Change("removed from among open ones", "one slow+held", "one held", 2, .open, "slow"),
            Change("renamed among open ones", "one slow+held", "one quick+held", 2, .open, "slow", asked: "quick"),
        ]

        @Test(.scenario(55), arguments: parallelChanges)
        func `Of parallel steps, what the code and the history both have goes on; what only one has parks the run`(
            _ change: Change
        ) async throws {
            let (gate, held) = (Latch(), Latch())
            let tally = Tally()
            let before = change.before.workflow(gate, tally, held: held)
            let after = change.after.workflow(gate, tally, held: held)
            try await begin(before, slow: 1, tally) { client, server, run in
                gate.open()
                try await withWorkers(server, after) {
                    try await eventually("the run is not parked") { try await run.details().status == .parked }
                    let divergence = try #require(try await run.details().divergence)
                    #expect(divergence.position == change.position && divergence.standing == change.standing)
                    #expect(divergence.expected?.step == change.expected)
                    #expect(divergence.asked.map(\.step) == change.asked)
                    held.open()
                }
                try await withWorkers(server, before) {
                    try await client.resume(run.id)
                    #expect(try await run.result(timeout: patience) == "in")
                }
            }
        }

        @Test func `Steps that are added behind what is recorded and open are no change that matters`() async throws {
            let gate = Latch()
            let tally = Tally()
            let after = Calls("one slow+new last").workflow(gate, tally)
            try await begin(Calls("one slow").workflow(gate, tally), slow: 1, tally) { _, server, run in
                gate.open()
                try await withWorkers(server, after) {
                    #expect(try await run.result(timeout: patience) == "in")
                    let steps = try await run.history().map(\.step)
                    #expect(steps.sorted() == ["last", "new", "one", "slow"])
                }
            }
        }

        @Test
        func
            `Parallel steps of which all are recorded, and one more before them: parked, not left without anybody who moves it`()
            async throws
        {
            let gate = Latch()
            let tally = Tally()
            let before = Calls("slow+slow2 last").workflow(gate, tally)
            try await begin(before, slow: 2, tally) { client, server, run in
                // What the old worker recorded before it died, in the place of a turn that it had taken.
                let keys = try Keys(namespace: "default")
                for (number, step) in ["slow", "slow2"].enumerated() {
                    _ = try await server.command(
                        "HSET", .init(keys.steps(run.id)), .init(number + 1),
                        .init("{\"step\":\"\(step)\",\"took\":1,\"claim\":\"w/1\",\"at\":1,\"value\":null}"))
                }
                let generation = try await server.command("HGET", .init(keys.run(run.id)), "generation").string ?? ""
                _ = try await server.command("DEL", .init(keys.open(run.id)), .init(keys.join(run.id)))
                _ = try await server.command("DEL", .init(keys.queue("default")))
                _ = try await server.command("HSET", .init(keys.run(run.id)), "recorded", "2", "turn", "queue")
                _ = try await server.command(
                    "RPUSH", .init(keys.queue("default")), .init("turn \(run.id) \(generation)"))
                try await withWorkers(server, Calls("new+slow+slow2 last").workflow(gate, tally)) {
                    try await eventually("the run is not parked") { try await run.details().status == .parked }
                    let divergence = try #require(try await run.details().divergence)
                    #expect(divergence.position == 3 && divergence.standing == .nothing)
                    #expect(divergence.asked.map(\.step) == ["new"])
                }
                try await withWorkers(server, before) {
                    try await client.resume(run.id)
                    #expect(try await run.result(timeout: patience) == "in")
                }
            }
        }
    }
}
