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
    /// is beyond every `Int` counts as the largest or the smallest, and what is not a number as the largest.
    package var wholeMilliseconds: Int {
        Int(exactly: (timeIntervalSince1970 * 1000).rounded()) ?? (timeIntervalSince1970 < 0 ? .min : .max)
    }
}
