#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// Dates as HTTP writes them (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`, and as old servers do: `Sunday, 06-Nov-94 08:49:37 GMT` and
/// `Sun Nov  6 08:49:37 1994`.
package enum HTTPDate {
    private static let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// - Parameter now: a year of two digits is the last one that is at most 50 years later.
    /// - Returns: `nil` for a text of another form, and for a day or a time that there is not. Whether the day of the week is the right one is
    ///   not asked.
    package static func date(from text: String, now: Date = Date()) -> Date? {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        switch words.count {
        case 4:
            let parts = words[1].split(separator: "-", omittingEmptySubsequences: false)
            guard words[0].last == ",", days.contains(String(words[0].dropLast())), words[3] == "GMT", parts.count == 3,
                let day = number(parts[0], digits: 2), let month = month(parts[1]),
                let year = number(parts[2], digits: 2), let second = second(words[2])
            else { return nil }
            return date(yearOfCentury: year, month, day, second, now)
        case 5 where isDay(words[0]):
            guard let month = month(words[1]), let day = number(words[2], digits: 2), day >= 10,
                let second = second(words[3]), let year = number(words[4], digits: 4)
            else { return nil }
            return date(year, month, day, second)
        case 6 where words[0].last == "," && isDay(words[0].dropLast()):
            guard let day = number(words[1], digits: 2), let month = month(words[2]),
                let year = number(words[3], digits: 4), let second = second(words[4]), words[5] == "GMT"
            else { return nil }
            return date(year, month, day, second)
        case 6 where isDay(words[0]) && words[2].isEmpty:
            // A day of one digit has a space in place of the other.
            guard let month = month(words[1]), let day = number(words[3], digits: 1), let second = second(words[4]),
                let year = number(words[5], digits: 4)
            else { return nil }
            return date(year, month, day, second)
        default: return nil
        }
    }

    private static func isDay(_ word: Substring) -> Bool { days.contains { $0.prefix(3) == word } }

    /// 1 to 12.
    private static func month(_ word: Substring) -> Int? {
        months.firstIndex(of: String(word)).map { $0 + 1 }
    }

    private static func number(_ word: Substring, digits: Int) -> Int? {
        let isNumber =
            word.utf8.count == digits
            && word.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return isNumber ? Int(word) : nil
    }

    /// The second of the day of `08:49:37`. The last second of a minute may be its 61st: a leap second.
    private static func second(_ word: Substring) -> Int? {
        let parts = word.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let hour = number(parts[0], digits: 2), let minute = number(parts[1], digits: 2),
            let second = number(parts[2], digits: 2), hour < 24, minute < 60, second <= 60
        else { return nil }
        return 3600 * hour + 60 * minute + second
    }

    private static func date(yearOfCentury: Int, _ month: Int, _ day: Int, _ second: Int, _ now: Date) -> Date? {
        let today = CivilDay(number: Int(saturating: (now.timeIntervalSince1970 / 86_400).rounded(.down)))
        let latest = CivilDay(year: today.year + 50, month: today.month, day: today.day).number
        var year = (today.year / 100 + 1) * 100 + yearOfCentury
        while CivilDay(year: year, month: month, day: day).number > latest { year -= 100 }
        return date(year, month, day, second)
    }

    private static func date(_ year: Int, _ month: Int, _ day: Int, _ second: Int) -> Date? {
        guard year > 0, (1...CivilDay.daysIn(month: month, of: year)).contains(day) else { return nil }
        let days = CivilDay(year: year, month: month, day: day).number
        return Date(timeIntervalSince1970: Double(86_400 * days + second))
    }
}
