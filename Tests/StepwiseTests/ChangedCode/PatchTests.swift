import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Patches") struct Patches {
        enum Code: Sendable { case before, patched, deprecated, after }

        private let gate = Latch()
        private let tally = Tally()

        /// Two branches; the patch is in one of them, behind its first step.
        private func workflow(_ code: Code) -> Workflow<String, String> {
            let (gate, tally) = (gate, tally)
            return Workflow("patched") { context, input in
                @Sendable func step(_ name: String, slow: Bool = false) async throws {
                    try await context.run(name) {
                        tally.add("\(input) \(name)")
                        if slow { await gate.wait() }
                    }
                }
                async let left: String = {
                    try await step("charge", slow: input == "early")
                    let isNew: Bool
                    switch code {
                    case .before: isNew = false
                    case .patched: isNew = try await context.patched("notify-first")
                    case .deprecated:
                        try await context.deprecatePatch("notify-first")
                        isNew = true
                    case .after: isNew = true
                    }
                    if isNew { try await step("notify") }
                    try await step("ship", slow: input != "early")
                    return isNew ? "new" : "old"
                }()
                async let right: Void = { for number in 1...3 { try await step("log \(number)") } }()
                try await right
                return try await left
            }
        }

        @Test(.scenario(56))
        func
            `Runs that are past a patch go the old way, others the new; both stay with it on replay, and when it is deprecated`()
            async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let early = try await client.enqueue(workflow(.before), "early", id: "early")
                let late = try await client.enqueue(workflow(.before), "late", id: "late")
                try await withWorkers(server, workflow(.before), grace: .zero) {
                    try await eventually("they do not wait") {
                        Set(tally.all).isSuperset(of: ["early charge", "early log 3", "late ship", "late log 3"])
                    }
                }
                let fresh = try await client.enqueue(workflow(.patched), "fresh", id: "fresh")
                // Twice, so that the second replays what the first decided. Nothing is kept in memory.
                for _ in 0..<2 {
                    let begun = tally.all.count
                    try await withWorkers(
                        server, workflow(.patched), grace: .zero, configuration: .init(cachedStepLimit: 0)
                    ) {
                        try await eventually("they do not wait") {
                            Set(tally.all[begun...]).isSuperset(of: ["early charge", "late ship", "fresh ship"])
                        }
                    }
                }
                gate.open()
                try await withWorkers(server, workflow(.patched), configuration: .init(cachedStepLimit: 0)) {
                    var outputs: [String] = []
                    for run in [early, late, fresh] { outputs.append(try await run.result(timeout: patience)) }
                    #expect(outputs == ["new", "old", "new"])
                }
                #expect(try await late.history().map(\.step).contains("notify") == false)
                #expect(try await late.details().patches.isEmpty)
                #expect(try await fresh.details().patches.keys.sorted() == ["notify-first"])
                for run in [early, late, fresh] { #expect(Set(try await run.history().map(\.step)).count >= 5) }
                try await expectSound(client)
                await client.close()
            }
        }

        /// Has patched code take a run to its slow step behind the patch.
        private func beginPatched(_ body: (StepwiseClient, RedisServer, WorkflowRun<String>) async throws -> Void)
            async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await client.enqueue(workflow(.patched), "run")
                try await withWorkers(server, workflow(.patched), grace: .zero) {
                    try await eventually("it does not wait") {
                        Set(tally.all).isSuperset(of: ["run ship", "run log 3"])
                    }
                }
                try await body(client, server, run)
                await client.close()
            }
        }

        @Test(.scenario(56)) func `A patched run goes on where the patch is deprecated`() async throws {
            try await beginPatched { _, server, run in
                gate.open()
                let later = workflow(.deprecated)
                try await withWorkers(server, later) {
                    let output = try await run.result(timeout: patience)
                    #expect(output == "new")
                }
            }
        }

        @Test(arguments: [Code.before, .after])
        func `A patched run that meets code without the patch, before or after it, is parked with the patch's name`(
            _ code: Code
        ) async throws {
            try await beginPatched { client, server, run in
                gate.open()
                try await withWorkers(server, workflow(code)) {
                    try await eventually("it is not parked") { try await run.details().status == .parked }
                    let divergence = try #require(try await run.details().divergence)
                    #expect(divergence.standing == .patched && divergence.expected?.step == "notify-first")
                }
                try await client.resume(run.id)
                try await withWorkers(server, workflow(.patched)) {
                    let output = try await run.result(timeout: patience)
                    #expect(output == "new")
                }
            }
        }

        @Test
        func `A patch takes no script of its own and no place in the history, the first time and on replay`()
            async throws
        {
            @Sendable func chain(_ isPatched: Bool) -> Workflow<Int, Int> {
                Workflow(isPatched ? "with" : "without") { context, count in
                    for number in 0..<count {
                        // Not before the first step: a run whose first step is all there is to know takes one script less.
                        try await context.run("link") { 1 }
                        if isPatched { _ = try await context.patched("p\(number % 3)") }
                    }
                    return count
                }
            }
            let (with, without) = (chain(true), chain(false))
            try await withWorker([with, without]) { client, server in
                var counts: [Int] = []
                // A script that this server does not know yet is sent twice.
                for workflow in [with, without] { _ = try await client.enqueue(workflow, 4).result(timeout: patience) }
                for workflow in [with, without] {
                    let monitor = try await ScriptMonitor(server)
                    let run = try await client.enqueue(workflow, 20)
                    try await eventually("the run completes") { try await run.details().status == .completed }
                    let scripts = try await monitor.scripts()
                    monitor.stop()
                    counts.append(scripts.count)
                    #expect(scripts.map(\.commands.count).max() ?? 0 <= 9)
                    #expect(try await run.history().count == 20)
                }
                #expect(counts[0] == counts[1])
            }
        }

        @Test
        func `A patch in a step's body, from a task of its own, or without a good name is a clear error`() async throws
        {
            let workflow = Workflow("misuse") { (context, _: Int) async throws -> [String] in
                let inBody = try await context.run("body") { () async throws -> String in
                    do { return "\(try await context.patched("p"))" } catch let error as StepwiseError {
                        return "\(error.code)"
                    }
                }
                do { return [inBody, "\(try await context.patched(""))"] } catch let error as StepwiseError {
                    return [inBody, "\(error.code)"]
                }
            }
            #expect(try await complete(workflow, 0).output == ["nestedStep", "invalidStepName"])
        }
    }
}
