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
        func `Of pushed runs that never began the oldest leave beyond the number, and nothing of them is left`()
            async throws
        {
            try await withClient { client, server in
                try await withWorkers(server, pay) {
                    try await push(["p1", "p2"], of: "other", until: .noWorker, client, server)
                    try await push(["p3", "p4"], of: "pay", payload: "[]", until: .parked, client, server)
                    try await push(["p5"], of: "other", until: .noWorker, client, server)
                    for id in ["e1", "e2", "e3"] {
                        let run = try await client.enqueue(other, 1, id: id)
                        try await eventually("run \(id) waits") { try await run.details().status == .noWorker }
                    }
                    try await client.notify("news", run: "p1")
                }
                try await withWorkers(server, pay, configuration: .init(maximumPushedWaiting: 2)) {
                    try await eventually("the oldest leave") { try await count("waiting:pushed", server) == 2 }
                    var left: [String] = []
                    for id in ["p1", "p2", "p3", "p4", "p5", "e1", "e2", "e3"] {
                        let details = try await client.details(ofRun: id)
                        if details != nil { left.append(id) }
                    }
                    #expect(left == ["p4", "p5", "e1", "e2", "e3"])
                    for kind in ["run", "steps", "open", "join", "mail", "seen"] {
                        #expect(try await server.command("EXISTS", key("\(kind):p1")).integer == 0)
                    }
                    #expect(try await server.command("LLEN", key("unserved:other")).integer == 4)
                    #expect(try await count("delayed", server) == 2)
                    #expect(try await count("runs:parked", server) == 1)
                    #expect(try await count("runs:unserved", server) == 4)
                    try await expectSound(client)
                }
            }
        }

        @Test(.rule(8))
        func `Pushed runs that have begun meanwhile do not count among those that wait`() async throws {
            try await withClient { client, server in
                let late = Workflow("late") { (context, amount: Int) async throws -> Int in amount }
                try await withWorkers(server, pay) {
                    try await push(["first"], of: "other", until: .noWorker, client, server)
                    try await push(["l1", "l2"], of: "late", until: .noWorker, client, server)
                }
                try await withWorkers(server, late) {
                    for id in ["l1", "l2"] {
                        let output = try await client.handle(id, as: Int.self).result(timeout: patience)
                        #expect(output == 1)
                    }
                }
                #expect(try await count("waiting:pushed", server) == 3)
                try await withWorkers(server, pay, configuration: .init(maximumPushedWaiting: 1)) {
                    try await eventually("what has begun leaves") { try await count("waiting:pushed", server) == 1 }
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
                // Upkeep takes a paused run out of both lists.
                _ = try await server.command("DEL", key("waiting:pushed"), key("waiting:enqueued"))
                try await client.resume("p1")
                try await client.resume("e1")
                for (list, id) in [("waiting:pushed", "p1"), ("waiting:enqueued", "e1")] {
                    let names = try await server.command("ZRANGE", key(list), "0", "-1").array?.compactMap(\.string)
                    #expect(names == [id])
                }
                // Whoever has paused its workflow wants it to wait.
                _ = try await client.pause(workflow: "other")
                try await client.resume("p2")
                #expect(try await count("waiting:pushed", server) == 1)
                #expect(try await client.details(ofRun: "p2")?.status == .noWorker)
                try await expectSound(client)
            }
        }

        @Test(.rule(8))
        func `What waits because somebody has paused its workflow is not bounded`() async throws {
            try await withClient { client, server in
                _ = try await client.pause(workflow: "pay")
                try await withWorkers(server, pay) {
                    try await push(["q1", "q2"], of: "pay", until: .noWorker, client, server)
                    #expect(try await count("waiting:pushed", server) == 0)
                    _ = try await client.resume(workflow: "pay")
                    for id in ["q1", "q2"] {
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
                    #expect(try await server.command("EXISTS", key("unserved:other")).integer == 0)
                }
            }
        }

        @Test(.rule(8))
        func `Of runs that are not there the oldest lose what was pushed for them; what a client sent stays`()
            async throws
        {
            try await withClient { client, server in
                try await withWorkers(server, pay) {
                    for (number, id) in ["x1", "x2", "x3"].enumerated() {
                        try await push(#"{"event":"news","run":"\#(id)","payload":1}"#, server)
                        try await eventually("the event for \(id) is there") {
                            try await count("expected:pushed", server) == number + 1
                        }
                    }
                }
                for id in ["y1", "y2"] { try await client.notify("news", 1, run: id) }
                // It does not count any more: the run was made.
                _ = try await client.enqueue(pay, 1, id: "x3", .queue("nobody"))
                try await withWorkers(server, pay, configuration: .init(maximumPushedWaiting: 1)) {
                    try await eventually("one is left") { try await count("expected:pushed", server) == 1 }
                    var left: [String] = []
                    for id in ["x1", "x2", "x3", "y1", "y2"] {
                        let mail = try await count("mail:\(id)", server)
                        if mail == 1 { left.append(id) }
                    }
                    #expect(left == ["x2", "x3", "y1", "y2"])
                    #expect(try await server.command("HLEN", key("expected:bytes")).integer == 3)
                    #expect(try await client.expectedRuns(limit: 9).map(\.run).sorted() == ["x2", "y1", "y2"])
                    #expect(try await client.clearExpectedRuns(["x2"]) == 1)
                    #expect(try await client.clearExpectedRuns([]) == 2)
                    #expect(try await server.command("EXISTS", key("mail:x2"), key("mail:y1")).integer == 0)
                    #expect(try await server.command("EXISTS", key("expected:bytes")).integer == 0)
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
                try await eventually("two wait") { try await count("mail:big", server) == 2 }
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
                #expect(try await client.notify("news", "second", keep: .seconds(60)) == .keptAlready)
                #expect(try await client.notify("news", "third") == .sent)
                for (name, words) in [("news", "is kept already"), ("more", "maximumPushedWaiting")] {
                    try await push(#"{"event":"\#(name)","keep":60000}"#, server)
                    try await eventually("it is rejected: \(words)") {
                        try await client.malformed(limit: 1).first?.reason.contains(words) == true
                    }
                }
                #expect(try await client.clearKeptEvents(["news"]) == 1)
                #expect(try await client.notify("news", "fourth", keep: .seconds(60)) == .sent)
                try await push(#"{"event":"more","keep":60000}"#, server)
                try await eventually("the other name is kept") {
                    try await client.keptEvents(limit: 9).map(\.event) == ["more", "news"]
                }
                #expect(try await client.keptEvents(limit: 9).last?.value == #""fourth""#)
                #expect(try await client.clearKeptEvents([]) == 2)
                try await expectSound(client)
            }
        }
    }
}
