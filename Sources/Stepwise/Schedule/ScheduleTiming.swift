#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// When a ``Schedule`` starts its runs. Its times are called ticks.
public struct ScheduleTiming: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case cron(String, timeZone: String)
        /// In milliseconds.
        case every(Int, from: Int)
    }

    package let kind: Kind

    /// As cron's five fields say: minute, hour, day of the month, month, day of the week. With six, the first is the second.
    ///
    /// - Parameters:
    ///   - expression: `0 9 * * MON`, `*/15 8-18 * * MON-FRI`, `0 0 L * *` (the last day of a month), `@daily`. README has the grammar, and what becomes
    ///     of a time that daylight saving leaves out or brings twice.
    ///   - timeZone: a name of the tz database. All but `UTC` need the system's package tzdata.
    public static func cron(_ expression: String, timeZone: String = "UTC") -> ScheduleTiming {
        ScheduleTiming(kind: .cron(expression, timeZone: timeZone))
    }

    /// At equal distances.
    ///
    /// - Parameters:
    ///   - interval: at least a second; rounded to milliseconds.
    ///   - start: the first tick; there is none before it. Without it the ticks are whole multiples of the interval since 1970-01-01 UTC.
    public static func every(_ interval: Duration, from start: Date? = nil) -> ScheduleTiming {
        ScheduleTiming(
            kind: .every(
                interval.wholeMilliseconds(rounded: .toNearestOrAwayFromZero), from: start?.wholeMilliseconds ?? 0))
    }
}

extension ScheduleTiming: CustomStringConvertible {
    /// The expression and its zone, or the interval.
    public var description: String {
        switch kind {
        case .cron(let expression, let zone): "\(expression) \(zone)"
        case .every(let interval, _): "every \(Duration.milliseconds(interval))"
        }
    }
}

/// A timing that was found fit to be used: it has a next tick after every time.
package struct Ticks: Sendable {
    private enum Kind: Sendable {
        case cron(CronExpression, ZoneRules)
        case every(Int, from: Int)
    }

    private let kind: Kind

    /// - Throws: ``StepwiseError`` with code `invalidSchedule`.
    package init(_ timing: ScheduleTiming) throws(StepwiseError) {
        switch timing.kind {
        case .cron(let text, let timeZone):
            let expression: CronExpression
            do { expression = try CronExpression(text) } catch {
                throw StepwiseError(
                    .invalidSchedule, "the cron expression \(JSON.string(text.prefix(bytes: 200))) \(error.reason)")
            }
            do { kind = .cron(expression, try ZoneRules(identifier: timeZone)) } catch {
                throw StepwiseError(
                    .invalidSchedule, "the time zone \(JSON.string(timeZone.prefix(bytes: 100))) \(error.reason)")
            }
        case .every(let interval, let start):
            guard (1000...315_360_000_000).contains(interval) else {
                throw StepwiseError(.invalidSchedule, "the interval is \(interval) ms: use 1 second to 10 years")
            }
            guard start.magnitude <= Date.latestMilliseconds else {
                throw StepwiseError(
                    .invalidSchedule, "the start is \(start) ms since 1970: use one before the end of the year 9999")
            }
            kind = .every(interval, from: start)
        }
    }

    /// The first tick after a time, both in milliseconds since 1970.
    ///
    /// - Throws: ``StepwiseError`` with code `invalidSchedule` if none comes in 400 years.
    package func next(after time: Int) throws(StepwiseError) -> Int {
        switch kind {
        case .cron(let expression, let zone):
            guard let next = expression.next(after: floorDivide(time, by: 1000).quotient, in: zone) else {
                throw StepwiseError(.invalidSchedule, "the cron expression comes at no time in its zone")
            }
            return next * 1000
        case .every(let interval, let start):
            if time < start { return start }
            return start + ((time - start) / interval + 1) * interval
        }
    }

    /// How many ticks there are from one of them up to a time, that one included; of a cron expression no more than 100,000 are counted.
    package func count(from tick: Int, through time: Int) throws(StepwiseError) -> Int {
        if tick > time { return 0 }
        switch kind {
        case .every(let interval, _): return (time - tick) / interval + 1
        case .cron:
            var (count, last) = (1, try next(after: tick))
            while last <= time, count < 100_000 {
                count += 1
                last = try next(after: last)
            }
            return count
        }
    }

    /// Up to `count` ticks after a time.
    package func next(_ count: Int, after time: Int) throws(StepwiseError) -> [Int] {
        var ticks: [Int] = []
        var last = time
        while ticks.count < count {
            last = try next(after: last)
            ticks.append(last)
        }
        return ticks
    }
}

/// A time as it stands in a run's id: `20261125T090000Z`, with `.500` before the Z if it is not a whole second.
package func tickText(_ milliseconds: Int) -> String {
    func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    let (seconds, rest) = floorDivide(milliseconds, by: 1000)
    let (day, second) = floorDivide(seconds, by: 86_400)
    let date = CivilDay(number: day)
    return padded(date.year, 4) + padded(date.month, 2) + padded(date.day, 2) + "T" + padded(second / 3600, 2)
        + padded(second / 60 % 60, 2) + padded(second % 60, 2) + (rest == 0 ? "" : "." + padded(rest, 3)) + "Z"
}
