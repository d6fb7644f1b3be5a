#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// When a run is to start, as scripts take it: `+<ms>` from now, or `<ms>` since 1970, by Redis' clock.
package struct StartTime: Sendable, Hashable {
    package let text: String

    /// Until the end of the year 9999, which a score of a sorted set holds exactly.
    private static let limit = 253_402_300_799_999

    /// - Parameter after: in milliseconds.
    /// - Returns: `nil` for zero or less: at once.
    package init?(after: Int) {
        if after <= 0 { return nil }
        text = "+\(min(after, Self.limit))"
    }

    /// - Parameter at: in milliseconds since 1970.
    package init?(at: Int) {
        if at <= 0 { return nil }
        text = "\(min(at, Self.limit))"
    }

    /// How many milliseconds are left, at a time in milliseconds since 1970.
    package func delay(from now: Int) -> Int {
        let time = Int(text.drop { $0 == "+" }) ?? 0
        return text.hasPrefix("+") ? time : max(0, time - now)
    }

    init?(_ date: Date) {
        let milliseconds = (date.timeIntervalSince1970 * 1000).rounded(.up)
        self.init(at: milliseconds > 0 ? Int(min(milliseconds, Double(Self.limit))) : 0)
    }
}
