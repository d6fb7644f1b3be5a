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
                        #expect(try await client.handle(id, as: Int.self).result(timeout: patience) == 1)
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
    }
}
