extension String {
    /// The text on one line, for a log, a terminal or a sentence: whatever moves a cursor, ends a line, turns the direction of writing or cannot
    /// be seen stands as JSON's escape for it, such as `\n` or `\u202e`. So text from outside can neither forge a line nor hide a part of it.
    ///
    /// In JSON's strings the escapes mean what they stand for.
    package var printable: String {
        if utf8.allSatisfy({ (32...126).contains($0) }) { return self }
        var result = ""
        for scalar in unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: result += Self.escape(scalar)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            return String(scalar).utf16.map { unit in
                let hex = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            }.joined()
        }
    }
}
