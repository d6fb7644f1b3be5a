import Logging
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Paused queues and workflows", .serialized) struct PausedWorkTests {
        private let gate = Latch()
        private let tally = Tally()

        private func workflow(_ calls: String) -> Workflow<String, String> { Calls(calls).workflow(gate, tally) }
        private let other = Workflow("other") { (context, number: Int) async throws -> Int in
            try await context.run("one") { number }
        }

        /// Two beats of every worker, after which what is paused is known.
        private func twoBeats(_ server: RedisServer) async throws {
            let monitor = try await ScriptMonitor(server)
            try await eventually("no worker beats") {
                try await monitor.requests().count { $0.contains("EVALSHA") && $0.contains(":workers\"") } >= 6
            }
            monitor.stop()
        }

        @Test(.scenario(53))
        func
            `From a paused queue nothing is claimed, by workers that run and by new ones; others go on; resumed, it goes on`()
            async throws
        {
            let code = workflow("one")
            let configuration = StepwiseWorker.Configuration(queues: ["default", "mail"])
            try await withWorker([code, other], configuration: configuration) { client, server in
                try await eventually("the worker is there") { try await client.workers().count == 1 }
                #expect(try await client.pause(queue: "mail", reason: "the relay is down", by: "Ada"))
                #expect(try await client.pause(queue: "mail") == false)
                try await twoBeats(server)
                let run = try await client.enqueue(code, "in", .queue("mail"))
                let late = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [code], configuration: configuration, logger: .silent)
                let service = RunningWorker(late)
                try await eventually("the other worker is there") { try await client.workers().count == 2 }
                #expect(try await client.enqueue(other, 7).result(timeout: patience) == 7)
                try await twoBeats(server)
                #expect(try await run.details().status == .queued && tally.all.isEmpty)
                let queues = try await client.queueTotals().queues
                #expect(queues.first { $0.name == "mail" }?.ready == 1)
                #expect(queues.first { $0.name == "mail" }?.pausedSince != nil)
                try await expectSound(client)
                #expect(try await client.resume(queue: "mail"))
                #expect(try await client.resume(queue: "mail") == false)
                #expect(try await run.result(timeout: patience) == "in")
                try await service.end()
            }
        }

        @Test
        func `Who has paused something, when and why, is told; a second pause changes nothing; an older note is read`()
            async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let begin = try await client.redisTime()
                let isNew = try await client.pause(queue: "mail", reason: "the relay is down", by: "Ada")
                let isNewAgain = try await client.pause(queue: "mail", reason: "lunch", by: "Bob")
                #expect(isNew && !isNewAgain)
                try await client.pause(workflow: "other")
                _ = try await server.command("HSET", "stepwise:{default}:paused", "queue:old", "1790000000000")
                let end = try await client.redisTime()

                let paused = try await client.paused()
                let mail = try #require(paused.queues["mail"])
                #expect(mail.by == "Ada" && mail.reason == "the relay is down")
                #expect((begin...end).contains(mail.since.wholeMilliseconds))
                let unsaid = try #require(paused.workflows["other"])
                #expect(unsaid.by == nil && unsaid.reason == nil)
                let old = try #require(paused.queues["old"])
                #expect(old.since.wholeMilliseconds == 1_790_000_000_000 && old.by == nil)
                let one = try await client.pause(ofQueue: "mail")
                let none = try await client.pause(ofWorkflow: "mail")
                #expect(one == mail && none == nil)

                let run = try await client.enqueue(other, 1)
                try await run.pause(reason: "lunch", by: "Ada")
                let reason = try await run.details().reason
                #expect(reason == "paused: lunch (by Ada)")
                await client.close()
            }
        }

        @Test
        func `A worker that stops to claim because its queue was paused, or because it leaves, warns of nothing`()
            async throws
        {
            let log = CollectedLog()
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await withWorkers(server, other, logger: log.logger) {
                    try await eventually("the worker waits") {
                        try await server.command("CLIENT", "LIST").string?.contains("cmd=blmove") == true
                    }
                    try await client.pause(queue: "default")
                    try await eventually("its waits end") {
                        try await server.command("CLIENT", "LIST").string?.contains("cmd=blmove") == false
                    }
                    try await twoBeats(server)
                    try await client.resume(queue: "default")
                    #expect(try await client.enqueue(other, 7).result(timeout: patience) == 7)
                }
                await client.close()
            }
            #expect(log.lines("what is paused has changed").count == 2)
            #expect(log.lines.filter { $0.level >= .warning } == [])
        }

        @Test
        func `A worker whose queue is paused sends fewer than 5 requests a second, and leaves in good order`()
            async throws
        {
            try await withWorker([other]) { client, server in
                try await eventually("the worker is there") { try await client.workers().count == 1 }
                try await client.pause(queue: "default")
                try await twoBeats(server)
                _ = try await client.enqueue(other, 1)
                let monitor = try await ScriptMonitor(server)
                let begin = ContinuousClock.now
                try await ContinuousClock().sleep(for: .seconds(3))
                let seconds = (ContinuousClock.now - begin).milliseconds / 1000
                let requests = try await monitor.requests()
                monitor.stop()
                #expect(Double(requests.count) / seconds < 5, "\(requests)")
                #expect(!requests.contains { $0.contains("MOVE\"") })
            }
        }

        @Test(.scenario(53), arguments: Memory.allCases)
        func
            `Of a paused workflow bodies end and are recorded, nothing begins, what is claimed waits with the reason; resumed, all go on`(
                _ memory: Memory
            ) async throws
        {
            let code = workflow("one slow two+three four")
            try await withWorker([code, other], memory: memory) { client, server in
                let begun = try await client.enqueue(code, "in")
                try await eventually("the body does not run") { tally.all == ["one", "slow"] }
                #expect(try await client.pause(workflow: "changed", reason: "no stock", by: "Ada"))
                try await twoBeats(server)
                gate.open()
                let fresh = try await client.enqueue(code, "in")
                try await eventually("they do not wait: two steps, and a run's beginning") {
                    try await client.queueTotals().unserved["changed"] == 3
                }
                let details = try await fresh.details()
                #expect(details.status == .noWorker)
                #expect(details.reason == "the workflow is paused")
                #expect(try await begun.history().map(\.step) == ["one", "slow"])
                #expect(tally.all == ["one", "slow"])
                #expect(try await client.enqueue(other, 7).result(timeout: patience) == 7)
                #expect(try await client.queueTotals().pausedWorkflows.keys.sorted() == ["changed"])
                try await expectSound(client)
                #expect(try await client.resume(workflow: "changed"))
                for run in [begun, fresh] { #expect(try await run.result(timeout: patience) == "in") }
            }
        }

        @Test
        func `Steps of a paused workflow that wait in a queue wait on, and none is executed twice`() async throws {
            let code = workflow("slow1+slow2+slow3+slow4+slow5+slow6 last")
            try await withWorker([code], configuration: .init(concurrency: 2)) { client, server in
                let run = try await client.enqueue(code, "in")
                try await eventually("the bodies do not run") { tally.all.count == 2 }
                try await client.pause(workflow: "changed")
                try await twoBeats(server)
                gate.open()
                try await eventually("they are not put aside") {
                    try await client.queueTotals().unserved["changed"] == 5
                }
                #expect(tally.all.count == 2)
                try await expectSound(client)
                try await client.resume(workflow: "changed")
                #expect(try await run.result(timeout: patience) == "in")
                #expect(tally.all.count == 7)
            }
        }
    }
}
