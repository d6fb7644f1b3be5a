import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("A closing that Redis has lost")
    struct LostClosing {
        private static func key(_ name: String) -> RedisArgument { .init("stepwise:{default}:\(name)") }

        /// How many commands of a kind the server has executed.
        private func calls(of command: String, _ server: RedisServer) async throws -> Int {
            let statistics = try await server.command("INFO", "commandstats").string ?? ""
            let line = statistics.split { $0.isNewline }.first { $0.hasPrefix("cmdstat_\(command):calls=") }
            return line.flatMap { Int($0.drop { $0 != "=" }.dropFirst().prefix { $0.isNumber }) } ?? 0
        }

        @Test(.rule(6))
        func `A step that Redis calls open again is not asked for without a pause while its run's turn is held`()
            async throws
        {
            let last = Latch()
            let isLast = Latch()
            let workflow = Workflow("racing") { (context, _: Int) async throws -> Int in
                try await context.race(
                    { try await context.run("quick") { 1 } },
                    {
                        try await context.run("slow") {
                            try await Task.sleep(for: .seconds(3600))
                            return 2
                        }
                    })
                return try await context.run("last") {
                    isLast.open()
                    await last.wait()
                    return 3
                }
            }
            let configuration = StepwiseWorker.Configuration(concurrency: 4, lease: .seconds(1))
            try await withWorker([workflow], configuration: configuration) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "r")
                await isLast.wait()
                // Redis is as it was before the advance that closed the race's loser.
                let generation = try await server.command("HGET", Self.key("run:r"), "generation").string ?? ""
                _ = try await server.command("HSET", Self.key("open:r"), "slow", "run 1 0 item")
                _ = try await server.command("RPUSH", Self.key("queue:default"), .init("step r \(generation) 1 slow"))
                try await eventually("it is claimed") {
                    try await server.command("LLEN", Self.key("queue:default")).integer == 0
                }
                // As many beats as take a second: then scripts without a pause between them would be thousands.
                let before = try await calls(of: "evalsha", server)
                let name = try #require(try await client.workers().first?.name)
                var beats: Set<String> = []
                try await eventually("it beats") {
                    let beat = try await server.command("ZSCORE", Self.key("workers"), .init(name)).string ?? ""
                    beats.insert(beat)
                    return beats.count == 6
                }
                let scripts = try await calls(of: "evalsha", server) - before
                #expect(scripts < 100)
                last.open()
                #expect(try await run.result(timeout: patience) == 3)
                try await eventually("the claim goes") {
                    try await client.queueTotals().queues.allSatisfy { $0.claimed == 0 }
                }
                try await expectSound(client, within: patience)
            }
        }
    }
}
