/// A cron expression: minute, hour, day of the month, month and day of the week, as in crontab(5), with a field for the second before
/// them if there are six. A value; it knows no zone.
package struct CronExpression: Sendable, Hashable {
    package struct Problem: Error, Sendable, Hashable {
        /// What is wrong, as a sentence without its subject.
        package var reason: String
    }

    let seconds: CronField
    package let minutes: CronField
    package let hours: CronField
    let days: CronField
    let months: CronField
    let weekdays: CronField
    /// Whether it names times of the day, and not intervals such as `*/15`: what a change of the clocks does to it depends on that.
    package let hasFixedTimes: Bool

    private static let shortcuts = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]

    package init(_ text: String) throws(Problem) {
        let text = text.prefix(bytes: 1000)
        if text.first == "@", Self.shortcuts[text.lowercased()] == nil {
            throw Problem(
                reason: "is not a shortcut that is known: use \(Self.shortcuts.keys.sorted().joined(separator: ", "))")
        }
        let fields = (Self.shortcuts[text.lowercased()] ?? text).split { $0 == " " || $0 == "\t" }
        guard fields.count == 5 || fields.count == 6 else {
            throw Problem(
                reason: "has \(fields.count) fields: write minute, hour, day of the month, month and day of the week, "
                    + "such as \"0 9 * * MON\", with the second before them if it matters")
        }
        do throws(CronField.Problem) {
            seconds = fields.count == 6 ? try CronField(fields[0], .second) : CronField(only: 0)
            let rest = Array(fields.suffix(5))
            minutes = try CronField(rest[0], .minute)
            hours = try CronField(rest[1], .hour)
            days = try CronField(rest[2], .day)
            months = try CronField(rest[3], .month)
            weekdays = try CronField(rest[4], .weekday)
        } catch {
            throw Problem(reason: "cannot be read: \(error.reason)")
        }
        hasFixedTimes = !hours.isStar && !minutes.isStar && !seconds.isStar
        // The calendar repeats itself after 400 years.
        let start = CivilDay(year: 2000, month: 1, day: 1).number
        if firstDay(from: start, through: start + 146_096) == nil {
            throw Problem(reason: "never comes: no month that it names has such a day")
        }
    }

    /// Whether a day fits. As in cron: where day of the month and day of the week are both given (neither begins with `*`), one of the
    /// two is enough.
    package func fits(_ day: CivilDay, number: Int) -> Bool {
        guard months.contains(day.month) else { return false }
        let isDay =
            days.contains(day.day)
            || days.hasLastDay && day.day == CivilDay.daysIn(month: day.month, of: day.year)
        let isWeekday = weekdays.contains(CivilDay.weekday(ofNumber: number))
        return days.isStar || weekdays.isStar ? isDay && isWeekday : isDay || isWeekday
    }

    /// The first day that fits, by its number.
    func firstDay(from first: Int, through last: Int) -> Int? {
        var number = first
        while number <= last {
            let day = CivilDay(number: number)
            if !months.contains(day.month) {
                number = day.firstOfNextMonth
            } else if fits(day, number: number) {
                return number
            } else {
                number += 1
            }
        }
        return nil
    }

    /// The first second of a day, from `second` on, that fits.
    func firstTime(from second: Int) -> Int? {
        let (hour, minute, rest) = (second / 3600, second / 60 % 60, second % 60)
        if hours.contains(hour) {
            if minutes.contains(minute), let found = seconds.first(from: rest) {
                return hour * 3600 + minute * 60 + found
            }
            if let next = minutes.first(from: minute + 1), let found = seconds.first(from: 0) {
                return hour * 3600 + next * 60 + found
            }
        }
        guard let next = hours.first(from: hour + 1), let minute = minutes.first(from: 0),
            let found = seconds.first(from: 0)
        else { return nil }
        return next * 3600 + minute * 60 + found
    }

    /// The first wall-clock time that fits, in seconds since 1970 as if the zone were UTC, in a half-open range.
    func firstWallTime(from low: Int, before high: Int) -> Int? {
        guard low < high else { return nil }
        let (today, second) = floorDivide(low, by: 86_400)
        let last = floorDivide(high - 1, by: 86_400).quotient
        var from = today
        while let day = firstDay(from: from, through: last) {
            if let time = firstTime(from: day == today ? second : 0) {
                let found = day * 86_400 + time
                return found < high ? found : nil
            }
            from = day + 1
        }
        return nil
    }

    // MARK: In a zone

    /// The first time after another at which it fires, in seconds since 1970.
    ///
    /// Where the clocks go forward and leave out a fixed time, it fires once, right after the gap; where they go back and a fixed time comes
    /// twice, it fires the first time. What begins with `*` in hour, minute or second goes by the clock as it is, second after second.
    package func next(after time: Int, in zone: ZoneRules) -> Int? {
        var from = time + 1
        // What comes at all comes within 400 years; what only falls into a gap this time, the next.
        let limit = time + 146_097 * 86_400
        while from < limit {
            let span = zone.span(at: from)
            let end = min(span.end, limit)
            let begin = span.start + span.offset
            let reached = span.start + span.previousOffset
            if hasFixedTimes, from == span.start, firstWallTime(from: reached, before: begin) != nil { return from }
            let low = max(from + span.offset, hasFixedTimes ? reached : begin)
            if let found = firstWallTime(from: low, before: end + span.offset) { return found - span.offset }
            from = end
        }
        return nil
    }
}
