import Foundation
import Logging
import Stepwise
internal import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private let note = Workflow("note") { (context, text: String) async throws -> String in
    try await context.run("write") { text }
}

/// A workflow whose runs wait in their step until the gate opens.
private func held(_ gate: Latch) -> Workflow<Void, Void> {
    Workflow("held") { context in try await context.run("wait") { await gate.wait() } }
}

extension Scenarios {
    @Suite("Schedules")
    struct ScheduleTests {
        private let keys: Keys

        init() throws { keys = try Keys(namespace: "default") }

        /// The ids of all runs of a schedule, in the order of their ticks.
        private func runs(_ client: StepwiseClient, of schedule: String) async throws -> [String] {
            try await client.runs(limit: 5000).map(\.id).filter { $0.hasPrefix(schedule + "/") }.sorted()
        }

        @Test(.scenario(61))
        func `A schedule that three workers declare starts one run a tick, with its input, its queue and its label`()
            async throws
        {
            let schedule = try Schedule(
                "every-second", .every(.seconds(1)), note, "hello", queue: "notes", labels: ["tenant": "acme"],
                runTimeout: .seconds(600))
            try await RedisServer.withServer { server in
                let workers = try (0..<3).map { _ in
                    try StepwiseWorker(
                        redis: RedisEndpoint(server.url), workflows: [note], schedules: [schedule],
                        configuration: .init(queues: ["notes"]), logger: .silent)
                }
                let tasks = workers.map(RunningWorker.init)
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await eventually("it does not tick") {
                    try await client.runs(status: .completed, limit: 9).count >= 3
                }
                try await tasks.end()
                let details = try await client.schedules.details("every-second")
                let ids = try await runs(client, of: "every-second")
                let last = try #require(details.lastTick).wholeMilliseconds
                #expect(ids == ((0..<ids.count).reversed().map { schedule.runID(ofTick: last - $0 * 1000) }))
                #expect(details.started == ids.count && details.missed == 0 && details.lastRun == ids.last)
                let run = try await client.handle(ids[0]).details()
                #expect(run.workflow == "note" && run.payload == "\"hello\"" && run.queue == "notes")
                #expect(run.labels == ["tenant": "acme", "schedule": "every-second"] && run.deadline != nil)
                try await expectSound(client, pause: .milliseconds(10))
                await client.close()
            }
        }

        @Test(arguments: [ScheduleOverlap.skip, .queue, .replace])
        func `While a run is live: skip skips ticks, queue keeps them for later, replace cancels the run`(
            _ overlap: ScheduleOverlap
        ) async throws {
            let gate = Latch()
            let workflow = held(gate)
            try await withWorker([workflow]) { client, server in
                try await client.schedules.create(
                    Schedule("often", .every(.seconds(1)), workflow, overlap: overlap))
                func details() async throws -> ScheduleDetails { try await client.schedules.details("often") }
                try await eventually("the first tick does not come") { try await details().started >= 1 }
                let first = try #require(try await details().lastRun)
                switch overlap {
                case .skip:
                    try await eventually("no tick is skipped") { try await details().skipped >= 1 }
                    #expect(try await details().started == 1)
                    gate.open()
                    try await eventually("it does not go on") { try await details().started >= 2 }
                case .queue:
                    let second = try #require(try await details().lastTick).wholeMilliseconds + 1000
                    try await eventually("no tick waits") {
                        try await client.redisTime() > second + 1200
                    }
                    #expect(try await details().started == 1)
                    #expect(try await details().next == Date(milliseconds: second))
                    gate.open()
                    let ids = [first, try await details().schedule.runID(ofTick: second)]
                    try await eventually("the tick that waited is not started") {
                        try await Array(runs(client, of: "often").prefix(2)) == ids
                    }
                default:
                    try await eventually("it is not cancelled") {
                        try await client.handle(first).details().status == .cancelled
                    }
                    #expect(try await details().started >= 2)
                    #expect(try await client.handle(first).details().cancelled?.contains("schedule often") == true)
                }
                #expect(try await client.schedules.pause("often"))
                gate.open()
                try await eventually("a run does not end") {
                    try await client.runs(limit: 100).allSatisfy(\.status.isEnded)
                }
                #expect(try await details().missed == 0)
                try await expectSound(client, pause: .milliseconds(10))
            }
        }

