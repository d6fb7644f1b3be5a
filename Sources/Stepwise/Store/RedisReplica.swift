internal import StepwiseRedis

/// What Redis is while nobody can write to it.
package enum RedisReplica {
    package static let sentence = "redis is a replica, which takes no writes, so no worker can work with it"

    /// What to try.
    package static var advice: String { RedisError.adviceAtReplica }
}

extension StoreCommand<String> {
    /// Redis' role: `master` or `slave`; empty if it does not say.
    static var role: Self {
        Self(["INFO", "replication"]) { RedisHandshake.field("role", of: $0.string ?? "") }
    }
}
