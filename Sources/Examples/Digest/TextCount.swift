/// Counts bytes, lines and words as `LC_ALL=C wc -clw` of Debian 12 does, over a text that comes in pieces.
///
/// A line is a newline: text after the last one is none. A word is a run of printable ASCII characters that white space ends; any
/// other byte (NUL, the bytes of an é) neither begins nor ends a word. Later versions of GNU wc and the BSDs let such bytes begin a
/// word as well; for ASCII text they all agree.
package struct TextCount: Sendable, Hashable {
    package private(set) var bytes = 0
    package private(set) var lines = 0
    package private(set) var words = 0
    private var isInWord = false

    package init() {}

    package mutating func add(_ piece: some Sequence<UInt8>) {
        for byte in piece {
            bytes += 1
            switch byte {
            case UInt8(ascii: "\n"):
                lines += 1
                isInWord = false
            // Tab, vertical tab, form feed, carriage return, space.
            case 9, 11, 12, 13, 32:
                isInWord = false
            case 33...126:
                if !isInWord { words += 1 }
                isInWord = true
            default:
                break
            }
        }
    }
}
