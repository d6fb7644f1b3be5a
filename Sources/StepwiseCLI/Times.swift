import Foundation
import Stepwise

/// Times on a command line.
enum Times {
    /// Seconds, of `30s`, `90m`, `2h`, `3d`; `nil` for anything else.
    static func length(_ text: String) -> Double? {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Double(text.dropLast()), count >= 0, count < 1e9
        else { return nil }
        return count * unit
    }

    /// Of ``dateForm``; `nil` for anything else. The rule is that of pushed items.
    static func date(_ text: String) -> Date? { DateText.calendarDate(from: text) }

    /// What ``date(_:)`` takes, in words.
    static let dateForm = "a date of the calendar such as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00"
}
