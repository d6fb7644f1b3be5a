internal import StepwiseRedis

extension StoreCommand<Int> {
    /// The length of a list.
    static func length(_ key: String) -> Self { Self(counting: ["LLEN", .init(key)]) }
}

extension StoreCommand<Void> {
    /// Removes everything that was rejected.
    static func clearMalformed(_ keys: Keys) -> Self { Self(doing: ["UNLINK", .init(keys.malformed)]) }
}

extension StoreCommand<[[UInt8]]> {
    /// Items of a list, from its left end.
    ///
    /// - Parameter count: the most; `nil` for all.
    static func items(_ key: String, from start: Int = 0, count: Int? = nil) -> Self {
        Self(["LRANGE", .init(key), .init(start), .init(count.map { start + $0 - 1 } ?? -1)]) {
            $0.array?.compactMap(\.bytes) ?? []
        }
    }
}

extension StoreCommand<String> {
    /// The type of a key; `none` for one that is not there.
    static func type(_ key: String) -> Self { Self(["TYPE", .init(key)]) { $0.string ?? "none" } }
}

extension StoreCommand<Page<String>> {
    /// Keys of the namespace, without its prefix; one may come twice.
    ///
    /// - Parameter start: how the names begin.
    static func keys(_ keys: Keys, _ start: String, after cursor: String, count: Int) -> Self {
        let prefix = keys.prefix.utf8.count
        return Self(["SCAN", .init(cursor), "MATCH", .init(keys.pattern(start)), "COUNT", .init(count)]) { reply in
            Page(reply) { $0.compactMap(\.bytes).map { String(decoding: $0.dropFirst(prefix), as: UTF8.self) } }
        }
    }

    /// Namespaces of the database that have a run of this id; one may come twice.
    static func namespaces(withRun id: String, after cursor: String, count: Int) -> Self {
        let (start, end) = ("stepwise:{", "}:run:\(id)")
        // A name may have what stands for other characters in a pattern.
        let pattern = id.map { "*?[]^\\".contains($0) ? "?" : String($0) }.joined()
        return Self(["SCAN", .init(cursor), "MATCH", .init("\(start)*}:run:\(pattern)"), "COUNT", .init(count)]) {
            reply in
            Page(reply) { names in
                names.compactMap(\.string).compactMap { name in
                    guard name.hasPrefix(start), name.hasSuffix(end) else { return nil }
                    let namespace = String(name.dropFirst(start.count).dropLast(end.count))
                    return (try? Identifier.checkNamespace(namespace)) == nil ? nil : namespace
                }
            }
        }
    }
}

extension StoreCommand<Page<(field: String, value: [UInt8])>> {
    /// Fields of a hash; what stays in it all the while is seen, perhaps twice.
    static func fields(_ key: String, after cursor: String, count: Int) -> Self {
        Self(["HSCAN", .init(key), .init(cursor), "COUNT", .init(count)]) { reply in
            Page(
                reply,
                pairs: { field, value in
                    guard let field = field.string, let value = value.bytes else { return nil }
                    return (field, value)
                })
        }
    }
}

extension StoreCommand<Page<(member: String, score: String)>> {
    /// Members of a sorted set; what stays in it all the while is seen, perhaps twice.
    static func members(_ key: String, after cursor: String, count: Int) -> Self {
        Self(["ZSCAN", .init(key), .init(cursor), "COUNT", .init(count)]) { reply in
            Page(
                reply,
                pairs: { member, score in
                    guard let member = member.string, let score = score.string else { return nil }
                    return (member, score)
                })
        }
    }
}

// MARK: Claims

extension StoreCommand<ClaimedItem?> {
    /// Claims the oldest item of a list: moves it to the worker's.
    ///
    /// - Parameter longest: how many bytes of it are wanted, of a longer one only the beginning; `nil`: all.
    static func claim(_ keys: Keys, from source: ClaimSource, for worker: String, longest: Int?) -> Self {
        Self(["LMOVE"] + move(keys, source, worker), maximumBulk: longest) { ClaimedItem($0) }
    }

    /// The same, and waits for an item.
    ///
    /// - Parameter seconds: how long; 0: forever.
    static func awaitClaim(
        _ keys: Keys, from source: ClaimSource, for worker: String, longest: Int?, seconds: Int
    ) -> Self {
        Self(["BLMOVE"] + move(keys, source, worker) + [.init(seconds)], maximumBulk: longest) { ClaimedItem($0) }
    }

    private static func move(_ keys: Keys, _ source: ClaimSource, _ worker: String) -> [RedisArgument] {
        [.init(source.list(keys)), .init(source.claims(keys, worker)), "RIGHT", "LEFT"]
    }
}

