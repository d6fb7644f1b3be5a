internal import StepwiseRedis

/// What Redis says of its memory, in bytes. A value.
package struct RedisMemory: Sendable, Hashable {
    /// What Redis compares with its limit: what it uses without some buffers, such as those of replicas.
    package let counted: Int
    /// `maxmemory`; 0 if there is no limit.
    package let maximum: Int
    /// `maxmemory_policy`, such as `noeviction`.
    package let evictionPolicy: String
    /// Whether there is no key that the policy lets Redis remove; `nil` if that is not known.
    private let hasNothingToRemove: Bool?

    /// - Parameters:
    ///   - info: the reply of `INFO memory`. A number that is not there counts as 0.
    ///   - keyspace: the reply of `INFO keyspace`, if it was asked for.
    package init(info: String, keyspace: String? = nil) {
        func bytes(_ name: String) -> Int { max(0, Int(RedisHandshake.field(name, of: info)) ?? 0) }
        counted = max(0, bytes("used_memory") - bytes("mem_not_counted_for_evict"))
        maximum = bytes("maxmemory")
        evictionPolicy = RedisHandshake.field("maxmemory_policy", of: info)
        let candidates = evictionPolicy.hasPrefix("volatile-") ? "expires=" : "keys="
        hasNothingToRemove = keyspace.map { !Self.has(candidates, in: $0) }
    }

    /// Whether a database has some: `db0:keys=7,expires=0,avg_ttl=0`.
    private static func has(_ count: String, in keyspace: String) -> Bool {
        keyspace.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("db") }.contains { line in
            line.split(whereSeparator: { $0 == ":" || $0 == "," }).contains { word in
                word.hasPrefix(count) && (Int(word.dropFirst(count.count)) ?? 0) > 0
            }
        }
    }

    /// Whether Redis refuses what takes memory. With another policy than `noeviction` it removes keys first, and may be at its limit all the
    /// time; it refuses once no key is left that it may remove. It has tried so before it told of its memory.
    package var isFull: Bool { refusesBeyondLimit && counted > maximum }

    /// Whether it depends on the keys that are left if Redis refuses what takes memory.
    var dependsOnKeys: Bool { hasOtherPolicy && isNearLimit }

    /// Whether Redis counts at least 90 % of its limit.
    package var isNearlyFull: Bool { refusesBeyondLimit && isNearLimit }

    private var isNearLimit: Bool { counted >= maximum - maximum / 10 }

    private var hasOtherPolicy: Bool { maximum > 0 && !evictionPolicy.isEmpty && evictionPolicy != "noeviction" }

    private var refusesBeyondLimit: Bool { maximum > 0 && (!hasOtherPolicy || hasNothingToRemove == true) }

    /// What it means to be full.
    package var sentenceWhenFull: String {
        "redis' memory is full: it counts \(counted) bytes, and maxmemory is \(maximum), "
            + (hasOtherPolicy ? "and no key is left that its maxmemory-policy \(evictionPolicy) may remove, " : "")
            + "so it refuses new runs, and workers repeat calls that it refuses"
    }

    /// What it means to be nearly full, and what to try.
    package func warningWhenNearlyFull(_ keys: Keys) -> String {
        "redis' memory is nearly full: it counts \(counted) bytes, \(counted / max(1, maximum / 100)) % of its maxmemory of \(maximum), beyond "
            + "which it refuses new runs; \(advice(keys))"
    }

    /// What to do about a policy that removes keys of live runs, or refuses writes all the same; `nil` if there is no limit, or none is known.
    package var warningOfPolicy: String? {
        guard hasOtherPolicy else { return nil }
        return
            "redis' maxmemory-policy is \(evictionPolicy): when its memory is full it removes keys of live runs, or refuses writes where no key may go; "
            + "set maxmemory-policy noeviction"
    }

    /// What to try.
    package func advice(_ keys: Keys) -> String { RedisError.adviceWhenFull(clearing: keys.clearingCommands) }
}

extension StoreCommand<String> {
    /// A section of `INFO`.
    static func info(_ section: String) -> Self { Self(["INFO", .init(section)]) { $0.string ?? "" } }
}