        @Test
        func
            `A worker's start changes only what its code says anew: pauses, counts and others' changes stay, lower versions are left`()
            async throws
        {
            let log = CollectedLog()
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                func start(_ timing: ScheduleTiming, _ text: String, version: Int = 1) async throws {
                    let schedule = try Schedule("report", timing, note, text, version: version)
                    let worker = try StepwiseWorker(
                        redis: RedisEndpoint(server.url), workflows: [note], schedules: [schedule], logger: log.logger)
                    let before = log.lines("worker started").count
                    let task = RunningWorker(worker)
                    try await eventually("it does not start") { log.lines("worker started").count > before }
                    try await task.end()
                }
                func payload() async throws -> String {
                    try await client.schedules.details("report").schedule.payloadJSON
                }
                try await start(.cron("0 0 1 1 *"), "old")
                let made = try await client.schedules.details("report")
                #expect(made.schedule.payloadJSON == "\"old\"")
                #expect(try await client.schedules.pause("report"))
                try await start(.cron("0 0 1 1 *"), "old")
                #expect(try await client.schedules.details("report").paused != nil)
                try await start(.cron("0 0 1 1 *"), "new")
                var now = try await client.schedules.details("report")
                #expect(now.schedule.payloadJSON == "\"new\"" && now.paused != nil && now.next == made.next)
                // Somebody's change stays until the code says something else.
                try await client.schedules.update(Schedule("report", .cron("0 0 2 1 *"), note, "by hand"))
                try await start(.cron("0 0 1 1 *"), "new")
                #expect(try await payload() == "\"by hand\"")
                // Another timing has other ticks.
                try await start(.cron("0 0 3 1 *"), "newest", version: 2)
                now = try await client.schedules.details("report")
                #expect(now.schedule.payloadJSON == "\"newest\"" && now.next > made.next && now.created == made.created)
                // An old worker that starts beside it.
                try await start(.cron("0 0 1 1 *"), "new")
                #expect(try await payload() == "\"newest\"")
                #expect(
                    log.lines("a schedule is left as it is: code with a higher version of it has declared it").count
                        == 1)
                try await expectSound(client, pause: .milliseconds(10))
                await client.close()
            }
        }

        @Test
        func `A schedule is paused, resumed, triggered, backfilled, listed and deleted by a client`() async throws {
            try await withWorker([note]) { client, server in
                let schedules = client.schedules
                let daily = try Schedule(
                    "daily", .cron("0 9 * * *", timeZone: "Asia/Kathmandu"), note, "x", labels: ["a": "b"])
                try await schedules.create(daily)
                #expect(await errorCode { try await schedules.create(daily) } == .scheduleExists)
                for call in [
                    { try await schedules.pause("none") }, { try await schedules.resume("none") },
                    {
                        try await schedules.delete("none"); return true
                    }, { try await schedules.trigger("none").isNew },
                    { try await schedules.backfill("none", from: .distantPast, to: .now).isEmpty },
                    { try await schedules.nextTicks(of: "none").isEmpty },
                    {
                        try await schedules.update(Schedule("none", .every(.seconds(1)), note, "x")); return true
                    },
                ] as [() async throws -> Bool] { #expect(await errorCode { _ = try await call() } == .noSuchSchedule) }

                let large = try Schedule("large", .every(.seconds(1)), note, String(repeating: "x", count: 1_048_576))
                #expect(await errorCode { try await schedules.create(large) } == .tooLarge)
                #expect(
                    await errorCode {
                        _ = try StepwiseWorker(
                            redis: RedisEndpoint(server.url), workflows: [note], schedules: [large], logger: .silent)
                    } == .tooLarge)

                let ticks = try await schedules.nextTicks(of: "daily", count: 3)
                #expect(ticks.map { Int($0.timeIntervalSince1970) % 86_400 } == [11_700, 11_700, 11_700])
                #expect(try await schedules.pause("daily"))
                #expect(try await !schedules.pause("daily"))
                #expect(try await client.queueTotals().delayed == 0)
                try await expectSound(client, pause: .milliseconds(10))

                let triggered = try await schedules.trigger("daily")
                let named = try await schedules.trigger("daily", id: "by-hand")
                #expect(triggered.isNew && named.isNew)
                #expect(try await !schedules.trigger("daily", id: "by-hand").isNew)
                _ = try await client.enqueue(workflow: "other", payloadJSON: "1", id: "taken")
                #expect(
                    await errorCode { try await schedules.trigger("daily", id: "taken") } == .invalidIdentifier)
                #expect(try await client.handle("by-hand", as: String.self).result(timeout: patience) == "x")

                let now = Date(timeIntervalSince1970: Double(try await client.redisTime()) / 1000)
                let first = try await schedules.backfill("daily", from: now - 3 * 86_400, to: now)
                #expect(first.count == 3 && first.allSatisfy(\.isNew) && first.map(\.id) == first.map(\.id).sorted())
                let again = try await schedules.backfill("daily", from: now - 4 * 86_400, to: now)
                #expect(again.map(\.isNew) == [true, false, false, false])
                #expect(try await again[0].details().labels == ["schedule": "daily", "a": "b"])
                for (start, end) in [(now - 2000 * 86_400, now), (now, now + 60), (now, now - 60)] {
                    #expect(
                        await errorCode { try await schedules.backfill("daily", from: start, to: end) }
                            == .invalidSchedule)
                }
                #expect(try await runs(client, of: "daily").count == 5)

                #expect(try await schedules.resume("daily"))
                #expect(try await !schedules.resume("daily"))
                let list = try await schedules.list()
                #expect(list.schedules.map(\.schedule.name) == ["daily"] && list.unreadable.isEmpty)
                #expect(list.schedules[0].triggered == 2 && list.schedules[0].started == 0)
                try await expectSound(client, pause: .milliseconds(10))
                try await schedules.delete("daily")
                #expect(try await schedules.list().schedules.isEmpty)
                #expect(try await client.queueTotals().delayed == 0)
            }
        }

        @Test(.scenario(61))
        func
            `A schedule whose time zone a worker's system lacks is left to other workers, and both worker and doctor name the zone`()
            async throws
        {
            let log = CollectedLog()
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await client.schedules.create(
                    Schedule("far", .cron("* * * * * *", timeZone: "Europe/Berlin"), note, "x"))
                let stored = try await server.command("HGET", .init(keys.schedules), "far").string
                let json = try #require(stored).replacing("Europe/Berlin", with: "Mars/Base")
                _ = try await server.command("HSET", .init(keys.schedules), "far", .init(json))
                let details = try await client.schedules.details("far")
                #expect(details.schedule.missingZone == "Mars/Base")
                let next = String(details.next.wholeMilliseconds)
                try await withWorkers(server, note, logger: log.logger) {
                    try await eventually("no line names the zone") {
                        log.lines.contains { $0.metadata["schedule"] == "far" && $0.metadata["zone"] == "Mars/Base" }
                    }
                    try await Task.sleep(for: .milliseconds(1200))
                }
                // Overdue as before, for whoever has the zone; and one line a minute.
                #expect(try await server.command("ZCOUNT", .init(keys.delayed), .init(next), .init(next)).integer == 1)
                #expect(log.lines.count { $0.metadata["zone"] == "Mars/Base" } == 1)
                let report = try await Doctor(client, pause: .milliseconds(10)).examine()
                #expect(report.violations.isEmpty && report.warnings.contains { $0.contains("Mars/Base") })
                await client.close()
            }
        }

        @Test(.scenario(61), .rule(8))
        func `Many schedules whose time zone no worker has keep no other timer waiting`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                for number in 0..<120 {
                    let schedule = try Schedule(
                        "far-\(number)", .cron("* * * * * *", timeZone: "Europe/Berlin"), note, "x")
                    try await client.schedules.create(schedule)
                    let stored = try await server.command("HGET", .init(keys.schedules), .init(schedule.name)).string
                    let json = try #require(stored).replacing("Europe/Berlin", with: "Mars/Base")
                    _ = try await server.command("HSET", .init(keys.schedules), .init(schedule.name), .init(json))
                }
                let run = try await client.enqueue(note, "later", .after(.seconds(2)))
                try await withWorkers(server, note) {
                    let result = try await run.result(timeout: patience)
                    #expect(result == "later")
                }
                await client.close()
            }
        }

        @Test(.scenario(61))
        func `A tick that was due when its schedule was paused is started after the pause`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let first = try await client.redisTime() + 1000
                let schedule = try Schedule(
                    "rare", .every(.seconds(3600), from: Date(milliseconds: first)), note, "x")
                try await client.schedules.create(schedule)
                try await eventually("its time does not come") { try await client.redisTime() > first }
                #expect(try await client.schedules.pause("rare"))
                #expect(try await client.schedules.resume("rare"))
                try await withWorkers(server, note) {
                    try await eventually("its run is not started") {
                        try await client.schedules.details("rare").started == 1
                    }
                }
                #expect(try await runs(client, of: "rare") == [schedule.runID(ofTick: first)])
                try await expectSound(client, pause: .milliseconds(10))
                await client.close()
            }
        }

        @Test
        func
            `A backfilled run is live for the ticks that come, and a run that nobody takes forward is told as what they wait for`()
            async throws
        {
            let gate = Latch()
            let workflow = held(gate)
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let schedules = client.schedules
                try await schedules.create(Schedule("often", .every(.seconds(1)), workflow, overlap: .skip))
                let now = Date(milliseconds: try await client.redisTime())
                let filled = try await schedules.backfill("often", from: now - 3601, to: now - 3600)
                let run = try #require(filled.first)
                #expect(filled.count == 1 && run.isNew)
                #expect(try await schedules.details("often").blockers.isEmpty)
                #expect(try await client.pause(run.id, reason: "not now"))
                try await withWorkers(server, workflow) {
                    try await eventually("no tick is skipped") { try await schedules.details("often").skipped >= 1 }
                    let details = try await schedules.details("often")
                    #expect(details.started == 0 && details.lastRun == nil)
                    let blocker = try #require(details.blockers.first)
                    #expect(details.blockers.count == 1 && blocker.run == run.id && blocker.status == .paused)
                    #expect(blocker.reason == "paused: not now")
                    #expect(try await schedules.list().schedules.map(\.blockers) == [details.blockers])
                    let warnings = try await Doctor(client, pause: .milliseconds(10)).examine().warnings
                    #expect(warnings.contains { $0.contains("its run \(run.id) forward (paused: not now)") })
                    gate.open()
                    try await client.resume(run.id)
                    try await eventually("no tick starts a run") { try await schedules.details("often").started >= 1 }
                    #expect(try await schedules.pause("often"))
                }
                await client.close()
            }
        }

        @Test func `Changes of many clients at once follow one another: none is lost`() async throws {
            try await withWorker([note]) { client, _ in
                try await client.schedules.create(Schedule("s", .every(.seconds(1)), note, "x"))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<20 { group.addTask { _ = try await client.schedules.trigger("s") } }
                    try await group.waitForAll()
                }
                try await client.schedules.pause("s")
                let details = try await client.schedules.details("s")
                #expect(details.triggered == 20)
                #expect(try await runs(client, of: "s").count == 20 + details.started)
                try await expectSound(client, pause: .milliseconds(10))
            }
        }

        @Test
        func
            `A schedule that was broken by hand costs only itself: it is logged and reported, and the others tick; a deleted one's timer is dropped`()
            async throws
        {
            let log = CollectedLog()
            try await withWorker([note], logger: log.logger) { client, server in
                for name in ["broken", "sound", "gone"] {
                    try await client.schedules.create(Schedule(name, .every(.seconds(1)), note, "x"))
                }
                _ = try await server.command("HSET", .init(keys.schedules), "broken", "{\"every\":1000,")
                _ = try await server.command("HDEL", .init(keys.schedules), "gone")
                try await eventually("the others do not tick") {
                    try await client.schedules.details("sound").started >= 2
                }
                let complaints = log.lines.filter { $0.metadata["schedule"] == "broken" && $0.level == .error }
                #expect(!complaints.isEmpty && complaints.allSatisfy { $0.metadata["problem"] != nil })
                #expect(try await client.schedules.list().unreadable.keys.sorted() == ["broken"])
                #expect(await errorCode { _ = try await client.schedules.trigger("broken") } == .invalidSchedule)
                let kinds = try await Doctor(client, pause: .milliseconds(10)).examine().violations.map(\.kind)
                #expect(kinds == [.unreadableSchedule])
                try await client.schedules.delete("broken")
                try await eventually("a timer without a schedule stays") {
                    try await client.queueTotals().delayed == 1
                }
                try await expectSound(client, pause: .milliseconds(10))
            }
        }

        @Test func `A schedule that has lost its timer gets another one from the workers, and ticks`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await client.schedules.create(Schedule("s", .every(.seconds(1)), note, "x"))
                try await client.schedules.create(Schedule("paused", .every(.seconds(1)), note, "x"))
                try await client.schedules.pause("paused")
                _ = try await server.command("DEL", .init(keys.delayed))
                let kinds = try await Doctor(client, pause: .milliseconds(10)).examine().violations.map(\.kind)
                #expect(kinds == [.scheduleWithoutTimer])
                try await withWorkers(server, note) {
                    try await eventually("it does not tick") { try await client.schedules.details("s").started >= 1 }
                }
                #expect(try await client.schedules.details("paused").started == 0)
                try await expectSound(client, pause: .milliseconds(10))
                await client.close()
            }
        }

        @Test func `The runs of a schedule whose workflow no worker has wait in unserved, as others do`() async throws {
            try await withWorker([note]) { client, _ in
                try await client.schedules.create(Schedule("s", .every(.seconds(1)), workflow: "nobody-has-it"))
                try await eventually("nothing waits") {
                    try await client.queueTotals().unserved["nobody-has-it", default: 0] >= 1
                }
                try await client.schedules.delete("s")
                try await expectSound(client, pause: .milliseconds(10))
            }
        }
    }
}
