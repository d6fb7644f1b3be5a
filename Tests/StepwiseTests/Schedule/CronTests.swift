import Foundation
import Stepwise
import TestSupport
import Testing

/// `2026-03-29T02:30` or with seconds, in UTC.
func utc(_ text: String) throws -> Int {
    let full = (text.count == 16 ? text + ":00" : text) + "Z"
    return Int(try Date(full, strategy: .iso8601).timeIntervalSince1970)
}

/// The first ticks after a time, in UTC.
private func ticks(_ expression: String, _ zone: String = "UTC", after start: String, _ count: Int) throws -> [String] {
    let cron = try CronExpression(expression)
    let rules = try ZoneRules(identifier: zone)
    var time = try utc(start)
    return try (0..<count).map { _ in
        time = try #require(cron.next(after: time, in: rules))
        let text = Date(timeIntervalSince1970: Double(time)).formatted(.iso8601)
        return String(text.hasSuffix(":00Z") ? text.dropLast(4) : text.dropLast())
    }
}

@Suite("Cron expressions")
struct CronTests {
    @Test(
        arguments: [
            ("*/15 * * * *", "2026-01-01T00:00", ["2026-01-01T00:15", "2026-01-01T00:30", "2026-01-01T00:45"]),
            ("0 9 * * MON", "2026-11-25T12:00", ["2026-11-30T09:00", "2026-12-07T09:00"]),
            ("0 9 * * mon-fri", "2026-11-27T12:00", ["2026-11-30T09:00", "2026-12-01T09:00"]),
            ("0 9 * * FRI-SUN", "2026-11-25T12:00", ["2026-11-27T09:00", "2026-11-28T09:00", "2026-11-29T09:00"]),
            ("0 0 * * 7", "2026-11-25T12:00", ["2026-11-29T00:00"]),
            ("5,10-12,50/5 8 * * *", "2026-01-01T08:11", ["2026-01-01T08:12", "2026-01-01T08:50", "2026-01-01T08:55"]),
            (
                "10-40/15 22,23 31 12 *", "2026-01-01T00:00",
                ["2026-12-31T22:10", "2026-12-31T22:25", "2026-12-31T22:40"]
            ),
            ("30 4 1,15 * 5", "2026-11-25T12:00", ["2026-11-27T04:30", "2026-12-01T04:30", "2026-12-04T04:30"]),
            ("30 4 13 * *", "2026-11-25T12:00", ["2026-12-13T04:30"]),
            ("0 0 */2 * MON", "2026-11-25T12:00", ["2026-12-07T00:00", "2026-12-21T00:00"]),
            ("0 0 29 2 *", "2026-01-01T00:00", ["2028-02-29T00:00", "2032-02-29T00:00"]),
            ("0 0 29 2 *", "2096-03-01T00:00", ["2104-02-29T00:00"]),
            ("0 0 29 2 */7", "2026-01-01T00:00", ["2032-02-29T00:00", "2060-02-29T00:00"]),
            ("0 0 L * *", "2027-01-30T12:00", ["2027-01-31T00:00", "2027-02-28T00:00", "2027-03-31T00:00"]),
            ("0 0 L 2 ?", "2027-12-01T00:00", ["2028-02-29T00:00"]),
            (
                "*/20 59 23 31 12 *", "2026-01-01T00:00",
                ["2026-12-31T23:59", "2026-12-31T23:59:20", "2026-12-31T23:59:40"]
            ),
            ("* * * * * *", "2026-12-31T23:59:58", ["2026-12-31T23:59:59", "2027-01-01T00:00"]),
            ("@hourly", "2026-01-01T00:30", ["2026-01-01T01:00"]), ("@daily", "2026-01-01T00:30", ["2026-01-02T00:00"]),
            ("@weekly", "2026-11-25T12:00", ["2026-11-29T00:00"]),
            ("@Monthly", "2026-01-01T00:00", ["2026-02-01T00:00"]),
            ("@yearly", "2026-01-01T00:00", ["2027-01-01T00:00"]),
        ]
    )
    func `An expression fires when crontab(5) says`(_ expression: String, after start: String, _ expected: [String])
        throws
    {
        #expect(try ticks(expression, after: start, expected.count) == expected)
    }