extension StoreCommand<Bool> {
    /// Whether a worker's list has a claim.
    static func isClaimed(_ item: [UInt8], in list: String) -> Self {
        Self(["LPOS", .init(list), .init(item)]) { $0.integer != nil }
    }
}

extension StoreCommand<Void> {
    /// Takes a claim that is done out of its worker's list.
    static func endClaim(_ text: String, in list: String) -> Self {
        Self(doing: ["LREM", .init(list), "-1", .init(text)])
    }
}

// MARK: What waits for a worker that can do it

/// The list of the work items of a workflow's runs in a queue that wait for a worker which can do them.
package struct UnservedList: Sendable, Hashable {
    package var queue: String
    package var workflow: String

    package init(queue: String, workflow: String) { (self.queue, self.workflow) = (queue, workflow) }
}

extension StoreCommand<String?> {
    /// An unserved work item.
    ///
    /// - Parameter passed: how many older ones are passed over.
    static func unserved(_ keys: Keys, _ list: UnservedList, passing passed: Int) -> Self {
        Self(["LINDEX", .init(keys.unserved(list.queue, list.workflow)), .init(-1 - passed)]) { $0.string }
    }
}

extension StoreCommand<Bool> {
    /// Whether a work item is among the 100,000 oldest of a list: as many as Redis looks through in a millisecond.
    static func isAmongOldest(_ text: String, of list: String) -> Self {
        Self(["LPOS", .init(list), .init(text), "RANK", "-1", "MAXLEN", "100000"]) { $0.integer != nil }
    }

    /// The same of a list of unserved work items.
    static func isUnserved(_ keys: Keys, _ list: UnservedList, _ text: String) -> Self {
        isAmongOldest(text, of: keys.unserved(list.queue, list.workflow))
    }
}

extension StoreCommand<Void> {
    /// To be called if ``StoreCommand/isUnserved(_:_:_:)`` says so: of an item that is not there Redis looks through the whole list.
    ///
    /// From the right end, where the oldest lies: what leaves because its time is up is among these.
    static func removeUnserved(_ keys: Keys, _ list: UnservedList, _ text: String) -> Self {
        Self(doing: ["LREM", .init(keys.unserved(list.queue, list.workflow)), "-1", .init(text)])
    }

    static func removeUnfit(_ keys: Keys, of workflow: String, run: String) -> Self {
        Self(doing: ["HDEL", .init(keys.unfit(workflow)), .init(run)])
    }
}

// MARK: Events that are kept

extension StoreCommand<[UInt8]?> {
    /// Until when an event is kept, a space, and its value.
    static func keptEvent(_ keys: Keys, _ name: String) -> Self { Self(["GET", .init(keys.kept(name))]) { $0.bytes } }
}

extension StoreCommand<Bool> {
    static func removeKept(_ keys: Keys, _ name: String) -> Self { Self(asking: ["UNLINK", .init(keys.kept(name))]) }
}

extension StoreCommand<Void> {
    static func removeKeeping(_ keys: Keys, _ name: String) -> Self {
        Self(doing: ["ZREM", .init(keys.keeping), .init(name)])
    }
}

// MARK: What is paused

extension StoreCommand<[(name: String, note: PauseNote)]> {
    /// Everything that is paused besides runs: `queue:<queue>` and `workflow:<workflow>`.
    static func paused(_ keys: Keys) -> Self {
        Self(["HGETALL", .init(keys.paused)]) { $0.pairs { ($0.string ?? "", PauseNote($1.string ?? "")) } }
    }
}

extension StoreCommand<PauseNote?> {
    /// `nil` of what is not paused.
    static func pauseNote(_ keys: Keys, _ name: String) -> Self {
        Self(["HGET", .init(keys.paused), .init(name)]) { $0.string.map { PauseNote($0) } }
    }
}

extension StoreCommand<Set<String>> {
    /// Which of these are paused.
    static func paused(_ keys: Keys, among names: [String]) -> Self {
        Self(["HMGET", .init(keys.paused)] + names.map { .init($0) }) { reply in
            Set(zip(names, reply.array ?? []).compactMap { $1.string == nil ? nil : $0 })
        }
    }
}

extension StoreCommand<Bool> {
    /// `false` if it was paused before; then the older note stays.
    static func pause(_ keys: Keys, _ name: String, _ note: PauseNote) -> Self {
        Self(asking: ["HSETNX", .init(keys.paused), .init(name), .init(note.text)])
    }

    /// Whether it was paused.
    static func resume(_ keys: Keys, paused name: String) -> Self {
        Self(asking: ["HDEL", .init(keys.paused), .init(name)])
    }
}
