import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// A call that a turn's holder sends late: the same worker has released the turn since and taken it again, so that name and claim are right and
/// only the number is not.
struct LateCall: Sendable, CustomTestStringConvertible {
    /// Its name.
    let script: String
    /// By the names of the script's header; what is not here is of every call, or empty.
    var arguments: [String: String] = [:]
    /// What stands for the last name, if that ends in `...`.
    var rest: [String] = []
    let reply: RedisValue

    var testDescription: String { script }

    private static let record = [
        "step": "one", "head": #"{"step":"one","claim":"w/9""#, "tail": #""value":1"#, "token": "w/9",
    ]
    private static let end = ["is_last": "1", "ending": "completed", "result": "1"]
    /// No openings, closings, limits and orphans; no patches.
    private static let emptyPlan = ["0", "0", "0", "0", "", "1000000", ""]
    private static let stale = RedisValue.array([.string(Array("stale".utf8))])

    static let all: [LateCall] = [
        LateCall(script: "advance", arguments: end, rest: emptyPlan, reply: .array([.string(Array("gone".utf8))])),
        LateCall(
            script: "record_and_advance", arguments: end.merging(record) { $1 }, rest: emptyPlan,
            reply: stale),
        LateCall(
            script: "record_and_advance_plain",
            arguments: ["upto": "1", "next_number": "1", "next_step": "two"].merging(record) { $1 },
            reply: .integer(0)),
        LateCall(
            script: "record_and_complete_plain",
            arguments: ["upto": "1", "output": "1"].merging(record) { $1 }, reply: .integer(0)),
        LateCall(
            script: "retry", arguments: ["step": "one", "attempt": "1", "failure": "{}", "took": "1"],
            reply: stale),
        LateCall(
            script: "await_child", arguments: ["step": "one", "attempt": "1", "child": "c", "policy": "wait"],
            reply: stale),
        LateCall(script: "park", arguments: ["reason": "changed code"], reply: stale),
        LateCall(
            script: "mark_attempt",
            arguments: ["step": "one", "attempt": "1", "token": "w/9", "is_once": "1"], reply: stale),
        LateCall(
            script: "unmark_attempt",
            arguments: ["step": "one", "attempt": "1", "token": "w/9"], reply: stale),
    ]
}

extension Scenarios {
    @Suite("Guards of the turn") struct TurnGuardTests {
        private static let prefix = "stepwise:{default}:"

        private static func key(_ name: String) -> String {
            switch name {
            case "run", "steps", "open", "join": prefix + name + ":r"
            case "claimed": prefix + "claimed:w:default"
            case "queue", "parent_queue": prefix + "queue:default"
            case "unfit": prefix + "unfit:greet"
            case "delayed", "dead": prefix + name
            default: prefix + "runs:" + name
            }
        }

        /// Calls a script; an argument without a value here is empty.
        private static func call(
            _ name: String, _ arguments: [String: String], _ rest: [String] = [], _ redis: RedisClient
        ) async throws -> RedisValue {
            let script = try #require(ScriptLibrary.all.first { $0.name == name })
            let names = script.arguments.map(\.description).filter { !$0.hasSuffix("...") }
            return try await redis.evaluate(
                script.redis,
                keys: script.keys.map(\.description).filter { !$0.hasSuffix("?") && !$0.hasSuffix("...") }.map(key),
                arguments: (names.map { arguments[$0] ?? "" } + rest).map { .init($0) })
        }

        @Test(.rule(4), arguments: LateCall.all)
        func `A call under a turn that the same worker has released and taken again changes nothing`(_ late: LateCall)
            async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                _ = try await client.enqueue(WorkflowName<String, String>("greet"), "in", id: "r")
                let stored = try await redis.send(["HGET", "stepwise:{default}:run:r", "generation"])
                let generation = try #require(stored.string)
                let common = [
                    "id": "r", "worker": "w", "number": "1", "turn_prefix": "w 1 ", "text": "turn r \(generation)",
                    "generation": generation, "upto": "0", "slots": "1", "seen": "0", "is_cold": "1",
                    "queue": "default",
                    "delay": "1000", "max_bytes": "1000000", "max_losses": "3", "kind": "turn",
                ]
                func take(_ token: String) async throws -> RedisValue {
                    let item = try await redis.send([
                        "LMOVE", .init(Self.key("queue")), .init(Self.key("claimed")), "RIGHT", "LEFT",
                    ])
                    let arguments = ["text": item.string ?? "", "token": token]
                    return try await Self.call("take_turn", common.merging(arguments) { $1 }, [], redis)
                }
                #expect(try await take("w/1").array?[1].integer == 1)
                let opening = ["1", "0", "one", "", "", "", "0", "0", "0", "", "1000000", ""]
                let opened = try await Self.call(
                    "advance", common.merging(["is_last": "1"]) { $1 }, opening, redis)
                #expect(opened.array?.first?.string == "inline")
                let released = try await Self.call("release", common, [], redis)
                #expect(released.array?.first?.string == "moved")
                #expect(try await take("w/2").array?[1].integer == 2)

                func everything() async throws -> [String: RedisValue] {
                    var keys: [String: RedisValue] = [:]
                    for key in try await redis.send(["KEYS", "*"]).array?.compactMap(\.string) ?? [] {
                        keys[key] = try await redis.send(["DUMP", .init(key)])
                    }
                    return keys
                }
                let before = try await everything()
                #expect(before.count > 4)
                let reply = try await Self.call(late.script, common.merging(late.arguments) { $1 }, late.rest, redis)
                #expect(reply == late.reply)
                #expect(try await everything() == before)
                await redis.close()
                await client.close()
            }
        }
    }
}
