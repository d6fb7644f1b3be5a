import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing
import TestWorkflows

/// Workers that freeze or whose connections do, and answers that are lost.
extension FleetTests {
    @Test func `A claim whose reply was lost goes back to its queue when its worker has no slot for it`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("one")
            let first = try stage.worker("first", concurrency: 1)
            let busy = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "busy")
            #expect(try await stage.hasLine("first", "one"))
            let name = try await stage.redis("ZRANGE", .init(stage.keys.workers), "0", "0").array?.first?.string ?? ""
            // As a BLMOVE leaves it whose reply never came.
            _ = try await stage.redis(
                "LPUSH", .init(stage.keys.accepting(name, "default")),
                #"{"workflow":"race","payload":"late","id":"late"}"#)
            let second = try stage.worker("second")
            let late = stage.client.handle("late", as: String.self)
            try await eventually("the late run completes") { (try? await late.details().status) == .completed }
            try await stage.ledger.openGate("one")
            #expect(try await busy.result(timeout: .seconds(60)) == "busy,ONE,TWO,THREE")
            for worker in [first, second] { await worker.terminate() }
        }
    }

    @Test(.scenario(47))
    func `An item that Redis gives to a frozen worker's blocked claim comes back to the queue`() async throws {
        try await withStage { stage in
            let first = try stage.worker("first")
            try await eventually("its claim waits at Redis") { try await stage.blockedClaims() == 2 }
            first.freeze()
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            try await eventually("Redis gives it the item") {
                try await stage.redis("LLEN", .init(stage.keys.queue("default"))).integer == 0
            }
            let second = try stage.worker("second")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await stage.ledger.lines().allSatisfy { $0[0] == "second" })
            first.thaw()
            first.kill()
            await second.terminate()
        }
    }

    @Test(.scenario(47), .rule(4))
    func `What a frozen worker had asked for arrives when another has the run, and changes nothing`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("two")
            let held = AsyncStream<Void>.makeStream()
            // The claim; the second request that names the run would take its first turn and open step "one".
            let proxy = try RedisProxy(
                folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "the-run",
                plan: .init(event: 2, moment: .before, strike: .hold)
            ) { held.continuation.yield() }
            let first = try stage.worker("first", redis: proxy.url)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in", id: "the-run")
            for await _ in held.stream { break }
            first.freeze()
            let second = try stage.worker("second")
            #expect(try await stage.hasLine("second", "two"))
            let before = try await stage.picture(ofRun: "the-run")
            first.thaw()
            proxy.release()
            // It hears that it was declared dead and takes a new name: the old one, this one, and the second worker's.
            try await eventually("the woken worker has another name") {
                try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 3
            }
            #expect(try await stage.picture(ofRun: "the-run") == before)
            try await stage.ledger.openGate("two")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(
                try await stage.ledger.lines().map { $0[0] + " " + $0[1] } == [
                    "second one", "second two", "second three",
                ])
            await first.terminate()
            await second.terminate()
            proxy.close()
        }
    }

    @Test(.scenario(47), .rule(4))
    func `What a frozen worker had recorded of a step arrives while another executes that step, and changes nothing`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("one")
            let held = AsyncStream<Void>.makeStream()
            // The claim, the first turn; the third request that names the run would record step "one".
            let proxy = try RedisProxy(
                folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "the-run",
                plan: .init(event: 3, moment: .before, strike: .hold)
            ) { held.continuation.yield() }
            let first = try stage.worker("first", redis: proxy.url)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in", id: "the-run")
            #expect(try await stage.hasLine("first", "one"))
            try await stage.ledger.openGate("one")
            for await _ in held.stream { break }
            first.freeze()
            _ = try await stage.ledger.client.send(["DEL", "gate:fleet:one"])
            let second = try stage.worker("second")
            #expect(try await stage.hasLine("second", "one"))
            let before = try await stage.picture(ofRun: "the-run")
            first.thaw()
            proxy.release()
            try await eventually("the woken worker has another name") {
                try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 3
            }
            #expect(try await stage.picture(ofRun: "the-run") == before)
            try await stage.ledger.openGate("one")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await run.history().map(\.lost) == [1, 0, 0])
            await first.terminate()
            await second.terminate()
            proxy.close()
        }
    }

    @Test(.rule(6))
    func `A claim whose answer was lost on the way is taken up by the worker that holds it`() async throws {
        try await withStage { stage in
            // The first event is the answer that brings the run.
            let proxy = try RedisProxy(
                folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "the-run",
                plan: .init(event: 1, moment: .after, strike: .cut)
            ) {}
            let worker = try stage.worker("first", redis: proxy.url)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in", id: "the-run")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(proxy.hasStruck)
            #expect(try await stage.ledger.lines().map { $0[1] } == ["one", "two", "three"])
            await worker.terminate()
            proxy.close()
        }
    }
}
