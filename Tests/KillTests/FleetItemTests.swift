import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing
import TestWorkflows

/// What lies on a queue: who takes it, and who refuses it.
extension FleetTests {
    @Test
    func `Work items that only a busy worker, or one of other queues, could execute lie still until it takes them`()
        async throws
    {
        try await withStage { stage in
            let greet = Workflow("greet") { (context: WorkflowContext) async throws -> String in
                try await context.run("say") { "hello" }
            }
            func service(_ queue: String) throws -> RunningWorker {
                let worker = try StepwiseWorker(
                    redis: RedisEndpoint(stage.server.url), workflows: [greet],
                    configuration: .init(namespace: "fleet", queues: [queue], concurrency: 2), logger: .silent)
                return RunningWorker(worker)
            }
            let other = try service("other")
            let first = try stage.worker("first")
            var runs: [WorkflowRun<String>] = []
            for _ in 0..<150 { runs.append(try await stage.client.enqueue(WorkflowName<Void, String>("greet"))) }
            let list = RedisArgument(stage.keys.unserved("default", "greet"))
            try await eventually("all runs are unserved") { try await stage.redis("LLEN", list).integer == 150 }
            // Nobody has claimed anything for a while.
            try await eventually("nobody claims anything for a while") {
                let last = try await stage.client.workers().compactMap(\.lastClaim).max() ?? .max
                return try await stage.client.redisTime() - last > 5000
            }
            let able = try service("default")
            for run in runs { #expect(try await run.result(timeout: .seconds(60)) == "hello") }
            try await [other, able].end()
            await first.terminate()
        }
    }

    @Test func `An item whose id belongs to a run of another workflow is rejected, with both names`() async throws {
        try await withStage { stage in
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in", id: "taken")
            _ = try await stage.redis(
                "LPUSH", .init(stage.keys.inbox("default")), #"{"workflow":"race","payload":"in","id":"taken"}"#)
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            try await eventually("the item is rejected") {
                try await stage.redis("LLEN", .init(stage.keys.malformed)).integer == 1
            }
            let entry = try await stage.redis("LINDEX", .init(stage.keys.malformed), "0").bytes ?? []
            let reason = JSONMembers(entry)?.string("reason") ?? ""
            #expect(reason.contains("taken") && reason.contains("\"sequential\"") && reason.contains("\"race\""))
            await first.terminate()
        }
    }

    @Test(.scenario(57))
    func
        `A workflow that no worker knows waits, shows as unserved, blocks nothing, and is taken up by a worker that knows it`()
        async throws
    {
        try await withStage { stage in
            let first = try stage.worker("first")
            let unknown = try await stage.client.enqueue(WorkflowName<Void, String>("greet"))
            let known = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await known.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            try await eventually("the run is unserved") { try await unknown.details().status == .noWorker }
            #expect(try await stage.redis("LLEN", .init(stage.keys.unserved("default", "greet"))).integer == 1)
            let greet = Workflow("greet") { (context: WorkflowContext) async throws -> String in
                try await context.run("say") { "hello" }
            }
            let worker = try StepwiseWorker(
                redis: RedisEndpoint(stage.server.url), workflows: [greet], configuration: .init(namespace: "fleet"),
                logger: .silent)
            let service = RunningWorker(worker)
            #expect(try await unknown.result(timeout: .seconds(60)) == "hello")
            try await service.end()
            await first.terminate()
        }
    }

    @Test(.scenario(50))
    func `Malformed items end in malformed with their reason and block nothing behind them`() async throws {
        try await withStage { stage in
            let first = try stage.worker("first")
            let items: [RedisArgument] = [
                "nonsense", "{", "[]", #"{"payload":1}"#, #"{"workflow":"a b"}"#, #"{"workflow":"sequential","id":7}"#,
                #"{"workflow":"sequential","payoad":"typo"}"#, .bytes([0xff, 0xfe]), "step", "turn x",
            ]
            for item in items { _ = try await stage.redis("LPUSH", .init(stage.keys.inbox("default")), item) }
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            try await eventually("all items are rejected") {
                try await stage.redis("LLEN", .init(stage.keys.malformed)).integer == items.count
            }
            let entries = try await stage.redis("LRANGE", .init(stage.keys.malformed), "0", "-1").array ?? []
            for entry in entries {
                let members = JSONMembers(entry.bytes ?? [])
                #expect(members?.string("reason")?.isEmpty == false)
                #expect(members?.values["item"] != nil || members?.values["itemHex"] != nil)
            }
            await first.terminate()
        }
    }

    @Test(
        arguments: [
            (
                #"{"workflow":"echo","id":"r1","payload":{"a":[],"n":12345678901234567890}}"#,
                #"{"a":[],"n":12345678901234567890}"#
            ),
            (
                #"{"workflow":"echo","id":"r1","payload":"text with \"quotes\" and }"}"#,
                #""text with \"quotes\" and }""#
            ),
            (#"{"id":"r1","payload":17.50 ,"workflow":"echo"}"#, "17.50"),
            (#"{"workflow":"echo","id":"r1","payload":null}"#, "null"),
            (#"{"workflow":"echo","id":"r1"}"#, "null"),
        ]
    )
    func `A payload pushed with one LPUSH arrives byte for byte: object, string, number, null, or none`(
        _ item: String, _ payload: String
    ) async throws {
        try await withStage { stage in
            let echo = Workflow("echo") { (context: WorkflowContext) async throws -> Void in
                try await context.run("nothing") {}
            }
            let worker = try StepwiseWorker(
                redis: RedisEndpoint(stage.server.url), workflows: [echo], configuration: .init(namespace: "fleet"),
                logger: .silent)
            let service = RunningWorker(worker)
            _ = try await stage.redis("LPUSH", .init(stage.keys.inbox("default")), .init(item))
            try await eventually("the run completes") {
                (try? await stage.client.handle("r1").details().status) == .completed
            }
            #expect(try await stage.client.handle("r1").details().payload == payload)
            try await service.end()
        }
    }
}
