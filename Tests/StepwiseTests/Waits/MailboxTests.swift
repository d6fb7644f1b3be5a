import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Mailboxes and waiters")
    struct Mailbox {
        @Test(.scenario(36), arguments: Memory.allCases)
        func `A wait that loses a race takes no event, also if that was there first`(_ memory: Memory) async throws {
            let workflow = Workflow("racer") { (context, _: Int) async throws -> [String] in
                let first = try await context.race(
                    { try await context.waitForEvent("a", as: String.self) },
                    { try await context.waitForEvent("b", as: String.self) })
                let second = try await context.waitForEvent(
                    first == "a" ? "b" : "a", as: String.self, timeout: .seconds(5))
                return [first, second]
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                for name in ["b", "a"] { try await client.notify(name, name, run: "r") }
                let run = try await complete(client.enqueue(workflow, 0, id: "r"), of: workflow)
                #expect(run.output.sorted() == ["a", "b"])
            }
        }

        /// Waits for `news` since the beginning, and for `go`, after which it waits for `news` once more if it `asksAgain`.
        private func patient(timeout: Duration?, asksAgain: Bool) -> Workflow<Int, [String]> {
            Workflow("patient") { (context, _: Int) async throws -> [String] in
                async let first = {
                    do {
                        return try await context.waitForEvent("news", as: String.self, timeout: timeout)
                    } catch is EventTimeout { return "too late" }
                }()
                try await context.waitForEvent("go")
                let second = asksAgain ? try await context.waitForEvent("news", as: String.self) : "none"
                return try await [first, second]
            }
        }

        /// Starts it, and pauses it when it waits; then it gets `go`, which it cannot learn of yet.
        private func pausedWithNews(
            _ workflow: Workflow<Int, [String]>, _ client: StepwiseClient
        ) async throws -> WorkflowRun<[String]> {
            let run = try await client.enqueue(workflow, 0)
            try await eventually("it waits") { try await client.openSteps(ofRun: run.id).count == 2 }
            _ = try await client.pause(run.id)
            #expect(try await run.notify("go") == .received)
            #expect(try await run.notify("news", "first") == .kept)
            return run
        }

        @Test(.scenario(36))
        func `What came while the function had something to learn is for whoever waits longest`() async throws {
            let workflow = patient(timeout: nil, asksAgain: true)
            try await withWorker([workflow]) { client, _ in
                let run = try await pausedWithNews(workflow, client)
                _ = try await client.resume(run.id)
                try await eventually("one still waits") {
                    try await client.openSteps(ofRun: run.id).map(\.step) == ["news#2"]
                }
                try await run.notify("news", "second")
                #expect(try await complete(run, of: workflow).output == ["first", "second"])
            }
        }

        @Test(.scenario(35))
        func `An event that came in time counts, however long the function cannot learn of it`() async throws {
            let workflow = patient(timeout: .milliseconds(1500), asksAgain: false)
            try await withWorker([workflow]) { client, server in
                let run = try await pausedWithNews(workflow, client)
                func timer() async throws -> String? {
                    try await server.command("ZRANGE", "stepwise:{default}:delayed", "0", "0", "WITHSCORES").array?
                        .last?
                        .string
                }
                let due = try #require(try await timer())
                try await eventually("its time has come") { try await timer() != due }
                _ = try await client.resume(run.id)
                #expect(try await complete(run, of: workflow).output == ["first", "none"])
                try await eventually("no timer is left") { try await timer() == nil }
                try await expectSound(client)
            }
        }

        @Test func `An event is found among thousands that nobody asks for`() async throws {
            let workflow = patient(timeout: nil, asksAgain: false)
            try await withWorker([workflow]) { client, _ in
                let run = try await pausedWithNews(workflow, client)
                try await withThrowingTaskGroup { group in
                    for number in 0..<1500 { group.addTask { _ = try await run.notify("all/\(number)", number) } }
                    try await group.waitForAll()
                }
                _ = try await client.resume(run.id)
                #expect(try await complete(run, of: workflow).output == ["first", "none"])
            }
        }

        @Test func `What was sent to a run that is not there yet is kept for as long as the last of it`() async throws {
            let workflow = Workflow("late") { (context, _: Int) async throws -> [String] in
                let first = try await context.waitForEvent("news", as: String.self)
                return [first, try await context.waitForEvent("news", as: String.self)]
            }
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await client.notify("news", "old", run: "late")
                try await client.notify("news", "old", run: "never")
                for run in ["late", "never"] {
                    _ = try await server.command("ZADD", "stepwise:{default}:expected", "1", .init(run))
                }
                try await client.notify("news", "new", run: "late")
                try await withWorkers(server, workflow) {
                    try await eventually("what is too old is gone") {
                        try await server.command("EXISTS", "stepwise:{default}:mail:never").integer == 0
                    }
                    let run = try await client.enqueue(workflow, 0, id: "late")
                    #expect(try await complete(run, of: workflow).output == ["old", "new"])
                }
            }
        }

        @Test func `An event to everybody reaches whoever waits, also if the clock was set back since`() async throws {
            let workflow = Workflow("listener") { (context, _: Int) async throws -> String in
                try await context.waitForEvent("all", as: String.self)
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("it waits") { try await client.openSteps(ofRun: run.id).count == 1 }
                let list = "stepwise:{default}:event:all"
                let waiter = try await server.command("ZRANGE", .init(list), "0", "0").array?.first?.string
                _ = try await server.command("ZINCRBY", .init(list), "60000000", .init(waiter ?? ""))
                try await client.notify("all", "now")
                #expect(try await complete(run, of: workflow).output == "now")
            }
        }
    }
}
