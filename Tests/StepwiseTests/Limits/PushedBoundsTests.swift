import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// What others push has a bound in number, in bytes and in age. What a client has enqueued is never removed: by age it fails.
    @Suite("Bounds of what is pushed", .serialized) struct PushedBoundsTests {
        private let pay = Workflow("pay") { (context, amount: Int) async throws -> Int in
            try await context.run("charge") { amount }
        }
        private let other = WorkflowName<Int, Int>("other")

        private static let prefix = "stepwise:{default}:"

        private func key(_ name: String) -> RedisArgument { .init(Self.prefix + name) }

        private func push(_ item: String, _ server: RedisServer) async throws {
            _ = try await server.command("LPUSH", key("inbox:default"), .init(item))
        }

        /// Pushes runs, one after the other, and waits until each has this status.
        private func push(
            _ ids: [String], of workflow: String, payload: String = "1", until status: RunStatus,
            _ client: StepwiseClient, _ server: RedisServer
        ) async throws {
            for id in ids {
                try await push(
                    #"{"workflow":"\#(workflow)","id":"\#(id)","payload":\#(payload),"timeout":3600000}"#, server)
                try await eventually("run \(id) is \(status)") {
                    try await client.details(ofRun: id)?.status == status
                }
            }
        }

        private func count(_ name: String, _ server: RedisServer) async throws -> Int {
            try await server.command("ZCARD", key(name)).integer ?? 0
        }

        /// Calls `body` with a client of a throw-away Redis.
        private func withClient(_ body: (StepwiseClient, RedisServer) async throws -> Void) async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await body(client, server)
                await client.close()
            }
        }

        @Test(.rule(8))
        func `A rejected item leaves after its age, a newer one stays`() async throws {
            try await withClient { client, server in
                for time in [1, 2, 4_000_000_000_000] {
                    _ = try await server.command(
                        "LPUSH", key("malformed"), .init(#"{"queue":"default","reason":"r","item":"x","at":\#(time)}"#))
                }
                try await withWorkers(server, pay, configuration: .init(waitingLimit: .seconds(3600))) {
                    try await eventually("the old ones leave") {
                        let ages = try await client.malformed(limit: 9).map(\.at)
                        return ages == [4_000_000_000_000]
                    }
                }
            }
        }

        @Test(.rule(8))
        func
            `Where as many pushed runs wait as may, what would wait is refused; what waits stays, and what can be done is done`()
            async throws
        {
            let log = CollectedLog()
            try await withClient { client, server in
                let configuration = StepwiseWorker.Configuration(queues: ["default", "mail"], maximumPushedWaiting: 2)
                try await withWorkers(server, pay, configuration: configuration, logger: log.logger) {
                    try await push(["p1", "p2"], of: "other", until: .noWorker, client, server)
                    try await push(["p3"], of: "pay", payload: "[]", until: .parked, client, server)
                    try await push(#"{"workflow":"pay","id":"p4","payload":1,"after":3600000}"#, server)
                    try await eventually("it waits for its start") {
                        try await count("waiting:pushed:default", server) == 4
                    }
                    let refused = [
                        #"{"workflow":"other","id":"p5","payload":5}"#,
                        #"{"workflow":"pay","id":"p6","payload":[],"timeout":3600000}"#,
                        #"{"workflow":"pay","id":"p7","payload":7,"after":3600000}"#,
                    ]
                    try await client.notify("news", run: "p6")
                    for (number, item) in refused.enumerated() {
                        try await push(item, server)
                        try await eventually("item \(number) is refused") {
                            try await client.malformed(limit: 9).count == number + 1
                        }
                    }
                    let entries = try await client.malformed(limit: 9)
                    #expect(
                        entries.allSatisfy { $0.reason.contains("4 pushed runs of queue \"default\" wait already") })
                    #expect(entries.allSatisfy { $0.reason.contains("maximumPushedWaiting") })
                    // What was a run for a moment can be pushed again as well.
                    let item = JSONMembers(Array(entries[1].item.utf8))
                    #expect(item?.string("id") == "p6" && item?.string("workflow") == "pay")
                    #expect(item?.values["payload"] == Array("[]".utf8) && item?.integer("timeout") == 3_600_000)

                    try await push(#"{"workflow":"pay","id":"p8","payload":8}"#, server)
                    let done = client.handle("p8", as: Int.self)
                    try await eventually("it is there") { (try? await done.details()) != nil }
                    #expect(try await done.result(timeout: patience) == 8)
                    let run = try await client.enqueue(other, 1, id: "e1")
                    try await eventually("what is enqueued waits") { try await run.details().status == .noWorker }
                    _ = try await server.command("LPUSH", key("inbox:mail"), #"{"workflow":"other","id":"m1"}"#)
                    try await eventually("another queue has its own bound") {
                        try await client.details(ofRun: "m1")?.status == .noWorker
                    }
                    var left: [String] = []
                    for id in ["p1", "p2", "p3", "p4", "p5", "p6", "p7"] {
                        let details = try await client.details(ofRun: id)
                        if details != nil { left.append(id) }
                    }
                    #expect(left == ["p1", "p2", "p3", "p4"])
                    for kind in ["run", "steps", "open", "join"] {
                        #expect(try await server.command("EXISTS", key("\(kind):p6")).integer == 0)
                    }
                    // What a client has sent to it stays, as before the run was there.
                    #expect(try await count("mail:p6", server) == 1)
                    #expect(try await count("expected", server) == 1)
                    // The time limits of three, and the start of one.
                    #expect(try await count("delayed", server) == 4)
                    let lines = log.lines(
                        "pushed items are refused: their queue already has the most that may wait; see stepwise queues --malformed"
                    )
                    #expect(lines.count == 1)
                    #expect(lines.first?.metadata["queue"] == "default" && lines.first?.metadata["bound"] == "4")
                    #expect(lines.first?.metadata["setting"] == "maximumPushedWaiting")
                    try await expectSound(client)
                }
            }
        }

        @Test(.rule(8))
        func `Pushed runs that do not wait any more keep nobody out`() async throws {
            try await withClient { client, server in
                let late = Workflow("late") { (context, amount: Int) async throws -> Int in amount }
                try await withWorkers(server, pay) {
                    try await push(["first"], of: "other", until: .noWorker, client, server)
                    try await push(["l1", "l2"], of: "late", until: .noWorker, client, server)
                    try await push(["c1", "c2"], of: "other", until: .noWorker, client, server)
                }
                try await withWorkers(server, late) {
                    for id in ["l1", "l2"] {
                        let output = try await client.handle(id, as: Int.self).result(timeout: patience)
                        #expect(output == 1)
                    }
                }
                // What a worker takes up leaves at once; what is cancelled is found by upkeep.
                #expect(try await count("waiting:pushed:default", server) == 3)
                for id in ["c1", "c2"] { try await client.handle(id, as: Int.self).cancel() }
                try await withWorkers(server, pay, configuration: .init(maximumPushedWaiting: 1)) {
                    try await eventually("what does not wait leaves") {
                        try await count("waiting:pushed:default", server) == 1
                    }
                    #expect(try await client.details(ofRun: "first")?.status == .noWorker)
                    #expect(try await client.details(ofRun: "l1")?.status == .completed)
                }
            }
        }

        @Test(.rule(8))
        func `A run that is unserved again once it is resumed counts among those that wait`() async throws {
            try await withClient { client, server in
                try await withWorkers(server, pay) {
                    try await push(["p1", "p2"], of: "other", until: .noWorker, client, server)
                    let enqueued = try await client.enqueue(other, 1, id: "e1")
                    try await eventually("it waits") { try await enqueued.details().status == .noWorker }
                }
                for id in ["p1", "p2", "e1"] {
                    let isPaused = try await client.pause(id)
                    #expect(isPaused)
                }
                // As if upkeep had found none of them waiting.
                _ = try await server.command("DEL", key("waiting:pushed:default"), key("waiting:enqueued"))
                try await client.resume("p1")
                try await client.resume("e1")
                for (list, id) in [("waiting:pushed:default", "p1"), ("waiting:enqueued", "e1")] {
                    let names = try await server.command("ZRANGE", key(list), "0", "-1").array?.compactMap(\.string)
                    #expect(names == [id])
                }
                // It is listed as well while its workflow is paused: nobody lists it later.
                _ = try await client.pause(workflow: "other")
                try await client.resume("p2")
                #expect(try await count("waiting:pushed:default", server) == 2)
                #expect(try await client.details(ofRun: "p2")?.status == .noWorker)
                try await expectSound(client)
            }
        }

        @Test(.rule(8))
        func `What somebody has paused since it waits does not leave by age, whoever looks`() async throws {
            try await withClient { client, server in
                try await withWorkers(server, pay) {
                    try await push(["q1"], of: "other", until: .noWorker, client, server)
                    try await push(["q2"], of: "third", until: .noWorker, client, server)
                }
                _ = try await client.pause(workflow: "other")
                // It has neither of the two workflows, and serves another queue: its beats do not tell it what is paused of these.
                let configuration = StepwiseWorker.Configuration(
                    queues: ["elsewhere"], waitingLimit: .milliseconds(1))
                try await withWorkers(server, pay, configuration: configuration) {
                    try await eventually("the other leaves") { try await client.details(ofRun: "q2") == nil }
                    #expect(try await client.details(ofRun: "q1")?.status == .noWorker)
                    #expect(try await count("waiting:pushed:default", server) == 1)
                }
            }
        }

        @Test(.rule(8))
        func `What waits because somebody has paused its workflow is taken in beyond the bound, and is listed`()
            async throws
        {
            try await withClient { client, server in
                _ = try await client.pause(workflow: "pay")
                try await withWorkers(server, pay, configuration: .init(maximumPushedWaiting: 1)) {
                    try await push(["q1", "q2", "q3"], of: "pay", until: .noWorker, client, server)
                    let listed = try await count("waiting:pushed:default", server)
                    #expect(listed == 3, "nobody lists them once the workflow is resumed")
                    _ = try await client.resume(workflow: "pay")
                    for id in ["q1", "q2", "q3"] {
                        #expect(try await client.handle(id, as: Int.self).result(timeout: patience) == 1)
                    }
                }
            }
        }

        @Test(.rule(8))
        func `What never began within the limit leaves if it was pushed, and fails if it was enqueued`() async throws {
            try await withClient { client, server in
                let gate = Workflow("gate") { (context, _: Int) async throws -> Int in
                    _ = try await context.run("first") { 1 }
                    try await context.waitForEvent("never")
                    return 1
                }
                try await withWorkers(server, gate) {
                    try await push(["pushed"], of: "other", until: .noWorker, client, server)
                    let unserved = try await client.enqueue(other, 1, id: "unserved")
                    try await eventually("it waits") { try await unserved.details().status == .noWorker }
                    let parked = try await client.enqueue(WorkflowName<String, Int>("gate"), "x", id: "parked")
                    try await eventually("it is parked") { try await parked.details().status == .parked }
                    let begun = try await client.enqueue(gate, 1, id: "begun")
                    try await eventually("it waits for an event") {
                        try await client.openSteps(ofRun: begun.id).map(\.step) == ["never"]
                    }
                }
                _ = try await client.enqueue(other, 1, id: "queued", .queue("nobody"))
                _ = try await client.enqueue(other, 1, id: "later", .queue("nobody"), .after(.seconds(3600)))
                // It serves another queue: nothing of these can begin.
                let configuration = StepwiseWorker.Configuration(
                    queues: ["elsewhere"], waitingLimit: .milliseconds(1))
                try await withWorkers(server, pay, configuration: configuration) {
                    for id in ["unserved", "parked", "queued"] {
                        try await eventually("run \(id) fails") {
                            try await client.details(ofRun: id)?.status == .failed
                        }
                    }
                    try await eventually("the pushed one leaves") { try await client.details(ofRun: "pushed") == nil }
                    let dead = try await client.deadRuns().runs
                    #expect(dead.map(\.id).sorted() == ["parked", "queued", "unserved"])
                    #expect(dead.allSatisfy { $0.error.type == "NeverBegan" })
                    #expect(dead.allSatisfy { $0.error.message.contains("waitingLimit") })
                    #expect(try await client.details(ofRun: "later")?.status == .queued)
                    #expect(try await client.details(ofRun: "begun")?.status == .running)
                    #expect(try await count("waiting:enqueued", server) == 0)
                    #expect(try await server.command("EXISTS", key("unserved:default:other")).integer == 0)
                }
            }
        }

        @Test(.rule(8))
        func `Where pushed events wait for as many runs that are not there as may, one for another run is refused`()
            async throws
        {
            let log = CollectedLog()
            try await withClient { client, server in
                let configuration = StepwiseWorker.Configuration(queues: ["default", "mail"], maximumPushedWaiting: 1)
                try await withWorkers(server, pay, configuration: configuration, logger: log.logger) {
                    for (number, id) in ["x1", "x2"].enumerated() {
                        try await push(#"{"event":"news","run":"\#(id)","payload":1}"#, server)
                        try await eventually("the event for \(id) is there") {
                            try await count("expected:pushed:default", server) == number + 1
                        }
                    }
                    try await push(#"{"event":"news","run":"x3","payload":1}"#, server)
                    try await eventually("it is refused") { try await client.malformed(limit: 9).count == 1 }
                    let reason = try await client.malformed(limit: 1).first?.reason
                    #expect(reason?.contains("for 2 such runs already (twice maximumPushedWaiting") == true)
                    #expect(try await server.command("EXISTS", key("mail:x3")).integer == 0)
                    // Two events, and their count.
                    try await push(#"{"event":"news","run":"x1","payload":2}"#, server)
                    try await eventually("another one for the same run is kept") {
                        try await count("mail:x1", server) == 3
                    }
                    for id in ["y1", "y2", "x1"] { try await client.notify("news", 1, run: id) }
                    _ = try await server.command("LPUSH", key("inbox:mail"), #"{"event":"news","run":"z1"}"#)
                    try await eventually("another queue has its own bound") {
                        try await count("expected:pushed:mail", server) == 1
                    }
                    let lines = log.lines(
                        "pushed items are refused: their queue already has the most that may wait; see stepwise queues --malformed"
                    )
                    #expect(lines.map { $0.metadata["waiting"] } == ["events"])
                    // It does not count any more: the run was made.
                    _ = try await client.enqueue(pay, 1, id: "x2", .queue("nobody"))
                    try await eventually("it leaves") { try await count("expected:pushed:default", server) == 1 }
                    try await push(#"{"event":"news","run":"x3","payload":1}"#, server)
                    try await eventually("there is room again") {
                        try await count("expected:pushed:default", server) == 2
                    }
                    #expect(
                        try await client.expectedRuns(limit: 9).map(\.run).sorted() == ["x1", "x3", "y1", "y2", "z1"])
                    #expect(try await client.clearExpectedRuns(["x3"]) == 1)
                    _ = try await client.clearExpectedRuns([])
                    let gone = try await server.command(
                        "EXISTS", key("mail:x1"), key("mail:x3"), key("mail:y1"), key("mail:z1"))
                    #expect(gone.integer == 0)
                    #expect(try await count("mail:x2", server) == 2)
                }
            }
        }

        @Test(.rule(8))
        func
            `Events to a run that is not there leave by age if they were pushed, and not with those that a client sent`()
            async throws
        {
            try await withClient { client, server in
                try await withWorkers(server, pay) {
                    for id in ["x1", "x2"] {
                        try await push(#"{"event":"news","run":"\#(id)","payload":1}"#, server)
                        try await eventually("it is there") { try await count("mail:\(id)", server) == 2 }
                    }
                }
                try await client.notify("news", 2, run: "x1")
                for id in ["x1", "x2"] {
                    _ = try await server.command("ZADD", key("expected:pushed:default"), "1", .init(id))
                    // The mailbox has the time of the last one, too.
                    _ = try await server.command("ZREMRANGEBYLEX", key("mail:\(id)"), "[ pushed ", "( pushed!")
                    _ = try await server.command("ZADD", key("mail:\(id)"), "0", " pushed 1 30 1")
                }
                try await withWorkers(server, pay) {
                    try await eventually("they leave") { try await count("expected:pushed:default", server) == 0 }
                    #expect(try await count("mail:x1", server) == 3)
                    #expect(try await server.command("EXISTS", key("mail:x2")).integer == 0)
                }
            }
        }

        @Test(.rule(8))
        func `What is pushed for a run that is not there has a bound in bytes`() async throws {
            try await withWorker([pay]) { client, server in
                let value = String(repeating: "x", count: 400_000)
                for number in 0..<3 {
                    try await push(#"{"event":"news","run":"big","payload":"\#(number)\#(value)"}"#, server)
                }
                try await eventually("the third is rejected") { try await client.malformed(limit: 9).count == 1 }
                let reason = try await client.malformed(limit: 1).first?.reason
                #expect(reason?.contains("1048576 bytes of pushed events") == true)
                // And their count.
                try await eventually("two wait") { try await count("mail:big", server) == 3 }
                #expect(try await client.notify("news", value, run: "big") == .kept)
            }
        }

        @Test(.rule(8))
        func `A pushed event is kept no longer than the limit, of so many names, and what is not sent is told`()
            async throws
        {
            let configuration = StepwiseWorker.Configuration(waitingLimit: .seconds(3600), maximumPushedWaiting: 1)
            try await withWorker([pay], configuration: configuration) { client, server in
                try await push(#"{"event":"news","keep":315359999999,"payload":"first"}"#, server)
                try await eventually("it is kept") { try await client.keptEvents(limit: 9).count == 1 }
                let life = try await server.command("PTTL", key("kept:news")).integer ?? 0
                #expect(life > 0 && life <= 3_600_000)
                #expect(try await client.notify("news", "second") == .sent)
                for (name, words) in [("news", "is kept already"), ("more", "maximumPushedWaiting")] {
                    try await push(#"{"event":"\#(name)","keep":60000}"#, server)
                    try await eventually("it is rejected: \(words)") {
                        try await client.malformed(limit: 1).first?.reason.contains(words) == true
                    }
                }
                #expect(try await client.clearKeptEvents(["news"]) == 1)
                #expect(try await client.notify("news", "third", keep: .seconds(60)) == .sent)
                try await push(#"{"event":"more","keep":60000}"#, server)
                try await eventually("the other name is kept") {
                    try await client.keptEvents(limit: 9).map(\.event) == ["more", "news"]
                }
                #expect(try await client.keptEvents(limit: 9).last?.value == #""third""#)
                #expect(try await client.clearKeptEvents([]) == 2)
                try await expectSound(client)
            }
        }
    }
}
