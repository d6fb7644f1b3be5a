import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// What one script reads and compares, whatever was pushed and however large a run is.
    @Suite("No script takes more than a page") struct PageTests {
        private func key(_ name: String) -> RedisArgument { .init(Scripts.prefix + name) }

        private func evaluate(
            _ name: String, _ keys: [String], _ arguments: [String], _ scripts: Scripts
        ) async throws -> RedisValue {
            let script = try #require(ScriptLibrary.all.first { $0.name == name })
            return try await scripts.redis.evaluate(
                script.redis, keys: keys.map { Scripts.prefix + $0 }, arguments: arguments.map { .init($0) })
        }

        /// A list of work items of other runs, `count` of them, with one at a place from its left end.
        private func plant(
            _ count: Int, in list: String, with text: String? = nil, at place: Int = 0, _ scripts: Scripts
        )
            async throws
        {
            let plant = """
                for n = 0, ARGV[1] - 1 do redis.call('RPUSH', KEYS[1], n == tonumber(ARGV[3]) and ARGV[2] or 'turn x' .. n .. ' 1') end
                """
            _ = try await scripts.redis.send([
                "EVAL", .init(plant), "1", key(list), .init(count), .init(text ?? ""), .init(text == nil ? -1 : place),
            ])
        }

        /// How often a command was called since the last `CONFIG RESETSTAT`.
        private func calls(of command: String, _ scripts: Scripts) async throws -> Int {
            let info = try await scripts.redis.send(["INFO", "commandstats"]).string ?? ""
            for line in info.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_\(command):calls=") {
                let count = line.dropFirst("cmdstat_\(command):calls=".count).prefix { $0.isNumber }
                return Int(count) ?? 0
            }
            return 0
        }

        private func resetStatistics(_ scripts: Scripts) async throws {
            _ = try await scripts.redis.send(["CONFIG", "RESETSTAT"])
        }

        @Test(.rule(8))
        func `Who asks again whether an outcome was recorded lets Redis read about 1 MiB of the history`() async throws
        {
            try await Scripts.withRun { scripts in
                let plant = """
                    for n = 1, 40 do redis.call('HSET', KEYS[1], n, '{"step":"s","claim":"w/' .. n .. '","value":"' .. string.rep('x', 100000) .. '"}') end
                    """
                _ = try await scripts.redis.send(["EVAL", .init(plant), "1", key("steps:r")])
                _ = try await scripts.redis.send(["HSET", key("run:r"), "recorded", "40"])
                try await resetStatistics(scripts)
                let text = "step r \(scripts.generation) 1 s"
                let old = try await scripts.call("record", ["text": text, "step": "s", "token": "w/2"])
                #expect(old == ["stale"])
                let read = try await calls(of: "hget", scripts)
                #expect(read <= 12, "\(read) outcomes were read")
                let new = try await scripts.call("record", ["text": text, "step": "s", "token": "w/38"])
                #expect(new == ["done"])
            }
        }

        @Test(.rule(8)) func `A work item that is not among the oldest unserved ones is not looked for in all of them`()
            async throws
        {
            try await Scripts.withRun { scripts in
                let text = "turn r \(scripts.generation)"
                try await plant(1500, in: "unserved:default:greet", with: text, at: 0, scripts)
                _ = try await scripts.call("reclaim", ["text": text, "is_turn": "1"])
                #expect(try await scripts.redis.send(["LLEN", key("unserved:default:greet")]).integer == 1500)

                _ = try await scripts.redis.send(["LTRIM", key("unserved:default:greet"), "0", "999"])
                _ = try await scripts.call("reclaim", ["text": text, "is_turn": "1"])
                #expect(try await scripts.redis.send(["LLEN", key("unserved:default:greet")]).integer == 999)
            }
        }

        /// Of 250,001 unserved work items, one near each end and one in the middle.
        @Test(.rule(8), arguments: [10, 125_000, 249_990])
        func `A run that is cancelled leaves the unserved ones if it is among 100,000 at an end`(_ place: Int)
            async throws
        {
            try await Scripts.withRun { scripts in
                _ = try await scripts.redis.send(["HSET", key("run:r"), "status", "unserved", "turn", "unserved"])
                try await plant(250_001, in: "unserved:default:greet", with: scripts.turn, at: place, scripts)
                let reply = try await scripts.call("cancel", ["text": "", "reason": "enough"])
                #expect(reply == ["ended"])
                let left = try await scripts.redis.send(["LLEN", key("unserved:default:greet")]).integer
                #expect(left == (place == 125_000 ? 250_001 : 250_000))
            }
        }

        @Test(.rule(8)) func `Runs that have waited too long leave a few at a time where many work items are unserved`()
            async throws
        {
            try await Scripts.withRun { scripts in
                for id in ["a", "b", "c"] {
                    _ = try await scripts.redis.send([
                        "HSET", key("run:" + id), "workflow", "greet", "queue", "default", "payload", "1", "status",
                        "unserved", "turn", "unserved", "generation", "1000123", "created", "1000", "pushed", "2",
                    ])
                    _ = try await scripts.redis.send(["ZADD", key("waiting:pushed:default"), "1000", .init(id)])
                }
                let keys =
                    [
                        "waiting:pushed:default", "runs:parked", "runs:unserved", "runs:queued", "delayed", "paused",
                        "runs:failed", "dead",
                    ]
                    + ["a", "b", "c"].flatMap { id in
                        ["run:", "steps:", "open:", "join:", "mail:", "seen:"].map { $0 + id }
                            + ["unserved:default:greet", "unfit:greet"]
                    }
                try await plant(100_001, in: "unserved:default:greet", scripts)
                let reply = try await evaluate("forget_waiting", keys, ["default", "1", "0", "a", "b", "c"], scripts)
                #expect(reply.integer == 0, "none stays, and those after the first were not looked at")
                #expect(try await scripts.redis.send(["ZCARD", key("waiting:pushed:default")]).integer == 2)

                _ = try await scripts.redis.send(["UNLINK", key("unserved:default:greet")])
                let rest = try await evaluate("forget_waiting", keys, ["default", "1", "0", "a", "b", "c"], scripts)
                #expect(rest.integer == 0)
                #expect(try await scripts.redis.send(["ZCARD", key("waiting:pushed:default")]).integer == 0)
            }
        }

        // MARK: Mail

        private func advance(
            _ scripts: Scripts, number: Int, isLast: Bool, openings: [[String]] = [], events: [String] = []
        ) async throws -> String? {
            let keys = [
                "run:r", "steps:r", "open:r", "join:r", "claimed:w:default", "queue:default", "runs:running",
                "runs:completed", "runs:failed", "runs:parked", "runs:cancelled", "runs:ending", "dead", "delayed",
                "queue:default", "mail:r",
            ]
            let first = [
                "r", "w", String(number), scripts.turn, scripts.generation, "0", "0", isLast ? "1" : "", "", "",
                "default",
            ]
            let plan = [String(openings.count)] + openings.flatMap { $0 } + ["0", "0", "0", "", "1000000", ""]
            return try await evaluate("advance", keys + events, first + plan, scripts).array?.first?.string
        }

        @Test(.rule(8)) func `The names of 300 events that came too early are noted in one write`() async throws {
            try await Scripts.withRun { scripts in
                let plant =
                    "for n = 0, 299 do redis.call('ZADD', KEYS[1], 0, 'n' .. n .. ' m ' .. n + 1 .. ' \"x\"') end"
                _ = try await scripts.redis.send(["EVAL", .init(plant), "1", key("mail:r")])
                _ = try await scripts.redis.send(["HSET", key("run:r"), "recorded", "1"])
                _ = try await scripts.redis.send(["HSET", key("steps:r"), "1", "{}"])
                try await resetStatistics(scripts)
                let openings = (0..<300).map {
                    [String($0), "step \($0)", "", "", "waitForEvent n\($0) \(17 + 2 * $0)"]
                }
                let reply = try await advance(
                    scripts, number: 1, isLast: false, openings: openings,
                    events: (0..<300).flatMap { ["event:n\($0)", "kept:n\($0)"] })
                #expect(reply == "more")
                let writes = try await calls(of: "hset", scripts)
                #expect(writes < 10, "\(writes) writes")
                let noted = try await scripts.field("listens")?.split(separator: " ").count
                #expect(noted == 301)
            }
        }

        @Test(.rule(8)) func `A turn looks at 250 of the names that were noted, and another turn goes on`() async throws
        {
            try await Scripts.withRun { scripts in
                let names = (0..<600).map { "n\($0) " }.joined()
                _ = try await scripts.redis.send(["HSET", key("run:r"), "opened", "1", "listens", .init("2 " + names)])
                _ = try await scripts.redis.send(["HSET", key("open:r"), "s", "run 1 0 item"])
                var number = 1
                for left in [350, 100, 0] {
                    #expect(try await advance(scripts, number: number, isLast: true) == "released")
                    let noted = try await scripts.field("listens")?.split(separator: " ").count
                    #expect(noted == 1 + left)
                    let turn = try await scripts.field("turn")
                    #expect(turn == (left > 0 ? "queue" : ""))
                    if left == 0 { break }
                    try await scripts.claim()
                    try await scripts.takeTurn()
                    number += 1
                }
            }
        }

        // MARK: Long texts

        @Test(.rule(8))
        func `A beat reads about 1 MiB of a worker's claims, the oldest first, and says that there are more`()
            async throws
        {
            try await Scripts.withRun { scripts in
                let list = key("claimed:w:other")
                let keys = [
                    "workers", "worker:w", "delayed", "meta", "paused", "claimed:w:other", "accepting:w:other",
                ]
                let arguments = ["w", "100", "1", "1", "", "", "0", "2048", "", ""]
                let long = "broadcast news 1 \"" + String(repeating: "x", count: 400_000) + "\""
                _ = try await scripts.redis.send(["LPUSH", list, "turn old 1", .init(long), .init(long)])
                let all = try await evaluate("beat", keys, arguments, scripts).array
                #expect(all?[3].array?.count == 3 && all?[11].integer == 1)
                for _ in 0..<20 { _ = try await scripts.redis.send(["LPUSH", list, .init(long)]) }
                let some = try await evaluate("beat", keys, arguments, scripts).array
                let claims = some?[3].array?.map { $0.string ?? "" } ?? []
                #expect(claims.first == "turn old 1" && claims.count < 8 && some?[11].integer == 0)
            }
        }

        @Test(.rule(8)) func `A comparison stops after about 1 MiB of outcomes, and says how far it came`() async throws
        {
            try await Scripts.withRun { scripts in
                let record = "{\"claim\":\"t\",\"value\":\"" + String(repeating: "x", count: 400_000) + "\"}"
                var (keys, arguments) = (["workers", "worker:w"], ["w", "0"])
                for id in ["a", "b", "c", "d", "e"] {
                    _ = try await scripts.redis.send(["HSET", key("run:" + id), "generation", "7", "recorded", "1"])
                    _ = try await scripts.redis.send(["HSET", key("steps:" + id), "1", .init(record)])
                    keys += ["run:" + id, "steps:" + id]
                    arguments += ["7", "1", "token", id == "b" ? "other" : "t", "0", "-1"]
                }
                let reply = try await evaluate("compare", keys, arguments, scripts).array
                #expect(reply?[2].array?.compactMap(\.integer) == [1])
                #expect(reply?[3].integer == 1 && reply?[4].integer == 3)
            }
        }

        @Test(.rule(8)) func `Of pushed items that are refused as they are released, a call takes ten`() async throws {
            try await Scripts.withRun { scripts in
                for n in 0..<15 {
                    _ = try await scripts.redis.send(["LPUSH", key("accepting:w:default"), .init("item \(n)")])
                }
                let keys = ["accepting:w:default", "inbox:default", "redelivered", "malformed"]
                let arguments = ["", "", "w", "", "3", "3", "{\"queue\":\"default\"", "1000"]
                #expect(try await evaluate("release_pushed", keys, arguments, scripts).integer == 10)
                #expect(try await evaluate("release_pushed", keys, arguments, scripts).integer == 5)
                #expect(try await scripts.redis.send(["LLEN", key("malformed")]).integer == 15)
            }
        }
    }
}
