#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A time zone's offsets from UTC, through the years: the system's own, from its zoneinfo files (TZif, RFC 8536).
///
/// Not Foundation's `TimeZone`: without ICU (`FoundationEssentials`) that knows no names, with it it brings 40 MB and zones of its own age.
package struct ZoneRules: Sendable {
    package struct Problem: Error, Sendable, Hashable {
        /// What is wrong, as a sentence without its subject.
        package var reason: String
        /// Whether it may be a zone that another system has.
        package var isMissing = false
    }

    /// A time through which the offset stays.
    package struct Span: Sendable {
        package var start: Int
        package var end: Int
        package var offset: Int
        /// The offset before it.
        package var previousOffset: Int
    }

    /// When the offset changes, in seconds since 1970, and to what.
    private var changes: [(time: Int, offset: Int)] = []
    private let firstOffset: Int

    package static let utc = ZoneRules(firstOffset: 0, changes: [])

    init(firstOffset: Int, changes: [(time: Int, offset: Int)]) {
        self.firstOffset = firstOffset
        self.changes = changes
    }

    /// - Parameter identifier: such as `Europe/Berlin`. `UTC` needs no file.
    package init(identifier: String) throws(Problem) {
        if identifier == "UTC" {
            self = .utc
            return
        }
        let isName =
            identifier.utf8.count <= 100 && identifier.first?.isLetter == true
            && identifier.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"),
                    UInt8(ascii: "/"):
                    true
                default: false
                }
            }
        guard isName else { throw Problem(reason: "is not a name of a time zone, such as Europe/Berlin") }
        for folder in Self.folders {
            guard let data = try? Data(contentsOf: URL(filePath: "\(folder)/\(identifier)")) else { continue }
            guard let read = ZoneFile(Array(data)) else { continue }
            self = read.rules
            return
        }
        throw Problem(
            reason: Self.folders.contains { FileManager.default.fileExists(atPath: $0 + "/Europe") }
                ? "is not a time zone of this system: use a name of the tz database, such as Europe/Berlin"
                : "cannot be looked up, because this system has no time zones: install its package tzdata (or use UTC)",
            isMissing: true)
    }

    private static var folders: [String] {
        (ProcessInfo.processInfo.environment["TZDIR"].map { [$0] } ?? []) + [
            "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/var/db/timezone/zoneinfo",
        ]
    }

    package func span(at time: Int) -> Span {
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].time <= time { low = middle + 1 } else { high = middle }
        }
        let end = low < changes.count ? changes[low].time : .max / 2
        guard low > 0 else {
            return Span(start: .min / 2, end: end, offset: firstOffset, previousOffset: firstOffset)
        }
        return Span(
            start: changes[low - 1].time, end: end, offset: changes[low - 1].offset,
            previousOffset: low > 1 ? changes[low - 2].offset : firstOffset)
    }

    /// The offset from UTC in seconds.
    package func offset(at time: Int) -> Int { span(at: time).offset }
}
