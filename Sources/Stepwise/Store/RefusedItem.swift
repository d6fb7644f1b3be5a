/// What `malformed` keeps of an item that nobody can accept: the reason, and how the item begins.
struct RefusedItem: Sendable {
    /// How many entries `malformed` keeps; the oldest leave.
    static let mostEntries = 1000
    /// How many bytes of an item an entry shows.
    static let mostBytes = 4096

    /// The entry's JSON without its closing brace: the script adds the time.
    let entry: String

    init(_ item: ClaimedItem, queue: String, reason: String) {
        let beginning = Array(item.bytes.prefix(Self.mostBytes))
        let isCut = item.length > beginning.count
        let excerpt = EventName.masked(beginning, isCut: isCut)
        // A cut character at the end of the excerpt makes it no text.
        let shown =
            String(validating: excerpt, as: UTF8.self).map { "\"item\":\(JSON.string($0))" }
            ?? "\"itemHex\":\"\(Self.hex(excerpt))\""
        let rest = isCut ? ",\"length\":\(item.length)" : ""
        entry = "{\"queue\":\(JSON.string(queue)),\"reason\":\(JSON.string(reason)),\(shown)\(rest)"
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
