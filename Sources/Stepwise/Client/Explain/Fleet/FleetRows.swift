#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The rows of an explanation, from what was read. A value: facts in, rows out.
struct FleetRows {
    typealias Row = FleetExplanation.Row
    typealias Action = Explanation.Action

    let facts: FleetFacts
    let keys: Keys
    /// What concerns all, in its order.
    var fleet: [Row] = []
    /// What concerns some runs or items.
    var groups: [Row] = []
    /// What is over.
    var past: [Row] = []
    /// Live runs that do not move by themselves, of those that are known by name and not counted otherwise.
    var stuckRuns: Set<String> = []
    /// Runs that a row is about, and that move by themselves or may do so.
    var told: Set<String> = []
    /// How many live runs have a status in which none moves.
    var stuckCount = 0
    /// Whether no other live run stands still.
    var isExact = true
    /// Whether nothing moves at all.
    var isAllStuck = false

    /// The most rows about queues, and about workflows: whoever may push makes any number of these.
    static let most = 10
    /// How long ago what is over may be, in milliseconds.
    static let recently = 3_600_000
    /// How far a worker's clock may be from Redis', in milliseconds.
    static let skew = 5000

    init(_ facts: FleetFacts, keys: Keys) {
        (self.facts, self.keys) = (facts, keys)
        addRedis()
        addWorkers()
        addPauses()
        addQueues()
        addUnserved()
        addOverdue()
        addParked()
        addPaused()
        addRunning()
        addSlots()
        addSchedules()
        addLooks()
        addFailed()
        addMalformed()
    }

    var rows: [Row] {
        func rank(_ row: Row) -> Int { row.verdict == .stuck ? 0 : row.verdict == .unknown ? 1 : 2 }
        let sorted = groups.enumerated().sorted { a, b in
            (rank(a.element), -a.element.count, a.offset) < (rank(b.element), -b.element.count, b.offset)
        }
        return fleet + sorted.map(\.element) + past
    }

    func count(_ status: RunStatus) -> Int { facts.counts[status] ?? 0 }
    func sample(_ status: RunStatus) -> [FleetFacts.Run] { facts.samples[status] ?? [] }
    var live: Int { FleetFacts.live.reduce(0) { $0 + count($1) } }

    func date(_ milliseconds: Int?) -> Date? { Date(milliseconds: milliseconds?.bounded) }

    /// A command with a name as its last word; none where the name would be an option to it, or cannot be shown as it is.
    func action(_ words: String, _ name: String, effect: String) -> Action {
        let isTyped = !name.hasPrefix("-") && name.printable == name
        let command = !isTyped ? nil : keys.command("\(words) \(name.shellWord)")
        return Action(command: command, effect: command == nil ? "\(words) \(Facts.name(name)): \(effect)" : effect)
    }

    // MARK: Redis and the workers

    private mutating func addRedis() {
        if let memory = facts.memory, memory.isFull {
            let more = max(memory.maximum, memory.counted) * 2
            fleet.append(
                Row(
                    .redisFull, .stuck, count: live, .runs, sentence: memory.sentenceWhenFull,
                    next: [
                        Action(
                            command: keys.redisCommand("CONFIG", "SET", "maxmemory", "\(more)"),
                            effect: "raises the limit until Redis is restarted, if its machine has the memory"),
                        Action(command: nil, effect: memory.advice(keys)),
                    ]))
        }
        if let hindrance = facts.hindrance {
            isAllStuck = true
            fleet.append(
                Row(
                    .redisReadOnly, .stuck, count: live, .runs, sentence: hindrance.sentence,
                    next: [Action(command: nil, effect: hindrance.advice)]))
        }
        if let warning = facts.memory?.warningOfPolicy {
            fleet.append(
                Row(
                    .redisEvicts, .unknown, count: live, .runs, sentence: warning,
                    next: [
                        Action(
                            command: keys.redisCommand("CONFIG", "SET", "maxmemory-policy", "noeviction"),
                            effect: "until Redis is restarted: set it in its configuration, too")
                    ]))
        }
    }

    private mutating func addWorkers() {
        let workers = facts.workers
        if workers.alive == 0 { addAbsence() }
        addSkew()
        let troubled = workers.living.filter { workers.troubles[$0.name] != nil }
        if let first = troubled.first {
            let more = troubled.count > 1 ? "; \((troubled.count - 1).of("more worker", "more workers"))" : ""
            fleet.append(
                Row(
                    .slotsFull, .unknown, count: troubled.count, .workers, isExact: workers.areAllLooked,
                    sentence: (workers.troubles[first.name] ?? "").prefix(bytes: 700) + more,
                    next: [
                        Action(
                            command: keys.command("workers"),
                            effect: "shows them all; find out why that code does not return, and restart the processes")
                    ]))
        }
        if workers.alive > 0, workers.silent > 0 {
            fleet.append(
                Row(
                    .heldBySilentWorker, .waiting, count: workers.silent, .workers,
                    sentence:
                        "\(workers.silent.of("worker is", "workers are")) silent; what they hold is taken over after their lease",
                    next: [Action(command: keys.command("workers"), effect: "shows them, and on which host")]))
        }
    }

