internal import StepwiseRedis

/// An entry of an index of runs, and its score: milliseconds since 1970.
typealias IndexEntry = (id: String, at: Int)

extension StoreCommand<[IndexEntry]> {
    /// Runs of a status, those that came to it last first.
    static func runs(_ keys: Keys, _ status: RunStatus, from start: Int, count: Int) -> Self {
        newest(keys.runs(status), start, count)
    }

    /// Failed runs that nobody has dealt with, those that failed last first.
    static func deadRuns(_ keys: Keys, from start: Int, count: Int) -> Self { newest(keys.dead, start, count) }

    static func newest(_ key: String, _ start: Int, _ count: Int) -> Self {
        Self(["ZRANGE", .init(key), .init(start), .init(start + count - 1), "REV", "WITHSCORES"]) { reply in
            reply.pairs { id, score in
                guard let id = id.string, let at = score.string.flatMap({ Double($0) }) else { return nil }
                return (id, Int(exactly: at.rounded(.towardZero)) ?? 0)
            }
        }
    }
}

extension StoreCommand<Int?> {
    /// When a failed run has failed; `nil` if it is not among those that nobody has dealt with.
    static func deadSince(_ keys: Keys, of id: String) -> Self { score(keys.dead, id) }

    /// The place of a failed run among those of ``StoreCommand/deadRuns(_:from:count:)``; `nil` if it is not among them.
    static func deadPlace(_ keys: Keys, of id: String) -> Self {
        Self(["ZREVRANK", .init(keys.dead), .init(id)]) { $0.integer }
    }

    /// The place of a run among those of ``StoreCommand/runs(_:_:from:count:)``; `nil` if it is not among them.
    static func place(_ keys: Keys, _ status: RunStatus, of id: String) -> Self {
        Self(["ZREVRANK", .init(keys.runs(status)), .init(id)]) { $0.integer }
    }

    /// Since when a run has this status; `nil` if it has another.
    static func since(_ keys: Keys, _ status: RunStatus, of id: String) -> Self {
        score(keys.runs(status), id)
    }

    private static func score(_ key: String, _ id: String) -> Self {
        Self(["ZSCORE", .init(key), .init(id)]) { reply in
            reply.string.flatMap { Double($0) }.map { Int(exactly: $0.rounded(.towardZero)) ?? 0 }
        }
    }
}

extension StoreCommand<Int> {
    /// How many of the failed runs failed after a time.
    static func deadCount(_ keys: Keys, after time: Int) -> Self {
        Self(counting: ["ZCOUNT", .init(keys.dead), .init("(\(time)"), "+inf"])
    }

    /// How many runs have had a status since a time or later.
    ///
    /// - Parameter isIncluded: whether those count that have had it since then exactly.
    static func count(_ keys: Keys, _ status: RunStatus, since time: Int, isIncluded: Bool) -> Self {
        Self(counting: ["ZCOUNT", .init(keys.runs(status)), .init(isIncluded ? "\(time)" : "(\(time)"), "+inf"])
    }

    /// How many entries a list of runs has.
    static func count(_ list: String) -> Self { Self(counting: ["ZCARD", .init(list)]) }

    /// How many entries wait for their time.
    static func delayedCount(_ keys: Keys) -> Self { Self(counting: ["ZCARD", .init(keys.delayed)]) }
}

extension StoreCommand<Void> {
    static func removeDead(_ keys: Keys, _ id: String) -> Self { Self(doing: ["ZREM", .init(keys.dead), .init(id)]) }

    static func removeDelayed(_ keys: Keys, _ entry: String) -> Self {
        Self(doing: ["ZREM", .init(keys.delayed), .init(entry)])
    }

    /// Gives an entry of `delayed` another time, if it is there.
    static func postpone(_ keys: Keys, _ entry: String, to time: Int) -> Self {
        Self(doing: ["ZADD", .init(keys.delayed), "XX", .init(time), .init(entry)])
    }

    /// Lets the age of an enqueued run that waits begin anew, if it is listed.
    static func waitAnew(_ keys: Keys, _ id: String, since time: Int) -> Self {
        Self(doing: ["ZADD", .init(keys.waitingEnqueued), "XX", .init(time), .init(id)])
    }

    static func removeWaiter(_ keys: Keys, of event: String, _ text: String) -> Self {
        Self(doing: ["ZREM", .init(keys.event(event)), .init(text)])
    }
}

extension StoreCommand<[String]> {
    /// Entries of `delayed` whose time has come.
    static func due(_ keys: Keys, at time: Int, count: Int) -> Self { first(keys.delayed, upto: time, count) }

    /// Who has waited for an event since before a time.
    static func waiters(_ keys: Keys, of event: String, since time: Int, count: Int) -> Self {
        first(keys.event(event), upto: time, count)
    }

    /// Names in a list of runs since before a time, those that came to it first before others.
    ///
    /// - Parameter start: how many are passed over.
    static func oldest(_ list: String, upto time: Int, from start: Int, count: Int) -> Self {
        first(list, upto: time, from: start, count)
    }

    /// The queues to which something was pushed that waits, or has waited.
    static func pushedQueues(_ keys: Keys) -> Self { first(keys.pushedQueues, upto: .max, 1000) }

    private static func first(_ key: String, upto score: Int, from start: Int = 0, _ count: Int) -> Self {
        Self(["ZRANGEBYSCORE", .init(key), "-inf", .init(score), "LIMIT", .init(start), .init(count)]) {
            $0.array?.compactMap(\.string) ?? []
        }
    }
}

extension StoreCommand<[Double?]> {
    /// When these entries of `delayed` are due, in milliseconds since 1970; `nil` for one that is not there.
    static func delays(_ keys: Keys, _ entries: [String]) -> Self {
        Self(["ZMSCORE", .init(keys.delayed)] + entries.map { .init($0) }) { reply in
            reply.array?.map { $0.string.flatMap { Double($0) } } ?? []
        }
    }
}

extension StoreCommand<Bool> {
    /// Whether a step stands in the list of those that wait for an event.
    static func isWaiting(_ keys: Keys, for event: String, _ waiter: EventWaiter) -> Self {
        Self(["ZSCORE", .init(keys.event(event)), .init(waiter.text)]) { $0.string != nil }
    }

    /// Whether a step stands in its run's list of those that wait for something to be sent.
    static func isWaiting(_ keys: Keys, inMailOf id: String, _ waiter: MailWaiter) -> Self {
        Self(["ZSCORE", .init(keys.mail(id)), .init(waiter.text)]) { $0.string != nil }
    }
}

extension StoreCommand<[UInt8]?> {
    /// A schedule's stored JSON.
    static func schedule(_ keys: Keys, _ name: String) -> Self {
        Self(["HGET", .init(keys.schedules), .init(name)]) { $0.bytes }
    }
}
