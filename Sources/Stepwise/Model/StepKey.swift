/// What tells one element's step from another's where many share a name: a value's JSON, or a hash of it.
///
/// A loop over a `Set` differs in each process. The key is recorded with the step's outcome; a replay that asks for the same step with
/// another key would get another element's result, so it is stopped instead.
package struct StepKey: Sendable, Hashable {
    /// JSON: the value itself, or a string of `fnv1a:` and 16 hexadecimal digits.
    package let json: String

    /// The most bytes of a value that is kept as it is.
    package static let limit = 100

    package init(json: String) {
        self.json = json
    }

    /// - Throws: ``StepwiseError`` with code `notStorable`.
    package init(_ value: some Encodable) throws(StepwiseError) {
        if let number = value as? Int {
            json = String(number)
            return
        }
        let bytes = try JSON.encode(value, what: "a step's key")
        // A `Set` is written as an array, in any order: what holds arrays is told by a hash for which their order does not matter.
        if bytes.count <= Self.limit, !bytes.contains(UInt8(ascii: "[")) {
            json = String(decoding: bytes, as: UTF8.self)
        } else {
            var reader = HashReader(bytes: bytes)
            let digits = String(reader.value(), radix: 16)
            json = "\"fnv1a:" + String(repeating: "0", count: 16 - digits.count) + digits + "\""
        }
    }
}

/// FNV-1a over 64 bits of JSON without white space and with sorted keys. The hashes of an array's elements are added up.
private struct HashReader {
    let bytes: [UInt8]
    var at = 0

    private static let basis: UInt64 = 0xcbf2_9ce4_8422_2325

    private static func mix(_ hash: inout UInt64, _ byte: UInt8) {
        hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    private static func mix(_ hash: inout UInt64, _ other: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { mix(&hash, UInt8(truncatingIfNeeded: other >> UInt64(shift))) }
    }

    mutating func value() -> UInt64 {
        var hash = Self.basis
        guard at < bytes.count else { return hash }
        let first = bytes[at]
        switch first {
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            Self.mix(&hash, first)
            at += 1
            var sum: UInt64 = 0
            while at < bytes.count, bytes[at] != UInt8(ascii: "]"), bytes[at] != UInt8(ascii: "}") {
                if bytes[at] == UInt8(ascii: ",") || bytes[at] == UInt8(ascii: ":") {
                    at += 1
                } else if first == UInt8(ascii: "[") {
                    sum &+= value()
                } else {
                    Self.mix(&hash, value())
                }
            }
            at += 1
            Self.mix(&hash, sum)
        case UInt8(ascii: "\""):
            repeat {
                if bytes[at] == UInt8(ascii: "\\") {
                    Self.mix(&hash, bytes[at])
                    at += 1
                }
                Self.mix(&hash, bytes[at])
                at += 1
            } while at < bytes.count && bytes[at] != UInt8(ascii: "\"")
            at += 1
        default:
            while at < bytes.count, !Self.ends.contains(bytes[at]) {
                Self.mix(&hash, bytes[at])
                at += 1
            }
        }
        return hash
    }

    private static let ends: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}")]
}
