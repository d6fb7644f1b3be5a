import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("A mailbox with many old entries") struct MailboxPageTests {
        private func list(_ name: String) -> RedisArgument { .init(Scripts.prefix + name) }

        /// A function at rest that waits for nothing new; the run's mailbox is given.
        private func advance(_ scripts: Scripts, number: Int) async throws -> String? {
            let script = try #require(ScriptLibrary.all.first { $0.name == "advance" })
            let keys = [
                "run:r", "steps:r", "open:r", "join:r", "claimed:w:default", "queue:default", "runs:running",
                "runs:completed", "runs:failed", "runs:parked", "runs:cancelled", "runs:ending", "dead", "delayed",
                "queue:default", "mail:r",
            ]
            let reply = try await scripts.redis.evaluate(
                script.redis, keys: keys.map { Scripts.prefix + $0 },
                arguments: [
                    "r", "w", .init(number), .init(scripts.turn), .init(scripts.generation), "0", "0", "1", "", "",
                    "default", "0", "0", "0", "0", "", "1000000", "",
                ])
            return reply.array?.first?.string
        }

        @Test(.scenario(36))
        func `One script forgets at most 1,000 steps that no longer wait, and another turn goes on`() async throws {
            try await Scripts.withRun { scripts in
                let plant = """
                    for n = 0, 1499 do redis.call('ZADD', KEYS[1], 0, string.format('n w %s %09d gone %d', ARGV[1], n, n)) end
                    redis.call('ZADD', KEYS[1], 0, 'n w ' .. ARGV[1] .. ' 000001500 s', 0, 'n m 5 "x"')
                    """
                _ = try await scripts.redis.send([
                    "EVAL", .init(plant), "1", list("mail:r"), .init(scripts.generation),
                ])
                _ = try await scripts.redis.send([
                    "HSET", list("open:r"), "s", "waitForEvent 1 0 event:1500:n",
                ])
                _ = try await scripts.redis.send(["HSET", list("run:r"), "opened", "1501", "listens", "2 n "])
                #expect(try await advance(scripts, number: 1) == "released")
                #expect(try await scripts.redis.send(["ZCARD", list("mail:r")]).integer == 502)
                let turn = try await scripts.field("turn")
                let queued = try await scripts.list("queue:default")
                #expect(turn == "queue" && queued == [scripts.turn])

                try await scripts.claim()
                try await scripts.takeTurn()
                #expect(try await advance(scripts, number: 2) == "more")
                #expect(try await scripts.redis.send(["EXISTS", list("mail:r")]).integer == 0)
                #expect(try await scripts.redis.send(["HLEN", list("steps:r")]).integer == 1)
            }
        }
    }
}
