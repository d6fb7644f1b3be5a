/// What a namespace has beside its runs.
package struct NamespaceSnapshot: Sendable, Hashable {
    package struct Worker: Sendable, Hashable {
        package var isIndexed = true
        package var hasEntry = true
        package var queues: [String] = []
        /// Whether it is dead and stands in the index with the time of a beat: a sweep does not see it.
        package var isUnswept = false

        package init() {}
    }

    /// Names without the prefix, with their types, of which the name or the type is not the contract's.
    package var strangers: [String: String] = [:]
    package var workers: [String: Worker] = [:]
    /// The workers of which it is told what their bodies do.
    package var busy: Set<String> = []
    /// The claim lists that hold something, with their lengths.
    package var claims: [ClaimList: Int] = [:]
    /// The lists of claimed pushed items that hold something, with their lengths.
    package var accepting: [ClaimList: Int] = [:]
    /// Entries of `delayed` that are no `<queue> <work item>`.
    package var unreadableDelayed: [String] = []

    /// The timer that each schedule has to have; `nil` for a paused one.
    package var schedules: [String: ScheduleTimer?] = [:]
    /// Schedules that cannot be read, with the reason.
    package var unreadableSchedules: [String: String] = [:]
    /// The timers in `delayed`.
    package var timers: Set<ScheduleTimer> = []

    /// What the indexes of labels have too little, or too much.
    package var indexes = IndexSurvey()

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
        strangerViolations(keys) + workerViolations(keys) + busyViolations(keys) + claimViolations(keys)
            + scheduleViolations(keys) + indexes.violations(keys: keys)
            + unreadableDelayed.sorted().map { entry in
                Violation(
                    .unreadableDelayed, key: keys.delayed, "\"\(entry.prefix(bytes: 200))\" is not <queue> <work item>",
                    advice: keys.redisCommand("ZREM", keys.delayed, entry), evidence: entry)
            }
    }

    private func strangerViolations(_ keys: Keys) -> [Violation] {
        strangers.sorted { $0.key < $1.key }.map { name, type in
            let key = keys.prefix + name
            guard let expected = NamespaceKey(name)?.type else {
                let queue =
                    name.hasPrefix("queue:")
                    ? Identifier.problem(withQueue: String(name.dropFirst("queue:".count))) : nil
                return Violation(
                    .unknownKey, key: key,
                    queue.map { "no worker can claim from it, its name \($0)" }
                        ?? "the contract knows no such key (a \(type))",
                    advice: "keep other data under another prefix: \(keys.redisCommand("RENAME", key, "other:" + name))"
                )
            }
            return Violation(
                .wrongType, key: key, "it is a \(type), and must be a \(expected)",
                advice: "move it away: \(keys.redisCommand("RENAME", key, "other:" + name))", evidence: type)
        }
    }

    private func workerViolations(_ keys: Keys) -> [Violation] {
        workers.sorted { $0.key < $1.key }.compactMap { name, worker in
            if !worker.hasEntry {
                return Violation(
                    .workerHalfRegistered, key: keys.worker(name),
                    "worker \(name) is in \(keys.workers) but has no entry of its own",
                    advice: keys.redisCommand("ZREM", keys.workers, name))
            }
            if !worker.isIndexed {
                return Violation(
                    .workerHalfRegistered, key: keys.worker(name),
                    "worker \(name) has an entry but is not in \(keys.workers)",
                    advice: keys.redisCommand("ZADD", keys.workers, "0", name) + " (its claims are swept then)")
            }
            return nil
        }
    }

    private func busyViolations(_ keys: Keys) -> [Violation] {
        busy.filter { workers[$0]?.hasEntry != true }.sorted().map { name in
            Violation(
                .busyWithoutWorker, key: keys.busy(name),
                "it tells what the bodies of worker \(name) do, and there is no such worker",
                advice: "it leaves by itself within a day, or: \(keys.redisCommand("UNLINK", keys.busy(name)))")
        }
    }

    private func scheduleViolations(_ keys: Keys) -> [Violation] {
        let unreadable = unreadableSchedules.map { name, reason in
            Violation(
                .unreadableSchedule, key: keys.schedules, "schedule \"\(name)\" cannot be read: \(reason)",
                advice: "mend its JSON, or remove it: \(keys.redisCommand("HDEL", keys.schedules, name))",
                evidence: reason)
        }
        let armed = Set(schedules.values.compactMap { $0 })
        let lost = armed.subtracting(timers).map { timer in
            Violation(
                .scheduleWithoutTimer, key: keys.delayed,
                "schedule \"\(timer.schedule)\" has no timer for its next tick, \(tickText(timer.tick))",
                advice: "a worker gives it one within a minute, or: "
                    + keys.redisCommand("ZADD", keys.delayed, String(timer.tick), timer.entry), evidence: timer.entry)
        }
        // A schedule that cannot be read keeps its timer.
        let left = timers.subtracting(armed).filter { unreadableSchedules[$0.schedule] == nil }.map { timer in
            Violation(
                .timerWithoutSchedule, key: keys.delayed,
                "\"\(timer.entry)\" is not the timer that schedule \"\(timer.schedule)\" has to have",
                advice: keys.redisCommand("ZREM", keys.delayed, timer.entry), evidence: timer.entry)
        }
        return (unreadable + lost + left).sorted { $0.line < $1.line }
    }

    private func claimViolations(_ keys: Keys) -> [Violation] {
        claimViolations(keys, claims, "work items") { keys.claimed($0.worker, $0.queue) }
            + claimViolations(keys, accepting, "pushed items") { keys.accepting($0.worker, $0.queue) }
    }

    private func claimViolations(
        _ keys: Keys, _ lists: [ClaimList: Int], _ items: String, key: (ClaimList) -> String
    ) -> [Violation] {
        lists.sorted { ($0.key.worker, $0.key.queue) < ($1.key.worker, $1.key.queue) }.compactMap { list, count in
            let worker = workers[list.worker]
            if let worker, worker.isIndexed, worker.queues.contains(list.queue) {
                guard worker.isUnswept else { return nil }
                return Violation(
                    .claimsWithoutWorker, key: key(list),
                    "\(count) \(items) are claimed there, but dead worker \(list.worker) is among the living of "
                        + "\(keys.workers), so nobody releases them",
                    advice: "a worker that may write \(keys.workers) declares it dead again within its lease, or: "
                        + keys.redisCommand("ZADD", keys.workers, "0", list.worker))
            }
            let why =
                worker?.isIndexed == true
                ? "worker \(list.worker) does not name queue \"\(list.queue)\""
                : "worker \(list.worker) is not in \(keys.workers)"
            return Violation(
                .claimsWithoutWorker, key: key(list),
                "\(count) \(items) are claimed there, but \(why), so nobody releases them",
                advice: "register a dead worker, which is swept: "
                    + keys.redisCommand(
                        "HSET", keys.worker(list.worker), "state", "dead", "queues", list.queue, "declaredDead", "0")
                    + " && "
                    + keys.redisCommand("ZADD", keys.workers, "0", list.worker))
        }
    }
}
