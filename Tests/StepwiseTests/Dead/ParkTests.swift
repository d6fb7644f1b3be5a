import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// A run whose function cannot go on waits for a person, with the reason, and harms nobody else.
    @Suite("Parked runs") struct Parking {
        private let impatient = StepwiseWorker.Configuration(offExecutorLimit: .milliseconds(50))

        private func reason<Output>(_ run: WorkflowRun<Output>) async throws -> String {
            try await eventually("the run is not parked") { try await run.details().status == .parked }
            return try await run.details().reason ?? ""
        }

        @Test
        func `A function that awaits for too long what is no step: parked after its last step, and resumed`()
            async throws
        {
            let gate = Latch()
            let bodies = Tally()
            let workflow = Workflow("escape") { (context, text: String) async throws -> String in
                let first = try await context.run("first") {
                    bodies.add("first")
                    return text
                }
                await gate.wait()
                return try await context.run("second") { first + text }
            }
            try await withWorker([workflow], configuration: impatient) { client, _ in
                let run = try await client.enqueue(workflow, "x")
                #expect(try await reason(run).contains("after step \"first\""))
                gate.open()
                try await client.resume(run.id)
                #expect(try await run.result(timeout: patience) == "xx")
                #expect(bodies["first"] == 1)
            }
        }

        @Test
        func `A recorded outcome that cannot be read: parked with its number, and resumed once it is mended`()
            async throws
        {
            let gate = Latch()
            let workflow = Workflow("unreadable") { (context, text: String) async throws -> String in
                let first = try await context.run("first") { text }
                await gate.wait()
                return try await context.run("second") { first + text }
            }
            try await withWorker([workflow], configuration: impatient) { client, server in
                let run = try await client.enqueue(workflow, "x")
                _ = try await reason(run)
                gate.open()
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                let key = RedisArgument("stepwise:{default}:steps:\(run.id)")
                let record = try await redis.send(["HGET", key, "1"]).bytes ?? []
                _ = try await redis.send(["HSET", key, "1", "rubbish"])
                try await client.resume(run.id)
                try await eventually("the reason is not told") {
                    try await run.details().reason?.contains("outcome 1 of the history cannot be read") == true
                }
                #expect(try await reason(run).contains("rubbish"))
                _ = try await redis.send(["HSET", key, "1", .bytes(record)])
                try await client.resume(run.id)
                #expect(try await run.result(timeout: patience) == "xx")
                await redis.close()
            }
        }

        /// How a run goes on behind the step at which its history cannot be written.
        enum Behind: String, CaseIterable { case nothing, step, fanOut }

        @Test(arguments: Behind.allCases)
        func `What Redis refuses to record parks the run with Redis' words; mended and resumed it goes on`(
            _ behind: Behind
        ) async throws {
            let gate = Latch()
            let workflow = Workflow("refused") { (context, text: String) async throws -> String in
                if behind == .fanOut {
                    async let left = context.run("left") {
                        await gate.wait()
                        return text
                    }
                    async let right = context.run("right") {
                        await gate.wait()
                        return text
                    }
                    return try await left + right
                }
                let first = try await context.run("first") {
                    await gate.wait()
                    return text + text
                }
                return behind == .step ? try await context.run("second") { first } : first
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, "x")
                try await eventually("the body runs") { try await client.openSteps(ofRun: run.id).isEmpty == false }
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                let key = RedisArgument("stepwise:{default}:steps:\(run.id)")
                _ = try await redis.send(["SET", key, "x"])
                gate.open()
                #expect(try await reason(run).contains("WRONGTYPE"))
                _ = try await redis.send(["DEL", key])
                try await eventually("nobody works on it any more") {
                    try await client.workers().allSatisfy { $0.claims == 0 }
                }
                try await client.resume(run.id)
                #expect(try await run.result(timeout: patience) == "xx")
                await redis.close()
            }
        }

        @Test
        func `A loop that goes on calling steps in a cancelled task: parked, and other runs go on`() async throws {
            let endless = Workflow("endless") { (context, _: Int) async throws -> Void in
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        while true { try? await context.run("again") {} }
                    }
                    group.cancelAll()
                }
            }
            let other = Workflow("other") { (context, number: Int) async throws -> Int in
                try await context.run("one") { number }
            }
            try await withWorker([endless, other]) { client, _ in
                let run = try await client.enqueue(endless, 0)
                #expect(try await reason(run).contains("\"again\" was called 10000 times in a cancelled task"))
                #expect(try await client.enqueue(other, 7).result(timeout: patience) == 7)
            }
        }
    }
}
