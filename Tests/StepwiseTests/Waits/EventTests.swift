import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Events")
    struct Events {
        struct Answer: Codable, Sendable, Hashable {
            var by: String
        }

        /// Waits for two events of one name.
        private let twice = Workflow("twice") { (context, _: Int) async throws -> [String] in
            let first = try await context.waitForEvent("answer", as: Answer.self)
            let second = try await context.waitForEvent("answer", as: Answer.self)
            return [first.by, second.by]
        }

        private func isTidy(_ client: StepwiseClient, sourceLocation: SourceLocation = #_sourceLocation) async throws {
            try await eventually("nothing is left over", sourceLocation: sourceLocation) {
                let delayed = try await client.queueTotals().delayed
                return try await Doctor(client).examine().violations.isEmpty && delayed == 0
            }
        }

        /// The keys of the namespace that begin like this.
        private func keys(_ server: RedisServer, _ beginnings: String...) async throws -> [String] {
            let all = try await server.command("KEYS", "*").array?.compactMap(\.string) ?? []
            let names = all.map { String($0.dropFirst("stepwise:{default}:".count)) }
            return names.filter { name in beginnings.contains { name.hasPrefix($0) } }.sorted()
        }

        @Test(.scenario(34, 37), arguments: Memory.allCases)
        func `Sent before there is the run, before it asks, and while it waits: each once, in order`(_ memory: Memory)
            async throws
        {
            try await withWorker([twice], memory: memory) { client, server in
                #expect(try await client.notify("answer", Answer(by: "1"), run: "early") == .kept)
                #expect(try await client.notify("other", Answer(by: "x"), run: "early") == .kept)
                let early = try await client.enqueue(twice, 0, id: "early")
                try await eventually("it waits for the second") {
                    try await client.openSteps(ofRun: "early").map(\.step) == ["answer#2"]
                }
                #expect(try await early.notify("answer", Answer(by: "2")) == .received)
                #expect(try await complete(early, of: twice).output == ["1", "2"])

                // One too many is kept and hurts nobody.
                for name in ["1", "2", "3"] { try await client.notify("answer", Answer(by: name), run: "late") }
                let late = try await client.enqueue(twice, 0, id: "late")
                #expect(try await complete(late, of: twice).output == ["1", "2"])
                await #expect { try await late.notify("answer", Answer(by: "4")) } throws: {
                    ($0 as? StepwiseError)?.code == .wrongStatus
                }
                try await isTidy(client)
                // The mail goes with the run.
                _ = try await client.delete("late")
                _ = try await client.delete("early")
                #expect(try await keys(server, "mail:", "event:", "seen:", "open:").isEmpty)
            }
        }

        @Test(.scenario(34))
        func `Sent in the very moment of the waiting, many times: none is lost, none comes twice`() async throws {
            let count = 60
            let collector = Workflow("collector") { (context, count: Int) async throws -> [Int] in
                var got: [Int] = []
                for _ in 0..<count { got.append(try await context.waitForEvent("number", as: Int.self)) }
                return got
            }
            try await withWorker([collector], memory: .cold) { client, server in
                let run = try await client.enqueue(collector, count, id: "collector")
                for number in 0..<count { try await run.notify("number", number, id: "n\(number)") }
                // Again, as after a lost reply.
                for number in 0..<count where number % 7 == 0 {
                    #expect(try await run.notify("number", number, id: "n\(number)") == .repeated)
                }
                #expect(try await complete(run, of: collector).output == Array(0..<count))
            }
        }

        @Test(.scenario(39), arguments: [false, true])
        func `Two waits side by side, resolved in either order: each has its own value`(_ isReversed: Bool) async throws
        {
            let workflow = Workflow("both") { (context, _: Int) async throws -> [String] in
                async let a = context.waitForEvent("a", as: String.self)
                async let b = context.waitForEvent("b", as: String.self)
                async let a2 = context.waitForEvent("a", as: String.self)
                return try await [a, b, a2]
            }
            try await withWorker([workflow], memory: .cold) { client, server in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("it waits") { try await client.openSteps(ofRun: run.id).count == 3 }
                let names = isReversed ? ["b", "a", "a"] : ["a", "a", "b"]
                for number in 0..<3 { try await run.notify(names[number], "\(names[number])\(number)") }
                let output = try await complete(run, of: workflow).output
                // Whoever waits longest is served first.
                #expect(output == (isReversed ? ["a1", "b0", "a2"] : ["a0", "b2", "a1"]))
                try await isTidy(client)
            }
        }

        @Test(.scenario(36), arguments: Memory.allCases)
        func `A wait that timed out takes no later event from another`(_ memory: Memory) async throws {
            let workflow = Workflow("impatient") { (context, _: Int) async throws -> String in
                do {
                    _ = try await context.waitForEvent("answer", as: Answer.self, timeout: .milliseconds(200))
                    return "came"
                } catch let timeout as EventTimeout {
                    let answer = try await context.waitForEvent("answer", as: Answer.self)
                    return "\(timeout.event) \(timeout.step) then \(answer.by)"
                }
            }
            try await withWorker([workflow], memory: memory) { client, server in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("it waits again") {
                    try await client.openSteps(ofRun: run.id).map(\.step) == ["answer#2"]
                }
                #expect(try await run.notify("answer", Answer(by: "me")) == .received)
                let completed = try await complete(run, of: workflow)
                #expect(completed.output == "answer answer then me")
                try await isTidy(client)
                try await eventually("no wait is left in a list") { try await keys(server, "event:").isEmpty }
            }
        }

        @Test(.scenario(35))
        func `The timeout and the event are both due: whichever is recorded first counts, the other changes nothing`()
            async throws
        {
            let workflow = Workflow("photo-finish") { (context, ms: Int) async throws -> String in
                do { return try await context.waitForEvent("flag", timeout: .milliseconds(ms)) } catch is EventTimeout {
                    return "timeout"
                }
            }
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                var runs: [WorkflowRun<String>] = []
                try await withWorkers(server, workflow) {
                    for _ in 0..<2 { runs.append(try await client.enqueue(workflow, 1000)) }
                    try await eventually("both wait") {
                        try await server.command("ZCARD", "stepwise:{default}:event:flag").integer == 2
                    }
                }
                // Nobody is there who could say that the time is over.
                try await eventually("both are due") {
                    let time = try await server.command("TIME").array?.compactMap(\.integer) ?? []
                    let now = time[0] * 1000 + time[1] / 1000
                    return try await server.command(
                        "ZCOUNT", "stepwise:{default}:delayed", "-inf", .init(now)
                    ).integer == 2
                }
                #expect(try await runs[0].notify("flag", "event") == .received)
                // Of what would tell that the time is over nothing is left.
                #expect(try await client.openSteps(ofRun: runs[0].id).isEmpty)
                #expect(try await client.queueTotals().delayed == 1)
                try await withWorkers(server, workflow) {
                    #expect(try await complete(runs[0], of: workflow).output == "event")
                    #expect(try await complete(runs[1], of: workflow).output == "timeout")
                    for run in runs { #expect(try await run.history().count == 1) }
                    try await isTidy(client)
                }
                await client.close()
            }
        }

        @Test(.scenario(36), arguments: [true, false])
        func `An event that comes while the function has something else to learn goes to whoever waits after that`(
            _ isRace: Bool
        ) async throws {
            let workflow = Workflow("busy") { (context, isRace: Bool) async throws -> [String] in
                let first = try await withThrowingTaskGroup(of: String.self) { group in
                    for name in ["a", "b"] { group.addTask { try await context.waitForEvent(name) } }
                    var values = [try await group.next() ?? ""]
                    if isRace { group.cancelAll() } else { values.append(try await group.next() ?? "") }
                    return values
                }
                return isRace ? first + [try await context.waitForEvent("b", timeout: .seconds(3600))] : first
            }
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                var run: WorkflowRun<[String]>?
                try await withWorkers(server, workflow) {
                    let new = try await client.enqueue(workflow, isRace)
                    try await eventually("it waits") { try await client.openSteps(ofRun: new.id).count == 2 }
                    run = new
                }
                // Nobody is there to tell the function.
                let new = try #require(run)
                #expect(try await new.notify("a", "A") == .received)
                #expect(try await new.notify("b", "B") == .kept)
                try await expectSound(client)
                try await withWorkers(server, workflow) {
                    let completed = try await complete(new, of: workflow)
                    #expect(completed.output == ["A", "B"])
                    #expect(completed.history.count == 2)
                    try await isTidy(client)
                    try await eventually("no wait is left") { try await keys(server, "event:").isEmpty }
                }
                await client.close()
            }
        }

        @Test(arguments: Memory.allCases)
        func `A timeout of zero asks for what is there already`(_ memory: Memory) async throws {
            let workflow = Workflow("poll") { (context, _: Int) async throws -> String in
                do { return try await context.waitForEvent("word", timeout: .zero) } catch is EventTimeout { return "" }
            }
            try await withWorker([workflow], memory: memory) { client, server in
                #expect(try await complete(client.enqueue(workflow, 0), of: workflow).output == "")
                try await client.notify("word", "hello", run: "has-mail")
                let run = try await client.enqueue(workflow, 0, id: "has-mail")
                #expect(try await complete(run, of: workflow).output == "hello")
                try await isTidy(client)
            }
        }

        @Test(arguments: Memory.allCases)
        func `An event to everybody reaches each who waits, and nobody who asks later`(_ memory: Memory) async throws {
            let workflow = Workflow("listener") { (context, _: Int) async throws -> String in
                try await context.waitForEvent("news")
            }
            try await withWorker([workflow], memory: memory) { client, server in
                let name: WorkflowName<Int, String> = "listener"
                let runs = try await client.enqueue(name, each: 0..<250)
                try await eventually("all wait") {
                    try await server.command("ZCARD", "stepwise:{default}:event:news").integer == 250
                }
                try await client.notify("news", "first")
                for run in runs { #expect(try await run.result(timeout: patience) == "first") }
                #expect(try await keys(server, "event:").isEmpty)
                let late = try await client.enqueue(name, 0)
                try await eventually("it waits") { try await client.openSteps(ofRun: late.id).count == 1 }
                try await client.notify("news", "second")
                #expect(try await complete(late, of: workflow).output == "second")
                try await isTidy(client)
            }
        }

        @Test(.scenario(37))
        func `An event that is kept reaches those who come later; while it is kept, the first one counts`() async throws
        {
            let workflow = Workflow("listener") { (context, _: Int) async throws -> String in
                try await context.waitForEvent("news")
            }
            try await withWorker([workflow]) { client, server in
                let before = try await client.enqueue(workflow, 0)
                try await eventually("it waits") { try await client.openSteps(ofRun: before.id).count == 1 }
                try await client.notify("news", "first", keep: .seconds(2))
                #expect(try await complete(before, of: workflow).output == "first")
                try await client.notify("news", "second", keep: .seconds(3600))
                #expect(try await complete(client.enqueue(workflow, 0), of: workflow).output == "first")
                try await eventually("it is not kept any more") { try await keys(server, "kept:").isEmpty }
                let later = try await client.enqueue(workflow, 0)
                try await eventually("it waits") { try await client.openSteps(ofRun: later.id).count == 1 }
                try await client.notify("news", "third")
                #expect(try await complete(later, of: workflow).output == "third")
                try await isTidy(client)
            }
        }

        @Test
        func `From inside a workflow: a step that sends to a run, and one that sends to everybody`() async throws {
            let listener = Workflow("listener") { (context, _: Int) async throws -> [String] in
                async let own = context.waitForEvent("letter", as: String.self)
                async let all = context.waitForEvent("news", as: String.self)
                return try await [own, all]
            }
            let sender = Workflow("sender") { (context, to: String) async throws -> String in
                try await context.notify("letter", "for you", run: to)
                try await context.notify("news", "for all")
                do { try await context.notify("letter", "again", run: "ended") } catch let failure as StepFailure {
                    return failure.message
                }
                return ""
            }
            try await withWorker([listener, sender]) { client, server in
                try await client.notify("letter", "a", run: "ended")
                try await client.notify("news", "b", run: "ended")
                _ = try await client.enqueue(listener, 0, id: "ended").result(timeout: patience)
                let run = try await client.enqueue(listener, 0, id: "listener")
                try await eventually("it waits") { try await client.openSteps(ofRun: run.id).count == 2 }
                let sent = try await complete(client.enqueue(sender, "listener"), of: sender)
                #expect(sent.output.contains("run ended") && sent.output.contains("completed"))
                #expect(sent.history.map(\.step) == ["notify letter", "notify news", "notify letter#2"])
                #expect(try await complete(run, of: listener).output == ["for you", "for all"])
                try await isTidy(client)
            }
        }

        @Test
        func
            `From anything that can LPUSH: to a run, to everybody; what cannot be sent lies in malformed with the reason`()
            async throws
        {
            try await withWorker([twice], memory: .cold) { client, server in
                func push(_ item: String) async throws {
                    _ = try await server.command("LPUSH", "stepwise:{default}:inbox:default", .string(item))
                }
                try await push(#"{"event":"answer","run":"r","payload":{"by":"first"},"id":"e1"}"#)
                try await push(#"{"event":"answer","run":"r","payload":{"by":"first"},"id":"e1"}"#)
                try await eventually("it is kept") { try await keys(server, "mail:") == ["mail:r"] }
                let run = try await client.enqueue(twice, 0, id: "r")
                try await eventually("it waits") { try await client.openSteps(ofRun: "r").map(\.step) == ["answer#2"] }
                try await push(#"{"event":"answer","payload":{"by":"everybody"}}"#)
                #expect(try await complete(run, of: twice).output == ["first", "everybody"])
                for bad in [
                    #"{"event":"answer","run":"r"}"#, #"{"event":"an answer"}"#, #"{"event":"a","keep":-1}"#,
                    #"{"event":"a","run":"x","keep":5}"#, #"{"event":"a","to":"x"}"#,
                ] { try await push(bad) }
                try await eventually("all are rejected") { try await client.malformed(limit: 9).count == 5 }
                let reasons = try await client.malformed(limit: 9).map(\.reason)
                #expect(reasons.contains { $0.contains("it is completed") })
                #expect(reasons.contains { $0.contains("\"to\" is not a known member") })
                try await isTidy(client)
            }
        }

        @Test(arguments: [false, true])
        func `Cancelling a run that waits, parked or not, leaves no wait behind`(_ isPaused: Bool) async throws {
            try await withWorker([twice]) { client, server in
                let run = try await client.enqueue(twice, 0)
                try await eventually("it waits") { try await client.openSteps(ofRun: run.id).count == 1 }
                try await expectSound(client)
                if isPaused { _ = try await client.pause(run.id) }
                try await run.cancel()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                try await eventually("no wait is left") { try await keys(server, "event:", "open:").isEmpty }
                try await isTidy(client)
            }
        }

        @Test func `A run's mailbox is bounded`() async throws {
            try await withWorker([twice]) { client, server in
                for _ in 0..<10 {
                    try await withThrowingTaskGroup { group in
                        for _ in 0..<1000 { group.addTask { _ = try await client.notify("flood", 1, run: "r") } }
                        try await group.waitForAll()
                    }
                }
                #expect(await errorCode { _ = try await client.notify("flood", 1, run: "r") } == .mailboxFull)
            }
        }
    }
}
