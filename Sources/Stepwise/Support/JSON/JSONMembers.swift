/// The top-level members of a JSON object as they stand in its text, so that a value's bytes can be kept as they are.
///
/// A round trip through a decoder turns 12345678901234567890 into 1.23e19; cutting does not. The text must be valid JSON
/// (``JSON/problem(with:)`` says); of what is not, this takes what it can find.
package struct JSONMembers: Sendable {
    private let bytes: [UInt8]
    private var members: [(key: String, place: Range<Int>)] = []

    /// The keys in their order, repeated ones too.
    package var keys: [String] { members.map(\.key) }
    /// What stands behind each key, without white space around it. Of a repeated key the last counts.
    package var values: Values { Values(members: self) }

    package struct Values {
        fileprivate let members: JSONMembers

        package subscript(key: String) -> [UInt8]? { members.place(key).map { Array(members.bytes[$0]) } }
    }

    private func place(_ key: String) -> Range<Int>? { members.last { $0.key == key }?.place }

    /// `nil` unless the text is an object.
    package init?(_ bytes: [UInt8]) {
        self.bytes = bytes
        var scanner = Scanner(bytes: bytes)
        guard scanner.take(UInt8(ascii: "{")) else { return nil }
        members.reserveCapacity(8)
        while let key = scanner.string() {
            guard scanner.take(UInt8(ascii: ":")), let value = scanner.value() else { return nil }
            members.append((key, value))
            if !scanner.take(UInt8(ascii: ",")) { break }
        }
        guard scanner.take(UInt8(ascii: "}")) else { return nil }
    }

    /// Of an object of which only the beginning is there: the members that stand in it whole.
    package init(beginning bytes: [UInt8]) {
        self.bytes = bytes
        var scanner = Scanner(bytes: bytes)
        guard scanner.take(UInt8(ascii: "{")) else { return }
        while let key = scanner.string(), scanner.take(UInt8(ascii: ":")), let value = scanner.value() {
            members.append((key, value))
            if !scanner.take(UInt8(ascii: ",")) { return }
        }
    }

    /// The text of a member that is a JSON string.
    package func string(_ key: String) -> String? {
        guard let place = place(key), place.count > 1, bytes[place.lowerBound] == UInt8(ascii: "\""),
            bytes[place.upperBound - 1] == UInt8(ascii: "\"")
        else { return nil }
        let inner = bytes[(place.lowerBound + 1)..<(place.upperBound - 1)]
        if !inner.contains(UInt8(ascii: "\\")) { return String(decoding: inner, as: UTF8.self) }
        return try? JSON.value(String.self, from: Array(bytes[place]))
    }

    package func integer(_ key: String) -> Int? {
        place(key).flatMap { Int(String(decoding: bytes[$0], as: UTF8.self)) }
    }

    fileprivate struct Scanner {
        let bytes: [UInt8]
        var at = 0

        mutating func skipSpace() {
            while at < bytes.count, bytes[at] <= 32 { at += 1 }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            skipSpace()
            guard at < bytes.count, bytes[at] == byte else { return false }
            at += 1
            return true
        }

        /// A key: decoded only if it has escapes.
        mutating func string() -> String? {
            skipSpace()
            let start = at
            guard let end = endOfString() else { return nil }
            at = end
            let inner = bytes[(start + 1)..<(end - 1)]
            if !inner.contains(UInt8(ascii: "\\")) { return String(decoding: inner, as: UTF8.self) }
            return try? JSON.value(String.self, from: Array(bytes[start..<end]))
        }

        private func endOfString() -> Int? {
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { return nil }
            var position = at + 1
            while position < bytes.count {
                switch bytes[position] {
                case UInt8(ascii: "\\"): position += 2
                case UInt8(ascii: "\""): return position + 1
                default: position += 1
                }
            }
            return nil
        }

        /// Where the next value stands, up to the comma or the brace behind it.
        mutating func value() -> Range<Int>? {
            skipSpace()
            let start = at
            var depth = 0
            while at < bytes.count {
                switch bytes[at] {
                case UInt8(ascii: "\""):
                    guard let end = endOfString() else { return nil }
                    at = end
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 0 { return trimmed(start) }
                    depth -= 1
                case UInt8(ascii: ",") where depth == 0:
                    return trimmed(start)
                default:
                    break
                }
                at += 1
            }
            return nil
        }

        private func trimmed(_ start: Int) -> Range<Int>? {
            var end = at
            while end > start, bytes[end - 1] <= 32 { end -= 1 }
            return end > start ? start..<end : nil
        }
    }
}

/// The elements of a JSON array as they stand in its text; empty for what is none.
package func jsonElements(_ bytes: [UInt8]) -> [[UInt8]] {
    var scanner = JSONMembers.Scanner(bytes: bytes)
    guard scanner.take(UInt8(ascii: "[")) else { return [] }
    var elements: [[UInt8]] = []
    while let element = scanner.value() {
        elements.append(Array(bytes[element]))
        if !scanner.take(UInt8(ascii: ",")) { break }
    }
    return elements
}
