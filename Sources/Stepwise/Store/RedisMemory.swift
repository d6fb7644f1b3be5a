internal import StepwiseRedis

/// What Redis says of its memory, in bytes. A value.
package struct RedisMemory: Sendable, Hashable {
    /// What Redis compares with its limit: what it uses without some buffers, such as those of replicas.
    package let counted: Int
    /// `maxmemory`; 0 if there is no limit.
    package let maximum: Int
    /// `maxmemory_policy`, such as `noeviction`.
    package let evictionPolicy: String

    /// - Parameter info: the reply of `INFO memory`. A number that is not there counts as 0.
    package init(info: String) {
        func bytes(_ name: String) -> Int { max(0, Int(RedisHandshake.field(name, of: info)) ?? 0) }
        counted = max(0, bytes("used_memory") - bytes("mem_not_counted_for_evict"))
        maximum = bytes("maxmemory")
        evictionPolicy = RedisHandshake.field("maxmemory_policy", of: info)
    }

    /// Whether Redis refuses what takes memory. With another policy than `noeviction` it removes keys instead, and may be at its limit all the
    /// time; whether it finds any to remove is not known here.
    package var isFull: Bool { refusesBeyondLimit && counted > maximum }

    /// Whether Redis counts at least 90 % of its limit.
    package var isNearlyFull: Bool { refusesBeyondLimit && counted >= maximum - maximum / 10 }

    private var refusesBeyondLimit: Bool { maximum > 0 && (evictionPolicy == "noeviction" || evictionPolicy.isEmpty) }

    /// What it means to be full.
    package var sentenceWhenFull: String {
        "redis' memory is full: it counts \(counted) bytes, and maxmemory is \(maximum), so it refuses new runs, and workers repeat calls that it "
            + "refuses"
    }

    /// What it means to be nearly full, and what to try.
    package var warningWhenNearlyFull: String {
        "redis' memory is nearly full: it counts \(counted) bytes, \(counted / max(1, maximum / 100)) % of its maxmemory of \(maximum), beyond "
            + "which it refuses new runs; \(advice)"
    }

    /// What to do about a policy that removes keys of live runs, or refuses writes all the same; `nil` if there is no limit, or none is known.
    package var warningOfPolicy: String? {
        guard maximum > 0, !evictionPolicy.isEmpty, evictionPolicy != "noeviction" else { return nil }
        return
            "redis' maxmemory-policy is \(evictionPolicy): when its memory is full it removes keys of live runs, or refuses writes where no key may go; "
            + "set maxmemory-policy noeviction"
    }

    /// What to try.
    package var advice: String { RedisError.adviceWhenFull }
}

extension StoreCommand<RedisMemory> {
    static var memory: Self { Self(["INFO", "memory"]) { RedisMemory(info: $0.string ?? "") } }
}
