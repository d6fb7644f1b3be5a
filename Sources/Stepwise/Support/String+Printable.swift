extension String {
    /// The text on one line, for a log, a terminal or a sentence: whatever moves a cursor, ends a line, turns the direction of writing or cannot
    /// be seen stands as JSON's escape for it, such as `\n` or `\u202e`. So text from outside can neither forge a line nor hide a part of it.
    /// Of spaces those of ordinary text stay: the plain one, the no-break ones of French, the wide one of Japanese.
    ///
    /// Nobody can tell how a terminal shows a code point that has no character, or a character that is newer than Swift's tables: it may show nothing.
    /// So these stand as escapes, too. So do characters for private use: what one shows is up to its reader's font.
    ///
    /// In JSON's strings the escapes mean what they stand for.
    package var printable: String {
        if utf8.allSatisfy({ (32...126).contains($0) }) { return self }
        var result = ""
        // The scalar before is an emoji: the selector of its coloured form may follow.
        var isBehindEmoji = false
        for scalar in unicodeScalars {
            if Self.isSeen(scalar) || (isBehindEmoji && scalar == "\u{FE0F}") {
                result.unicodeScalars.append(scalar)
            } else {
                result += Self.escape(scalar)
            }
            isBehindEmoji = !scalar.isASCII && scalar.properties.isEmoji
        }
        return result
    }

    private static func isSeen(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return (32...126).contains(scalar.value) }
        switch scalar.properties.generalCategory {
        // Those that are not characters at all, such as U+FFFE, are unassigned.
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: return false
        case .spaceSeparator: return ["\u{A0}", "\u{202F}", "\u{3000}"].contains(scalar)
        default: break
        }
        return !blank.contains(scalar) && !scalar.properties.isDefaultIgnorableCodePoint
    }

    /// Signs that are blank and have other categories than spaces: of Braille without a dot, of music without a head, two of hieroglyphs, and a
    /// filler of Khitan. Those of Hangul are ignorable.
    private static let blank: Set<Unicode.Scalar> = [
        "\u{2800}", "\u{1D159}", "\u{13441}", "\u{13442}", "\u{16FE4}",
    ]

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
