internal import StepwiseRedis

/// An entry of `mail:<id>`, or how a long one begins.
struct MailEntry: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        /// An event that waits for the run to ask: its number, in microseconds since 1970, whether it was pushed, and its JSON.
        case message(number: Int, isPushed: Bool, json: [UInt8])
        /// A step that waits for the event.
        case waiter
        /// The count of pushed events, a callback that may be answered, or what cannot be read.
        case other
    }

    /// The event's name as it is stored.
    var event: String
    var kind: Kind
    /// Behind which text the walk over a mailbox goes on.
    let end: [UInt8]

    /// - Parameters:
    ///   - bytes: how it begins, with the name and what follows it: at most 300 bytes.
    ///   - isWhole: whether these are all.
    init(_ bytes: [UInt8], isWhole: Bool) {
        let space = UInt8(ascii: " ")
        // Three words and what is behind them.
        let parts = bytes.split(separator: space, maxSplits: 3, omittingEmptySubsequences: false)
        let name = Array(parts[0])
        event = String(decoding: name, as: UTF8.self)
        // Behind all that begin with these words and a space: the next sign is this.
        func behind(_ words: String) -> [UInt8] { name + Array("\(words)!".utf8) }
        if parts.count == 4, parts[1].elementsEqual("m".utf8),
            let number = Int(String(decoding: parts[2], as: UTF8.self))
        {
            let isPushed = parts[3].starts(with: "p ".utf8)
            kind = .message(number: number, isPushed: isPushed, json: Array(parts[3].dropFirst(isPushed ? 2 : 0)))
            end = behind(" m \(number)")
        } else if parts.count == 4, parts[1].elementsEqual("w".utf8), !name.isEmpty {
            kind = .waiter
            end = behind(" w")
        } else {
            kind = .other
            end = isWhole ? bytes : bytes + [0xFF]
        }
    }
}

extension StoreCommand<[MailEntry]> {
    /// Entries of a run's mailbox, in their order.
    ///
    /// - Parameters:
    ///   - end: of the entry before; `nil` for the first ones.
    ///   - longest: how many bytes of an entry are wanted, of a longer one only the beginning; `nil`: all.
    static func mail(_ keys: Keys, of id: String, after end: [UInt8]?, count: Int, longest: Int?) -> Self {
        let start = end.map { RedisArgument(Array("(".utf8) + $0) } ?? "-"
        return Self(
            ["ZRANGEBYLEX", .init(keys.mail(id)), start, "+", "LIMIT", "0", .init(count)], maximumBulk: longest
        ) { reply in
            (reply.array ?? []).compactMap { ClaimedItem($0) }.map { MailEntry($0.bytes, isWhole: $0.isWhole) }
        }
    }
}

extension StoreCommand<Int?> {
    /// Since when a step has waited for an event, in milliseconds since 1970; `nil` if it does not wait for it.
    static func waitingSince(_ keys: Keys, for event: String, _ waiter: EventWaiter) -> Self {
        Self(["ZSCORE", .init(keys.event(event)), .init(waiter.text)]) { reply in
            reply.string.flatMap { Double($0) }.map { Int(exactly: ($0 / 1000).rounded(.towardZero)) ?? 0 }
        }
    }
}
