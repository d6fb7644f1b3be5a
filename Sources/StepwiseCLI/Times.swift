import ArgumentParser
import Foundation
import Stepwise

/// Times on a command line.
enum Times {
    /// The length that an option says.
    ///
    /// - Parameters:
    ///   - option: its name, for the error.
    ///   - least: in seconds; what is shorter is refused.
    ///   - most: in seconds; what is longer is refused.
    /// - Throws: `ValidationError`, which says what the option takes.
    static func duration(
        _ text: String, _ option: String, from least: Double = 0.001, to most: Double = 1e9
    ) throws -> Duration {
        // A bare number was the only form that some options took.
        guard let seconds = length(text) ?? length(text + "s"), (least...most).contains(seconds) else {
            let bounds = "\(least > 0 ? "\(words(least)) to" : "at most") \(words(most))"
            throw ValidationError(
                "\(option) \(text.isEmpty ? "\"\"" : text) is not a length of time of \(bounds): use \(lengthForm)")
        }
        return Duration(boundedSeconds: seconds)
    }

    /// A bound, in one unit.
    private static func words(_ seconds: Double) -> String {
        let length = Duration(boundedSeconds: seconds)
        let days = length.wholeMilliseconds / 86_400_000
        // What is longer than anything can be is as long as that.
        if days >= 3_650_000 { return "10,000 years" }
        if days > 1 { return "\(days) days" }
        return Output.length(length).replacing(" 0s", with: "").replacing(" 0m", with: "")
    }

    /// Seconds, of a number below 1e9 with a unit, such as `500ms`, `30s`, `90m`, `2h` and `3d`; `nil` for anything else.
    static func length(_ text: String) -> Double? {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
        guard let (unit, seconds) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = text.utf8.dropLast(unit.utf8.count)
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".") }),
            let count = Double(text.dropLast(unit.count)), count < 1e9
        else { return nil }
        return count * seconds
    }

    /// What ``duration(_:_:from:to:)`` takes, in words.
    static let lengthForm = "a number with a unit, such as 500ms, 30s, 90m, 2h or 3d; without a unit it is seconds"

    /// For an option's help.
    static let lengthHelp = "500ms, 30s, 90m, 2h, 3d; without a unit seconds"

    /// Of ``dateForm``; `nil` for anything else. The rule is that of pushed items.
    static func date(_ text: String) -> Date? { DateText.calendarDate(from: text) }

    /// What ``date(_:)`` takes, in words.
    static let dateForm = "a date of the calendar such as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00"
}
