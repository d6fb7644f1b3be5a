#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// When a run is to start, as scripts take it: `+<ms>` from now, or `<ms>` since 1970, by Redis' clock.
package struct StartTime: Sendable, Hashable {
    package let text: String

    /// - Parameter after: in milliseconds.
    /// - Returns: `nil` for zero or less: at once.
    package init?(after: Int) {
        if after <= 0 { return nil }
        text = "+\(min(after, Date.latestMilliseconds))"
    }

    /// - Parameter at: in milliseconds since 1970.
    package init?(at: Int) {
        if at <= 0 { return nil }
        text = "\(min(at, Date.latestMilliseconds))"
    }

    /// How many milliseconds are left, at a time in milliseconds since 1970.
    package func delay(from now: Int) -> Int {
        let time = Int(text.drop { $0 == "+" }) ?? 0
        return text.hasPrefix("+") ? time : max(0, time - now)
    }

    init?(_ date: Date) {
        self.init(at: date.boundedMilliseconds(rounded: .up))
    }
}
