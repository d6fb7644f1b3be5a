/// How the reply to a beat lists a claimed work item: as it is; or, if it is long, as it may be when it quotes what others pushed, its beginning, a
/// line feed and its length.
enum ListedClaim {
    /// The longest that stands there as it is. Every work item but a broadcast is shorter.
    static let mostBytes = 2048

    /// How the beat lists an item.
    static func listed(_ item: [UInt8]) -> [UInt8] {
        isCut(item) ? item.prefix(mostBytes) + Array("\n\(item.count)".utf8) : item
    }

    /// Whether a listed item is not all of the item.
    static func isCut(_ listed: [UInt8]) -> Bool { listed.count > mostBytes }
}
