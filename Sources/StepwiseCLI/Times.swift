import Foundation

/// Times on a command line.
enum Times {
    /// Seconds, of `30s`, `90m`, `2h`, `3d`; `nil` for anything else.
    static func length(_ text: String) -> Double? {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Double(text.dropLast()), count >= 0, count < 1e9
        else { return nil }
        return count * unit
    }

    /// Of `2026-01-31T12:00:00Z`; `nil` for anything else.
    static func date(_ text: String) -> Date? {
        for style in [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)] {
            if let date = try? Date(text, strategy: style) { return date }
        }
        return nil
    }
}
