import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Runs that begin anew")
    struct ContinueAsNew {
        struct Turn: Codable, Sendable {
            var number: Int
            var last: Int
            var keys: [String] = []
        }

        private static let turns = Workflow("turns") { (context, turn: Turn) async throws -> [String] in
            let key = try await context.run("turn") { step in step.idempotencyKey }
            if turn.number < turn.last {
                let next = Turn(number: turn.number + 1, last: turn.last, keys: turn.keys + [key])
                try await context.continueAsNew(next)
            }
            return turn.keys + [key]
        }

        @Test(arguments: Memory.allCases)
        func `The same id goes on with its labels, its deadline and those who wait; history, input and keys are new`(
            _ memory: Memory
        ) async throws {
            try await withWorker([Self.turns], memory: memory) { client, server in
                let run = try await client.enqueue(
                    Self.turns, Turn(number: 1, last: 4), id: "endless", .label("shop", "7"),
                    .runTimeout(.seconds(3600)))
                let created = try #require(try await run.details().created)
                let completed = try await complete(run, of: Self.turns)
                #expect(Set(completed.output).count == 4)
                #expect(completed.output.allSatisfy { $0.hasPrefix("endless/") && $0.hasSuffix("/turn") })
                #expect(completed.history.map(\.step) == ["turn"])
                let details = completed.details
                #expect(details.continued == 3 && details.created == created && details.labels == ["shop": "7"])
                // It began once, with its first generation.
                let began = try #require(details.began).wholeMilliseconds
                let generation = try await server.command("HGET", "stepwise:{default}:run:endless", "generation").string
                let lastMade = try #require(generation.flatMap { Int($0) }) / 1000
                #expect(began >= created.wholeMilliseconds && began <= lastMade)
                #expect(details.deadline?.wholeMilliseconds == created.wholeMilliseconds + 3_600_000)
                #expect(details.payload.contains("\"number\":4"))
                try await expectNothingLeft(client, server)
            }
        }

        /// No violation, and nothing in `delayed`.
        private func expectNothingLeft(_ client: StepwiseClient, _ server: RedisServer) async throws {
            try await expectSound(client, within: patience)
            #expect(try await server.command("ZCARD", "stepwise:{default}:delayed").integer == 0)
        }

        @Test(.rule(8))
        func `The next generation of a run without an end goes behind the new runs of its queue`() async throws {
            let gate = Latch()
            let order = Tally()
            let endless = Workflow("endless") { (context, number: Int) async throws -> Void in
                try await context.run("round") {
                    order.add("endless")
                    if number == 1 { await gate.wait() }
                }
                if number < 50 { try await context.continueAsNew(number + 1) }
            }
            let brief = Workflow("brief") { (context, number: Int) async throws -> Void in
                try await context.run("part") { order.add("brief \(number)") }
            }
            try await withWorker([endless, brief], configuration: .init(concurrency: 1)) { client, server in
                let run = try await client.enqueue(endless, 1)
                try await eventually("its first round has begun") { order["endless"] == 1 }
                _ = try await client.enqueue(brief.workflowName, each: 0..<3)
                gate.open()
                try await run.result(timeout: patience)
                #expect(order.all.prefix(5) == ["endless", "brief 0", "brief 1", "brief 2", "endless"])
                #expect(order.all.count == 53)
                try await expectNothingLeft(client, server)
            }
        }

        @Test func `A parent gets the end of the child's last generation`() async throws {
            let parent = Workflow("parent") { (context, last: Int) async throws -> [String] in
                try await context.invoke(Self.turns, Turn(number: 1, last: last), id: "child")
            }
            try await withWorker([parent, Self.turns]) { client, _ in
                let run = try await client.enqueue(parent, 3)
                #expect(try await complete(run, of: parent).output.count == 3)
                #expect(try await client.handle("child", as: [String].self).details().continued == 2)
            }
        }

        @Test(arguments: Memory.allCases)
        func `A child's id that an earlier generation has used is an error that says so, and never the old result`(
            _ memory: Memory
        ) async throws {
            let child = Workflow("child") { (context, number: Int) async throws -> Int in
                try await context.run("number") { number }
            }
            let loop = Workflow("loop") { (context, number: Int) async throws -> String in
                do {
                    let result = try await context.invoke(child, number, id: "fixed")
                    if number > 1 { return "\(result)" }
                } catch let failure as StepFailure { return failure.message }
                try await context.continueAsNew(number + 1)
            }
            try await withWorker([loop, child], memory: memory) { client, _ in
                let completed = try await complete(client.enqueue(loop, 1, id: "p"), of: loop)
                #expect(
                    completed.output.contains(
                        "run id fixed belongs to the child that this step made in an earlier generation"),
                    "\(completed.output)")
                #expect(completed.recorded("child")?.attempts == 1)
                try await expectSound(client, within: patience)
            }
        }

        @Test
        func `A loop of 1,000 generations leaves Redis no more keys and no longer ones than a loop of 10`() async throws
        {
            let loop = Workflow("loop") { (context, left: Int) async throws -> Int in
                async let a = context.run("a") { left }
                async let b = context.run("b") { String(repeating: "x", count: 2000) }
                _ = try await (a, b)
                if left > 0 { try await context.continueAsNew(left - 1) }
                return try await context.run("gate") { 0 }
            }
            try await withWorker([loop]) { client, server in
                func size(_ id: String) async throws -> [Int] {
                    let keys = try await server.command("KEYS", "*").array?.compactMap(\.string) ?? []
                    // How many minutes it takes does not count.
                    var sizes = [keys.count { !$0.contains(":stats:") }]
                    for key in ["run", "steps"] {
                        let usage = try await server.command(
                            "MEMORY", "USAGE", .init("stepwise:{default}:\(key):\(id)"))
                        sizes.append(usage.integer ?? 0)
                    }
                    return sizes
                }
                _ = try await client.enqueue(loop, 9, id: "short").result(timeout: patience)
                let short = try await size("short")
                _ = try await client.enqueue(loop, 999, id: "long").result(timeout: .seconds(120))
                let long = try await size("long")
                #expect(long[0] == short[0] + 2, "run and history of one more run")
                #expect(long[1] <= short[1] + 64 && long[2] <= short[2] + 64, "\(short) became \(long)")
                #expect(try await client.handle("long", as: Int.self).details().continued == 999)
                try await expectNothingLeft(client, server)
            }
        }

        @Test(arguments: Memory.allCases)
        func `What is open beside it goes: steps are withdrawn, bodies and children cancelled, a saga is not undone`(
            _ memory: Memory
        ) async throws {
            let gate = Latch()
            let ends = Tally()
            let box = ClientBox()
            @Sendable func childRuns() async throws -> Bool {
                try await box.client?.runs(status: .running, limit: 9).contains { $0.id == "child" } ?? false
            }
            let child = Workflow("sibling") { (context, _: Int) async throws -> Int in
                try await context.run("wait") { await gate.wait() }
                return 1
            }
            let workflow = Workflow("family", .retry(soon)) { (context, turn: Int) async throws -> Int in
                if turn == 1 { return try await context.run("last") { 1 } }
                return try await context.saga { saga in
                    async let _ = context.invoke(child, 1, id: "child")
                    async let _ = context.run("beside", .totalTimeout(.seconds(3600))) {
                        ends.add("begun")
                        await gate.wait()
                        ends.add(Task.isCancelled ? "cancelled" : "done")
                    }
                    try await saga.run("charge") {
                        1
                    } undo: { _ in
                        _ = ends.add("undone")
                    }
                    try await context.run("both have begun") {
                        while ends["begun"] == 0 { try await Task.sleep(for: .milliseconds(2)) }
                        while try await !childRuns() { try await Task.sleep(for: .milliseconds(2)) }
                    }
                    try await context.continueAsNew(1)
                }
            }
            try await withWorker([workflow, child], memory: memory) { client, server in
                box.client = client
                let run = try await client.enqueue(workflow, 0)
                let completed = try await complete(run, of: workflow)
                #expect(completed.history.map(\.step) == ["last"] && completed.details.continued == 1)
                let end = client.handle("child", as: Int.self)
                #expect(await errorCode { _ = try await end.result(timeout: patience) } == .runCancelled)
                if memory == .hot { try await eventually("the body is cancelled") { ends["cancelled"] == 1 } }
                gate.open()
                #expect(ends["undone"] == 0)
                try await expectNothingLeft(client, server)
            }
        }

        /// After a step the new beginning is asked for by the script that records it, after a sleep by one that only advances.
        @Test(.rule(3), arguments: [true, false])
        func `A cancellation that is recorded while the function calls continueAsNew is not lost with the history`(
            afterStep: Bool
        ) async throws {
            let isThere = Flag()
            let isCancelled = Flag()
            let workflow = Workflow("busy") { (context, turn: Int) async throws -> Int in
                if afterStep {
                    try await context.run("begin") {}
                } else {
                    try await context.sleep(for: .milliseconds(1))
                }
                isThere.set()
                // Not a step: the turn is here, and this function calls nothing.
                while !isCancelled.isSet { usleep(1000) }
                try await context.continueAsNew(turn + 1)
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the function runs") { isThere.isSet }
                #expect(try await run.cancel() == .requested)
                isCancelled.set()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                #expect(try await run.details().continued == 0)
            }
        }

        @Test(arguments: Memory.allCases)
        func `What was sent to the run and not asked for is there for the next generation`(_ memory: Memory)
            async throws
        {
            let workflow = Workflow("reader") { (context, got: [Int]) async throws -> [Int] in
                let number = try await context.waitForEvent("number", as: Int.self)
                if got.count < 4 { try await context.continueAsNew(got + [number]) }
                return got + [number]
            }
            try await withWorker([workflow], memory: memory) { client, server in
                let run = try await client.enqueue(workflow, [])
                for number in 0..<5 { try await run.notify("number", number) }
                #expect(try await complete(run, of: workflow).output == [0, 1, 2, 3, 4])
                try await expectNothingLeft(client, server)
            }
        }

        @Test func `An input that is too large fails the run, and says so`() async throws {
            let workflow = Workflow("growing") { (context, text: String) async throws -> Int in
                try await context.continueAsNew(text + text)
            }
            try await withWorker([workflow], configuration: .init(maximumPayloadSize: 4096)) { client, _ in
                let run = try await client.enqueue(workflow, String(repeating: "x", count: 100))
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                let details = try await run.details()
                #expect(details.error?.contains("the input with which run \(run.id)") == true)
                #expect(details.error?.contains("maximumPayloadSize") == true && details.continued == 5)
            }
        }

        @Test(arguments: Memory.allCases)
        func `A run that is paused begins anew once it is resumed`(_ memory: Memory) async throws {
            let gate = Latch()
            let bodies = Tally()
            let workflow = Workflow("paused") { (context, turn: Int) async throws -> Int in
                try await context.run("turn \(turn)") {
                    bodies.add("turn")
                    await gate.wait()
                }
                if turn == 0 { try await context.continueAsNew(1) }
                return turn
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the body runs") { bodies["turn"] == 1 }
                try await run.pause()
                gate.open()
                try await eventually("the step is recorded") { try await run.details().recorded == 1 }
                #expect(try await run.details().continued == 0)
                try await run.resume()
                let completed = try await complete(run, of: workflow)
                #expect(completed.output == 1 && completed.details.continued == 1)
            }
        }
    }
}
