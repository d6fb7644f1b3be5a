import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private let note = Workflow("note") { (context, text: String) async throws -> String in
    try await context.run("write") { text }
}

extension Scenarios {
    @Suite("Schedules, in time that is skipped")
    struct ScheduleClockTests {
        private func runs(_ client: StepwiseClient) async throws -> [String] {
            try await client.runs(limit: 1000).map(\.id).sorted()
        }

        @Test(.scenario(61))
        func
            `After a downtime the latest late ticks are started up to the limit, and the others are counted as missed`()
            async throws
        {
            try await RedisServer.withServer(clock: .skippable) { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                // Half an hour from now: the last tick will be late as well.
                let minute = (try await client.redisTime() / 60_000 + 30) % 60
                try await client.schedules.create(
                    Schedule("hourly", .cron("\(minute) * * * *", timeZone: "Europe/Berlin"), note, "x", catchUp: 3))
                let first = try await client.schedules.details("hourly").next
                try await server.advance(by: .seconds(12 * 3600))
                try await withWorkers(server, note) {
                    try await eventually("nothing is caught up") {
                        try await client.schedules.details("hourly").next > first.addingTimeInterval(11 * 3600)
                    }
                }
                let details = try await client.schedules.details("hourly")
                #expect(details.started == 3 && details.missed == 9 && details.skipped == 0)
                let next = details.next.wholeMilliseconds
                let expected = [3, 2, 1].map { details.schedule.runID(ofTick: next - $0 * 3_600_000) }
                #expect(try await runs(client) == expected)
                try await expectSound(client)
                await client.close()
            }
        }

        @Test(.scenario(61))
        func `A timer that was set while Redis' clock was days ahead is set anew, and one a few seconds ahead is not`()
            async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let hour = 3_600_000
                // The first tick of each is an hour and a half away: no run of it starts here.
                let start = try await client.redisTime() / 1000 * 1000 + hour * 3 / 2
                func schedule(_ name: String) throws -> Schedule {
                    try Schedule(
                        name, .every(.seconds(3600), from: Date(timeIntervalSince1970: Double(start) / 1000)), note, "x"
                    )
                }
                /// As if its ticks before that one were dealt with.
                func put(_ name: String, next: Int) async throws {
                    var stored = StoredSchedule(try schedule(name), created: start - hour * 3 / 2, next: next)
                    stored.lastTick = next - hour
                    let timer = try #require(stored.timer)
                    _ = try await server.command(
                        "HSET", "stepwise:{default}:schedules", .init(name),
                        .init(String(decoding: stored.json, as: UTF8.self)))
                    _ = try await server.command(
                        "ZADD", "stepwise:{default}:delayed", .init(next), .init(timer.entry))
                }
                func next(_ name: String) async throws -> Int {
                    try await client.schedules.details(name).next.wholeMilliseconds
                }
                try await put("ahead", next: start + 72 * hour)
                try await put("right", next: start)
                try await withWorkers(server, note) {
                    try await eventually("the timer is not set anew") { try await next("ahead") == start }
                    #expect(try await next("right") == start)
                }
                try await expectSound(client)
                await client.close()
            }
            let every = try Schedule("s", .every(.seconds(60), from: Date(timeIntervalSince1970: 0)), note, "x")
            let stored = StoredSchedule(every, created: 0, next: 180_000)
            // The tick of 120,000 came, and the clock went back by two seconds.
            #expect(stored.setAnew(now: 118_000) == nil)
            #expect(stored.setAnew(now: 10_000)?.next == 60_000)
        }

        @Test(.scenario(61))
        func
            `A weekly summary stays at nine o'clock in Berlin when the clocks change there; paused, it starts nothing for weeks`()
            async throws
        {
            try await RedisServer.withServer(clock: .skippable) { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let weekly = try Schedule("weekly", .cron("0 9 * * MON", timeZone: "Europe/Berlin"), note, "x")
                try await client.schedules.create(weekly)
                let ticks = try await client.schedules.nextTicks(of: "weekly", count: 40)
                    .map { Int($0.timeIntervalSince1970) * 1000 }
                // The last Monday before the next change of the clocks, and the first after it.
                let change = try #require((2..<38).first { ticks[$0 + 1] - ticks[$0] != 7 * 86_400_000 })
                func advance(to time: Int) async throws {
                    try await server.advance(by: .milliseconds(time - (try await client.redisTime())))
                }
                func started(_ count: Int) async throws {
                    try await eventually("a tick is not started") {
                        try await client.schedules.details("weekly").started == count
                    }
                }
                try await withWorkers(server, note, configuration: .init(completedRetention: .zero)) {
                    try await advance(to: ticks[change] + 1000)
                    try await started(2)
                    try await advance(to: ticks[change + 1] - 2000)
                    try await started(2)
                    try await advance(to: ticks[change + 1] + 100)
                    try await started(3)
                    let ids = ticks[(change - 1)...(change + 1)].map(weekly.runID(ofTick:))
                    #expect(try await runs(client) == ids)
                    #expect(try await client.schedules.details("weekly").missed == change - 1)

                    try await client.schedules.pause("weekly")
                    try await server.advance(by: .seconds(21 * 86_400))
                    try await client.schedules.resume("weekly")
                    let next = try await client.schedules.details("weekly").next.wholeMilliseconds
                    #expect(next > ticks[change + 1] + 21 * 86_400_000)
                    try await advance(to: next + 100)
                    try await started(4)
                    #expect(try await runs(client) == ids + [weekly.runID(ofTick: next)])
                    try await eventually("a run does not end") {
                        try await client.runs(limit: 10).allSatisfy { $0.status == .completed }
                    }
                }
                try await expectSound(client)
                await client.close()
            }
        }
    }
}
