import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// States that are rare, or that nobody but an enemy makes: planted, without a worker.
@Suite("What explain says at the edges", .serialized)
struct ExplainEdgeTests {
    private func addBeating(
        _ fixture: Fixture, _ name: String, workflows: String = "ship", silence: Int = -3_600_000
    ) async throws {
        let time = try await fixture.client.redisTime()
        try await fixture.send("HSET ~worker:\(name) state alive concurrency 4 free 4 lease 10000 queues default")
        try await fixture.send("HSET ~worker:\(name)", "workflows", workflows)
        try await fixture.send("ZADD ~workers \(time - silence) \(name)")
    }

    /// A run that is running, has no turn in any list, and nothing open.
    private func addRunning(_ fixture: Fixture, _ id: String, turn: String = "") async throws -> String {
        #expect(try await fixture.stepwise("enqueue", "ship", "1", "--id", id).code == 0)
        try await fixture.send("DEL ~queue:default")
        try await fixture.send("HSET ~run:\(id) status running recorded 0 delivered 0 opened 1 turns 1", "turn", turn)
        try await fixture.send("ZREM ~runs:queued \(id)")
        try await fixture.send("ZADD ~runs:running 1 \(id)")
        return try await fixture.generation(of: id)
    }

    @Test func `Steps that wait for their next attempts are not taken for lost, however many they are`() async throws {
        try await Fixture.with { fixture in
            try await addBeating(fixture, "w-1-a")
            let generation = try await addRunning(fixture, "r")
            let due = try await fixture.client.redisTime() + 3_600_000
            let plant = """
                for n = 1, 250 do
                  local step = 's' .. n
                  redis.call('HSET', KEYS[1], step, 'run 2 0 item total=' .. ARGV[2] .. ' of=3 1\\n{}')
                  redis.call('ZADD', KEYS[2], ARGV[2], 'default step r ' .. ARGV[1] .. ' 2 ' .. step)
                  redis.call('ZADD', KEYS[2], ARGV[2], 'default timeout r ' .. ARGV[1] .. ' ' .. step)
                end
                redis.call('SET', KEYS[3], 250)
                """
            let prefix = "stepwise:{default}:"
            _ = try await fixture.redis.send([
                "EVAL", .init(plant), "3", .init(prefix + "open:r"), .init(prefix + "delayed"),
                .init(prefix + "join:r"),
                .init(generation), .init("\(due)"),
            ])
            let explanation = try await fixture.client.explain("r")
            #expect(explanation.cause == .backingOff && explanation.verdict == .waiting, "\(explanation.line)")
            #expect(!explanation.next.contains { $0.command?.contains("RPUSH") ?? false })
        }
    }

    @Test func `What a payload says of an id is not taken for a pushed item's own`() async throws {
        try await Fixture.with { fixture in
            try await addBeating(fixture, "w-1-a")
            let long = String(repeating: "x", count: 5000)
            let item = #"{"workflow":"ship","payload":{"id":"inner","x":"\#(long)"},"id":"outer"}"#
            try await fixture.send("LPUSH", "~inbox:default", item)
            for id in ["inner", "outer"] {
                let explanation = try await fixture.client.explain(id)
                #expect(explanation.cause == .noSuchRun, "\(explanation.line)")
                #expect(explanation.sentence.contains("the ends of 1 long items in the inbox of queue default"))
            }
            try await fixture.send("LPUSH", "~inbox:default", #"{"id":"first","workflow":"ship","payload":"\#(long)"}"#)
            #expect(try await fixture.client.explain("first").cause == .notTakenUp)
        }
    }

    @Test func `A pushed item with a worker that is gone is found, and is stuck where nobody takes over`() async throws
    {
        try await Fixture.with { fixture in
            try await fixture.send("LPUSH ~accepting:w-1-a:default", #"{"workflow":"ship","id":"r"}"#)
            let claimed = "r is not a run yet: worker w-1-a has claimed it from the inbox of queue default"
            try await addBeating(fixture, "w-1-a")
            var explanation = try await fixture.client.explain("r")
            #expect(explanation.sentence == claimed && explanation.verdict == .waiting)
            let gone = claimed + ", and is silent or dead, and no worker that is alive takes over"
            try await addBeating(fixture, "w-1-a", silence: 60_000)
            explanation = try await fixture.client.explain("r")
            #expect(explanation.sentence == gone && explanation.verdict == .stuck)
            try await fixture.send("ZADD ~workers -1000 w-1-a")
            explanation = try await fixture.client.explain("r")
            #expect(explanation.sentence == gone && explanation.verdict == .stuck)
            try await addBeating(fixture, "w-2-a")
            explanation = try await fixture.client.explain("r")
            #expect(explanation.sentence == claimed + ", and is silent or dead" && explanation.verdict == .waiting)
        }
    }

    @Test func `That a child's workflow is paused is told with its parent`() async throws {
        try await Fixture.with { fixture in
            try await addBeating(fixture, "w-1-a", workflows: "ship pack")
            let generation = try await addRunning(fixture, "r")
            try await fixture.send("HSET ~open:r", "pack", "invoke 1 0 child:wait:c")
            try await fixture.send("SET ~join:r 1")
            try await fixture.send("HSET ~run:c workflow pack status unserved queue default generation 5 turn unserved")
            try await fixture.send("HSET ~run:c", "parent", "r \(generation) pack")
            #expect(try await fixture.client.explain("r").verdict == .waiting)
            try await fixture.client.pause(workflow: "pack")
            let explanation = try await fixture.client.explain("r")
            #expect(explanation.verdict == .stuck && explanation.children.map(\.cause) == [.workflowPaused])
            #expect(explanation.sentence.contains("Workflow pack has been paused"))
        }
    }

    @Test func `A turn with a worker that nobody knows is stuck, however many others there are`() async throws {
        try await Fixture.with { fixture in
            for number in 1...12 { try await addBeating(fixture, "w-\(number)-a") }
            let generation = try await addRunning(fixture, "r", turn: "ghost 1 ghost/1")
            try await fixture.send("LPUSH ~claimed:ghost:default", "turn r \(generation)")
            let explanation = try await fixture.client.explain("r")
            #expect(explanation.cause == .nobodyMoves && explanation.verdict == .stuck, "\(explanation.line)")
        }
    }

    @Test func `Keys of a wrong type are as if they were not there, and hide nothing else`() async throws {
        try await Fixture.with { fixture in
            _ = try await addRunning(fixture, "r")
            for key in ["delayed", "paused", "inbox:default"] { try await fixture.send("SET ~\(key) x") }
            let found = try await fixture.client.explain()
            #expect(found.rows.map(\.cause) == [.heldByDeadNobodyLeft])
            #expect(try await fixture.client.explain("r").status == .running)
        }
    }

    @Test func `What runs that have ended or are paused leave in a queue is not counted as other runs`() async throws {
        try await Fixture.with { fixture in
            try await addBeating(fixture, "w-1-a")
            for id in ["a", "b", "c", "d"] {
                #expect(try await fixture.stepwise("enqueue", "ship", "1", "--id", id).code == 0)
            }
            #expect(try await fixture.stepwise("pause", "a").code == 0)
            #expect(try await fixture.stepwise("cancel", "b").code == 0)
            try await fixture.client.pause(queue: "default")
            let found = try await fixture.client.explain()
            #expect(found.live == 3 && found.stuck == 3, "\(found.sentence)")
            let row = try #require(found.rows.first { $0.cause == .queuePaused })
            #expect(row.runs == ["c", "d"])
        }
    }
}
