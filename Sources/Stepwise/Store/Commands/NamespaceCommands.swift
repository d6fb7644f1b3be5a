internal import StepwiseRedis

// What is asked about a whole namespace.

extension StoreCommand<Page<[UInt8]>> {
    /// Whole names of the namespace's keys, byte for byte: somebody else may have made one that is not UTF-8. One may come twice.
    static func names(_ keys: Keys, after cursor: String, count: Int) -> Self {
        // A namespace's name has none of the characters that a pattern gives a meaning, and the brace behind it ends it.
        Self(["SCAN", .init(cursor), "MATCH", .init(keys.pattern("")), "COUNT", .init(count)]) { reply in
            Page(reply) { $0.compactMap { $0.bytes } }
        }
    }
}

extension StoreCommand<[String?]> {
    /// The data format, since when the namespace is being deleted, and the data format that it had before.
    static func standing(_ keys: Keys) -> Self {
        Self(["HMGET", .init(keys.meta), "format", "deleting", "was"]) { reply in
            let values = (reply.array ?? []).map { $0.string }
            return values.count == 3 ? values : [nil, nil, nil]
        }
    }
}

extension StoreCommand<[(name: String, at: Int)]> {
    /// Workers that nobody has declared dead and the times of their last beats, in milliseconds since 1970, the youngest first.
    static func beats(_ keys: Keys, from start: Int, count: Int) -> Self {
        Self([
            "ZREVRANGEBYSCORE", .init(keys.workers), "+inf", "(0", "WITHSCORES", "LIMIT", .init(start), .init(count),
        ]) { reply in
            reply.pairs { name, score in
                name.string.map { ($0, Int(saturating: score.string.flatMap { Double($0) } ?? 0)) }
            }
        }
    }
}

extension StoreCommand<Int?> {
    /// A worker's lease in milliseconds; `nil` if its entry does not say it.
    static func lease(_ keys: Keys, ofWorker name: String) -> Self {
        Self(["HGET", .init(keys.worker(name)), "lease"]) { $0.integer }
    }

    /// About how many bytes a key takes; `nil` if it is not there. Of what has many parts five are measured.
    static func bytes(ofKey key: String) -> Self { Self(["MEMORY", "USAGE", .init(key)]) { $0.integer } }
}

extension StoreCommand<Int> {
    /// How many keys the database has, those of others too.
    static func databaseSize() -> Self { Self(counting: ["DBSIZE"]) }

    /// How many fields a hash has.
    static func fields(of key: String) -> Self { Self(counting: ["HLEN", .init(key)]) }

    /// How many workers have beaten since a time; of 0 or less it is how many have died before.
    static func workers(_ keys: Keys, from least: String, to most: String) -> Self {
        Self(counting: ["ZCOUNT", .init(keys.workers), .init(least), .init(most)])
    }
}

extension StoreCommand<Void> {
    /// Removes one key that no call of a script can name, because its name is not UTF-8.
    static func delete(name: [UInt8]) -> Self { Self(doing: ["UNLINK", .init(name)]) }
}
