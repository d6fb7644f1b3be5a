import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("What has ended leaves memory")
    struct MemoryOfRuns {
        enum Construct: Int, CaseIterable, Codable, Sendable {
            case race, any, timeout, settle, map, saga, failed, retried, renewed, again, child, event, cancelled
        }

        /// Runs whose closures capture their context, and a guest.
        private func guests(_ population: Population, _ leaf: Workflow<Int, Int>) -> Workflow<Construct, String> {
            Workflow("guests") { (context, construct: Construct) async throws -> String in
                let guest = Guest()
                population.add(context.instance)
                population.add(guest)
                let work: @Sendable () -> Int = { context.runID.utf8.count + guest.stay() }
                let slow: @Sendable () async throws -> Int = {
                    try await Task.sleep(for: .milliseconds(50))
                    return work()
                }
                switch construct {
                case .race:
                    try await context.race(
                        { try await context.run("quick") { work() } }, { try await context.run("slow", body: slow) })
                case .any:
                    try await context.any(1...5, "part") { part in try await part == 3 ? work() : slow() }
                case .timeout:
                    do {
                        try await context.withTimeout(.milliseconds(5)) {
                            try await context.run("slow") {
                                try await Task.sleep(for: .seconds(30))
                                return work()
                            }
                        }
                    } catch is WorkflowTimeout {}
                case .settle:
                    try await context.settle(1...4, "part", until: .atLeast(2)) { part in
                        try await part < 3 ? work() : slow()
                    }
                case .map: try await context.map(1...4, "part") { _ in work() }
                case .saga:
                    try await context.saga { saga in
                        try await saga.run("reserve") {
                            work()
                        } undo: { _ in
                            withExtendedLifetime(saga) { _ = work() }
                        }
                        throw Keepsake(objects: [context.instance, guest])
                    }
                case .failed:
                    async let _ = context.run("slow", body: slow)
                    try await context.run("work", .retry(.never)) {
                        _ = work()
                        throw Hiccup()
                    }
                case .retried:
                    try await context.run("work", .retry(soon.when { _ in work() > 0 })) { step in
                        if step.attempt == 1 { throw Hiccup() }
                        _ = work()
                    }
                case .renewed:
                    async let _ = context.run("slow", body: slow)
                    try await context.run("work") { work() }
                    try await context.continueAsNew(Construct.again)
                case .again: break
                case .child: try await context.invoke(leaf, 1)
                case .event:
                    try await context.race(
                        { try await context.run("work") { work() } },
                        { try await context.waitForEvent("never", as: Int.self) })
                case .cancelled:
                    async let _ = context.run("slow", body: slow)
                    try await context.waitForEvent("never")
                }
                return try await context.run("last") { "\(work())" }
            }
        }

        private func leaf(_ population: Population) -> Workflow<Int, Int> {
            Workflow("leaf") { (context, _: Int) async throws -> Int in
                population.add(context.instance)
                return try await context.run("grow") { context.runID.utf8.count }
            }
        }

        @Test(arguments: [100_000, 10, 0])
        func `Of a thousand runs of all kinds a worker keeps nothing, however many instances it may keep`(
            _ cachedStepLimit: Int
        ) async throws {
            let population = Population()
            let leaf = leaf(population)
            let workflow = guests(population, leaf)
            let configuration = StepwiseWorker.Configuration(cachedStepLimit: cachedStepLimit)
            try await withWorker([workflow, leaf], configuration: configuration) { client, _ in
                // Where each outcome has the function replayed a few are enough.
                let count = cachedStepLimit == 0 ? 10 : 80
                var runs: [WorkflowRun<String>] = []
                for construct in Construct.allCases {
                    let some = try await client.enqueue(
                        workflow.workflowName, each: Array(repeating: construct, count: count))
                    runs += some
                    if construct == .cancelled { for run in some { try await run.cancel() } }
                }
                // Some fail, some are cancelled.
                for run in runs { _ = try? await run.result(timeout: patience) }
                // Those that are cancelled may not have begun.
                #expect(population.count >= 2 * (runs.count - count))
                try await eventually("\(population.living) of \(population.count) objects live") {
                    population.living == 0
                }
            }
        }

        @Test func `A worker that leaves keeps nothing of the runs that wait and whose bodies run`() async throws {
            let population = Population()
            let bodies = Tally()
            let workflow = Workflow("waiting") { (context, _: Int) async throws -> Int in
                let guest = Guest()
                population.add(context.instance)
                population.add(guest)
                async let slow = context.run("slow") {
                    bodies.add("begun")
                    try await Task.sleep(for: .seconds(3600))
                    return context.runID.utf8.count + guest.stay()
                }
                try await context.waitForEvent("never")
                return try await slow
            }
            try await RedisServer.withServer { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                try await withWorkers(server, workflow, grace: .milliseconds(1)) {
                    _ = try await client.enqueue(workflow.workflowName, each: Array(0..<50))
                    try await eventually("the bodies do not begin") { bodies["begun"] == 50 }
                    #expect(population.living >= 100)
                }
                try await eventually("\(population.living) objects live") { population.living == 0 }
                await client.close()
            }
        }

        @Test(.rule(8)) func `Long inputs count when a worker decides how much stays in memory`() async throws {
            let population = Population()
            let workflow = Workflow("waiting") { (context, input: String) async throws -> Int in
                population.add(context.instance)
                try await context.waitForEvent("go")
                return input.utf8.count
            }
            // An input of 100 KiB weighs as much as 100 steps.
            let input = String(repeating: "x", count: 100 << 10)
            let configuration = StepwiseWorker.Configuration(cachedStepLimit: 500)
            try await withWorker([workflow], configuration: configuration) { client, _ in
                let runs = try await client.enqueue(
                    workflow.workflowName, each: Array(repeating: input, count: 20))
                try await eventually("\(population.living) of \(population.count) instances live") {
                    population.count >= 20 && population.living <= 5
                }
                for run in runs { _ = try await client.notify("go", run: run.id) }
                for run in runs {
                    let count = try await run.result(timeout: patience)
                    #expect(count == input.utf8.count)
                }
            }
        }

        @Test(.rule(8)) func `The bytes of outcomes count when a worker decides how much stays in memory`() async throws
        {
            let population = Population()
            let loads = Tally()
            let size = 100 << 10
            let workflow = Workflow("waiting") { (context, _: Int) async throws -> Int in
                population.add(context.instance)
                let text = try await context.run("load") {
                    loads.add("load")
                    return String(repeating: "x", count: size)
                }
                try await context.waitForEvent("go")
                return text.utf8.count
            }
            let configuration = StepwiseWorker.Configuration(cachedByteLimit: 5 * size)
            try await withWorker([workflow], configuration: configuration) { client, _ in
                // The second time nothing is left of those that have ended.
                for round in 1...2 {
                    let runs = try await client.enqueue(workflow.workflowName, each: Array(0..<20))
                    try await eventually("\(population.living) of \(population.count) instances live") {
                        loads["load"] == 20 * round && (1...5).contains(population.living)
                    }
                    for run in runs { _ = try await client.notify("go", run: run.id) }
                    for run in runs { #expect(try await run.result(timeout: patience) == size) }
                    try await eventually("\(population.living) instances live") { population.living == 0 }
                }
            }
        }

        enum Elsewhere: String, CaseIterable, Sendable {
            case cancelledWhilePaused, cancelled, completed, renewed, deleted
        }

        @Test(arguments: Elsewhere.allCases)
        func `An instance goes soon after somebody else has ended its run`(_ elsewhere: Elsewhere) async throws {
            let population = Population()
            let workflow = Workflow("waiting") { (context, generations: Int) async throws -> Int in
                population.add(context.instance)
                if generations == 0 { return 0 }
                try await context.waitForEvent("go")
                if generations > 1 { try await context.continueAsNew(0) }
                return 1
            }
            let configuration = StepwiseWorker.Configuration(lease: .seconds(2))
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await withWorkers(server, workflow, configuration: configuration) {
                    let runs = try await client.enqueue(
                        workflow.workflowName, each: Array(repeating: elsewhere == .renewed ? 2 : 1, count: 40))
                    try await eventually("the runs do not begin") { population.count >= 40 }
                    // It takes about half of the turns, and makes instances of its own for them.
                    try await withWorkers(server, workflow, configuration: configuration) {
                        try await eventually("both are there") { try await client.workers().count == 2 }
                        for run in runs {
                            switch elsewhere {
                            case .cancelledWhilePaused:
                                try await run.pause()
                                try await run.cancel()
                            case .cancelled: try await run.cancel()
                            case .completed, .renewed: _ = try await client.notify("go", run: run.id)
                            case .deleted:
                                try await run.pause()
                                try await run.cancel()
                                _ = try await server.command("DEL", .init("stepwise:{default}:run:\(run.id)"))
                            }
                        }
                        if elsewhere != .deleted { for run in runs { _ = try? await run.result(timeout: patience) } }
                        try await eventually("\(population.living) of \(population.count) instances live") {
                            population.living == 0
                        }
                    }
                }
                await client.close()
            }
        }

        @Test func `A body that runs when its run has called too many steps is cancelled`() async throws {
            let hasBegun = Latch()
            let ends = Tally()
            let workflow = Workflow("greedy") { (context, _: Int) async throws -> Int in
                async let _ = context.run("slow") {
                    defer { ends.add(Task.isCancelled ? "cancelled" : "done") }
                    hasBegun.open()
                    try await Task.sleep(for: .seconds(3600))
                }
                try await context.run("quick") { await hasBegun.wait() }
                try await context.run("one too many") {}
                return 0
            }
            let configuration = StepwiseWorker.Configuration(maximumSteps: 2)
            try await withWorker([workflow], configuration: configuration) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                let code = await errorCode { _ = try await run.result(timeout: patience) }
                #expect(code == .runFailed)
                try await eventually("the body goes on") { ends.all == ["cancelled"] }
            }
        }

        @Test func `A body goes with its race, while its run goes on`() async throws {
            let population = Population()
            let workflow = Workflow("tournament") { (context, rounds: Int) async throws -> Int in
                @Sendable func lose() async throws -> Int {
                    let guest = Guest()
                    population.add(guest)
                    return try await context.run("slow") {
                        try await Task.sleep(for: .seconds(3600))
                        return guest.stay()
                    }
                }
                for _ in 0..<rounds {
                    try await context.race({ try await context.run("quick") { 1 } }, { try await lose() })
                }
                try await context.waitForEvent("go")
                return rounds
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 100)
                try await eventually("the losers' bodies are kept") {
                    population.count == 100 && population.living == 0
                }
                _ = try await client.notify("go", run: run.id)
                #expect(try await run.result(timeout: patience) == 100)
            }
        }
    }
}
