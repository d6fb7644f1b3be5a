internal import StepwiseRedis

// What an explanation reads: bounded, whatever lies there, and changed by nothing.

extension StoreCommand<[String: String]> {
    /// Fields of a run by their names; one that is absent, or longer than 64 KiB, is left out.
    static func runFields(_ keys: Keys, _ id: String, _ names: [String]) -> Self { fields(keys.run(id), names) }

    /// Fields of a worker's entry in the same way.
    static func workerFields(_ keys: Keys, _ name: String, _ names: [String]) -> Self {
        fields(keys.worker(name), names)
    }

    private static func fields(_ key: String, _ names: [String]) -> Self {
        Self(["HMGET", .init(key)] + names.map { .init($0) }, maximumBulk: 65_536) { reply in
            let pairs = zip(names, reply.array ?? []).compactMap { name, value in value.string.map { (name, $0) } }
            return Dictionary(pairs) { $1 }
        }
    }

    /// About `count` of a run's open steps; a text that is longer than 64 KiB is left out.
    static func openTexts(_ keys: Keys, of id: String, count: Int) -> Self {
        Self(["HSCAN", .init(keys.open(id)), "0", "COUNT", .init(count)], maximumBulk: 65_536) { reply in
            let page = Page<(String, String)>(
                reply,
                pairs: { step, text in
                    guard let step = step.string, let text = text.string else { return nil }
                    return (step, text)
                })
            return Dictionary(page.elements) { $1 }
        }
    }
}

extension StoreCommand<[String?]> {
    /// The texts of some open steps of a run.
    static func openTexts(_ keys: Keys, of id: String, _ steps: [String]) -> Self {
        Self(["HMGET", .init(keys.open(id))] + steps.map { .init($0) }) { $0.array?.map(\.string) ?? [] }
    }

    /// What is noted of some queues or workflows that are paused.
    static func pauses(_ keys: Keys, _ names: [String]) -> Self {
        Self(["HMGET", .init(keys.paused)] + names.map { .init($0) }, maximumBulk: 65_536) {
            $0.array?.map(\.string) ?? []
        }
    }
}

extension StoreCommand<Int?> {
    /// Where an item lies in a list, from the left end and from 0 on, if it is among the `most` at one end.
    static func place(_ key: String, _ item: [UInt8], most: Int, fromLeft: Bool = false) -> Self {
        Self(["LPOS", .init(key), .init(item), "RANK", fromLeft ? "1" : "-1", "MAXLEN", .init(most)]) { $0.integer }
    }

    /// The length of a list, to be sent in one write with ``place(_:_:most:)``.
    static func listLength(_ key: String) -> Self { Self(["LLEN", .init(key)]) { $0.integer } }
}

extension StoreCommand<Int> {
    /// How many workers have beaten since a time; those that were declared dead have a score below 0.
    static func workers(_ keys: Keys, since time: Int) -> Self {
        Self(counting: ["ZCOUNT", .init(keys.workers), .init(max(1, time)), "+inf"])
    }
}

extension StoreCommand<Double?> {
    /// The score of an entry.
    static func score(_ key: String, _ entry: String) -> Self {
        Self(["ZSCORE", .init(key), .init(entry)]) { $0.string.flatMap { Double($0) } }
    }
}

extension StoreCommand<[ListExcerpt]> {
    /// Items of a list, of each at most its first 4 KiB.
    static func excerpts(_ key: String, from start: Int, to end: Int) -> Self {
        Self(["LRANGE", .init(key), .init(start), .init(end)], maximumBulk: ListExcerpt.limit) { reply in
            reply.array?.compactMap { ListExcerpt($0) } ?? []
        }
    }

    /// What the bodies on a worker do that run for longer than a beat: at most 1,000 values.
    static func bodies(_ keys: Keys, on worker: String) -> Self {
        Self(["HGETALL", .init(keys.busy(worker))], maximumBulk: ListExcerpt.limit) { reply in
            let entries = reply.array?.prefix(2000) ?? []
            return entries.enumerated().compactMap { index, entry in index % 2 == 1 ? ListExcerpt(entry) : nil }
        }
    }

    /// The first entry of a mailbox behind a bound of ZRANGEBYLEX.
    static func mail(_ keys: Keys, of id: String, after bound: String) -> Self {
        Self(
            ["ZRANGEBYLEX", .init(keys.mail(id)), .init(bound), "+", "LIMIT", "0", "1"], maximumBulk: ListExcerpt.limit
        ) { reply in
            reply.array?.compactMap { ListExcerpt($0) } ?? []
        }
    }

    /// The entry of a mailbox that counts what was pushed to it.
    static func pushedMail(_ keys: Keys, of id: String) -> Self { mail(keys, of: id, after: "[ pushed ") }
}

/// How an item begins, and how long it is.
struct ListExcerpt: Sendable, Hashable {
    /// How much of it is read.
    static let limit = 4096

    var bytes: [UInt8]
    var length: Int

    init?(_ value: RedisValue) {
        if let bytes = value.bytes {
            (self.bytes, length) = (bytes, bytes.count)
        } else if let excerpt = value.excerpt {
            (bytes, length) = (excerpt.prefix, excerpt.length)
        } else {
            return nil
        }
    }

    /// Whether it was read whole.
    var isWhole: Bool { length == bytes.count }
    var text: String { String(decoding: bytes, as: UTF8.self) }
}
