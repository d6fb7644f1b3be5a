import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// What becomes of a claim whose worker is lost, or cannot go on with it, by the scripts as they are.
    @Suite("Claims that are lost") struct LostClaimTests {
        private func isListed(_ list: String, _ scripts: Scripts) async throws -> Bool {
            let ids = try await scripts.redis.send(["ZRANGE", .init(Scripts.prefix + list), "0", "-1"]).array
            return ids?.contains { $0.string == "r" } == true
        }

        @Test(.rule(1), arguments: ["park", "release_held"])
        func `A step that is put aside while its run is resumed in pages is queued again: the pages begin anew`(
            _ script: String
        ) async throws {
            try await Scripts.withRun { scripts in
                try await scripts.open(600, isLast: true)
                try await scripts.client.pause("r")
                // It is of the first page.
                let page = try await scripts.redis.send([
                    "HSCAN", .init(Scripts.prefix + "open:r"), "0", "COUNT", "100",
                ])
                let step = try #require(page.array?.last?.array?.first?.string)
                let text = "step r \(scripts.generation) 1 \(step)"
                _ = try await scripts.redis.send(["LREM", .init(Scripts.prefix + "queue:default"), "0", .init(text)])
                _ = try await scripts.redis.send(["LPUSH", .init(Scripts.prefix + "claimed:w:default"), .init(text)])

                var reply = try await scripts.call("resume")
                #expect(reply.first == "more")
                let put = try await scripts.call(
                    script,
                    [
                        "text": text, "kind": "step", "step": step, "number": "", "max_losses": "1", "reason": "again",
                    ])
                #expect(put == [script == "park" ? "parked" : "held"])
                let (status, reason) = (try await scripts.field("status"), try await scripts.field("reason"))
                #expect(status == "paused" && reason == "again")
                var pages = 0
                while reply.first == "more", pages < 100 {
                    reply = try await scripts.call("resume", ["is_next": "1"])
                    pages += 1
                }
                #expect(reply.first == "resumed")
                let open = try await scripts.redis.send(["HGET", .init(Scripts.prefix + "open:r"), .init(step)]).string
                let movers = try await scripts.list("queue:default").filter { $0 == text }
                #expect(open?.hasPrefix("run 1 0 item called=") == true && movers.count == 1)
                let last = try await scripts.field("status")
                #expect(last == "running")
            }
        }

        @Test(.rule(1), arguments: [1, 10, 25])
        func `A run is resumed in pages and Redis restarts between two of them: nothing of it stays held`(_ page: Int)
            async throws
        {
            try await Scripts.withRun(appendOnly: true) { scripts in
                for start in stride(from: 0, to: 3000, by: 1000) {
                    try await scripts.open(1000, from: start, isLast: start == 2000)
                }
                try await scripts.client.pause("r")
                let key = RedisArgument(Scripts.prefix + "open:r")
                let held = (0..<3000).flatMap { number -> [RedisArgument] in ["step \(number)", "run 1 0 held"] }
                _ = try await scripts.redis.send(["HSET", key] + held)
                _ = try await scripts.redis.send(["DEL", .init(Scripts.prefix + "queue:default")])

                var stage = scripts
                var reply = ["more"]
                var pages = 0
                while reply.first == "more", pages < 200 {
                    reply = try await stage.call("resume", ["is_next": pages == 0 ? "" : "1"])
                    pages += 1
                    if pages == page { stage = try await scripts.restarted() }
                }
                #expect(reply.first == "resumed" && pages > page)
                let open = try await stage.redis.send(["HVALS", key]).array?.compactMap(\.string) ?? []
                #expect(open.count == 3000 && open.allSatisfy { $0.hasPrefix("run 1 0 item called=") })
                let queue = try await stage.list("queue:default")
                #expect(queue.count == 3001 && Set(queue).count == 3001, "a mover for each, and the turn")
                let (status, noted) = (try await stage.field("status"), try await stage.field("resuming"))
                #expect(status == "running" && noted == nil)
                await stage.redis.close()
            }
        }

        @Test(.rule(1), arguments: ["queued", "unserved"])
        func `A run that fails because its first turn has lost its workers leaves the list that it stood in`(
            _ status: String
        ) async throws {
            try await Scripts.withRun(takesTurn: false) { scripts in
                if status == "unserved" {
                    try await scripts.takeTurn()
                    _ = try await scripts.call("set_unserved", ["is_turn": "1", "reason": "no worker has it"])
                    _ = try await scripts.call("reclaim", ["is_turn": "1"])
                }
                let before = try await isListed("runs:\(status)", scripts)
                #expect(before)
                let text = try await scripts.list("claimed:w:default").first ?? ""
                let reply = try await scripts.call(
                    "release", ["text": text, "kind": "turn", "is_lost": "1", "max_losses": "1"])
                #expect(reply == ["failed"])
                let after = try await isListed("runs:\(status)", scripts)
                let isFailed = try await isListed("runs:failed", scripts)
                #expect(!after && isFailed)
            }
        }

        @Test(.scenario(41)) func `A child is told to end when the step that may have made it has lost its workers`()
            async throws
        {
            try await Scripts.withRun { scripts in
                try await scripts.open(2, wait: "child c greet", isLast: true)
                try await scripts.claim()
                let text = "step r \(scripts.generation) 1 step 0"
                let reply = try await scripts.call(
                    "release", ["text": text, "kind": "step", "step": "step 0", "is_lost": "1", "max_losses": "1"])
                #expect(reply == ["moved"])
                let queue = try await scripts.list("queue:default")
                let other = "step r \(scripts.generation) 1 step 1"
                #expect(queue == [other, "cancel c greet r \(scripts.generation) step 0", scripts.turn])
            }
        }
    }
}
