internal import StepwiseRedis

// What is read to explain a whole namespace: each reply is bounded, whatever is stored.

extension StoreCommand<[IndexEntry]> {
    /// Members of a sorted set, those of the lowest scores first.
    ///
    /// - Parameter end: the highest score that counts.
    static func lowest(_ key: String, upto end: Int = .max, count: Int) -> Self {
        Self(["ZRANGEBYSCORE", .init(key), "-inf", .init(end), "WITHSCORES", "LIMIT", "0", .init(count)]) { reply in
            reply.pairs { id, score in
                guard let id = id.string, let at = score.string.flatMap({ Double($0) }) else { return nil }
                return (id, Int(saturating: at))
            }
        }
    }
}

extension StoreCommand<Int> {
    /// How many members of a sorted set have a score in a range, its ends included.
    static func count(_ key: String, from start: Int, upto end: Int) -> Self {
        Self(counting: ["ZCOUNT", .init(key), .init(start), .init(end)])
    }
}

extension StoreCommand<[Int?]> {
    /// The scores of some entries of a sorted set; `nil` for one that it does not have.
    static func scores(_ key: String, _ entries: [String]) -> Self {
        Self(["ZMSCORE", .init(key)] + entries.map { .init($0) }) { reply in
            reply.array?.map { $0.string.map { Int(saturating: Double($0) ?? 0) } } ?? []
        }
    }
}

extension StoreCommand<[ClaimedItem]> {
    /// The oldest items of a list, of a long one only the beginning.
    static func oldestItems(_ key: String, count: Int) -> Self {
        Self(["LRANGE", .init(key), .init(-count), "-1"], maximumBulk: 4096) { reply in
            reply.array?.compactMap { ClaimedItem($0) } ?? []
        }
    }
}

extension StoreCommand<[String: String]> {
    /// What is paused besides runs: `queue:<queue>` and `workflow:<workflow>`, each with the text of its pause.
    static func pauseTexts(_ keys: Keys) -> Self {
        Self(["HGETALL", .init(keys.paused)]) { reply in
            let pairs: [(String, String)] = reply.pairs { name, text in
                guard let name = name.string, let text = text.string else { return nil }
                return (name, text)
            }
            return Dictionary(pairs) { $1 }
        }
    }
}
