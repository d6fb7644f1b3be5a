import ExampleSupport
import Examples
import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension ExampleTests {
    @Suite("Weekly summary by cron")
    struct WeeklySummaryTests {
        private func now(_ world: World) async throws -> Date {
            Date(timeIntervalSince1970: Double(try await world.client.redisTime()) / 1000)
        }

        @Test(.scenario(61))
        func `One summary a week, on Mondays at nine in Berlin, also when the clocks change; two workers`() async throws
        {
            var berlin = Calendar(identifier: .gregorian)
            berlin.timeZone = try #require(TimeZone(identifier: "Europe/Berlin"))
            try await withExamples { world in
                // Until the week but one before the next change of the clocks; nobody has been told of the schedule yet.
                let change = try #require(berlin.timeZone.nextDaylightSavingTimeTransition(after: try await now(world)))
                let begin = change.addingTimeInterval(-10 * 86_400)
                try await world.skip(.seconds(max(0, begin.timeIntervalSince(try await now(world)))))
                try await world.client.schedules.create(WeeklySummary.schedule())
                var ticks: [Date] = []
                for week in 1...4 {
                    try world.books.enter("\(week)", in: "sales", "something")
                    let tick = try #require(
                        try await world.client.schedules.nextTicks(of: "weekly-summary", count: 1).first)
                    ticks.append(tick)
                    // Not yet: a minute is missing.
                    try await world.skip(.seconds(tick.timeIntervalSince(try await now(world)) - 60))
                    #expect(try await world.client.schedules.details("weekly-summary").started == week - 1)
                    try await world.skip(.minutes(2))
                    try await eventually("the summary of week \(week)") {
                        try world.books.entries(in: "summaries").count == week
                    }
                    try await world.atRest(1)
                }
                for tick in ticks {
                    let time = berlin.dateComponents([.weekday, .hour, .minute], from: tick)
                    #expect(time.weekday == 2 && time.hour == 9 && time.minute == 0)
                }
                #expect(zip(ticks, ticks.dropFirst()).contains { $1.timeIntervalSince($0) != 7 * 86_400 })
                let runs = try await world.client.runs(workflow: "weekly-summary", limit: 100)
                #expect(runs.count == 4 && runs.allSatisfy { $0.status == .completed })
                let details = try await world.client.schedules.details("weekly-summary")
                #expect(details.started == 4 && details.skipped == 0 && details.missed == 0)
                #expect(try world.books.lines(in: "summaries").map { $0.prefix(7) } == (1...4).map { "\($0) sales" })
            }
        }
    }
}
