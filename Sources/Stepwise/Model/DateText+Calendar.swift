#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// Dates that others write: in what is pushed, and on a command line.
extension DateText {
    /// - Returns: `nil` for a text of another form, and for a day or a time that there is not.
    package static func calendarDate(from text: String) -> Date? { hasForm(ofDate: text) ? date(from: text) : nil }

    /// Whether a text is written as `2026-12-01T09:00:00Z` is, perhaps with a fraction of the second or an offset such as `+01:00`, and there are
    /// such a day and such a time. What reads dates takes any numbers for the parts, and makes another time of them.
    private static func hasForm(ofDate text: String) -> Bool {
        func fits(_ bytes: some Collection<UInt8>, _ form: String) -> Bool {
            bytes.count == form.utf8.count
                && zip(bytes, form.utf8).allSatisfy { byte, sign in
                    sign == UInt8(ascii: "0") ? isDigit(byte) : byte == sign
                }
        }
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        let time = "0000-00-00T00:00:00"
        guard fits(text.utf8.prefix(time.utf8.count), time) else { return false }
        var zone = text.utf8.dropFirst(time.utf8.count)
        if zone.first == UInt8(ascii: ".") {
            let digits = zone.dropFirst().prefix(while: isDigit).count
            guard (1...9).contains(digits) else { return false }
            zone = zone.dropFirst(1 + digits)
        }
        guard ["+00:00", "-00:00", "+0000", "-0000", "Z"].contains(where: { fits(zone, $0) }) else { return false }
        let date = text.utf8.prefix(time.utf8.count).filter(isDigit)
        return isPossible(numbers(date), offset: numbers(zone.filter(isDigit)))
    }

    /// The numbers of two digits each.
    private static func numbers(_ digits: [UInt8]) -> [Int] {
        let values = digits.map { Int($0 - UInt8(ascii: "0")) }
        return stride(from: 0, to: values.count, by: 2).map { 10 * values[$0] + values[$0 + 1] }
    }

    /// - Parameters:
    ///   - date: century, year, month, day, hour, minute and second.
    ///   - offset: hours and minutes, or nothing.
    private static func isPossible(_ date: [Int], offset: [Int]) -> Bool {
        let (year, month, day) = (100 * date[0] + date[1], date[2], date[3])
        guard (1...12).contains(month), (1...CivilDay.daysIn(month: month, of: year)).contains(day) else {
            return false
        }
        return date[4] < 24 && date[5] < 60 && date[6] < 60 && (offset.isEmpty || offset[0] < 24 && offset[1] < 60)
    }
}
