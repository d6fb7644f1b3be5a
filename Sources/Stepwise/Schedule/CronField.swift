/// One field of a cron expression: which numbers it names.
package struct CronField: Sendable, Hashable {
    struct Problem: Error { var reason: String }

    enum Kind: String, Sendable {
        case second, minute, hour
        case day = "day of the month"
        case month
        case weekday = "day of the week"

        /// The numbers that may be written; 7 is Sunday, as 0 is.
        var range: ClosedRange<Int> {
            switch self {
            case .second, .minute: 0...59
            case .hour: 0...23
            case .day: 1...31
            case .month: 1...12
            case .weekday: 0...7
            }
        }

        /// The names of the numbers, from the lowest on.
        var names: [String] {
            switch self {
            case .month: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
            case .weekday: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
            default: []
            }
        }
    }

    /// Bit n stands for the number n.
    private(set) var numbers: UInt64 = 0
    /// Whether it begins with `*`, which cron makes a difference of.
    private(set) var isStar = false
    /// Whether the last day of a month is meant, too.
    private(set) var hasLastDay = false

    /// A field of one number.
    init(only number: Int) {
        numbers = 1 << UInt64(number)
    }

    init(_ text: Substring, _ kind: Kind) throws(Problem) {
        isStar = text.first == "*" || text == "?"
        for item in text.split(separator: ",", omittingEmptySubsequences: false) { try add(item, of: text, kind) }
        if kind == .weekday, contains(7) { numbers = numbers & 0x7f | 1 }
    }

    package func contains(_ number: Int) -> Bool { numbers >> UInt64(number) & 1 == 1 }

    /// The lowest number from `low` on.
    func first(from low: Int) -> Int? {
        guard low < 64 else { return nil }
        let rest = numbers >> UInt64(low)
        return rest == 0 ? nil : low + rest.trailingZeroBitCount
    }

    private mutating func add(_ item: Substring, of field: Substring, _ kind: Kind) throws(Problem) {
        let shown = JSON.string(field.prefix(bytes: 100))
        func problem(_ what: String) -> Problem { Problem(reason: "the \(kind.rawValue) \(shown) \(what)") }
        let parts = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var step = 1
        if parts.count == 2 {
            guard let number = Self.number(parts[1]), number > 0 else {
                throw problem("has no step above 0 behind its /")
            }
            // More comes to the same, and could be more than the sum below holds.
            step = min(number, 64)
        }
        let range = kind.range
        var low: Int
        var high: Int
        if parts[0] == "*" || (parts[0] == "?" && item == field && (kind == .day || kind == .weekday)) {
            (low, high) = (range.lowerBound, kind == .weekday ? 6 : range.upperBound)
        } else if kind == .day, item.uppercased() == "L" {
            hasLastDay = true
            return
        } else {
            let ends = parts[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            var values: [Int] = []
            for end in ends {
                guard let value = Self.value(end, kind) else {
                    let names = kind.names.isEmpty ? "" : " or \(kind.names[0]) to \(kind.names[kind.names.count - 1])"
                    throw problem(
                        "names \(JSON.string(end.prefix(bytes: 40))): use \(range.lowerBound) to \(range.upperBound)\(names)"
                    )
                }
                values.append(value)
            }
            low = values[0]
            high = values.count == 2 ? values[1] : parts.count == 2 ? (kind == .weekday ? 6 : range.upperBound) : low
            // FRI-SUN
            if kind == .weekday, high == 0, values.count == 2, low > 0 { high = 7 }
            if low > high { throw problem("has a range that runs backwards: write it as two, such as 22-23,0-5") }
        }
        for number in stride(from: low, through: high, by: step) { numbers |= 1 << UInt64(number) }
    }

    private static func value(_ text: Substring, _ kind: Kind) -> Int? {
        if let index = kind.names.firstIndex(of: text.uppercased()) { return kind.range.lowerBound + index }
        return number(text).flatMap { kind.range.contains($0) ? $0 : nil }
    }

    /// Digits and nothing else: Swift's own reading takes a sign.
    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
    }
}
