import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// Runs that are enqueued now and start later.
    @Suite("Delayed and scheduled starts", .serialized) struct DelayedStarts {
        private let echo = Workflow("echo") { (context, text: String) async throws -> String in
            try await context.run("say") { text }
        }

        private let queue = RedisArgument("stepwise:{default}:queue:default")
        private let inbox = RedisArgument("stepwise:{default}:inbox:default")

        private func delayed(_ server: RedisServer) async throws -> [String] {
            try await server.command("ZRANGE", "stepwise:{default}:delayed", "0", "-1").array?.compactMap(\.string)
                ?? []
        }

        @Test
        func `A run that is to start later waits without a worker, and starts by itself, not early and not late`()
            async throws
        {
            try await withWorker([echo]) { client, server in
                let run = try await client.enqueue(echo, "hello", .after(.milliseconds(900)))
                var details = try await run.details()
                let starts = try #require(details.startsAt)
                #expect(starts.wholeMilliseconds - details.created!.wholeMilliseconds == 900)
                #expect(details.status == .queued)
                #expect(try await delayed(server).count == 1)
                #expect(try await server.command("LLEN", queue).integer == 0)
                try await expectSound(client)

                #expect(try await run.result(timeout: patience) == "hello")
                let recorded = try #require(try await run.history().first?.at)
                #expect(recorded >= starts && recorded < starts + 2)
                details = try await run.details()
                #expect(details.startsAt == starts)
                #expect(try await delayed(server).isEmpty)
            }
        }

        @Test func `A run starts at a date, and each of many inputs does`() async throws {
            try await withWorker([echo]) { client, server in
                let date = Date(timeIntervalSinceNow: 0.8)
                let runs = try await client.enqueue(echo.workflowName, each: ["a", "b", "c"], .at(date))
                for (run, text) in zip(runs, ["a", "b", "c"]) {
                    #expect(try await run.result(timeout: patience) == text)
                    let starts = try #require(try await run.details().startsAt)
                    #expect(abs(starts.timeIntervalSince(date)) <= 0.001_001)
                    #expect(try await run.history()[0].at! >= starts)
                }
            }
        }

        @Test(
            arguments: [
                EnqueueOption.after(.zero), .after(.seconds(-5)), .at(.distantPast),
                .at(Date(timeIntervalSinceNow: -1)),
            ]
        )
        func `Zero, less than zero and the past start at once`(_ option: EnqueueOption) async throws {
            try await withWorker([echo]) { client, server in
                let run = try await client.enqueue(echo, "now", option)
                #expect(try await run.result(timeout: patience) == "now")
                #expect(try await run.details().startsAt == nil)
                #expect(try await delayed(server).isEmpty)
            }
        }

        @Test func `The same id twice starts one run, and the first call's time counts`() async throws {
            try await withWorker([echo]) { client, server in
                let run = try await client.enqueue(echo, "hello", id: "once", .after(.seconds(3600)))
                let starts = try await run.details().startsAt
                #expect(try await client.enqueue(echo, "hello", id: "once").isNew == false)
                #expect(try await client.enqueue(echo, "hello", id: "once", .after(.seconds(1))).isNew == false)
                let item = #"{"workflow":"echo","payload":"hello","id":"once","after":1}"#
                _ = try await server.command("LPUSH", inbox, .init(item))
                try await eventually("the item is taken") { try await server.command("LLEN", inbox).integer == 0 }
                #expect(try await run.details().startsAt == starts)
                #expect(try await run.details().status == .queued)
                #expect(try await delayed(server).count == 1)
            }
        }

        @Test(arguments: ["after", "at", "date"])
        func
            `A pushed object may say when to start: after so many milliseconds, at a time in milliseconds, or at a date`(
                _ way: String
            ) async throws
        {
            try await withWorker([echo]) { client, server in
                let at = Date(timeIntervalSinceNow: 0.8)
                let when =
                    switch way {
                    case "after": #""after":800"#
                    case "at": #""at":\#(Int(at.timeIntervalSince1970 * 1000))"#
                    default: #""at":"\#(at.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))""#
                    }
                let item = #"{"workflow":"echo","payload":"hello","id":"pushed",\#(when)}"#
                _ = try await server.command("LPUSH", inbox, .init(item))
                let run = client.handle("pushed", as: String.self)
                try await eventually("the run is there") { (try? await run.details()) != nil }
                let details = try await run.details()
                #expect(details.status == .queued)
                let starts = try #require(details.startsAt)
                try await expectSound(client)
                #expect(try await run.result(timeout: patience) == "hello")
                #expect(try await run.history()[0].at! >= starts)
            }
        }

        @Test(.rule(8))
        func `A pushed object with a date that the calendar or the clock does not have is rejected`() async throws {
            try await withWorker([echo]) { client, server in
                let bad = [
                    "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
                    "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
                    "2026-01-01T24:00:00Z", "2026-01-01T25:61:61Z", "2026-01-01T23:60:00Z", "2026-01-01T23:59:60Z",
                    "2026-01-01T23:59:60.5Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00-0060",
                ]
                let good = [
                    "2024-02-29T00:00:00Z", "2000-02-29T23:59:59Z", "2023-12-31T23:59:59.999Z",
                    "2024-04-30T00:00:00+14:00", "2024-01-31T00:00:00-0130",
                ]
                for (index, date) in (bad + good).enumerated() {
                    let item = #"{"workflow":"echo","payload":"x","id":"run\#(index)","at":"\#(date)"}"#
                    _ = try await server.command("LPUSH", inbox, .init(item))
                }
                for index in bad.count..<(bad + good).count {
                    let run = client.handle("run\(index)", as: String.self)
                    try await eventually("the run is there") { (try? await run.details()) != nil }
                    #expect(try await run.result(timeout: patience) == "x")
                }
                try await eventually("the others are rejected") {
                    try await server.command("LLEN", "stepwise:{default}:malformed").integer == bad.count
                }
                let items = try await client.malformed(limit: 20)
                #expect(items.allSatisfy { $0.reason.contains("\"at\"") }, "\(items)")
                for date in bad { #expect(items.contains { $0.item.contains("\"\(date)\"") }, "\(date)") }
            }
        }

        @Test func `A pushed object with a time that is none is rejected, with the reason`() async throws {
            try await withWorker([echo]) { client, server in
                let bad = [
                    #""after":"5m""#, #""at":"tomorrow""#, #""after":5,"at":5"#, #""after":1.5"#,
                    #""at":"2026-12-01T09:1111100:00+01:00""#, #""at":"12026-12-01T09:00:00Z""#,
                    #""at":"2026-12-01T09:00:00""#, #""at":"2026-12-01T09:00:00.Z""#,
                ]
                for (index, when) in bad.enumerated() {
                    let item = #"{"workflow":"echo","payload":"x","id":"bad\#(index)",\#(when)}"#
                    _ = try await server.command("LPUSH", inbox, .init(item))
                }
                try await eventually("all are rejected") {
                    try await server.command("LLEN", "stepwise:{default}:malformed").integer == bad.count
                }
                let reasons = try await client.malformed(limit: 10).map(\.reason)
                #expect(reasons.allSatisfy { $0.contains("\"after\"") || $0.contains("\"at\"") }, "\(reasons)")
            }
        }

        @Test(.rule(8), arguments: [true, false])
        func `A pushed run that starts later than anything may wait is rejected, unless nothing has an age`(
            _ hasLimit: Bool
        ) async throws {
            let configuration = StepwiseWorker.Configuration(waitingLimit: hasLimit ? .seconds(3600) : .zero)
            try await withWorker([echo], configuration: configuration) { client, server in
                let far = [#""after":3700000"#, #""at":"9999-12-31T23:59:59Z""#, #""at":9000000000000"#]
                for (index, when) in far.enumerated() {
                    let item = #"{"workflow":"echo","payload":"x","id":"far\#(index)",\#(when)}"#
                    _ = try await server.command("LPUSH", inbox, .init(item))
                }
                let item = #"{"workflow":"echo","payload":"x","id":"near","after":1800000}"#
                _ = try await server.command("LPUSH", inbox, .init(item))
                let waiting = RedisArgument("stepwise:{default}:waiting:pushed:default")
                let malformed = RedisArgument("stepwise:{default}:malformed")
                try await eventually("all are taken") {
                    let count = try await server.command("ZCARD", waiting).integer ?? 0
                    return try await server.command("LLEN", malformed).integer == 4 - count && count > 0
                }
                #expect(try await server.command("ZCARD", waiting).integer == (hasLimit ? 1 : 4))
                let reasons = try await client.malformed(limit: 10).map(\.reason)
                #expect(reasons.allSatisfy { $0.contains("waitingLimit") })
            }
        }

        @Test
        func `A run that is cancelled before its time never begins, and nothing of it is left to come`() async throws {
            try await withWorker([echo]) { client, server in
                let run = try await client.enqueue(echo, "hello", id: "no", .after(.seconds(3600)))
                #expect(try await run.cancel() == .cancelled)
                #expect(try await run.details().status == .cancelled)
                #expect(try await delayed(server).isEmpty)
                try await expectSound(client)
            }
        }

        @Test
        func `runTimeout counts from the call on: a run that would start later than that fails without having begun`()
            async throws
        {
            try await withWorker([echo]) { client, server in
                let run = try await client.enqueue(
                    echo, "hello", .after(.seconds(3600)), .runTimeout(.milliseconds(300)))
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                #expect(try await run.details().error?.contains("RunTimeout") == true)
                #expect(try await delayed(server).isEmpty)
                try await expectSound(client)
            }
        }

        @Test func `A workflow's own runTimeout counts from the start`() async throws {
            let workflow = Workflow("limited", .runTimeout(.seconds(3600))) { (context, _: Int) async throws -> Int in
                try await context.run("work") { 1 }
            }
            try await RedisServer.withServer(clock: .skippable) { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await withWorkers(server, workflow) {
                    let run = try await client.enqueue(workflow, 0, .after(.seconds(86_400)))
                    try await server.advance(by: .seconds(86_400))
                    #expect(try await run.result(timeout: patience) == 1)
                    let details = try await run.details()
                    let (starts, deadline) = (try #require(details.startsAt), try #require(details.deadline))
                    #expect(deadline.wholeMilliseconds >= starts.wholeMilliseconds + 3_600_000)
                }
                await client.close()
            }
        }

        @Test
        func `A run that is paused before its time starts when it is resumed, and not before its time`() async throws {
            try await withWorker([echo]) { client, server in
                let early = try await client.enqueue(echo, "early", .after(.milliseconds(1500)))
                let late = try await client.enqueue(echo, "late", .after(.milliseconds(200)))
                for run in [early, late] { try await run.pause() }
                try await early.resume()
                #expect(try await early.details().status == .queued)
                try await eventually("what is due was looked at") {
                    try await client.record(ofRun: late.id)?.turn == ""
                }
                #expect(try await late.details().status == .paused)
                try await expectSound(client)
                try await late.resume()
                #expect(try await late.result(timeout: patience) == "late")
                #expect(try await early.result(timeout: patience) == "early")
                #expect(try await early.history()[0].at! >= early.details().startsAt!)
            }
        }

        @Test
        func `A parent waits for a child that starts later; one that ends before takes the child with it`() async throws
        {
            let parent = Workflow("parent") { [echo] (context, delay: Int) async throws -> String in
                try await context.invoke(echo, "from the child", id: "child-\(delay)", .after(.milliseconds(delay)))
            }
            try await withWorker([parent, echo]) { client, server in
                let patient = try await client.enqueue(parent, 700)
                #expect(try await patient.result(timeout: patience) == "from the child")
                let child = client.handle("child-700", as: String.self)
                #expect(try await child.history()[0].at! >= child.details().startsAt!)

                let hasty = try await client.enqueue(parent, 3_600_000)
                let never = client.handle("child-3600000", as: String.self)
                try await eventually("the child is there") { (try? await never.details()) != nil }
                try await eventually("its parent waits for it") {
                    try await client.openSteps(ofRun: hasty.id).first?.state.child != nil
                }
                try await expectSound(client)
                try await hasty.cancel()
                try await eventually("the child is cancelled") { try await never.details().status == .cancelled }
                #expect(try await delayed(server).isEmpty)
            }
        }

        @Test func `A run that is due stands behind those that were enqueued before`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                _ = try await client.enqueue(echo, "later", id: "later", .after(.milliseconds(1)))
                _ = try await client.enqueue(echo, "first", id: "first")
                // A worker that has nothing to do with the queue promotes what is due.
                try await withWorkers(server, echo, configuration: .init(queues: ["other"])) {
                    try await eventually("it is due") { try await delayed(server).isEmpty }
                }
                let items = try await server.command("LRANGE", queue, "0", "-1").array?.compactMap(\.string) ?? []
                #expect(items.map { $0.split(separator: " ")[1] } == ["later", "first"])
                await client.close()
            }
        }
    }
}