    /// Nobody beats.
    private mutating func addAbsence() {
        guard live > 0 || facts.queues.values.contains(where: { $0.pushed > 0 }) else { return }
        let workers = facts.workers
        let mayComeBack = workers.looked.contains { !$0.isOverdue }
        if mayComeBack { isExact = false } else { isAllStuck = true }
        let last = workers.looked.map(\.silence).min().map { ", the last one for \(Facts.length($0))" } ?? ""
        let past =
            workers.silent + workers.dead == 0
            ? "none is registered"
            : "\(workers.silent.of("is", "are")) silent\(last), and \(workers.dead.of("has", "have")) died within the last hour"
        let cause: Explanation.Cause =
            mayComeBack ? .heldBySilentWorker : count(.running) > 0 ? .heldByDeadNobodyLeft : .noWorkerForQueue
        fleet.append(
            Row(
                cause, mayComeBack ? .unknown : .stuck, count: live, .runs,
                sentence: "No worker is alive in namespace \(keys.namespace): \(past)",
                next: [Action(command: nil, effect: "start a worker, or look at the log of one that does not beat")]))
    }

    private mutating func addSkew() {
        let skewed = facts.workers.living.filter { abs($0.clock ?? 0) >= Self.skew }
        let far = skewed.max { abs($0.clock ?? 0) < abs($1.clock ?? 0) }
        guard let far, let clock = far.clock else { return }
        let side = clock > 0 ? "ahead of" : "behind"
        let more =
            skewed.count > 1
            ? "; \((skewed.count - 1).of("more worker's clock is", "more workers' clocks are")) wrong, too" : ""
        fleet.append(
            Row(
                .clockSkew, .unknown, count: skewed.count, .workers, isExact: facts.workers.areAllLooked,
                sentence:
                    "The clock of worker \(Facts.name(far.name)) on \(Facts.name(far.host)) is \(Facts.length(abs(clock))) \(side) Redis'\(more)",
                next: [
                    Action(
                        command: nil,
                        effect: "set the clocks of host \(Facts.name(far.host)) and of Redis' machine, by NTP say")
                ]))
    }

    // MARK: What is over

    private mutating func addFailed() {
        if facts.failed == 0 { return }
        var kinds: [String: [FleetFacts.Run]] = [:]
        for run in sample(.failed) {
            let failure = RunFailure(stored: run.error)
            kinds["\(run.workflow)\n\(failure.step ?? "")\n\(failure.type)", default: []].append(run)
        }
        let isWhole = sample(.failed).count >= facts.failed
        for runs in kinds.values.sorted(by: { ($1.count, $0[0].id) < ($0.count, $1[0].id) }) {
            let failure = RunFailure(stored: runs[0].error)
            let place = failure.step.map { "step \(Facts.name($0))" } ?? "its function"
            past.append(
                Row(
                    .failed, .ended, count: runs.count, .runs,
                    isExact: isWhole, oldest: date(runs.map(\.since).min()), workflows: [runs[0].workflow],
                    runs: runs.map(\.id),
                    sentence:
                        "\(runs.count.grouped) of \(facts.failed.of("run", "runs")) that failed within the last hour: \(place): \(Facts.name(failure.type)): "
                        + Facts.text(failure.message),
                    next: [
                        action("explain", runs[0].id, effect: "tells why it failed, and whether it can be resumed"),
                        Action(
                            command: keys.command("dead list --since 1h"),
                            effect: "lists all that failed within the last hour"),
                    ]))
        }
    }

    private mutating func addMalformed() {
        let malformed = facts.malformed
        guard malformed.count > 0, let at = malformed.at, at > facts.now - Self.recently else { return }
        past.append(
            Row(
                .rejected, .ended, count: malformed.count, .items, runs: malformed.runs,
                sentence:
                    "\(malformed.count.of("pushed item is kept that was", "pushed items are kept that were")) rejected, the last one \(Facts.length(max(0, facts.now - at.bounded))) ago from "
                    + "queue \(Facts.name(malformed.queue)): \(Facts.text(malformed.reason))",
                next: [
                    Action(
                        command: keys.command("queues --malformed"), effect: "shows them; push them again, corrected"),
                    Action(
                        command: keys.command("queues --malformed --clear"),
                        effect: "removes all that were rejected, and with them this row"),
                ]))
    }
}

extension FleetExplanation {
    /// - Parameter keys: of the namespace, for the commands.
    package init(_ facts: FleetFacts, keys: Keys) {
        let built = FleetRows(facts, keys: keys)
        let live = built.live
        let found = min(live, built.stuckCount + built.stuckRuns.count)
        let stuck = built.isAllStuck ? live : found
        let isExact = built.isAllStuck || built.isExact
        let rows = built.rows
        var samples = FleetFacts.live.compactMap { status -> Sample? in
            let (looked, total) = (built.sample(status).count, built.count(status))
            return looked < total && status != .ending && status != .queued
                ? Sample(what: "\(status) runs", looked: looked, total: total) : nil
        }
        if let sample = built.sampleOfLooks { samples.append(sample) }
        var verdict = Explanation.Verdict.moving
        for worse in [Explanation.Verdict.ended, .unknown, .stuck] where rows.contains(where: { $0.verdict == worse }) {
            verdict = worse
        }
        self.init(
            verdict: verdict, sentence: Self.sentence(stuck, of: live, isExact: isExact), live: live, stuck: stuck,
            isExact: isExact, rows: rows, samples: samples, at: Date(milliseconds: facts.now))
    }

    private static func sentence(_ stuck: Int, of live: Int, isExact: Bool) -> String {
        if live == 0 { return "0 of 0 live runs do not move by themselves" }
        let least = isExact ? "" : stuck == 0 ? "as far as was looked, " : "at least "
        return "\(least)\(stuck.grouped) of \(live.grouped) live runs do not move by themselves"
    }
}
