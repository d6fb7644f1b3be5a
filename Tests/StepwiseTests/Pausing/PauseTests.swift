import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// Scenario 53: nothing new begins, what runs ends and is recorded, and everything goes on after resume.
    @Suite("Paused runs", .serialized) struct PausedRuns {
        private let gate = Latch()
        private let tally = Tally()

        private func workflow(_ calls: String) -> Workflow<String, String> { Calls(calls).workflow(gate, tally) }

        /// Everything that was claimed or queued of it has been put aside.
        private func isQuiet(_ client: StepwiseClient) async throws {
            try await eventually("something is still claimed or queued") {
                try await client.queueTotals().queues.allSatisfy { $0.ready + $0.claimed == 0 }
            }
        }

        @Test(.scenario(53), arguments: Memory.allCases)
        func `Paused while a body runs: it ends and is recorded, the next step begins after resume`(_ memory: Memory)
            async throws
        {
            let code = workflow("one slow two")
            try await withWorker([code], memory: memory) { client, _ in
                let run = try await client.enqueue(code, "in")
                try await eventually("the body does not run") { tally.all == ["one", "slow"] }
                #expect(try await run.pause(reason: "the shop is closed"))
                #expect(try await run.pause() == false)
                gate.open()
                try await eventually("it is not recorded") { try await run.history().map(\.step) == ["one", "slow"] }
                try await isQuiet(client)
                let details = try await run.details()
                #expect(details.status == .paused && details.reason == "paused: the shop is closed")
                #expect(tally.all == ["one", "slow"])
                try await expectSound(client)
                try await run.resume()
                #expect(try await run.result(timeout: patience) == "in")
                #expect(tally.all == ["one", "slow", "two"])
                #expect(try await run.details().reason == nil)
            }
        }

        @Test(.scenario(53), arguments: Memory.allCases)
        func `Paused in parallel steps: those that run end, those that wait in a queue begin after resume`(
            _ memory: Memory
        ) async throws {
            let code = workflow("slow1+slow2+slow3+slow4+slow5+slow6+slow7 last")
            let configuration = StepwiseWorker.Configuration(concurrency: 2)
            try await withWorker([code], memory: memory, configuration: configuration) { client, _ in
                let run = try await client.enqueue(code, "in")
                let running = memory == .hot ? 2 : 4
                try await eventually("not all slots are taken") { tally.all.count == running }
                try await run.pause()
                gate.open()
                try await isQuiet(client)
                #expect(try await run.history().count == running)
                #expect(tally.all.count == running)
                #expect(try await client.openSteps(ofRun: run.id).count == 7 - running)
                try await expectSound(client)
                try await run.resume()
                #expect(try await run.result(timeout: patience) == "in")
                #expect(tally.all.sorted() == ["last", "slow1", "slow2", "slow3", "slow4", "slow5", "slow6", "slow7"])
            }
        }

        @Test(.scenario(53)) func `Paused when only the function's end is left: it ends after resume`() async throws {
            let code = workflow("slow")
            try await withWorker([code]) { client, _ in
                let run = try await client.enqueue(code, "in")
                try await eventually("the body does not run") { tally.all == ["slow"] }
                try await run.pause()
                gate.open()
                try await isQuiet(client)
                #expect(try await run.details().status == .paused)
                #expect(try await run.history().map(\.step) == ["slow"])
                try await expectSound(client)
                try await run.resume()
                #expect(try await run.result(timeout: patience) == "in")
            }
        }

        @Test(.scenario(53))
        func `Paused while a retry waits: the next attempt is made after resume, and counts`() async throws {
            let tally = tally
            let retry = Retry(attempts: 3, initialDelay: .milliseconds(300), multiplier: 1)
            let code = Workflow("flaky") { (context, text: String) async throws -> String in
                try await context.run("flaky", .retry(retry)) { step in
                    tally.add("\(step.attempt)")
                    if step.attempt == 1 { throw RetryAfter(.milliseconds(300)) }
                    return text
                }
            }
            try await withWorker([code]) { client, _ in
                let run = try await client.enqueue(code, "in")
                try await eventually("it does not wait") { try await client.queueTotals().delayed == 1 }
                try await run.pause()
                try await eventually("it is not due") {
                    try await client.openSteps(ofRun: run.id).map(\.state.place) == ["held"]
                }
                try await expectSound(client)
                #expect(tally.all == ["1"])
                try await run.resume()
                #expect(try await run.result(timeout: patience) == "in")
                #expect(tally.all == ["1", "2"])
            }
        }

        @Test(.scenario(53))
        func `Paused in the queue, or while no worker has its workflow: it stands there again after resume`()
            async throws
        {
            let code = workflow("one")
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let queued = try await client.enqueue(code, "in")
                let resumedAtOnce = try await client.enqueue(code, "in")
                for run in [queued, resumedAtOnce] { try await run.pause() }
                try await resumedAtOnce.resume()
                #expect(try await resumedAtOnce.details().status == .queued)
                try await expectSound(client)
                try await withWorkers(server, Workflow("other") { (_: WorkflowContext) in }) {
                    try await eventually("it is not unserved") {
                        try await resumedAtOnce.details().status == .noWorker
                    }
                    try await isQuiet(client)
                    try await resumedAtOnce.pause()
                    try await expectSound(client)
                    try await resumedAtOnce.resume()
                    let details = try await resumedAtOnce.details()
                    #expect(details.status == .noWorker && details.reason != nil)
                    try await expectSound(client)
                }
                try await withWorkers(server, code) {
                    let output = try await resumedAtOnce.result(timeout: patience)
                    #expect(output == "in" && tally.all == ["one"])
                    #expect(try await queued.details().status == .paused)
                    try await queued.resume()
                    _ = try await queued.result(timeout: patience)
                }
                await client.close()
            }
        }

        @Test(.rule(8))
        func `What waits for the workflow in another queue, however much, is not in the way of a run that waits here`()
            async throws
        {
            let code = workflow("one")
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let others = try await client.enqueue(
                    WorkflowName<String, String>(code.name), each: (0..<1500).map { "other-\($0)" }, .queue("other"))
                try await withWorkers(
                    server, Workflow("idle") { (_: WorkflowContext) in }, configuration: .init(queues: ["other"])
                ) {
                    try await eventually("all of the others are unserved") {
                        try await client.queueTotals().unserved[code.name] == others.count
                    }
                    try await client.pause(workflow: code.name)
                    let run = try await client.enqueue(code, "in")
                    try await withWorkers(server, code) {
                        try await eventually("it waits") { try await run.details().status == .noWorker }
                        try await client.resume(workflow: code.name)
                        let monitor = try await ScriptMonitor(server)
                        let output = try await run.result(timeout: patience)
                        #expect(output == "in" && tally.all == ["one"])
                        // Nobody looks at what he cannot have. The other worker may look at its own workflow's.
                        let lines = try await monitor.requests().joined(separator: "\n")
                        #expect(!lines.contains("unserved:other:\(code.name)"))
                        monitor.stop()
                    }
                }
                await client.close()
            }
        }

        @Test func `The worker of a paused run dies: its body is not executed again before resume`() async throws {
            let code = workflow("one slow two")
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await client.enqueue(code, "in")
                try await withWorkers(server, code, grace: .zero) {
                    try await eventually("the body does not run") { tally.all == ["one", "slow"] }
                    try await run.pause()
                }
                try await withWorkers(server, code) {
                    try await isQuiet(client)
                    try await expectSound(client)
                    #expect(tally.all == ["one", "slow"])
                    gate.open()
                    try await run.resume()
                    _ = try await run.result(timeout: patience)
                    #expect(tally.all == ["one", "slow", "slow", "two"])
                }
                await client.close()
            }
        }

        private func script(_ name: String) throws -> String {
            let scripts = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../../Sources/Stepwise/Store/Scripts")
            return try ["lib/prelude", "lib/run", name].map {
                try String(contentsOf: scripts.appending(path: "\($0).lua"), encoding: .utf8)
            }.joined(separator: "\n")
        }

        @Test(arguments: [false, true])
        func
            `Paused, or paused and cancelled, between a turn's claim and the worker's finding that it cannot do it: it stays that`(
                isCancelled: Bool
            ) async throws
        {
            let code = workflow("one")
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                func eval(_ name: String, _ keys: [String], _ arguments: [String]) async throws -> RedisValue {
                    try await redis.send(
                        ["EVAL", .init(try script(name)), .init(keys.count)]
                            + (keys.map { "stepwise:{default}:" + $0 } + arguments).map { .init($0) })
                }
                let run = try await client.enqueue(code, "in", id: "r")
                let stored = try await redis.send(["HGET", "stepwise:{default}:run:r", "generation"])
                let generation = try #require(stored.string)
                let turn = "turn r \(generation)"
                let item = try await redis.send([
                    "LMOVE", "stepwise:{default}:queue:default", "stepwise:{default}:claimed:w:default", "RIGHT",
                    "LEFT",
                ])
                _ = try await eval(
                    "run/take_turn",
                    [
                        "run:r", "steps:r", "open:r", "claimed:w:default", "runs:queued", "runs:running",
                        "runs:unserved",
                    ],
                    ["r", item.string ?? "", "w", "\(generation)", "", "", "0", "w/1", "1"])
                try await run.pause(reason: "the shop is closed")
                if isCancelled { #expect(try await run.cancel() == .cancelled) }
                _ = try await eval(
                    "worker/set_unserved",
                    [
                        "run:r", "claimed:w:default", "unserved:default:changed", "runs:running", "runs:unserved",
                        "waiting:pushed:default", "waiting:enqueued", "pushed:queues",
                    ],
                    ["r", turn, "w", "1", "nobody has it", "", "default", "20000"])
                try await expectSound(client)
                let details = try await run.details()
                if isCancelled {
                    #expect(details.status == .cancelled)
                } else {
                    #expect(details.status == .paused && details.reason == "paused: the shop is closed")
                    try await run.resume()
                    #expect(try await run.details().status == .noWorker)
                    try await expectSound(client)
                    try await withWorkers(server, code) {
                        let output = try await run.result(timeout: patience)
                        #expect(output == "in")
                    }
                }
                await redis.close()
                await client.close()
            }
        }

        @Test(arguments: [false, true])
        func `The end of a paused run, cancelled or out of time, makes workers look for its bodies at once`(
            isOutOfTime: Bool
        ) async throws {
            let ended = tally
            let code = Workflow("long") { (context, _: Int) async throws -> Void in
                try await context.run("wait") {
                    ended.add("begun")
                    try? await Task.sleep(for: .seconds(3600))
                    ended.add("ended")
                }
            }
            try await withWorker([code]) { client, server in
                let run =
                    isOutOfTime
                    ? try await client.enqueue(code, 0, .runTimeout(.milliseconds(500)))
                    : try await client.enqueue(code, 0)
                try await eventually("the body does not run") { ended.all == ["begun"] }
                try await run.pause()
                if !isOutOfTime { try await run.cancel() }
                try await eventually("the body goes on") { ended.all == ["begun", "ended"] }
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                #expect(try await redis.send(["HGET", "stepwise:{default}:meta", "cancels"]).integer == 1)
                await redis.close()
                try await expectSound(client)
            }
        }

        @Test
        func
            `A paused run is cancelled at once; what has ended, is parked or does not exist cannot be paused, and says so`()
            async throws
        {
            let code = workflow("one")
            let parked = Workflow("parked") { (context: WorkflowContext, _: Int) async throws -> Void in }
            try await withWorker([code, parked]) { client, _ in
                let done = try await client.enqueue(code, "in")
                _ = try await done.result(timeout: patience)
                #expect(await errorCode { try await done.pause() } == .wrongStatus)
                #expect(await errorCode { try await client.pause("nobody") } == .noSuchRun)
                let bad = try await client.enqueue(workflow: "parked", payloadJSON: "\"no number\"")
                try await eventually("it is not parked") { try await bad.details().status == .parked }
                #expect(await errorCode { try await bad.pause() } == .wrongStatus)
                let later = try await client.enqueue(code, "in", .queue("nobody-serves-it"))
                try await later.pause()
                #expect(try await later.cancel() == .cancelled)
                try await expectSound(client)
            }
        }
    }
}
