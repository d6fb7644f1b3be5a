import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Testing

/// What `stepwise explain` prints, and with which code it ends.
extension CommandTests {
    private func lines(_ end: CommandEnd) -> [String] { end.output.split(separator: "\n").map(String.init) }

    private func rows(_ end: CommandEnd) throws -> [[String: Any]] {
        try document(end.output)["rows"] as? [[String: Any]] ?? []
    }

    /// A worker's entry, as one that beats would have it for an hour.
    private func addBeating(_ fixture: Fixture, _ name: String, queues: String = "default") async throws {
        try await fixture.send("HSET ~worker:\(name) state alive concurrency 1 host vm-1", "queues", queues)
        try await fixture.send("HSET ~worker:\(name)", "workflows", "ship pack")
        let time = try await fixture.client.redisTime()
        try await fixture.send("ZADD ~workers \(time + 3_600_000) \(name)")
    }

    @Test func `Explain tells of a run in its first line, with what to do; status has the same sentence`() async throws
    {
        try await Fixture.with { fixture in
            #expect(try await fixture.stepwise("enqueue", "double", "1", "--id", "r1").code == 0)
            let told = try await fixture.stepwise("explain", "r1")
            #expect(told.code == 1, "\(told.output) \(told.complaint)")
            #expect(lines(told).first?.hasPrefix("run r1 (double) is stuck: ") == true, "\(told.output)")
            #expect(lines(told).contains { $0.hasPrefix("Next    ") } && told.complaint.isEmpty)
            let json = try document(try await fixture.stepwise("explain", "r1", "--json").output)
            #expect(json["verdict"] as? String == "stuck" && json["run"] as? String == "r1")
            for member in ["facts", "also", "workers", "next", "evidence", "children", "cause", "sentence"] {
                #expect(json[member] != nil, "\(member)")
            }
            let sentence = try #require(json["sentence"] as? String)
            let status = try await fixture.stepwise("status", "r1")
            #expect(status.output.contains("\nwhy "), "\(status.output)")
            let stood = try document(try await fixture.stepwise("status", "r1", "--json").output)
            #expect(stood["cause"] as? String == json["cause"] as? String)
            // A time that has passed since may stand in both.
            #expect((stood["sentence"] as? String)?.prefix(20) == sentence.prefix(20))
        }
    }

    @Test func `Explain ends with 0 where a run has completed, and with 1 where it is not known`() async throws {
        let quick = Workflow("quick") { (context, amount: Int) async throws -> Int in amount }
        try await Fixture.with { fixture in
            try await fixture.withWorker([quick]) {
                let done = try await fixture.stepwise("enqueue", "quick", "1", "--id", "done", "--wait")
                #expect(done.code == 0, "\(done.complaint)")
            }
            let told = try await fixture.stepwise("explain", "done")
            #expect(told.code == 0 && !told.output.contains("\nNext    nothing: it goes on by itself"))
            #expect(try await fixture.stepwise("explain", "nobody").code == 1)
        }
    }

    @Test func `Where Redis cannot be asked the first line says why, and the code is 2`() async throws {
        try await Fixture.with { fixture in
            for run in [["r"], []] {
                let away = try await fixture.run(["explain"] + run + ["--redis", "redis://127.0.0.1:1"])
                #expect(away.code == 2 && away.output.isEmpty)
                #expect(away.complaint.hasPrefix("stepwise: redisUnreachable: "), "\(away.complaint)")
                #expect(away.complaint.contains("\nstepwise: next: "))
                let json = try await fixture.run(["explain", "--json"] + run + ["--redis", "redis://127.0.0.1:1"])
                #expect(json.code == 2 && json.output.contains("\"cause\":\"redisUnreachable\""))
            }
            #expect(try await fixture.stepwise("explain", "a b").code == 64)
            #expect(try await fixture.stepwise("explain", "r", "--timeout", "soon").code == 64)
            try await fixture.send("HSET ~meta format 99")
            let newer = try await fixture.stepwise("explain", "r")
            #expect(newer.code == 2 && newer.complaint.hasPrefix("stepwise: newerFormat: "), "\(newer.complaint)")
        }
    }

