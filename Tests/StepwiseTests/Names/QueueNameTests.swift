import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// What queues and runs may be called, wherever somebody names one.
    @Suite("Names of queues and runs", .serialized) struct QueueNames {
        private static let badQueue = "a}:queue:b"
        private let echo = Workflow("echo") { (context, text: String) async throws -> String in
            try await context.run("say") { text }
        }

        private func names(_ server: RedisServer, _ pattern: String = "*") async throws -> Set<String> {
            Set(try await server.command("KEYS", .init(pattern)).array?.compactMap(\.string) ?? [])
        }

        /// Expects a ``StepwiseError`` that names the queue, the character and the rule.
        private func expectQueueRefused(
            _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
        ) async {
            await expectRefused(
                what, saying: #""a}:queue:b" holds "}": a queue's name is 1 to 100 of"#, sourceLocation: sourceLocation,
                body)
        }

        private func expectIDRefused(
            _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
        ) async {
            await expectRefused(what, saying: #"holds "~", which is reserved"#, sourceLocation: sourceLocation, body)
        }

        private func expectRefused(
            _ what: Comment, saying words: String, sourceLocation: SourceLocation, _ body: () async throws -> Void
        ) async {
            do {
                try await body()
                Issue.record("nothing was thrown", sourceLocation: sourceLocation)
            } catch let error as StepwiseError {
                #expect(error.code == .invalidIdentifier, what, sourceLocation: sourceLocation)
                #expect(error.message.contains(words), what, sourceLocation: sourceLocation)
            } catch {
                Issue.record("\(error) was thrown", sourceLocation: sourceLocation)
            }
        }

        // MARK: Refused

        @Test
        func `A queue whose name could be taken for another's is refused by every call, and nothing is stored`()
            async throws
        {
            let bad = Self.badQueue
            await expectQueueRefused("a worker") {
                _ = try StepwiseWorker(
                    redis: RedisEndpoint("redis://127.0.0.1"), workflows: [echo],
                    configuration: .init(queues: ["default", bad]), logger: .silent)
            }
            await expectQueueRefused("a schedule") {
                _ = try Schedule("daily", .every(.seconds(60)), echo, "hello", queue: bad)
            }
            await expectQueueRefused("a client without Redis") {
                _ = try await RecordingClient().enqueue(echo, "hello", .queue(bad))
            }
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                await expectQueueRefused("enqueue") { try await client.enqueue(echo, "hello", .queue(bad)) }
                await expectQueueRefused("enqueue, with options") {
                    try await client.enqueue(echo, "hello", .queue(bad), .after(.seconds(1)), .runTimeout(.seconds(2)))
                }
                await expectQueueRefused("enqueue, many") {
                    try await client.enqueue(echo.workflowName, each: ["a", "b"], .queue(bad))
                }
                await expectQueueRefused("notify") { try await client.notify("news", 1, queue: bad) }
                await expectQueueRefused("pause") { try await client.pause(queue: bad) }
                await expectQueueRefused("resume") { try await client.resume(queue: bad) }
                var schedule = try Schedule("daily", .every(.seconds(60)), echo, "hello")
                schedule.queue = bad
                await expectQueueRefused("schedules.create") { [schedule] in
                    try await client.schedules.create(schedule)
                }
                #expect(try await names(server).isEmpty)
                await client.close()
            }
        }

        @Test func `A child and a run that a step starts are refused such a queue, and the function may go on`()
            async throws
        {
            let bad = Self.badQueue
            let echo = echo
            let parent = Workflow("parent") { (context, _: Int) async throws -> [String] in
                var said: [String] = []
                do { try await context.invoke(echo, "a", .queue(bad)) } catch let error as StepwiseError {
                    said.append(error.message)
                }
                do { try await context.start(echo, "b", .queue(bad)) } catch let error as StepwiseError {
                    said.append(error.message)
                }
                said.append(try await context.invoke(echo, "c"))
                return said
            }
            try await withWorker([parent, echo]) { client, server in
                let run = try await complete(client.enqueue(parent, 0), of: parent)
                #expect(run.output.count == 3 && run.output.last == "c")
                #expect(run.output.dropLast().allSatisfy { $0.contains(#"holds "}": a queue's name is"#) })
                #expect(run.history.map(\.step) == ["echo"])
                #expect(try await names(server, "*queue:*").isEmpty)
                try await expectSound(client)
            }
        }

        @Test func `A stored schedule with such a queue is unreadable, with the reason, and starts nothing`()
            async throws
        {
            try await withWorker([echo]) { client, server in
                _ = try await server.command(
                    "HSET", "stepwise:{default}:schedules", "odd",
                    #"{"workflow":"echo","payload":"x","every":60000,"next":1,"queue":"a}:queue:b"}"#)
                _ = try await server.command("ZADD", "stepwise:{default}:delayed", "1", "a}:queue:b schedule odd 1")
                let listing = try await client.schedules.list()
                #expect(listing.unreadable["odd"]?.contains(#"holds "}": a queue's name is 1 to 100 of"#) == true)
                try await eventually("a worker has looked at its timer and put it off") {
                    let due = try await server.command(
                        "ZSCORE", "stepwise:{default}:delayed", "a}:queue:b schedule odd 1")
                    return due.string != "1"
                }
                #expect(try await names(server, "*run:*").isEmpty)
            }
        }

        @Test func `A pushed object cannot name a queue, and one that is pushed to such a queue is told by the doctor`()
            async throws
        {
            try await withWorker([echo]) { client, server in
                _ = try await server.command(
                    "LPUSH", "stepwise:{default}:inbox:default",
                    #"{"workflow":"echo","payload":"x","id":"r","queue":"a}:queue:b","timeout":2000}"#)
                try await eventually("it is rejected") { try await client.malformed(limit: 9).count == 1 }
                let reason = try await client.malformed(limit: 9)[0].reason
                #expect(reason.contains(#""queue" is not a known member"#), "\(reason)")
                _ = try await server.command(
                    "LPUSH", "stepwise:{default}:inbox:a}:queue:b", #"{"workflow":"echo","payload":"x","timeout":2000}"#
                )
                // Names that are no UTF-8, and queues that no worker serves: whoever may push makes any number of them.
                let script = "for n = 1, 3 do redis.call('LPUSH', KEYS[1] .. string.char(254, n), 'x') end"
                _ = try await server.command("EVAL", .init(script), "1", "stepwise:{default}:inbox:")
                for queue in ["p", "q"] {
                    _ = try await server.command("LPUSH", .init("stepwise:{default}:inbox:\(queue)"), "x")
                }
                let report = try await Doctor(client, pause: .milliseconds(1)).examine()
                #expect(report.violations.isEmpty)
                try #require(report.warnings.count == 2, "\(report.warnings)")
                #expect(report.warnings[0].contains("from 4 inboxes whose names are not a queue's, such as "))
                #expect(report.warnings[0].contains(#""stepwise:{default}:inbox:a}:queue:b""#))
                #expect(report.warnings[0].contains(#"which holds "}": a queue's name is"#))
                #expect(report.warnings[1].contains("of 2 inboxes, such as stepwise:{default}:inbox:p"))
                #expect(try await names(server, "*run:*").isEmpty)
            }
        }

        @Test
        func `A run id with the reserved character is refused wherever somebody gives one, and nothing is stored`()
            async throws
        {
            await expectIDRefused("a schedule, whose runs' ids begin with its name") {
                _ = try Schedule("daily~2", .every(.seconds(60)), echo, "hello")
            }
            let recording = RecordingClient()
            await expectIDRefused("enqueue without Redis") {
                _ = try await recording.enqueue(echo, "hello", id: "order~3")
            }
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let failed = Workflow("fails") { (_: WorkflowContext, _: Int) async throws -> Int in throw Hiccup() }
                try await withWorkers(server, failed) {
                    let run = try await client.enqueue(failed, 0, id: "failed")
                    #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                }
                try await client.schedules.create(
                    Schedule("daily", .every(.seconds(86_400)), failed, 0))
                let before = try await names(server)
                await expectIDRefused("enqueue") { try await client.enqueue(echo, "hello", id: "order~3") }
                await expectIDRefused("enqueue, with options") {
                    try await client.enqueue(echo, "hello", id: "order~3", .after(.seconds(1)))
                }
                await expectIDRefused("restart") { try await client.restart("failed", as: "order~3") }
                await expectIDRefused("trigger") { try await client.schedules.trigger("daily", id: "order~3") }
                await expectIDRefused("notify") { try await client.notify("paid", 1, run: "order~3") }
                #expect(try await names(server) == before)
                #expect(try await client.handle("failed").details().restarted == nil)
                await client.close()
            }
        }

        @Test func `A child, a run that a step starts and a run that it notifies are refused such an id`() async throws
        {
            let echo = echo
            let parent = Workflow("parent") { (context, _: Int) async throws -> [String] in
                var said: [String] = []
                do { try await context.invoke(echo, "a", id: "order~3") } catch let error as StepwiseError {
                    said.append(error.message)
                }
                do { try await context.start(echo, "b", id: "order~3") } catch let error as StepwiseError {
                    said.append(error.message)
                }
                do { try await context.notify("paid", 1, run: "order~3") } catch let error as StepwiseError {
                    said.append(error.message)
                }
                // The step's name would be in the id.
                said.append(try await context.invoke(echo, "c", name: "echo~3"))
                return said
            }
            try await withWorker([parent, echo]) { client, server in
                let run = try await complete(client.enqueue(parent, 0), of: parent)
                #expect(run.output.count == 4 && run.output.last == "c")
                #expect(run.output.dropLast().allSatisfy { $0.contains(#"holds "~", which is reserved"#) })
                #expect(run.history.map(\.step) == ["echo~3"])
                #expect(try await names(server, "*~*").isEmpty)
                try await expectSound(client)
            }
        }

        @Test func `A pushed object with such an id is rejected with the reason, and nothing else happens`()
            async throws
        {
            try await withWorker([echo]) { client, server in
                for item in [
                    #"{"workflow":"echo","payload":"x","id":"order~3"}"#,
                    #"{"event":"paid","run":"order~3"}"#, #"{"workflow":"-"}"#,
                ] { _ = try await server.command("LPUSH", "stepwise:{default}:inbox:default", .init(item)) }
                try await eventually("all are rejected") { try await client.malformed(limit: 9).count == 3 }
                let reasons = try await client.malformed(limit: 9).map(\.reason)
                #expect(reasons.contains { $0.hasPrefix(#""id" holds "~", which is reserved"#) }, "\(reasons)")
                #expect(reasons.contains { $0.hasPrefix(#""run" holds "~", which is reserved"#) }, "\(reasons)")
                #expect(reasons.contains { $0.hasPrefix(#""workflow" is what work items say for no name"#) })
                for pattern in ["*run:*", "*mail:*", "*expected*", "*runs:*"] {
                    #expect(try await names(server, pattern).isEmpty)
                }
            }
        }

        // MARK: Accepted

        @Test(arguments: Memory.allCases)
        func `In a queue with every character that there may be, time limits, delays, retries and events work`(
            _ memory: Memory
        ) async throws {
            let queue = queueCharacters
            let workflow = Workflow("busy") { (context, _: Int) async throws -> [String] in
                var said: [String] = []
                said.append(
                    try await context.run("retried", .retry(soon)) { step in
                        if step.attempt == 1 { throw Hiccup() }
                        return "attempt \(step.attempt)"
                    })
                do {
                    try await context.run("slow", .totalTimeout(.milliseconds(50))) {
                        try await Task.sleep(for: .seconds(3600))
                    }
                } catch let failure as StepFailure { said.append("\(failure.cause)") }
                do { try await context.waitForEvent("never", timeout: .milliseconds(50)) } catch is EventTimeout {
                    said.append("no event")
                }
                async let left = context.run("left", .claimTimeout(.seconds(3600))) { "left" }
                async let right = context.run("right", .totalTimeout(.seconds(3600))) { "right" }
                said += try await [left, right]
                said.append(try await context.waitForEvent("click", as: String.self, timeout: .seconds(3600)))
                return said
            }
            let waiting = Workflow("waiting") { (context, _: Int) async throws -> Void in
                try await context.waitForEvent("never")
            }
            try await withWorker([workflow, waiting], memory: memory, configuration: .init(queues: [queue])) {
                client, server in
                _ = try await server.command(
                    "LPUSH", .init("stepwise:{default}:inbox:\(queue)"),
                    #"{"workflow":"waiting","payload":0,"id":"pushed","after":50,"timeout":300}"#)
                let late = try await client.enqueue(waiting, 0, .queue(queue), .runTimeout(.milliseconds(200)))
                let run = try await client.enqueue(
                    workflow, 0, .queue(queue), .after(.milliseconds(100)), .runTimeout(.seconds(3600)))
                try await eventually("it waits for the event") {
                    try await client.openSteps(ofRun: run.id).map(\.step) == ["click"]
                }
                #expect(try await client.notify("click", "yes", run: run.id) == .received)
                let completed = try await complete(run, of: workflow)
                #expect(
                    completed.output == ["attempt 2", "timedOut", "no event", "left", "right", "yes"])
                #expect(await errorCode { try await late.result(timeout: patience) } == .runFailed)
                let pushed = client.handle("pushed", as: String.self)
                try await eventually("the pushed run has ended") {
                    (try? await pushed.details())?.status == .failed
                }
                #expect(try await pushed.details().error?.contains("RunTimeout") == true)
                #expect(try await client.queueTotals().queues.map(\.name) == [queue])
                try await eventually("nothing is left to come") { try await client.queueTotals().delayed == 0 }
                try await expectSound(client, within: patience)
            }
        }

        // MARK: Scripts

        /// A script's keys and arguments by the names of its header; an argument without a value is empty.
        private func call(
            _ name: String, _ queue: String, _ arguments: [String: String], _ rest: [String] = [], _ redis: RedisClient
        ) async throws -> RedisValue {
            let script = try #require(ScriptLibrary.all.first { $0.name == name })
            let prefix = "stepwise:{default}:"
            func given(_ names: [StaticString]) -> [String] {
                names.map(\.description).filter { !$0.hasSuffix("?") && !$0.hasSuffix("...") }
            }
            let keys = given(script.keys).map { name in
                switch name {
                case "run", "steps", "open", "join": "\(prefix)\(name):r"
                case "claimed": "\(prefix)claimed:w:\(queue)"
                case "queue", "parent_queue": "\(prefix)queue:\(queue)"
                case "delayed", "dead": prefix + name
                default: "\(prefix)runs:\(name)"
                }
            }
            return try await redis.evaluate(
                script.redis, keys: keys,
                arguments: (given(script.arguments).map { arguments[$0] ?? "" } + rest).map { .init($0) })
        }

        @Test(arguments: ["default", "a}:queue:b", "a}:claimed:w:b"])
        func `A script writes the queue that it is told, however the names in its keys could be read`(_ queue: String)
            async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                func delayed() async throws -> Set<String> {
                    let entries = try await redis.send(["ZRANGE", "stepwise:{default}:delayed", "0", "-1"])
                    return Set(entries.array?.compactMap(\.string) ?? [])
                }
                var common = ["id": "r", "workflow": "w", "queue": queue, "payload": "1", "worker": "w", "seen": "0"]
                let made = try await call("enqueue", queue, common.merging(["timeout": "60000"]) { $1 }, [], redis)
                #expect(made.array?.first?.string == "new")
                let generation = try #require(
                    try await redis.send(["HGET", "stepwise:{default}:run:r", "generation"]).string)
                common["generation"] = generation
                let runLimit = "\(queue) timeout r \(generation)"
                #expect(try await delayed() == [runLimit])

                let item = try await redis.send([
                    "LMOVE", .init("stepwise:{default}:queue:\(queue)"), .init("stepwise:{default}:claimed:w:\(queue)"),
                    "RIGHT", "LEFT",
                ])
                let taking = ["text": item.string ?? "", "token": "w/1"]
                let taken = try await call("take_turn", queue, common.merging(taking) { $1 }, [], redis)
                #expect(taken.array?.first?.string == "ok")
                let advance = [
                    "number": "1", "text": "turn r \(generation)", "upto": "0", "slots": "2", "is_last": "1",
                ]
                let openings = ["2", "0", "one", "", "claim=60000", "", "1", "two", "", "total=60000", ""]
                let released = try await call(
                    "advance", queue, common.merging(advance) { $1 }, openings + ["0", "0", "0", "", "1000000", ""],
                    redis)
                #expect(
                    released.array?.compactMap(\.string)
                        == ["released", "step r \(generation) 1 one", "step r \(generation) 1 two"])
                #expect(try await delayed() == [runLimit, "\(runLimit) one", "\(runLimit) two"])

                let marking = ["text": "step r \(generation) 1 one", "step": "one", "attempt": "1", "token": "w/2"]
                let marked = try await call("mark_attempt", queue, common.merging(marking) { $1 }, [], redis)
                #expect(marked.array?.first?.string == "begun")
                #expect(try await delayed() == [runLimit, "\(runLimit) two"])
                let recording = [
                    "text": "step r \(generation) 1 two", "taken_text": "turn r \(generation)", "step": "two",
                    "attempt": "1", "head": #"{"step":"two","claim":"w/3""#, "tail": #""value":1"#, "token": "w/3",
                    "max_bytes": "1000000",
                ]
                let recorded = try await call("record", queue, common.merging(recording) { $1 }, [], redis)
                #expect(recorded.array?.first?.string == "took")
                #expect(try await delayed() == [runLimit])
                await redis.close()
                await client.close()
            }
        }
    }
}
