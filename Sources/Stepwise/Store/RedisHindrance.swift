internal import StepwiseRedis

/// Why Redis takes no writes although it answers and has memory, as far as it tells. A value.
package enum RedisHindrance: Sendable, Hashable {
    /// It follows another server.
    case replica
    /// It has fewer good replicas than `min-replicas-to-write`.
    case replicas(good: Int)
    /// It could not save its last snapshot.
    case snapshot
    /// It cannot write its append-only file.
    case log

    /// - Parameters:
    ///   - replication: the reply of `INFO replication`.
    ///   - persistence: the reply of `INFO persistence`.
    ///   - setting: a value of `CONFIG GET`; `nil` if Redis does not tell it. Asked for only where something may be wrong.
    ///   - isSilent: whether no worker beats: then what Redis does not tell is taken for what it is by default.
    package init?(
        replication: String, persistence: String, isSilent: Bool, setting: (String) async throws -> String?
    ) async throws {
        func of(_ name: String, _ info: String) -> String { RedisHandshake.field(name, of: info) }
        if of("role", replication) == "slave" {
            self = .replica
            return
        }
        // Redis tells how many there are only if it wants some.
        if let good = Int(of("min_slaves_good_slaves", replication)) {
            let wanted = try await good == 0 ? "1" : setting("min-replicas-to-write")
            if good < wanted.flatMap({ Int($0) }) ?? 0 {
                self = .replicas(good: good)
                return
            }
        }
        if of("aof_last_write_status", persistence) == "err" {
            self = .log
            return
        }
        guard of("rdb_last_bgsave_status", persistence) == "err" else { return nil }
        let stops = try await setting("stop-writes-on-bgsave-error") ?? (isSilent ? "yes" : "no")
        // Without a time at which it saves by itself it goes on.
        guard stops == "yes", try await setting("save") != "" else { return nil }
        self = .snapshot
    }

    /// What is so, and what it means.
    package var sentence: String {
        switch self {
        case .replica: "redis is a replica, which takes no writes, so no worker can work with it"
        case .replicas(let good):
            "redis has fewer good replicas (\(good)) than its min-replicas-to-write, so it takes no writes, and no worker can work with it"
        case .snapshot:
            "redis could not save its last snapshot (stop-writes-on-bgsave-error), so it takes no writes, and no worker can work with it"
        case .log: "redis cannot write its append-only file, so it takes no writes, and no worker can work with it"
        }
    }

    /// What to try.
    package var advice: String {
        switch self {
        case .replica: RedisError.adviceAtReplica
        case .replicas: RedisError.adviceWithoutReplicas
        case .snapshot, .log: RedisError.adviceWhenUnsaved
        }
    }
}

extension StoreCommand<[String]> {
    /// A setting's name and its value.
    static func setting(_ name: String) -> Self {
        Self(["CONFIG", "GET", .init(name)]) { $0.array?.compactMap(\.string) ?? [] }
    }
}
