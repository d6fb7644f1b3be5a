import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing
import TestWorkflows

/// What several workers do at the same moment, and what waits for what.
extension FleetTests {
    @Test(.scenario(28))
    func `A step whose body runs is not handed out again when its run goes on beside it`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("b1")
            let workers = try ["first", "second", "third"].map { try stage.worker($0, concurrency: 1) }
            let run = try await stage.client.enqueue(WorkflowName<String, String>("branches"), "in")
            try await eventually("branch a goes on") { try await run.history().map(\.step).contains("a2") }
            try await stage.ledger.openGate("b1")
            #expect(try await run.result(timeout: .seconds(60)) == "in,A1A2,B1B2")
            #expect(try await stage.ledger.lines().map { $0[1] }.sorted() == ["a1", "a2", "b1", "b2"])
            for worker in workers { await worker.terminate() }
        }
    }

    @Test(.scenario(23))
    func `Bodies that end at the same moment on several workers lead to one step after the join`() async throws {
        try await withStage { stage in
            for part in 0..<5 { try await stage.ledger.addGate("part-\(part)") }
            let workers = try ["first", "second", "third"].map { try stage.worker($0, concurrency: 2) }
            let run = try await stage.client.enqueue(WorkflowName<String, String>("fan-out"), "in")
            try await eventually("all parts run") { try await stage.ledger.lines().count == 5 }
            for part in 0..<5 { try await stage.ledger.openGate("part-\(part)") }
            #expect(try await run.result(timeout: .seconds(60)) == "in,PART-0+PART-1+PART-2+PART-3+PART-4,JOIN")
            #expect(
                try await stage.ledger.lines().map { $0[1] }.sorted() == [
                    "join", "part-0", "part-1", "part-2", "part-3", "part-4",
                ])
            for worker in workers { await worker.terminate() }
        }
    }

    @Test(.scenario(23))
    func `While one worker takes the function past a branch, others end theirs without a turn of their own`()
        async throws
    {
        try await withStage { stage in
            for part in 0..<5 { try await stage.ledger.addGate("part-\(part)") }
            let held = AsyncStream<Void>.makeStream()
            // The sixth request that names the run takes the function past the first branch; below it is seen that it does.
            let proxy = try RedisProxy(
                folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "the-run",
                plan: .init(event: 6, moment: .before, strike: .hold)
            ) { held.continuation.yield() }
            let first = try stage.worker("first", redis: proxy.url, concurrency: 1)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("fan-out"), "in", id: "the-run")
            try await eventually("the first part runs") { try await stage.ledger.lines().count == 1 }
            let own = try await stage.ledger.lines()[0][1]
            let second = try stage.worker("second", concurrency: 4)
            try await eventually("all parts run") { try await stage.ledger.lines().count == 5 }
            try await stage.ledger.openGate(own)
            for await _ in held.stream { break }
            func field(_ name: String) async throws -> String? {
                try await stage.redis("HGET", .init(stage.keys.run("the-run")), .init(name)).string
            }
            let turn = try await field("turn")
            #expect(try await field("recorded") == "1" && turn?.isEmpty == false)
            for part in 0..<5 { try await stage.ledger.openGate("part-\(part)") }
            try await eventually("all parts are recorded") { try await field("recorded") == "5" }
            #expect(try await field("turn") == turn)
            proxy.release()
            #expect(try await run.result(timeout: .seconds(60)) == "in,PART-0+PART-1+PART-2+PART-3+PART-4,JOIN")
            #expect(try await stage.ledger.lines().map { $0[1] }.filter { $0 == "join" }.count == 1)
            await first.terminate()
            await second.terminate()
            proxy.close()
        }
    }

    @Test(.scenario(12))
    func `No body begins before Redis has answered that the step before it is recorded`() async throws {
        try await withStage { stage in
            let held = AsyncStream<Void>.makeStream()
            // The claim, the first turn; the third request that names the run records step "one".
            let proxy = try RedisProxy(
                folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "the-run",
                plan: .init(event: 3, moment: .after, strike: .hold)
            ) { held.continuation.yield() }
            let worker = try stage.worker("first", redis: proxy.url)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in", id: "the-run")
            for await _ in held.stream { break }
            #expect(try await run.history().map(\.step) == ["one"])
            // Beats go on; the run does not.
            let beat = try await stage.redis("ZRANGE", .init(stage.keys.workers), "0", "-1", "WITHSCORES")
            try await eventually("the worker beats") {
                try await stage.redis("ZRANGE", .init(stage.keys.workers), "0", "-1", "WITHSCORES") != beat
            }
            #expect(try await stage.ledger.lines().map { $0[1] } == ["one"])
            proxy.release()
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            await worker.terminate()
            proxy.close()
        }
    }
}