    @Test func `Without a run explain has a row for each cause, with its remedy, and the remedy works`() async throws {
        try await Fixture.with { fixture in
            let empty = try await fixture.stepwise("explain")
            #expect(empty.code == 0 && empty.output == "0 of 0 live runs do not move by themselves\n")
            try await addBeating(fixture, "w-1-a")
            for (id, queue) in [("m1", "mail"), ("m2", "mail"), ("d1", "default")] {
                let end = try await fixture.stepwise("enqueue", "ship", "1", "--id", id, "--queue", queue)
                #expect(end.code == 0)
            }
            #expect(try await fixture.stepwise("enqueue", "ship", "1", "--id", "p1").code == 0)
            #expect(try await fixture.stepwise("pause", "p1", "--reason", "the audit").code == 0)
            let told = try await fixture.stepwise("explain")
            #expect(told.code == 1)
            #expect(
                lines(told).first?.hasPrefix("3 of 4 live runs do not move by themselves: No worker that is alive")
                    == true,
                "\(told.output)")
            #expect(told.output.contains("\nnoWorkerForQueue  2 items"))
            let json = try await fixture.stepwise("explain", "--json")
            let found = try rows(json)
            #expect(found.map { $0["cause"] as? String } == ["noWorkerForQueue", "paused"], "\(json.output)")
            #expect(found.first?["runs"] as? [String] == ["m1", "m2"])
            let next = (found.last?["next"] as? [[String: Any]])?.first?["command"] as? String
            #expect(next == "stepwise resume p1")
            #expect(try await fixture.stepwise("resume", "p1").code == 0)
            try await addBeating(fixture, "w-2-a", queues: "mail")
            let mended = try await fixture.stepwise("explain")
            #expect(mended.code == 0 && mended.output.contains("0 of 4 live runs do not move by themselves"))
        }
    }

    @Test func `Runs whose turns somebody has deleted are told as stuck, though no list is wrong`() async throws {
        try await Fixture.with { fixture in
            try await addBeating(fixture, "w-1-a")
            for id in ["lost1", "lost2"] {
                #expect(try await fixture.stepwise("enqueue", "ship", "1", "--id", id).code == 0)
                try await fixture.send("ZADD ~runs:queued 1000 \(id)")
            }
            try await fixture.send("DEL ~queue:default")
            let told = try await fixture.stepwise("explain")
            #expect(
                told.code == 1 && lines(told).first?.hasPrefix("2 of 2 live runs do not move") == true, "\(told.output)"
            )
            let found = try rows(try await fixture.stepwise("explain", "--json"))
            #expect(found.map { $0["cause"] as? String } == ["nobodyMoves", "nobodyMoves"])
        }
    }

    @Test func `A schedule that is paused has a row, and is no fault`() async throws {
        try await Fixture.with { fixture in
            let made = try await fixture.stepwise("schedule", "create", "nightly", "ship", "--every", "1h")
            #expect(made.code == 0, "\(made.complaint)")
            #expect(try await fixture.stepwise("schedule", "pause", "nightly").code == 0)
            let told = try await fixture.stepwise("explain")
            #expect(told.code == 0 && told.output.contains("1 schedule is paused and starts nothing: nightly since "))
            #expect(
                told.output.contains("\npaused  1 schedule ")
                    && told.output.contains("stepwise schedule resume nightly"))
        }
    }

    @Test func `Pushed items that nobody takes, rejected ones and hostile names have rows on one line each`()
        async throws
    {
        try await Fixture.with { fixture in
            try await addBeating(fixture, "w-1-a")
            try await fixture.send("LPUSH ~inbox:elsewhere", #"{"workflow":"ship"}"#)
            let time = try await fixture.client.redisTime()
            let rejected = #"{"reason":"odd \u001b[2J","queue":"default","item":"x","at":\#(time)}"#
            try await fixture.send("LPUSH ~malformed", rejected)
            try await fixture.send("HSET ~paused", "workflow:x\u{1b}[2J\ny", "\(time)")
            let told = try await fixture.stepwise("explain")
            #expect(told.code == 1 && !told.output.contains("\u{1b}") && told.output.contains("rejected"))
            #expect(try rows(try await fixture.stepwise("explain", "--json")).count == 3)
            #expect(told.output.contains("queue elsewhere"))
        }
    }

    @Test func `Explain reads at most 400 commands, and writes nothing, whatever is stored`() async throws {
        try await Fixture.with { fixture in
            let script = """
                for i = 1, 3000 do
                  redis.call('LPUSH', KEYS[1] .. 'inbox:q' .. i, '{}')
                  redis.call('LPUSH', KEYS[1] .. 'unserved:default:w' .. i, 'turn r' .. i .. ' 1')
                  redis.call('LPUSH', KEYS[1] .. 'queue:mail', 'turn m' .. i .. ' 1')
                  redis.call('HSET', KEYS[1] .. 'worker:w-' .. i .. '-a', 'queues', 'default', 'workflows', 'ship')
                  redis.call('ZADD', KEYS[1] .. 'workers', ARGV[1], 'w-' .. i .. '-a')
                  redis.call('ZADD', KEYS[1] .. 'delayed', i, 'default turn d' .. i .. ' 1')
                  redis.call('ZADD', KEYS[1] .. 'dead', ARGV[1], 'f' .. i)
                  for _, status in ipairs({ 'queued', 'running', 'unserved', 'parked', 'paused' }) do
                    local id = status .. i
                    redis.call('ZADD', KEYS[1] .. 'runs:' .. status, i, id)
                    redis.call('HSET', KEYS[1] .. 'run:' .. id, 'workflow', 'w' .. i, 'queue', 'default', 'status', status)
                    redis.call('HSET', KEYS[1] .. 'open:' .. id, 'a', 'run 1 0 item')
                  end
                end
                redis.call('LPUSH', KEYS[1] .. 'malformed', '{}')
                """
            let time = try await fixture.client.redisTime()
            try await fixture.send("EVAL", script, "1", "~", "\(time)")
            _ = try await fixture.client.explain()
            try await fixture.send("CONFIG RESETSTAT")
            let found = try await fixture.client.explain()
            let info = try await fixture.send("INFO commandstats").string ?? ""
            var calls: [String: Int] = [:]
            for line in info.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_") {
                let parts = line.dropFirst(8).split(separator: ":", maxSplits: 1)
                let count = parts.last?.split(separator: ",").first?.dropFirst("calls=".count)
                calls[String(parts[0])] = count.flatMap { Int($0) }
            }
            calls["config|resetstat"] = nil
            let reads: Set<String> = [
                "time", "info", "config|get", "zcard", "zcount", "zrange", "zrangebyscore", "hgetall", "hmget", "hscan",
                "scan", "llen", "lrange", "hget", "config", "zmscore", "evalsha", "exists", "get", "hlen", "hvals",
                "lpos",
                "role", "script|load", "zrangebylex", "zscore",
            ]
            #expect(Set(calls.keys).subtracting(reads).isEmpty, "\(calls)")
            // Without what scripts call.
            let stats = try await fixture.send("INFO stats").string ?? ""
            let processed = stats.split(whereSeparator: \.isNewline).first { $0.hasPrefix("total_commands_processed:") }
            let sum = try #require(processed.flatMap { Int($0.dropFirst("total_commands_processed:".count)) })
            #expect(sum > 0 && sum <= 400 + 3, "\(sum): \(calls)")
            #expect(found.samples.contains { $0.command == "stepwise doctor" && $0.total > $0.looked })
            #expect(found.live == 15_000 && found.rows.count < 60)
        }
    }
}
