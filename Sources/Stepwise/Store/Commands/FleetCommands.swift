internal import StepwiseRedis

extension StoreCommand<Int?> {
    /// Redis' clock: microseconds since 1970.
    static var time: Self {
        Self(["TIME"]) { reply in
            guard let parts = reply.array, parts.count == 2, let seconds = parts[0].integer,
                let microseconds = parts[1].integer
            else { return nil }
            return seconds * 1_000_000 + microseconds
        }
    }
}

extension StoreCommand<[String: String]> {
    /// A worker's entry; empty if it has none.
    static func worker(_ keys: Keys, _ name: String) -> Self {
        Self(["HGETALL", .init(keys.worker(name))]) { reply in
            let pairs: [(String, String)] = reply.pairs { field, value in value.string.map { (field.string ?? "", $0) }
            }
            return Dictionary(pairs) { $1 }
        }
    }
}

extension StoreCommand<[String]> {
    /// The queues that a worker claims from.
    static func queues(_ keys: Keys, ofWorker name: String) -> Self {
        Self(["HGET", .init(keys.worker(name)), "queues"]) {
            $0.string?.split(separator: " ").map(String.init) ?? []
        }
    }
}

extension StoreCommand<String?> {
    /// `<workflow>=<version>` of each workflow of a worker that has a version, separated by spaces.
    static func versions(_ keys: Keys, ofWorker name: String) -> Self {
        Self(["HGET", .init(keys.worker(name)), "versions"]) { $0.string }
    }
}

extension StoreCommand<[(name: String, at: Int)]> {
    /// Workers that were declared dead, and when, in milliseconds since 1970.
    static func dead(_ keys: Keys, from start: Int, count: Int) -> Self {
        Self(
            ["ZRANGEBYSCORE", .init(keys.workers), "-inf", "0", "WITHSCORES", "LIMIT", .init(start), .init(count)]
        ) { reply in
            reply.pairs { name, score in name.string.map { ($0, -(score.integer ?? 0)) } }
        }
    }
}

extension StoreCommand<Int> {
    /// How many of these keys there are.
    static func count(existing keys: [String]) -> Self { Self(counting: ["EXISTS"] + keys.map { .init($0) }) }
}

extension StoreCommand<Void> {
    /// Ends a connection, and whatever it waits for: after the reply its blocking move takes no item any more. `CLIENT UNBLOCK` aborts
    /// some Redis servers whose writes are paused.
    static func kill(_ clientID: Int) -> Self { Self(doing: ["CLIENT", "KILL", "ID", .init(clientID)]) }
}
