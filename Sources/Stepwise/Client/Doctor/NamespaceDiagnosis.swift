/// What a namespace has beside its runs.
package struct NamespaceSnapshot: Sendable, Hashable {
    package struct Worker: Sendable, Hashable {
        package var isIndexed = true
        package var hasEntry = true
        package var queues: [String] = []

        package init() {}
    }

    /// Names without the prefix, with their types, of which the name or the type is not the contract's.
    package var strangers: [String: String] = [:]
    package var workers: [String: Worker] = [:]
    /// The claim lists that hold something, with their lengths.
    package var claims: [ClaimList: Int] = [:]
    /// Entries of `delayed` that are no `<queue> <invocation>`.
    package var unreadableDelayed: [String] = []

    package struct ClaimList: Sendable, Hashable {
        package var worker: String
        package var queue: String

        package init(worker: String, queue: String) {
            self.worker = worker
            self.queue = queue
        }
    }

    package init() {}

    /// A value again: a snapshot in, violations out.
    package func violations(keys: Keys) -> [Violation] {
        strangerViolations(keys) + workerViolations(keys) + claimViolations(keys)
            + unreadableDelayed.sorted().map { entry in
                Violation(
                    .unreadableDelayed, key: keys.delayed, "\"\(entry.prefix(200))\" is no <queue> <invocation>",
                    advice: redisCommand("ZREM", keys.delayed, entry), evidence: entry)
            }
    }

    private func strangerViolations(_ keys: Keys) -> [Violation] {
        strangers.sorted { $0.key < $1.key }.map { name, type in
            let key = keys.prefix + name
            guard let expected = NamespaceKey(name)?.type else {
                return Violation(
                    .unknownKey, key: key, "the contract knows no such key (a \(type))",
                    advice: "keep other data under another prefix: \(redisCommand("RENAME", key, "other:" + name))")
            }
            return Violation(
                .wrongType, key: key, "it is a \(type), and must be a \(expected)",
                advice: "move it away: \(redisCommand("RENAME", key, "other:" + name))", evidence: type)
        }
    }

    private func workerViolations(_ keys: Keys) -> [Violation] {
        workers.sorted { $0.key < $1.key }.compactMap { name, worker in
            if !worker.hasEntry {
                return Violation(
                    .workerHalfRegistered, key: keys.worker(name),
                    "worker \(name) is in \(keys.workers) but has no entry of its own",
                    advice: redisCommand("ZREM", keys.workers, name))
            }
            if !worker.isIndexed {
                return Violation(
                    .workerHalfRegistered, key: keys.worker(name),
                    "worker \(name) has an entry but is not in \(keys.workers)",
                    advice: redisCommand("ZADD", keys.workers, "0", name) + " (its claims are swept then)")
            }
            return nil
        }
    }

    private func claimViolations(_ keys: Keys) -> [Violation] {
        claims.sorted { ($0.key.worker, $0.key.queue) < ($1.key.worker, $1.key.queue) }.compactMap { list, count in
            let key = keys.claimed(list.worker, list.queue)
            let worker = workers[list.worker]
            if let worker, worker.isIndexed, worker.queues.contains(list.queue) { return nil }
            let why =
                worker?.isIndexed == true
                ? "worker \(list.worker) does not name queue \"\(list.queue)\""
                : "worker \(list.worker) is not in \(keys.workers)"
            return Violation(
                .claimsWithoutWorker, key: key,
                "\(count) invocations are claimed there, but \(why), so nobody gives them back",
                advice: "register a dead worker, which is swept: "
                    + redisCommand(
                        "HSET", keys.worker(list.worker), "state", "dead", "queues", list.queue, "buried", "0") + " && "
                    + redisCommand("ZADD", keys.workers, "0", list.worker))
        }
    }
}
