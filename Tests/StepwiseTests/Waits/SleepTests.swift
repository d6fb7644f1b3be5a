import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Sleep")
    struct Sleep {
        /// When an outcome was recorded, in milliseconds by Redis' clock.
        private func time(_ step: String, _ run: Completed<some Sendable>) -> Int {
            run.recorded(step)?.at?.wholeMilliseconds ?? 0
        }

        @Test(.scenario(30), arguments: Memory.allCases)
        func `A sleep never ends early, by Redis' clock, and the function goes on`(_ memory: Memory) async throws {
            let workflow = Workflow("sleeper") { (context, ms: Int) async throws -> String in
                try await context.run("before") {}
                try await context.sleep(for: .milliseconds(ms))
                try await context.run("after") {}
                return "slept"
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await complete(client.enqueue(workflow, 700), of: workflow)
                #expect(run.history.map(\.step) == ["before", "sleep", "after"])
                #expect(time("sleep", run) >= time("before", run) + 700)
                #expect(run.recorded("sleep")?.kind == "sleep")
                try await expectSound(client)
                #expect(try await client.queueTotals().delayed == 0)
            }
        }

        @Test(.scenario(31), arguments: Memory.allCases)
        func `Many sleep side by side, each for its time; none holds up a branch, and no replay sleeps again`(
            _ memory: Memory
        ) async throws {
            let workflow = Workflow("sleepers") { (context, count: Int) async throws -> [Int] in
                async let work = context.run("work") { 0 }
                let woken = try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<count {
                        group.addTask {
                            try await context.sleep(
                                for: .milliseconds((count - number) * 20), name: "nap \(number)")
                            return try await context.run("wake \(number)") { number }
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                _ = try await work
                return woken
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await complete(client.enqueue(workflow, 40), of: workflow)
                #expect(run.output.sorted() == Array(0..<40))
                let beginning = run.history.compactMap(\.at?.wholeMilliseconds).min() ?? 0
                for number in 0..<40 {
                    #expect(time("nap \(number)", run) >= beginning + (40 - number) * 20)
                }
                #expect(run.history.first?.step == "work")
                try await expectSound(client)
            }
        }

        @Test(.scenario(32), arguments: Memory.allCases)
        func `Zero, negative and past: nothing is waited for`(_ memory: Memory) async throws {
            let workflow = Workflow("hasty") { (context, _: Int) async throws -> String in
                try await context.sleep(for: .zero)
                try await context.sleep(for: .seconds(-5))
                try await context.sleep(until: Date(timeIntervalSince1970: 0))
                async let a: Void = context.sleep(until: Date(timeIntervalSince1970: -1e12), name: "a")
                async let b = context.run("b") { "b" }
                try await a
                return try await b
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await complete(client.enqueue(workflow, 0), of: workflow)
                #expect(run.output == "b")
                #expect(run.history.prefix(3).map(\.step) == ["sleep", "sleep#2", "sleep#3"])
                #expect(try await client.queueTotals().delayed == 0)
            }
        }

        @Test(.scenario(32), arguments: Memory.allCases)
        func `In a cancelled task a sleep throws; cancelling a run ends its sleep`(_ memory: Memory) async throws {
            let workflow = Workflow("woken") { (context, _: Int) async throws -> String in
                do { try await context.sleep(for: .seconds(3600)) } catch is CancellationError {
                    do { try await context.sleep(for: .zero) } catch is CancellationError {
                        try await context.cleanup { try await context.sleep(for: .milliseconds(1), name: "rest") }
                        throw CancellationError()
                    }
                }
                return "never"
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("it sleeps") { try await client.queueTotals().delayed == 1 }
                try await expectSound(client)
                try await run.cancel()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                #expect(try await run.history().map(\.step) == ["", "rest"])
                #expect(try await client.queueTotals().delayed == 0)
                try await expectSound(client)
            }
        }

        @Test(arguments: Memory.allCases)
        func `A race against a sleep: the loser is withdrawn, and leaves nothing in Redis`(_ memory: Memory)
            async throws
        {
            let bodies = Tally()
            let workflow = Workflow("race") { (context, ms: Int) async throws -> String in
                try await withThrowingTaskGroup(of: String.self) { group in
                    group.addTask {
                        try await context.sleep(for: .milliseconds(ms))
                        return "time"
                    }
                    group.addTask {
                        try await context.run("work") {
                            if ms < 1000 {
                                try? await Task.sleep(for: .seconds(3600))
                                bodies.add("cancelled")
                            }
                            return "work"
                        }
                    }
                    let first = try await group.next() ?? ""
                    group.cancelAll()
                    return first
                }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let slow = try await complete(client.enqueue(workflow, 200), of: workflow)
                #expect(slow.output == "time")
                try await eventually("the body is cancelled") { bodies["cancelled"] == 1 }
                let quick = try await complete(client.enqueue(workflow, 3_600_000), of: workflow)
                #expect(quick.output == "work")
                #expect(try await client.queueTotals().delayed == 0)
                try await expectSound(client)
            }
        }

        @Test(.scenario(33))
        func `A sleep of thirty days ends when Redis' clock is there, however it jumps; no worker is taken for dead`()
            async throws
        {
            let workflow = Workflow("bear") { (context, _: Int) async throws -> String in
                try await context.run("before") {}
                async let winter: Void = context.sleep(for: .seconds(30 * 86_400))
                async let nap: Void = context.sleep(for: .seconds(7200), name: "nap")
                try await nap
                try await winter
                return "spring"
            }
            try await RedisServer.withServer(clock: .skippable) { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await withWorkers(server, workflow) {
                    let run = try await client.enqueue(workflow, 0)
                    try await eventually("it sleeps") { try await client.queueTotals().delayed == 2 }
                    let workers = try await client.workers().map(\.name)
                    try await server.advance(by: .seconds(29 * 86_400))
                    try await eventually("the nap is over") { try await client.queueTotals().delayed == 1 }
                    try await server.advance(by: .seconds(86_400 - 60))
                    // Two more beats of the worker: nobody has woken it.
                    let beat = try await server.command("ZRANGE", "stepwise:{default}:workers", "0", "-1", "WITHSCORES")
                    try await eventually("the worker goes on") {
                        try await server.command("ZRANGE", "stepwise:{default}:workers", "0", "-1", "WITHSCORES")
                            != beat
                    }
                    #expect(try await run.history().map(\.step) == ["before", "nap"])
                    try await server.advance(by: .seconds(60))
                    let completed = try await complete(run, of: workflow)
                    #expect(completed.output == "spring")
                    #expect(time("sleep", completed) >= time("before", completed) + 30 * 86_400_000)
                    #expect(try await client.workers().map(\.name) == workers)
                    try await expectSound(client)
                }
                await client.close()
            }
        }

        @Test func `A run that is paused while it sleeps wakes in time, and goes on when it is resumed`() async throws {
            let workflow = Workflow("paused") { (context, _: Int) async throws -> String in
                try await context.sleep(for: .milliseconds(300))
                return try await context.run("after") { "done" }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("it sleeps") { try await client.queueTotals().delayed == 1 }
                _ = try await client.pause(run.id)
                try await eventually("its time is over") { try await run.history().count == 1 }
                #expect(try await run.details().status == .paused)
                try await expectSound(client)
                _ = try await client.resume(run.id)
                #expect(try await complete(run, of: workflow).output == "done")
            }
        }
    }
}
