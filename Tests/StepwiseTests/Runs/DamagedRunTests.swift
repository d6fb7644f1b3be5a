import Logging
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Runs of which a part was removed")
    struct DamagedRuns {
        private let echo = Workflow("echo") { (context, number: Int) async throws -> Int in
            try await context.run("say") { number }
        }

        @Test(.rule(8), arguments: ["payload", "workflow"])
        func `The script that takes a first turn leaves a run that has lost a field to the full one`(_ field: String)
            async throws
        {
            let script = try #require(ScriptLibrary.all.first { $0.name == "take_turn_plain" })
            try await RedisServer.withServer { server in
                let prefix = "stepwise:{default}:"
                let run = RedisArgument(prefix + "run:r")
                _ = try await server.command(
                    "HSET", run, "workflow", "w", "payload", "1", "generation", "7", "status", "queued", "turn", "queue"
                )
                _ = try await server.command("HDEL", run, .init(field))
                _ = try await server.command("LPUSH", .init(prefix + "claimed:x:default"), "turn r 7 w 1")
                let reply = try await server.command(
                    "EVAL", .init(script.redis.source), "5", run, .init(prefix + "join:r"),
                    .init(prefix + "claimed:x:default"), .init(prefix + "runs:queued"), .init(prefix + "runs:running"),
                    "r", "turn r 7 w 1", "turn r 7", "7", "say", "x 1 token")
                #expect(reply == .integer(0))
                let claims = try await server.command("LLEN", .init(prefix + "claimed:x:default")).integer
                #expect(claims == 1)
            }
        }

        @Test(.rule(8), arguments: ["payload", "workflow"])
        func `A first turn whose run has lost a field is dropped, and is not taken up again and again`(_ field: String)
            async throws
        {
            let log = CollectedLog()
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                _ = try await client.enqueue(echo, 1, id: "damaged")
                _ = try await server.command("HDEL", "stepwise:{default}:run:damaged", .init(field))
                let whole = try await client.enqueue(echo, 2, id: "whole")
                try await withWorkers(server, echo, logger: log.logger) {
                    #expect(try await whole.result(timeout: patience) == 2)
                    try await eventually("nothing is claimed") {
                        let queue = try await client.queueTotals().queues.first { $0.name == "default" }
                        return queue?.ready == 0 && queue?.claimed == 0
                    }
                }
                await client.close()
                #expect(log.lines.filter { $0.level >= .error } == [])
            }
        }
    }
}
