/// The top-level members of a JSON object as they stand in its text, so that a value's bytes can be kept as they are.
///
/// A round trip through a decoder turns 12345678901234567890 into 1.23e19; cutting does not. The text must be valid JSON
/// (``JSON/problem(with:)`` says); of what is not, this takes what it can find.
package struct JSONMembers: Sendable {
    package private(set) var values: [String: [UInt8]] = [:]
    /// The keys in their order, repeated ones too.
    package private(set) var keys: [String] = []

    /// `nil` unless the text is an object.
    package init?(_ bytes: [UInt8]) {
        var scanner = Scanner(bytes: bytes)
        guard scanner.take(UInt8(ascii: "{")) else { return nil }
        while let key = scanner.string() {
            guard scanner.take(UInt8(ascii: ":")), let value = scanner.value() else { return nil }
            keys.append(key)
            values[key] = value
            if !scanner.take(UInt8(ascii: ",")) { break }
        }
        guard scanner.take(UInt8(ascii: "}")) else { return nil }
    }

    /// The text of a member that is a JSON string.
    package func string(_ key: String) -> String? {
        guard let bytes = values[key], bytes.first == UInt8(ascii: "\""), bytes.count > 1,
            bytes.last == UInt8(ascii: "\"")
        else { return nil }
        if !bytes.contains(UInt8(ascii: "\\")) { return String(decoding: bytes[1..<(bytes.count - 1)], as: UTF8.self) }
        return try? JSON.decode(String.self, from: bytes, what: key)
    }

    package func integer(_ key: String) -> Int? {
        values[key].flatMap { Int(String(decoding: $0, as: UTF8.self)) }
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
            return try? JSON.decode(String.self, from: Array(bytes[start..<end]), what: "a key")
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

        /// The bytes of the next value, up to the comma or the brace behind it.
        mutating func value() -> [UInt8]? {
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

        private func trimmed(_ start: Int) -> [UInt8]? {
            var end = at
            while end > start, bytes[end - 1] <= 32 { end -= 1 }
            return end > start ? Array(bytes[start..<end]) : nil
        }
    }
}

/// The elements of a JSON array as they stand in its text; empty for what is none.
package func jsonElements(_ bytes: [UInt8]) -> [[UInt8]] {
    var scanner = JSONMembers.Scanner(bytes: bytes)
    guard scanner.take(UInt8(ascii: "[")) else { return [] }
    var elements: [[UInt8]] = []
    while let element = scanner.value() {
        elements.append(element)
        if !scanner.take(UInt8(ascii: ",")) { break }
    }
    return elements
}
