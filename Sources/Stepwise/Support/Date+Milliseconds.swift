#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// Redis and JSON have times as whole milliseconds since 1970.
extension Date {
    package init(milliseconds: Int) { self.init(timeIntervalSince1970: Double(milliseconds) / 1000) }

    /// - Returns: `nil` for `nil`.
    package init?(milliseconds: Int?) {
        guard let milliseconds else { return nil }
        self.init(milliseconds: milliseconds)
    }

    /// The nearest: what ``init(milliseconds:)`` was given comes back, though a `Date` counts seconds, and in binary. For 70,000 years it does; what
    /// is beyond every `Int` counts as the largest or the smallest, and what is not a number as 1970.
    package var wholeMilliseconds: Int { Int(saturating: (timeIntervalSince1970 * 1000).rounded()) }

    /// For what waits, and for sums: in the years 1 to 9999. A moment outside of them counts as the nearest one inside, what is not a number as 1970.
    package func boundedMilliseconds(rounded rule: FloatingPointRoundingRule = .toNearestOrAwayFromZero) -> Int {
        min(
            max(-62_135_596_800_000, Int(saturating: (timeIntervalSince1970 * 1000).rounded(rule))),
            Self.latestMilliseconds)
    }

    /// The end of the year 9999, which a score of a sorted set holds exactly.
    package static var latestMilliseconds: Int { 253_402_300_799_999 }
}
