import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Children whose parent no longer waits")
    struct ChildCancel {
        /// A run that ends only when it is cancelled, or when the gate is open.
        private func waiting(_ bodies: Tally, _ gate: Latch) -> Workflow<Int, Int> {
            Workflow("waiting") { (context, number: Int) async throws -> Int in
                do {
                    return try await context.run("wait") {
                        bodies.add("wait")
                        await gate.wait()
                        try Task.checkCancellation()
                        return number
                    }
                } catch let error as CancellationError {
                    try await context.cleanup {
                        try await context.run("child tidies") { _ = bodies.add("child tidies") }
                    }
                    throw error
                }
            }
        }

        @Test(.scenario(41, 42), arguments: Memory.allCases)
        func `Cancelling a parent that waits for a child cancels the child; both tidy up`(_ memory: Memory) async throws
        {
            let bodies = Tally()
            let child = waiting(bodies, Latch())
            let parent = Workflow("parent") { (context, number: Int) async throws -> Int in
                do { return try await context.invoke(child, number, id: "c") } catch let error as CancellationError {
                    try await context.cleanup { try await context.run("tidy") { _ = bodies.add("tidy") } }
                    throw error
                }
            }
            try await withWorker([parent, child], memory: memory) { client, _ in
                let run = try await client.enqueue(parent, 1, id: "p")
                try await eventually("the child runs") { bodies["wait"] == 1 }
                #expect(try await run.cancel(reason: "enough") == .requested)
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                let end = client.handle("c", as: Int.self)
                #expect(await errorCode { _ = try await end.result(timeout: patience) } == .runCancelled)
                #expect(try await end.details().cancelled == "run p, its parent, no longer waits for it")
                #expect(bodies["tidy"] == 1 && bodies["child tidies"] == 1)
                expectReplay(of: try await run.details(), try await run.history(), by: parent)
                try await expectSound(client, within: patience)
            }
        }

        @Test(.scenario(41)) func `The cascade reaches grandchildren, also one that nobody has begun`() async throws {
            let bodies = Tally()
            let name: WorkflowName<Int, Int> = "level"
            let level = Workflow(name) { context, depth in
                if depth == 0 { try await context.run("bottom") { _ = bodies.add("bottom") } }
                // The last one's queue is served by nobody.
                return try await context.invoke(name, depth + 1, .queue(depth == 2 ? "nowhere" : "default"))
            }
            try await withWorker([level]) { client, _ in
                let run = try await client.enqueue(level, 0, id: "p")
                try await eventually("four runs are there") {
                    let queued = try await client.runs(status: .queued, limit: 9)
                    return queued.count == 1 && queued[0].queue == "nowhere"
                }
                try await run.cancel()
                try await eventually("all are cancelled") {
                    try await client.runs(status: .cancelled, limit: 9).count == 4
                }
                try await expectSound(client, within: patience)
            }
        }

        @Test(.scenario(41), arguments: Memory.allCases)
        func `With onParentEnd: .abandon the child goes on when its parent is cancelled`(_ memory: Memory) async throws
        {
            let bodies = Tally()
            let gate = Latch()
            let child = waiting(bodies, gate)
            let parent = Workflow("parent") { (context, number: Int) async throws -> Int in
                try await context.invoke(child, number, id: "c", onParentEnd: .abandon)
            }
            try await withWorker([parent, child], memory: memory) { client, _ in
                let run = try await client.enqueue(parent, 9, id: "p")
                try await eventually("the child runs") { bodies["wait"] == 1 }
                try await run.cancel()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                #expect(try await client.handle("c").details().status == .running)
                gate.open()
                #expect(try await client.handle("c", as: Int.self).result(timeout: patience) == 9)
                try await expectSound(client, within: patience)
            }
        }

        @Test(.scenario(41), arguments: Memory.allCases)
        func `With onParentEnd: .wait a cancelled parent ends after its child, which is not cancelled`(_ memory: Memory)
            async throws
        {
            let bodies = Tally()
            let gate = Latch()
            let child = waiting(bodies, gate)
            let parent = Workflow("parent") { (context, number: Int) async throws -> Int in
                let result = try await context.invoke(child, number, id: "c", onParentEnd: .wait)
                // In a run that was cancelled nothing new begins, also no child for which somebody would wait.
                return try await context.invoke(child, result, id: "d", onParentEnd: .wait)
            }
            try await withWorker([parent, child], memory: memory) { client, _ in
                let run = try await client.enqueue(parent, 9, id: "p")
                try await eventually("the child runs") { bodies["wait"] == 1 }
                try await run.cancel()
                try await eventually("the function knows") { try await run.history().count == 1 }
                #expect(try await client.openSteps(ofRun: "p").first?.state.child == "c")
                gate.open()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                #expect(try await client.handle("c").details().output == "9")
                #expect(await errorCode { _ = try await client.handle("d").details() } == .noSuchRun)
                expectReplay(of: try await run.details(), try await run.history(), by: parent)
                try await expectSound(client, within: patience)
            }
        }

        @Test
        func `A child that ends while its parent is paused is recorded, and the parent goes on when it is resumed`()
            async throws
        {
            let bodies = Tally()
            let gate = Latch()
            let child = waiting(bodies, gate)
            let parent = Workflow("parent") { (context, number: Int) async throws -> Int in
                try await context.invoke(child, number, id: "c")
            }
            try await withWorker([parent, child]) { client, _ in
                let run = try await client.enqueue(parent, 4, id: "p")
                try await eventually("the child runs") { bodies["wait"] == 1 }
                try await client.pause("p")
                gate.open()
                try await eventually("its end is recorded") { try await run.details().recorded == 1 }
                #expect(try await run.details().status == .paused)
                try await expectSound(client)
                try await client.resume("p")
                let completed = try await complete(run, of: parent)
                #expect(completed.output == 4)
            }
        }

        @Test(.scenario(41), arguments: Memory.allCases)
        func `A child that loses a race is cancelled, and its parent goes on`(_ memory: Memory) async throws {
            let bodies = Tally()
            let child = waiting(bodies, Latch())
            let parent = Workflow("parent") { (context, number: Int) async throws -> Int in
                let winner = try await withThrowingTaskGroup(of: Int.self) { group in
                    group.addTask { try await context.invoke(child, number, id: "c") }
                    group.addTask {
                        try await context.run("quick") {
                            while bodies["wait"] == 0 { try await Task.sleep(for: .milliseconds(2)) }
                            return 5
                        }
                    }
                    defer { group.cancelAll() }
                    return try await group.next() ?? 0
                }
                try await context.run("after") { _ = bodies.add("after") }
                return winner
            }
            try await withWorker([parent, child], memory: memory) { client, _ in
                let completed = try await complete(client.enqueue(parent, 1, id: "p"), of: parent)
                #expect(completed.output == 5)
                let end = client.handle("c", as: Int.self)
                #expect(await errorCode { _ = try await end.result(timeout: patience) } == .runCancelled)
                try await expectSound(client, within: patience)
            }
        }

        @Test(.scenario(41), arguments: [false, true])
        func `A parent that fails, or is cancelled while it is parked, takes its child with it`(_ isParked: Bool)
            async throws
        {
            let bodies = Tally()
            let child = waiting(bodies, Latch())
            let parent = Workflow("parent", .retry(.never)) { (context, number: Int) async throws -> Int in
                async let result = context.invoke(child, number, id: "c")
                async let beside: Void = context.run("beside") {
                    while bodies["wait"] == 0 { try await Task.sleep(for: .milliseconds(2)) }
                    if !isParked { throw Hiccup() }
                }
                try await beside
                if isParked { _ = try await context.instance.stop(.other("a person has to look")) }
                return try await result
            }
            try await withWorker([parent, child]) { client, _ in
                let run = try await client.enqueue(parent, 1, id: "p")
                if isParked {
                    try await eventually("the parent is parked") { try await run.details().status == .parked }
                    #expect(try await run.cancel() == .cancelled)
                } else {
                    #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                }
                let end = client.handle("c", as: Int.self)
                #expect(await errorCode { _ = try await end.result(timeout: patience) } == .runCancelled)
                try await expectSound(client, within: patience)
            }
        }

        @Test func `A child whose time is up before anybody begins it is an error of its parent`() async throws {
            let child = waiting(Tally(), Latch())
            let parent = Workflow("parent") { (context, number: Int) async throws -> String in
                do {
                    return
                        "\(try await context.invoke(child, number, .queue("nowhere"), .runTimeout(.milliseconds(300))))"
                } catch let failure as StepFailure { return "\(failure.cause) \(failure.type)" }
            }
            try await withWorker([parent, child]) { client, _ in
                let completed = try await complete(client.enqueue(parent, 1, id: "p"), of: parent)
                #expect(completed.output == "childFailed RunTimeout")
                try await expectSound(client, within: patience)
            }
        }

        @Test
        func `A child that was cancelled before it was made is never begun: its maker comes too late`() async throws {
            let bodies = Tally()
            let child = Workflow("child") { (context, _: Int) async throws -> Int in
                bodies.add("child")
                return 1
            }
            let parent = Workflow("parent") { (context, _: Int) async throws -> Int in
                try await context.invoke(child, 1, id: "c")
            }
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await client.enqueue(parent, 1, id: "p")
                let reply = try await server.command("HGET", "stepwise:{default}:run:p", "generation")
                let generation = try #require(reply.string)
                // As it arrives if the worker that makes the child is frozen before it does.
                for _ in 0..<2 {
                    _ = try await server.command(
                        "RPUSH", "stepwise:{default}:queue:default", .init("cancel c child p \(generation) child"))
                }
                try await withWorkers(server, child) {
                    try await eventually("it is cancelled") {
                        try await client.runs(status: .cancelled, limit: 2).map(\.id) == ["c"]
                    }
                }
                try await withWorkers(server, parent, child) {
                    #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                }
                #expect(bodies["child"] == 0)
                try await expectSound(client)
                await client.close()
            }
        }
    }
}
