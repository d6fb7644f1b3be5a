extension JSON {
    /// How deep arrays and objects may be nested: as deep as `JSONDecoder` takes them.
    package static let depthLimit = 512

    /// What keeps a text from being one JSON value and nothing else, by the letter of RFC 8259, said of the text: "not valid
    /// JSON: …". Names the byte, counted from 0. `nil` if nothing does.
    package static func problem(with bytes: [UInt8]) -> String? {
        var reader = Reader(bytes: bytes)
        do {
            try reader.readText()
            return nil
        } catch {
            return error.text
        }
    }

    private struct Problem: Error {
        var text: String
    }

    /// Goes over a text once, without recursion: what is pushed must not choose how much stack a worker needs.
    private struct Reader {
        let bytes: [UInt8]
        var at = 0
        /// The brackets that are to come for those that are open.
        var closing: [UInt8] = []

        var next: UInt8? { at < bytes.count ? bytes[at] : nil }

        mutating func readText() throws(Problem) {
            try refuseByteOrderMark()
            while true {
                skipSpace()
                switch next {
                case UInt8(ascii: "["):
                    try open(closedBy: UInt8(ascii: "]"))
                    if next != closing.last { continue }
                case UInt8(ascii: "{"):
                    try open(closedBy: UInt8(ascii: "}"))
                    if next != closing.last {
                        try readName()
                        continue
                    }
                case UInt8(ascii: "\""): try readString()
                case UInt8(ascii: "-"), (UInt8(ascii: "0")...UInt8(ascii: "9"))?: try readNumber()
                case UInt8(ascii: "t"): try read("true")
                case UInt8(ascii: "f"): try read("false")
                case UInt8(ascii: "n"): try read("null")
                default: throw expected("a value")
                }
                if try !readsOn() { return }
            }
        }

        /// Reads what stands behind a value, up to the next value. Returns `false` at the text's end.
        private mutating func readsOn() throws(Problem) -> Bool {
            while true {
                skipSpace()
                guard let bracket = closing.last else {
                    if next != nil { throw expected("nothing more") }
                    return false
                }
                if take(bracket) {
                    closing.removeLast()
                    continue
                }
                guard take(UInt8(ascii: ",")) else { throw expected("a comma or \(shown(bracket))") }
                if bracket == UInt8(ascii: "}") { try readName() }
                return true
            }
        }

        private mutating func open(closedBy bracket: UInt8) throws(Problem) {
            if closing.count == JSON.depthLimit {
                throw Problem(text: "nested deeper than \(JSON.depthLimit) levels at byte \(at)")
            }
            closing.append(bracket)
            at += 1
            skipSpace()
        }

        private mutating func readName() throws(Problem) {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw expected("a name in quotes") }
            try readString()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw expected("a colon") }
        }

        private mutating func read(_ word: String) throws(Problem) {
            guard bytes[at...].starts(with: word.utf8) else { throw expected("a value") }
            at += word.utf8.count
        }

        private mutating func readNumber() throws(Problem) {
            _ = take(UInt8(ascii: "-"))
            // No digit may follow a zero that comes first.
            if !take(UInt8(ascii: "0")) { try readDigits() }
            if take(UInt8(ascii: ".")) { try readDigits() }
            if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
                if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
                try readDigits()
            }
        }

        private mutating func readDigits() throws(Problem) {
            let start = at
            while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
            if at == start { throw expected("a digit") }
        }

        // MARK: Strings

        private mutating func readString() throws(Problem) {
            at += 1
            while let byte = next {
                switch byte {
                case UInt8(ascii: "\""):
                    at += 1
                    return
                case UInt8(ascii: "\\"): try readEscape()
                case 0..<0x20:
                    throw invalid("the control character \(shown(byte)) stands in a string without an escape")
                case ..<0x80: at += 1
                default: try readCharacter()
                }
            }
            throw expected("the end of a string")
        }

        private mutating func readEscape() throws(Problem) {
            let start = at
            at += 1
            guard let byte = next, "\"\\/bfnrtu".utf8.contains(byte) else { throw expected("an escape") }
            at += 1
            guard byte == UInt8(ascii: "u") else { return }
            let unit = try readHexDigits()
            guard UTF16.isSurrogate(unit) else { return }
            if UTF16.isLeadSurrogate(unit), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")),
                UTF16.isTrailSurrogate(try readHexDigits())
            {
                return
            }
            at = start
            throw invalid("an escape is half of a surrogate pair")
        }

        private mutating func readHexDigits() throws(Problem) -> UInt16 {
            var value: UInt16 = 0
            for _ in 0..<4 {
                guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                    throw expected("a hexadecimal digit")
                }
                value = value << 4 | UInt16(digit)
                at += 1
            }
            return value
        }

        /// A character of more than one byte: not longer than need be, no surrogate, and none beyond U+10FFFF.
        private mutating func readCharacter() throws(Problem) {
            let start = at
            let count: Int
            var second: ClosedRange<UInt8> = 0x80...0xBF
            switch bytes[at] {
            case 0xC2...0xDF: count = 2
            case 0xE0: (count, second) = (3, 0xA0...0xBF)
            case 0xED: (count, second) = (3, 0x80...0x9F)
            case 0xE1...0xEF: count = 3
            case 0xF0: (count, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: count = 4
            case 0xF4: (count, second) = (4, 0x80...0x8F)
            default: throw notUTF8(start)
            }
            let character = bytes[at...].prefix(count)
            guard character.count == count, second.contains(character[at + 1]),
                character.dropFirst(2).allSatisfy({ (0x80...0xBF).contains($0) })
            else { throw notUTF8(start) }
            at += count
        }

        // MARK: Small things

        private mutating func skipSpace() {
            while let byte = next, " \t\r\n".utf8.contains(byte) { at += 1 }
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard next == byte else { return false }
            at += 1
            return true
        }

        private func refuseByteOrderMark() throws(Problem) {
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
                throw invalid("it begins with a byte order mark; leave it out")
            }
            if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
                throw invalid("it begins with the byte order mark of UTF-16; write it in UTF-8")
            }
        }

        private func expected(_ what: String) -> Problem {
            guard let next else {
                return Problem(text: "not valid JSON: it ends at byte \(at), where \(what) was expected")
            }
            return invalid("\(what) was expected, not \(shown(next)),")
        }

        private func invalid(_ what: String) -> Problem {
            Problem(text: "not valid JSON: \(what) at byte \(at)")
        }

        private func notUTF8(_ at: Int) -> Problem {
            Problem(text: "not valid JSON: it is not UTF-8 at byte \(at) (\(shown(bytes[at])))")
        }

        private func shown(_ byte: UInt8) -> String {
            if (0x21..<0x7F).contains(byte) { return "\(Unicode.Scalar(byte))" }
            let hex = String(byte, radix: 16, uppercase: true)
            return "0x" + (hex.count == 1 ? "0" : "") + hex
        }
    }
}
