import Stepwise
import StepwiseTesting
import StepwiseRedis
import TestSupport
import Testing

extension Scenarios {
    @Suite("A redis-server whose clock a test moves")
    struct SkippedTime {
        private func time(_ server: RedisServer) async throws -> Int {
            try await server.command("TIME").array?.first?.integer ?? 0
        }

        @Test func `Redis' time jumps ahead by what was asked, at once; what had less to live is gone`() async throws {
            try await RedisServer.withServer(appendOnly: true, clock: .skippable) { server in
                _ = try await server.command("SET", "hour", "1", "EX", "3600")
                _ = try await server.command("SET", "week", "1", "EX", "604800")
                let (before, began) = (try await time(server), ContinuousClock.now)
                try await server.advance(by: .milliseconds(86_400_250))
                let after = try await time(server)
                #expect(after >= before + 86_400)
                #expect(after < before + 86_400 + 30)
                #expect(ContinuousClock.now - began < .seconds(20))
                let inScript = try await server.command("EVAL", "return redis.call('TIME')[1]", "0").integer ?? 0
                #expect(inScript >= after)
                #expect(try await server.command("GET", "hour") == .null)
                #expect(try await server.command("GET", "week").string == "1")
                // A restart is no way back.
                try await server.restart()
                #expect(try await time(server) >= after)
                #expect(try await server.command("GET", "week").string == "1")
                try await server.advance(by: .seconds(518_400))
                #expect(try await server.command("GET", "week") == .null)
            }
        }

        @Test func `A server with the machine's clock says how to get the other; no clock goes back`() async throws {
            try await RedisServer.withServer { server in
                let error = await #expect(throws: RedisServerError.self) { try await server.advance(by: .seconds(1)) }
                #expect(error?.description.contains("clock: .skippable") == true)
            }
            try await RedisServer.withServer(clock: .skippable) { server in
                let error = await #expect(throws: RedisServerError.self) { try await server.advance(by: .seconds(-1)) }
                #expect(error?.description.contains("negative") == true)
            }
        }

        @Test
        func `A step that is to be tried again in an hour is tried in an hour, of which a test waits seconds`()
            async throws
        {
            let tries = Tally()
            let workflow = Workflow("patient") { (context: WorkflowContext) async throws -> Int in
                try await context.run("call", .retry(.fixed(.seconds(3600), attempts: 3))) { step in
                    if tries.add("call") < 3 { throw Hiccup() }
                    return step.attempt
                }
            }
            try await RedisServer.withServer(clock: .skippable) { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await withWorkers(server, workflow) {
                    let run = try await client.enqueue(workflow)
                    for attempt in 1...2 {
                        try await eventually("the attempt has failed, and the step waits for its next") {
                            guard tries["call"] == attempt else { return false }
                            return try await server.command("ZCARD", "stepwise:{default}:delayed").integer == 1
                        }
                        // What was left of the hour is more than a minute.
                        try await server.advance(by: .seconds(3540))
                        let beat = try await client.workers().first?.lastBeat
                        try await eventually("the worker has looked") {
                            try await client.workers().first?.lastBeat != beat
                        }
                        #expect(tries["call"] == attempt)
                        try await server.advance(by: .seconds(60))
                    }
                    #expect(try await run.result(timeout: patience) == 3)
                    let step = try #require(try await run.history().first)
                    #expect(step.attempts == 3)
                    #expect(step.failed.map(\.worker).allSatisfy { $0 == step.failed.first?.worker })
                    #expect(try await client.workers().count == 1)
                }
                await client.close()
            }
        }

        @Test(.scenario(33))
        func `A run that sleeps for a month is awake as soon as the month was skipped`() async throws {
            let workflow = Workflow("sleeper") { (context: WorkflowContext) async throws -> String in
                try await context.sleep(for: .seconds(30 * 86_400))
                return try await context.run("greet") { "good morning" }
            }
            try await RedisServer.withServer(clock: .skippable) { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await withWorkers(server, workflow, workflow) {
                    let run = try await client.enqueue(workflow)
                    try await eventually("it sleeps") {
                        try await server.command("ZCARD", "stepwise:{default}:delayed").integer == 1
                    }
                    try await eventually("both workers are there") { try await client.workers().count == 2 }
                    let names = Set(try await client.workers().map(\.name))
                    try await server.advance(by: .seconds(30 * 86_400))
                    #expect(try await run.result(timeout: patience) == "good morning")
                    // Nobody takes the other for dead because its last beat is a month old.
                    try await eventually("both workers are alive") {
                        let workers = try await client.workers()
                        return Set(workers.map(\.name)) == names && workers.allSatisfy { $0.state == .alive }
                    }
                }
                await client.close()
            }
        }
    }
}