    @Test(
        arguments: [
            ("0 0 31 2 *", "never comes"), ("0 0 30 FEB *", "never comes"), ("0 0 31 4,6,9,11 *", "never comes"),
            ("61 * * * *", "the minute \"61\" names \"61\": use 0 to 59"), ("0 24 * * *", "use 0 to 23"),
            ("0 0 0 * *", "use 1 to 31"), ("0 0 * JANUARY *", "use 1 to 12 or JAN to DEC"),
            ("0 0 * * 8", "use 0 to 7 or SUN to SAT"), ("0 0 * *", "has 4 fields"), ("", "has 0 fields"),
            ("0 0 0 1 1 * 2026", "has 7 fields"), ("*/0 * * * *", "no step above 0"),
            ("*/x * * * *", "no step above 0"),
            ("5-1 * * * *", "runs backwards"), ("1,,2 * * * *", "names \"\""), ("+5 * * * *", "names \"+5\""),
            ("1-2-3 * * * *", "names \"2-3\""), ("@reboot", "not a shortcut"), ("5L * * * *", "names \"5L\""),
            ("٣ * * * *", "names"),
        ]
    )
    func `What cannot be is an error that says why`(_ expression: String, _ reason: String) {
        do {
            _ = try CronExpression(expression)
            Issue.record("\(expression) was taken")
        } catch { #expect(error.reason.contains(reason), "\(error.reason)") }
    }

    // The dates are those of the tz database. Berlin goes forward at 2026-03-29T01:00Z (02:00 to 03:00) and back at 2026-10-25T01:00Z; New York
    // at 2026-03-08T07:00Z and 2026-11-01T06:00Z; Lord Howe half an hour forward at 2026-10-03T15:30Z (02:00 to 02:30), back at 2026-04-04T15:00Z.
    @Test(
        .scenario(61),
        arguments: [
            (
                "30 2 * * *", "Europe/Berlin", "2026-03-28T00:00",
                ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]
            ),
            (
                "30 2 * * *", "Europe/Berlin", "2026-10-24T00:00",
                ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]
            ),
            (
                "0,15,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00",
                ["2026-03-29T01:00", "2026-03-29T01:15", "2026-03-29T01:30", "2026-03-30T00:00"]
            ),
            (
                "*/30 * * * *", "Europe/Berlin", "2026-03-29T00:15",
                ["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"]
            ),
            (
                "*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45",
                ["2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30"]
            ),
            (
                "0 * * * *", "Europe/Berlin", "2026-10-24T23:45",
                ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"]
            ),
            ("0 9 * * MON", "Europe/Berlin", "2026-03-20T00:00", ["2026-03-23T08:00", "2026-03-30T07:00"]),
            ("15 2 * * *", "America/New_York", "2026-03-07T12:00", ["2026-03-08T07:00", "2026-03-09T06:15"]),
            ("15 1 * * *", "America/New_York", "2026-10-31T12:00", ["2026-11-01T05:15", "2026-11-02T06:15"]),
            ("0 2 * * *", "America/New_York", "2026-10-31T12:00", ["2026-11-01T07:00", "2026-11-02T07:00"]),
            ("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T16:00", ["2026-10-03T15:30", "2026-10-04T15:15"]),
            ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00", ["2026-04-04T14:45", "2026-04-05T15:15"]),
            (
                "0 * * * *", "Australia/Lord_Howe", "2026-04-04T13:30",
                ["2026-04-04T14:00", "2026-04-04T15:30", "2026-04-04T16:30"]
            ),
            ("0 6 * * *", "Asia/Kathmandu", "2026-01-01T00:15", ["2026-01-02T00:15", "2026-01-03T00:15"]),
            ("30 2 * * *", "UTC", "2026-03-28T12:00", ["2026-03-29T02:30", "2026-03-30T02:30"]),
            // Cairo's day begins at 01:00 on 2026-04-24.
            ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00", ["2026-04-23T22:00", "2026-04-24T21:00"]),
            // Samoa had no 30 December 2011.
            ("0 9 30 12 *", "Pacific/Apia", "2011-12-01T00:00", ["2011-12-30T10:00", "2012-12-29T19:00"]),
            // The rule in the file's last line, for years that are not listed.
            ("30 2 * * *", "Europe/Berlin", "2099-03-28T12:00", ["2099-03-29T01:00", "2099-03-30T00:30"]),
        ]
    )
    func
        `Daylight saving: a fixed time that is left out fires right after the gap, one that comes twice the first time; intervals go on`(
            _ expression: String, _ zone: String, after start: String, _ expected: [String]
        ) throws
    {
        #expect(try ticks(expression, zone, after: start, expected.count) == expected)
    }

    /// What should fire, found out minute by minute with Foundation's zones.
    private func oracle(_ cron: CronExpression, _ zone: TimeZone, _ range: Range<Int>) -> [Int] {
        func offset(_ time: Int) -> Int { zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time))) }
        func fits(_ wall: Int) -> Bool {
            let day = CivilDay(number: wall / 86_400)
            let (hour, minute) = (wall / 3600 % 24, wall / 60 % 60)
            return cron.fits(day, number: wall / 86_400) && cron.hours.contains(hour) && cron.minutes.contains(minute)
        }
        var found: [Int] = []
        var seen: Set<Int> = []
        for time in stride(from: range.lowerBound, to: range.upperBound, by: 60) {
            let (before, now) = (offset(time - 60), offset(time))
            let isLate =
                cron.hasFixedTimes && now > before
                && stride(from: time + before, to: time + now, by: 60).contains(where: fits)
            if fits(time + now) && (seen.insert(time + now).inserted || !cron.hasFixedTimes) || isLate {
                found.append(time)
            }
        }
        return found
    }

    private func randomField(_ range: ClosedRange<Int>, _ numbers: inout SeededNumbers) -> String {
        switch Int.random(in: 0..<6, using: &numbers) {
        case 0: return "*"
        case 1: return "*/\(Int.random(in: 1...20, using: &numbers))"
        case 2:
            let ends = [Int.random(in: range, using: &numbers), Int.random(in: range, using: &numbers)].sorted()
            return "\(ends[0])-\(ends[1])/\(Int.random(in: 1...3, using: &numbers))"
        case 3: return "\(Int.random(in: range, using: &numbers)),\(Int.random(in: range, using: &numbers))"
        default: return "\(Int.random(in: range, using: &numbers))"
        }
    }

    @Test(
        .scenario(61),
        arguments: [
            "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "Africa/Cairo",
        ]
    )
    func `Round every change of the clocks, random expressions fire exactly when a minute-by-minute look says`(
        _ identifier: String
    ) throws {
        let rules = try ZoneRules(identifier: identifier)
        let zone = try #require(TimeZone(identifier: identifier))
        var numbers = SeededNumbers(seed: 61)
        var count = 0
        for _ in 0..<150 {
            let text = [
                randomField(0...59, &numbers), Bool.random(using: &numbers) ? randomField(0...3, &numbers) : "*",
                Bool.random(using: &numbers) ? randomField(1...31, &numbers) : "*", "*",
                Bool.random(using: &numbers) ? randomField(0...6, &numbers) : "*",
            ].joined(separator: " ")
            let cron = try CronExpression(text)
            // Half a day before a change to a day after it.
            let year = Int.random(in: 2025...2030, using: &numbers)
            let change = rules.change(after: try utc("\(year)-0\(Int.random(in: 1...9, using: &numbers))-01T00:00"))
            let start = (change - 43_200) / 60 * 60
            let range = start..<(start + 129_600)
            var fired: [Int] = []
            var last = range.lowerBound - 1
            while let next = cron.next(after: last, in: rules), next < range.upperBound {
                #expect(next > last)
                fired.append(next)
                last = next
            }
            #expect(fired == oracle(cron, zone, range), "\(text)")
            count += fired.count
        }
        #expect(count > 1000)
    }

    @Test func `Intervals are multiples since 1970 or since their start, and begin with it`() throws {
        let quarter = try Ticks(.every(.seconds(900)))
        #expect(try quarter.next(3, after: 1_000_000_000) == [1_000_800_000, 1_001_700_000, 1_002_600_000])
        let start = Date(timeIntervalSince1970: 100_000.5)
        let from = try Ticks(.every(.seconds(60), from: start))
        #expect(try from.next(3, after: 7) == [100_000_500, 100_060_500, 100_120_500])
        #expect(try from.next(after: 100_000_500) == 100_060_500)
        #expect(try from.next(after: 100_060_499) == 100_060_500)
        for timing in [
            ScheduleTiming.every(.milliseconds(999)), .every(.seconds(-5)), .every(.seconds(Int64.max)),
            .every(.seconds(60), from: Date(timeIntervalSince1970: .infinity)), .cron("0 0 31 2 *"),
            .cron("0 0 * * *", timeZone: "Europe/Atlantis"),
        ] { #expect { try Ticks(timing) } throws: { ($0 as? StepwiseError)?.code == .invalidSchedule } }
    }

    @Test func `A tick's text sorts like its time and has no spaces`() throws {
        #expect(tickText(try utc("2026-11-25T09:00") * 1000) == "20261125T090000Z")
        #expect(tickText(try utc("2026-01-02T03:04:05") * 1000 + 7) == "20260102T030405.007Z")
    }
}

extension ZoneRules {
    /// The next change of the clocks, or a time if there is none.
    fileprivate func change(after time: Int) -> Int {
        let end = span(at: time).end
        return end > 10_000_000_000 ? time : end
    }
}
