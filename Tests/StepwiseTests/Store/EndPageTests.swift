import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// Scripts as they are, for a run "r" that a worker "w" holds, with the calls that are hard to have in a race.
struct Scripts {
    static let prefix = "stepwise:{default}:"

    let server: RedisServer
    let client: StepwiseClient
    let redis: RedisClient
    let generation: String
    var turn: String { "turn r \(generation)" }
    var mover: String { "end r \(generation)" }

    /// - Parameters:
    ///   - takesTurn: whether the worker has taken the turn that it has claimed.
    ///   - appendOnly: whether ``restarted()`` finds the data again.
    static func withRun(
        takesTurn: Bool = true, appendOnly: Bool = false, _ body: (Scripts) async throws -> Void
    ) async throws {
        try await RedisServer.withServer(appendOnly: appendOnly) { server in
            let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
            let redis = RedisClient(
                address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
            _ = try await client.enqueue(WorkflowName<String, String>("greet"), "in", id: "r")
            let stored = try await redis.send(["HGET", .init(prefix + "run:r"), "generation"])
            let generation = try #require(stored.string)
            let scripts = Scripts(server: server, client: client, redis: redis, generation: generation)
            try await scripts.claim()
            if takesTurn { try await scripts.takeTurn() }
            try await body(scripts)
            await redis.close()
            await client.close()
        }
    }

    /// Restarts Redis: the same data in another process.
    ///
    /// - Returns: the same over a connection of its own, which the caller closes.
    func restarted() async throws -> Scripts {
        try await server.restart()
        let redis = RedisClient(
            address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
        return Scripts(server: server, client: client, redis: redis, generation: generation)
    }

    private func key(_ name: String) -> String {
        switch name {
        case "waiting_pushed": Self.prefix + "waiting:pushed:default"
        case "waiting_enqueued": Self.prefix + "waiting:enqueued"
        case "pushed_queues": Self.prefix + "pushed:queues"
        case "run", "steps", "open", "join", "mail", "seen": Self.prefix + name + ":r"
        case "claimed": Self.prefix + "claimed:w:default"
        case "queue", "parent_queue": Self.prefix + "queue:default"
        case "unserved_items": Self.prefix + "unserved:default:greet"
        case "unfit": Self.prefix + "unfit:greet"
        case "event": Self.prefix + "event:go"
        case "delayed", "dead", "meta", "expected", "malformed": Self.prefix + name
        default: Self.prefix + "runs:" + name
        }
    }

    /// Calls a script. An argument that is neither here nor the same in every call is empty.
    func call(_ name: String, _ arguments: [String: String] = [:], _ rest: [String] = []) async throws -> [String] {
        let script = try #require(ScriptLibrary.all.first { $0.name == name })
        let common = [
            "id": "r", "worker": "w", "number": "1", "text": turn, "generation": generation, "upto": "0", "slots": "0",
            "seen": "0", "queue": "default", "attempt": "1", "max_losses": "3", "max_bytes": "1000000",
        ]
        let values = common.merging(arguments) { $1 }
        let names = script.arguments.map(\.description).filter { !$0.hasSuffix("...") && !$0.hasSuffix("?") }
        let keys = script.keys.map(\.description).filter { !$0.hasSuffix("...") && !$0.hasSuffix("?") }
        let reply = try await redis.evaluate(
            script.redis, keys: keys.map(key), arguments: (names.map { values[$0] ?? "" } + rest).map { .init($0) })
        return reply.array?.compactMap(\.string) ?? []
    }

    /// The worker takes the turn whose item it has claimed last.
    func takeTurn() async throws {
        let text = try await list("claimed:w:default").first ?? ""
        _ = try await call("take_turn", ["text": text, "token": "w/1"])
    }

    /// One page of a turn: opens so many steps from a number on.
    func open(_ count: Int, from start: Int = 0, wait: String = "", isLast: Bool) async throws {
        var plan = [String(count)]
        for number in start..<start + count { plan += [String(number), "step \(number)", "", "", wait] }
        plan += ["0", "0", "0", "", "1000000", ""]
        _ = try await call("advance", ["is_last": isLast ? "1" : ""], plan)
    }

    /// The function's end, of which the plan names nothing.
    func end(_ ending: String) async throws -> [String] {
        try await call(
            "advance", ["ending": ending, "result": "\"out\""], ["0", "0", "0", "0", "", "1000000", ""])
    }

    /// The next page of the run's end.
    func page(_ count: Int) async throws -> (steps: [String], reply: [String]) {
        let fields = try await redis.send(["HKEYS", .init(Self.prefix + "open:r")]).array?.compactMap(\.string) ?? []
        let steps = Array(fields.prefix(count))
        return (steps, try await page(steps))
    }

    func page(_ steps: [String]) async throws -> [String] {
        try await call("end_page", ["text": mover], steps.flatMap { [$0, ""] })
    }

    /// What is next in the queue goes to the worker.
    func claim() async throws {
        _ = try await redis.send([
            "LMOVE", .init(Self.prefix + "queue:default"), .init(Self.prefix + "claimed:w:default"), "RIGHT", "LEFT",
        ])
    }

    func list(_ name: String) async throws -> [String] {
        try await redis.send(["LRANGE", .init(Self.prefix + name), "0", "-1"]).array?.compactMap(\.string) ?? []
    }

    func left() async throws -> Int {
        try await redis.send(["HLEN", .init(Self.prefix + "open:r")]).integer ?? 0
    }

    func field(_ name: String) async throws -> String? {
        try await redis.send(["HGET", .init(Self.prefix + "run:r"), .init(name)]).string
    }
}

extension Scenarios {
    @Suite("Pages of an end") struct EndPageTests {
        @Test(.rule(1)) func `A mover whose worker is lost goes back to the queue, and who claims it goes on`()
            async throws
        {
            try await Scripts.withRun { scripts in
                try await scripts.open(1000, isLast: false)
                try await scripts.open(500, from: 1000, isLast: false)
                let decided = try await scripts.end("completed")
                #expect(decided == ["ending", scripts.mover])
                let claims = try await scripts.list("claimed:w:default")
                #expect(claims == [scripts.mover], "the turn has gone, and its mover is there")
                let again = try await scripts.end("completed")
                #expect(again == ["ending", scripts.mover], "sent again")

                let (steps, first) = try await scripts.page(500)
                #expect(first == ["more"])
                let second = try await scripts.page(steps)
                let left = try await scripts.left()
                #expect(second == ["more"] && left == 1000, "a page that is sent again changes nothing")

                let lost = try await scripts.call(
                    "release", ["text": scripts.mover, "kind": "message", "is_lost": "1"])
                #expect(lost == ["moved"])
                let queue = try await scripts.list("queue:default")
                #expect(queue.last == scripts.mover, "it is next")
                let late = try await scripts.page(500)
                let untouched = try await scripts.left()
                #expect(late.reply == ["stale"] && untouched == 1000)

                try await scripts.claim()
                let third = try await scripts.page(1000)
                #expect(third.reply == ["ended", "completed"])
                let (status, output) = (try await scripts.field("status"), try await scripts.field("output"))
                #expect(status == "completed" && output == "\"out\"")
                let once = try await scripts.page([])
                #expect(once == ["stale"])
            }
        }

        @Test(.rule(1))
        func `A run that begins anew keeps its input until nothing is left: a cancel before that is its end`()
            async throws
        {
            try await Scripts.withRun { scripts in
                try await scripts.open(1000, isLast: false)
                try await scripts.open(500, from: 1000, isLast: false)
                _ = try await scripts.end("continued")
                let (input, next) = (try await scripts.field("payload"), try await scripts.field("next"))
                #expect(input == "\"in\"" && next == "\"out\"")
                _ = try await scripts.page(500)
                let answer = try await scripts.client.cancel("r", reason: "enough")
                #expect(answer == .cancelled)
                let second = try await scripts.client.cancel("r", reason: "more than enough")
                #expect(second == .alreadyEnded(.cancelled))
                let last = try await scripts.page(1000)
                #expect(last.reply == ["ended", "cancelled"])
                let (reason, generation) = (try await scripts.field("cancelled"), try await scripts.field("generation"))
                #expect(reason == "enough" && generation == scripts.generation)
                let forgotten = try await scripts.field("next")
                #expect(forgotten == nil)
            }
        }

        @Test(.scenario(41))
        func `A step says from its opening which child it makes, also after an attempt that failed`()
            async throws
        {
            try await Scripts.withRun { scripts in
                try await scripts.open(2, wait: "child c:1 greet:2", isLast: true)
                let open = try await scripts.redis.send(["HGET", .init(Scripts.prefix + "open:r"), "step 0"])
                #expect(open.string?.hasPrefix("child:3:c:1:greet:2 1 0 item called=") == true)
                try await scripts.claim()
                let text = "step r \(scripts.generation) 1 step 0"
                let claims = try await scripts.list("claimed:w:default")
                #expect(claims == [text])
                let delayed = try await scripts.call(
                    "retry",
                    ["text": text, "number": "", "step": "step 0", "delay": "1000", "failure": "{}", "took": "1"])
                #expect(delayed == ["delayed"])
                let again = try await scripts.redis.send(["HGET", .init(Scripts.prefix + "open:r"), "step 0"])
                #expect(again.string?.hasPrefix("child:3:c:1:greet:2 2 0 item ") == true)
                try await scripts.client.pause("r")
                let answer = try await scripts.client.cancel("r")
                #expect(answer == .cancelled)
                let messages = try await scripts.list("queue:default").filter { $0.hasPrefix("cancel ") }
                #expect(
                    messages.sorted() == [
                        "cancel c:1 greet:2 r \(scripts.generation) step 0",
                        "cancel c:1 greet:2 r \(scripts.generation) step 1",
                    ])
            }
        }

        @Test(.scenario(41)) func `A child that was made under a turn whose run has ended meanwhile is told to end`()
            async throws
        {
            try await Scripts.withRun { scripts in
                try await scripts.open(1, wait: "child c greet", isLast: true)
                try await scripts.client.pause("r")
                let answer = try await scripts.client.cancel("r")
                #expect(answer == .cancelled)
                let before = try await scripts.list("queue:default").count
                let message = "cancel c greet r \(scripts.generation) step 0"
                let reply = try await scripts.call(
                    "await_child", ["step": "step 0", "child": "c", "policy": "cancel", "cancel_text": message])
                #expect(reply == ["stale"])
                let queue = try await scripts.list("queue:default")
                #expect(queue.count == before + 1 && queue.last == message)
            }
        }

        @Test(.rule(6)) func `A withdrawal whose claim Redis has lost takes no waiter away`() async throws {
            try await Scripts.withRun { scripts in
                let waiter = MailWaiter(event: "go", generation: scripts.generation, number: 0, step: "step 0")
                _ = try await scripts.redis.send(["ZADD", .init(Scripts.prefix + "mail:r"), "0", .init(waiter.text)])
                let text = "withdraw r \(scripts.generation) 0 go step 0"
                let arguments = ["text": text, "number": "0", "name": "go", "step": "step 0"]
                let lost = try await scripts.call("withdraw", arguments)
                let kept = try await scripts.redis.send(["ZCARD", .init(Scripts.prefix + "mail:r")]).integer
                #expect(lost == ["stale"] && kept == 1)
                _ = try await scripts.redis.send(["LPUSH", .init(Scripts.prefix + "claimed:w:default"), .init(text)])
                let done = try await scripts.call("withdraw", arguments)
                let left = try await scripts.redis.send(["ZCARD", .init(Scripts.prefix + "mail:r")]).integer
                #expect(done == ["withdrawn"] && left == 0)
            }
        }
    }
}
