import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Cancelling a run")
    struct Cancel {
        /// One step inline, or two beside each other, whose bodies wait at a gate until they are cancelled.
        private func waiting(_ place: StepPlace, _ bodies: Tally, _ gate: Latch) -> Workflow<Int, String> {
            Workflow("waiting") { (context, _: Int) async throws -> String in
                @Sendable func step(_ name: String) async throws {
                    try await context.run(name) {
                        bodies.add(name)
                        await gate.wait()
                        bodies.add(Task.isCancelled ? "cancelled" : "done")
                        try Task.checkCancellation()
                    }
                }
                try await context.run("before") {}
                if place == .serial {
                    try await step("work")
                } else {
                    async let left: Void = step("left")
                    async let right: Void = step("right")
                    _ = try await (left, right)
                }
                try await context.run("after") { _ = bodies.add("after") }
                return "completed"
            }
        }

        @Test(.scenario(42), arguments: StepPlace.allCases, Memory.allCases)
        func `Bodies that run are cancelled, the function throws, and the run ends as cancelled with its reason`(
            _ place: StepPlace, _ memory: Memory
        ) async throws {
            let bodies = Tally()
            let workflow = waiting(place, bodies, Latch())
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                let count = place == .serial ? 1 : 2
                try await eventually("the bodies run") { bodies.all.count == count }
                #expect(try await client.cancel(run.id, reason: "the customer left") == .requested)
                do {
                    _ = try await run.result(timeout: patience)
                    Issue.record("the run was not cancelled")
                } catch let error as StepwiseError {
                    #expect(error.code == .runCancelled)
                    #expect(error.message.contains("the customer left"), "\(error)")
                }
                try await eventually("the bodies were cancelled") { bodies["cancelled"] == count }
                #expect(bodies["after"] == 0)
                let history = try await run.history()
                #expect(history.map(\.step) == ["before", ""] && history.last?.cancel == "the customer left")
                let details = try await run.details()
                #expect(details.status == .cancelled && details.cancelled == "the customer left")
                expectReplay(of: details, history, by: workflow)
                try await expectSound(client, within: patience)
                #expect(try await client.cancel(run.id) == .alreadyEnded(.cancelled))
                #expect(try await run.details() == details)
            }
        }

        @Test(arguments: StepPlace.allCases)
        func `A function may catch the cancellation and return: then the run has completed`(_ place: StepPlace)
            async throws
        {
            let bodies = Tally()
            let gate = Latch()
            let workflow = Workflow("polite") { (context, _: Int) async throws -> String in
                do {
                    async let beside = context.run("beside") {
                        place == .serial
                            ? 1
                            : await {
                                await gate.wait(); return 2
                            }()
                    }
                    if place == .serial { _ = try await beside }
                    try await context.run("work") {
                        bodies.add("work")
                        await gate.wait()
                    }
                    return "done \(try await beside)"
                } catch is CancellationError {
                    return "stopped"
                }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the body runs") { bodies["work"] == 1 }
                try await run.cancel()
                #expect(try await run.result(timeout: patience) == "stopped")
                #expect(try await run.details().status == .completed)
                expectReplay(of: try await run.details(), try await run.history(), by: workflow)
            }
        }

        @Test(arguments: StepPlace.allCases)
        func `A body that ignores its cancellation holds nobody up, and what it returns is refused`(_ place: StepPlace)
            async throws
        {
            let bodies = Tally()
            let gate = Latch()
            let workflow = Workflow("stubborn") { (context, _: Int) async throws -> Int in
                async let beside = context.run("beside") { 1 }
                if place == .serial { _ = try await beside }
                let value = try await context.run("work") {
                    bodies.add("work")
                    await Task.detached { await gate.wait() }.value
                    bodies.add("returned")
                    return 7
                }
                return try await beside + value
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the body runs") { bodies["work"] == 1 }
                try await run.cancel()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                gate.open()
                try await eventually("the body has returned") { bodies["returned"] == 1 }
                #expect(try await run.history().contains { $0.step == "work" } == false)
                #expect(try await run.details().status == .cancelled)
            }
        }

        @Test func `A step that waits for its next attempt is withdrawn`() async throws {
            let workflow = Workflow("delayed", .retry(.fixed(.seconds(3600)))) {
                (context, _: Int) async throws -> Int in
                try await context.run("flaky") { throw Hiccup() }
                return 1
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the step waits") { try await client.queueTotals().delayed == 1 }
                #expect(try await run.cancel() == .requested)
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                try await expectSound(client)
            }
        }

        @Test(.scenario(45))
        func
            `A run that nobody takes forward is cancelled at once; an ended one stays as it is, an unknown one is an error`()
            async throws
        {
            let bodies = Tally()
            let workflow = Workflow("once") { (context, _: Int) async throws -> Int in
                try await context.run("work") { bodies.add("work") }
            }
            try await RedisServer.withServer { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                let run = try await client.enqueue(workflow, 0)
                let waiter = Task { await errorCode { _ = try await run.result(timeout: patience) } }
                #expect(try await run.cancel(reason: "not today") == .cancelled)
                #expect(await waiter.value == .runCancelled)
                let worker = try StepwiseWorker(redis: redis, workflows: [workflow], logger: .silent)
                let task = RunningWorker(worker)
                let other = try await client.enqueue(workflow, 0)
                #expect(try await other.result(timeout: patience) == 1)
                #expect(bodies["work"] == 1)
                let details = try await other.details()
                #expect(try await other.cancel() == .alreadyEnded(.completed))
                #expect(try await other.details() == details)
                #expect(await errorCode { try await client.cancel("nobody") } == .noSuchRun)
                try await expectSound(client)
                try await task.end()
                await client.close()
            }
        }

        @Test func `A run that was asked to end, and whose function does not come back, is cancelled and not parked`()
            async throws
        {
            let hasLeft = Latch()
            let workflow = Workflow("astray") { (context, _: Int) async throws -> Int in
                try await context.run("first") { 1 }
                hasLeft.open()
                // Nothing of the workflow's, so a cancel does not end it.
                await Latch().wait()
                return 2
            }
            let configuration = StepwiseWorker.Configuration(offExecutorLimit: .seconds(2))
            try await withWorker([workflow], configuration: configuration) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                await hasLeft.wait()
                // A cancel that comes before is heard by the step.
                try await eventually("the step is recorded") { try await run.history().map(\.step) == ["first"] }
                #expect(try await run.cancel(reason: "enough") == .requested)
                try await eventually("it is cancelled") { try await run.details().status == .cancelled }
                let details = try await run.details()
                #expect(details.reason == nil)
                #expect(try await client.runs(status: .parked, limit: 10).isEmpty)
                try await expectSound(client)
            }
        }

        @Test func `A parked run is cancelled at once`() async throws {
            let workflow = Workflow("parks") { (context, _: Int) async throws -> Int in 1 }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(WorkflowName<String, Int>("parks"), "no number")
                try await eventually("the run is parked") { try await run.details().status == .parked }
                #expect(try await run.cancel() == .cancelled)
                let details = try await run.details()
                #expect(details.status == .cancelled && details.reason == nil)
                #expect(try await client.runs(status: .parked, limit: 10).isEmpty)
                try await expectSound(client)
            }
        }

        @Test(.scenario(45), arguments: [false, true])
        func `A run that no worker can do is cancelled, or is out of time: nothing of it is left`(isOutOfTime: Bool)
            async throws
        {
            let other = Workflow("other") { (_: WorkflowContext) in }
            try await withWorker([other]) { client, _ in
                let limit = isOutOfTime ? Duration.seconds(2) : nil
                let run = try await client.enqueue(WorkflowName<Int, Int>("nobody-has-it"), 1, .runTimeout(limit))
                try await eventually("it is not unserved") { try await run.details().status == .noWorker }
                if !isOutOfTime { #expect(try await run.cancel() == .cancelled) }
                try await eventually("it does not end") { try await run.details().status.isEnded }
                try await expectSound(client, within: patience)
            }
        }

        @Test(.scenario(43), arguments: Memory.allCases)
        func `A cancel that meets the end: one terminal state, nothing left over`(_ memory: Memory) async throws {
            let workflow = Workflow("short") { (context, count: Int) async throws -> Int in
                for _ in 0..<count { try await context.run("link") {} }
                async let a = context.run("a") { 1 }
                async let b = context.run("b") { 2 }
                return try await a + b
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                var ends: Set<RunStatus> = []
                for round in 0..<60 {
                    let run = try await client.enqueue(workflow, round % 6)
                    for _ in 0..<(round % 10) { _ = try await client.queueTotals() }
                    let answer = try await run.cancel()
                    let code = await endCode(run)
                    let status = try await run.details().status
                    ends.insert(status)
                    switch (status, code) {
                    case (.completed, nil): #expect(answer != .cancelled)
                    case (.cancelled, .runCancelled?): break
                    default: Issue.record("\(answer) and then \(status), \(String(describing: code))")
                    }
                    #expect(try await client.runs(limit: 200).count { $0.id == run.id } == 1)
                    expectReplay(of: try await run.details(), try await run.history(), by: workflow)
                }
                try await expectSound(client)
            }
        }

        private func endCode(_ run: WorkflowRun<Int>) async -> StepwiseError.Code? {
            do { _ = try await run.result(timeout: patience) } catch { return (error as? StepwiseError)?.code }
            return nil
        }
    }
}
