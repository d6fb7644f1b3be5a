#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// Values to and from the JSON that is stored. Keys are sorted, so that equal values give equal bytes in every process.
package enum JSON {
    package static let null: [UInt8] = Array("null".utf8)

    /// - Throws: what Foundation's decoder throws.
    package static func value<T: Decodable>(_ type: T.Type, from bytes: [UInt8]) throws -> T {
        // Without a copy: what is decoded owns what it keeps.
        try bytes.withUnsafeBytes { bytes in
            guard let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress), !bytes.isEmpty else {
                return try decoder.decode(type, from: Data())
            }
            return try decoder.decode(type, from: Data(bytesNoCopy: start, count: bytes.count, deallocator: .none))
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 32 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// Appends a JSON string literal.
    package static func append(_ text: String, to bytes: inout [UInt8]) {
        var text = text
        let isWritten = text.withUTF8 { words in
            guard words.allSatisfy(isPlain) else { return false }
            bytes.append(UInt8(ascii: "\""))
            bytes.append(contentsOf: words)
            bytes.append(UInt8(ascii: "\""))
            return true
        }
        if !isWritten { bytes.append(contentsOf: string(text).utf8) }
    }

    /// A JSON string literal.
    package static func string(_ text: String) -> String {
        if text.utf8.allSatisfy(isPlain) { return "\"" + text + "\"" }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 32:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// The beginning of JSON or of what should be, on one line.
    package static func excerpt(_ bytes: [UInt8], limit: Int = 200) -> String {
        let text = String(cutting: bytes, to: limit).printable
        return bytes.count > limit ? "\(text)… (\(bytes.count) bytes)" : text
    }

    /// What to do about a value that has no JSON form, where that is known.
    package static func advice(_ error: any Error) -> String {
        guard case EncodingError.invalidValue(let value, let context) = error else { return "" }
        if value is any BinaryFloatingPoint {
            return ". NaN and infinity have no JSON form: return an optional or a string instead"
        }
        // All that Foundation says of a value that has encoded itself, and is nested too deep to be written.
        if context.debugDescription.contains("given top-level value") {
            return ". If it is nested deeper than \(depthLimit - 1) levels of arrays and objects, make it flatter"
        }
        return ""
    }

    /// `items[0].price`
    private static func path(_ keys: [any CodingKey]) -> String {
        keys.reduce(into: "") { path, key in
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += (path.isEmpty ? "" : ".") + key.stringValue
            }
        }
    }

    /// What a coder says, on one line: at most 1,000 bytes of it, which may be a user's words or quote the text.
    package static func words(_ error: any Error) -> String {
        sentence(error).prefix(bytes: 1000).printable.prefix(bytes: 1000)
    }

    private static func sentence(_ error: any Error) -> String {
        func place(_ context: DecodingError.Context) -> String {
            let path = path(context.codingPath)
            return path.isEmpty ? context.debugDescription : "\(context.debugDescription) (at \(path))"
        }
        switch error {
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            return place(context)
        case DecodingError.keyNotFound(let key, let context):
            return "there is no \"\(path(context.codingPath + [key]))\""
        case EncodingError.invalidValue(let value, let context):
            let path = path(context.codingPath)
            // A date that cannot be written cannot be described either: Foundation traps.
            let shown =
                (value as? Date).map { "\($0.timeIntervalSince1970) s since 1970" } ?? "\(value)".prefix(bytes: 200)
            return "\(context.debugDescription) (\(shown)\(path.isEmpty ? "" : " at \(path)"))"
        default:
            return String(describing: error)
        }
    }

    package static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            guard let text = DateText.text(of: date) else {
                throw EncodingError.invalidValue(
                    date,
                    .init(codingPath: encoder.codingPath, debugDescription: "a date must be in the years 1 to 9999"))
            }
            var container = encoder.singleValueContainer()
            try container.encode(text)
        }
        return encoder
    }()

    static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            let text = try container.decode(String.self)
            guard let date = DateText.date(from: text) else {
                throw DecodingError.dataCorruptedError(
                    in: container,
                    debugDescription: "\"\(text)\" is not an ISO 8601 date such as 2026-01-31T12:00:00.000Z")
            }
            return date
        }
        return decoder
    }()
}

/// `Date` as ISO 8601 in UTC with microseconds, which is what comes back.
package enum DateText {
    /// Seconds since 1970 from `Date.distantPast` to the end of the year 9999, which ISO 8601 writes with four digits.
    private static let writable = -62_135_769_600.0...253_402_300_799.0

    /// `nil` for NaN, infinity, and years that cannot be written.
    package static func text(of date: Date) -> String? {
        let microseconds = (date.timeIntervalSince1970 * 1_000_000).rounded()
        let whole = (microseconds / 1_000_000).rounded(.down)
        guard writable.contains(whole) else { return nil }
        let fraction = Int(microseconds - whole * 1_000_000)
        let seconds = Date(timeIntervalSince1970: whole).formatted(Date.ISO8601FormatStyle())
        let digits = String(fraction)
        return seconds.dropLast() + "." + String(repeating: "0", count: 6 - digits.count) + digits + "Z"
    }

    package static func date(from text: String) -> Date? {
        guard let dot = text.firstIndex(of: ".") else { return try? Date(text, strategy: Date.ISO8601FormatStyle()) }
        let digits = text[text.index(after: dot)...].prefix { $0.isASCII && $0.isNumber }
        let rest = text[text.index(dot, offsetBy: digits.count + 1)...]
        guard !digits.isEmpty, let fraction = Double("0." + digits),
            let whole = try? Date(String(text[..<dot] + rest), strategy: Date.ISO8601FormatStyle())
        else { return nil }
        // The nearest double to the whole number of microseconds: so text → date → text is the same text.
        let microseconds = (whole.timeIntervalSince1970 * 1_000_000 + fraction * 1_000_000).rounded()
        return Date(timeIntervalSince1970: microseconds / 1_000_000)
    }
}
