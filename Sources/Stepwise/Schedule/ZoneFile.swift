/// Reads a zoneinfo file (TZif, RFC 8536, version 2 or later). What its changes leave open is computed, up to the year 2500, from the
/// rule in its last line.
package struct ZoneFile {
    let rules: ZoneRules

    /// `nil` if it is none.
    package init?(_ bytes: [UInt8]) {
        guard let old = Header(bytes, at: 0), old.version >= UInt8(ascii: "2") else { return nil }
        guard let header = Header(bytes, at: old.end(timeSize: 4)) else { return nil }
        let times = header.at + 44
        let kinds = times + header.times * 8
        let types = kinds + header.times
        let end = header.end(timeSize: 8)
        guard end < bytes.count, header.types > 0 else { return nil }
        let offsets = (0..<header.types).map { Int(Int32(truncatingIfNeeded: Self.number(bytes, types + $0 * 6, 4))) }
        var changes: [(time: Int, offset: Int)] = []
        for index in 0..<header.times {
            let kind = Int(bytes[kinds + index])
            guard kind < offsets.count else { return nil }
            changes.append((Self.number(bytes, times + index * 8, 8), offsets[kind]))
        }
        guard bytes[end] == 10, bytes.last == 10 else { return nil }
        let footer = String(decoding: bytes[(end + 1)...].prefix { $0 != 10 }, as: UTF8.self)
        guard let rule = ZoneRule(footer) else { return nil }
        let last = changes.last?.time ?? .min
        if rule.summer == nil {
            if changes.last?.offset ?? offsets[0] != rule.offset { return nil }
        } else {
            let year = changes.isEmpty ? 1970 : CivilDay(number: floorDivide(last, by: 86_400).quotient).year
            for year in max(1800, year)...2500 { changes += rule.changes(in: year).filter { $0.time > last } }
        }
        rules = ZoneRules(firstOffset: offsets[0], changes: changes)
    }

    private struct Header {
        var at: Int
        var version: UInt8
        var times: Int
        var types: Int
        private var rest: Int
        private var leaps: Int

        init?(_ bytes: [UInt8], at: Int) {
            guard at + 44 <= bytes.count, bytes[at..<(at + 4)].elementsEqual("TZif".utf8) else { return nil }
            self.at = at
            version = bytes[at + 4]
            let counts = (0..<6).map { number(bytes, at + 20 + $0 * 4, 4) }
            (times, types, leaps) = (counts[3], counts[4], counts[2])
            rest = counts[5] + counts[0] + counts[1]
            guard counts.allSatisfy({ $0 <= bytes.count }) else { return nil }
        }

        /// Where the next part begins.
        func end(timeSize: Int) -> Int {
            at + 44 + times * (timeSize + 1) + types * 6 + leaps * (timeSize + 4) + rest
        }
    }

    /// A big-endian number.
    private static func number(_ bytes: [UInt8], _ at: Int, _ size: Int) -> Int {
        bytes[at..<(at + size)].reduce(0) { $0 << 8 | Int($1) }
    }
}

/// The rule for all years to come, as POSIX writes it: `CET-1CEST,M3.5.0,M10.5.0/3`.
struct ZoneRule: Sendable {
    /// The n-th weekday of a month (5: the last), at so many seconds of that day by the clock as it is before.
    struct Change: Sendable {
        var month: Int
        var week: Int
        var weekday: Int
        var second: Int

        func time(in year: Int, offset: Int) -> Int {
            let first = CivilDay(year: year, month: month, day: 1).number
            var day = first + (weekday - CivilDay.weekday(ofNumber: first) + 7) % 7 + (week - 1) * 7
            if day >= first + CivilDay.daysIn(month: month, of: year) { day -= 7 }
            return day * 86_400 + second - offset
        }
    }

    var offset: Int
    var summer: (offset: Int, begin: Change, end: Change)?

    func changes(in year: Int) -> [(time: Int, offset: Int)] {
        guard let summer else { return [] }
        return [
            (time: summer.begin.time(in: year, offset: offset), offset: summer.offset),
            (time: summer.end.time(in: year, offset: summer.offset), offset: offset),
        ].sorted { $0.time < $1.time }
    }

    init?(_ text: String) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard let names = parts.first else { return nil }
        var rest = names[...]
        guard Self.skipName(&rest), let west = Self.time(&rest) else { return nil }
        offset = -west
        if rest.isEmpty { return }
        guard parts.count == 3, Self.skipName(&rest) else { return nil }
        var summerOffset = offset + 3600
        if !rest.isEmpty {
            guard let west = Self.time(&rest), rest.isEmpty else { return nil }
            summerOffset = -west
        }
        guard let begin = Self.change(parts[1]), let end = Self.change(parts[2]) else { return nil }
        summer = (summerOffset, begin, end)
    }

    private static func skipName(_ text: inout Substring) -> Bool {
        let before = text
        if text.first == "<" {
            guard let end = text.firstIndex(of: ">") else { return false }
            text = text[text.index(after: end)...]
        } else {
            text = text.drop { $0.isLetter }
        }
        return text.startIndex != before.startIndex
    }

    /// `[+-]h[:m[:s]]` in seconds.
    private static func time(_ text: inout Substring) -> Int? {
        let isNegative = text.first == "-"
        if isNegative || text.first == "+" { text.removeFirst() }
        let digits = text.prefix { $0.isNumber || $0 == ":" }
        text = text[digits.endIndex...]
        let numbers = digits.split(separator: ":").compactMap { Int($0) }
        guard !numbers.isEmpty, numbers.count <= 3 else { return nil }
        let seconds = zip(numbers, [3600, 60, 1]).reduce(0) { $0 + $1.0 * $1.1 }
        return isNegative ? -seconds : seconds
    }

    /// `Mm.w.d[/time]`: the only form that the tz database uses.
    private static func change(_ text: Substring) -> Change? {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard let date = parts.first, date.first == "M" else { return nil }
        let numbers = date.dropFirst().split(separator: ".").compactMap { Int($0) }
        guard numbers.count == 3, (1...12).contains(numbers[0]), (1...5).contains(numbers[1]),
            (0...6).contains(numbers[2])
        else { return nil }
        var second = 7200
        if parts.count == 2 {
            var rest = parts[1]
            guard let time = time(&rest) else { return nil }
            second = time
        }
        return Change(month: numbers[0], week: numbers[1], weekday: numbers[2], second: second)
    }
}
