#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A worker as its entry in Redis tells.
package struct WorkerListing: Sendable, Hashable {
    package enum State: String, Sendable {
        /// It beat within the last 15 s.
        case alive
        /// It has not beaten for longer; nobody has declared it dead yet.
        case silent
        /// It was declared dead; its claims are given to others.
        case dead
    }

    package var name: String
    package var state: State
    package var host = ""
    package var pid = 0
    package var queues: [String] = []
    package var workflows: [String] = []
    /// The versions of those that have one.
    package var versions: [String: String] = [:]
    package var concurrency = 0
    package var version = ""
    /// Times are milliseconds since 1970 by Redis' clock.
    package var started: Int?
    /// Of a dead one, when it was declared dead.
    package var lastBeat: Int?
    package var lastClaim: Int?
    /// Milliseconds since the last beat, by Redis' clock.
    package var beatAge: Int?
    /// How many claims it holds.
    package var claims = 0
    /// What user code holds of its threads.
    package var held: [HeldThread] = []
    /// Whether it claims nothing until one of them is free.
    package var isStopped = false
    /// Whether it is in `workers`, and whether it has a `worker:<worker>`; a worker has both.
    package var isIndexed = true
    package var hasEntry = true
    /// Whether it is dead and has the score of a living one in `workers`: Redis refused the rest of its declaration.
    package var isUnswept = false
    /// Since when bodies hold all threads of Swift's pool there.
    package var poolHeldSince: Int?
    /// Some of the bodies that the pool has begun there and that have not returned.
    package var poolBodies: [HeldThread] = []
    /// Some of the bodies that hold all threads for `.blocking` bodies there, though nobody waits for them; empty if they do not.
    package var blockingBodies: [HeldThread] = []
    /// Milliseconds; this and what follows is `nil` for an entry that does not tell.
    package var lease: Int?
    package var maximumWorkerLosses: Int?
    /// How many slots were free at its last heartbeat.
    package var free: Int?
    /// For how many milliseconds its clock is ahead of Redis'; negative: behind.
    package var clock: Int?

    /// How old the last beat of a worker that counts as alive may be, in milliseconds: longer than the default lease.
    package static let silence = 15_000
}

extension StepwiseClient {
    /// Every worker that is registered, the dead of the last hour too, the youngest beat first.
    ///
    /// - Parameter others: names to look at though they are not in `workers`; one without an entry is left out.
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func workers(and others: Set<String> = []) async throws -> [WorkerListing] {
        var beats: [String: Int] = [:]
        var beating: Set<String> = []
        try await scanSortedSet(keys.workers) { entries in
            for (name, beat) in entries {
                let score = Double(beat) ?? 0
                beats[name] = Int(saturating: abs(score))
                if score > 0 { beating.insert(name) } else { beating.remove(name) }
            }
        }
        let sorted = others.union(beats.keys).sorted()
        var workers: [WorkerListing] = []
        for start in stride(from: 0, to: sorted.count, by: Self.page) {
            let some = Array(sorted[start..<min(start + Self.page, sorted.count)])
            let now = try await redisTime()
            let entries = try await all(some.map { .worker(keys, $0) }, doing: "reading the workers")
            for (name, entry) in zip(some, entries) {
                var worker = Self.listing(name, entry, beat: beats[name], now: now)
                worker.readPool(entry)
                worker.readFacts(entry)
                worker.isUnswept = worker.state == .dead && beating.contains(name)
                // Half a declaration has the score alone.
                if worker.hasEntry, worker.isIndexed, !beating.contains(name) { worker.state = .dead }
                if worker.isIndexed || worker.hasEntry { workers.append(worker) }
            }
        }
        let lists: [(index: Int, key: String)] = workers.indices.flatMap { index in
            workers[index].queues.map { (index: index, key: keys.claimed(workers[index].name, $0)) }
        }
        for (list, count) in zip(lists, try await lengths(of: lists.map(\.key))) { workers[list.index].claims += count }
        return workers.sorted { ($1.lastBeat ?? 0, $0.name) < ($0.lastBeat ?? 0, $1.name) }
    }

    /// Redis' clock, in milliseconds since 1970.
    package func redisTime() async throws -> Int {
        (try await command(.time, doing: "asking for the time") ?? 0) / 1000
    }

    private static func listing(
        _ name: String, _ fields: [String: String], beat: Int?, now: Int
    ) -> WorkerListing {
        func words(_ field: String) -> [String] { fields[field]?.split(separator: " ").map(String.init) ?? [] }
        let age = beat.map { max(0, now - $0) }
        var state = WorkerListing.State.silent
        if fields["state"] == "dead" { state = .dead } else if let age, age < WorkerListing.silence { state = .alive }
        return WorkerListing(
            name: name, state: state, host: fields["host"] ?? "", pid: fields["pid"].flatMap { Int($0) } ?? 0,
            queues: words("queues"), workflows: words("workflows"), versions: versions(fields["versions"]),
            concurrency: fields["concurrency"].flatMap { Int($0) } ?? 0,
            version: fields["version"] ?? "", started: fields["started"].flatMap { Int($0) }, lastBeat: beat,
            lastClaim: fields["lastClaim"].flatMap { Int($0) }, beatAge: age, held: HeldThread.all(in: fields["held"]),
            isStopped: fields["stopped"] == "1", isIndexed: beat != nil, hasEntry: !fields.isEmpty)
    }

    /// `<workflow>=<version>`, separated by spaces. A workflow's name may hold a `=`, a version may not.
    private static func versions(_ text: String?) -> [String: String] {
        let pairs = text?.split(separator: " ").compactMap { word -> (String, String)? in
            word.lastIndex(of: "=").map { (String(word[..<$0]), String(word[word.index(after: $0)...])) }
        }
        return Dictionary(pairs ?? []) { first, _ in first }
    }

    /// The version of a run's workflow at the worker that holds its turn now; `nil` if nobody does, or it has none.
    package func turnHolderVersion(of run: RunRecord) async throws -> String? {
        let worker = String(run.turn.prefix { $0 != " " })
        guard run.turn.contains(" ") else { return nil }
        let text = try await command(.versions(keys, ofWorker: worker), doing: "reading worker \(worker)")
        return Self.versions(text)[run.details.workflow]
    }

    /// Whether the fleet can do anything at all, and does.
    ///
    /// - Parameter onThisHost: asks for a worker whose host is this machine's name, and not about Redis' memory.
    /// - Returns: the workers that are alive, and the reason if there is none, if Redis' memory is full or it takes no writes for another reason, if user code holds a thread of one or
    ///   Swift's pool, or if work waits that they do not claim.
    package func health(onThisHost: Bool) async throws -> (alive: [WorkerListing], reason: String?) {
        let workers = try await workers()
        let host = WorkerName.host
        let here = onThisHost ? workers.filter { $0.host == host } : workers
        let alive = here.filter { $0.state == .alive && $0.isIndexed }
        // First: the other reasons may follow from it. No reason to restart the workers of a host.
        if !onThisHost, let memory = try await memory(), memory.isFull {
            return (alive, "\(memory.sentenceWhenFull); \(memory.advice(keys))")
        }
        let hindrance = try await onThisHost && !alive.isEmpty ? nil : self.hindrance(isSilent: alive.isEmpty)
        if !alive.isEmpty {
            // They are silent soon. Whoever asks a replica may be told of workers that beat at its master.
            if let hindrance, hindrance != .replica { return (alive, "\(hindrance.sentence); \(hindrance.advice)") }
            if let reason = Self.heldReason(alive) { return (alive, reason) }
            if let reason = try await poolProblem(of: alive) { return (alive, reason) }
            if let reason = blockingProblem(of: alive) { return (alive, reason) }
            return (alive, try await idleReason(alive, everywhere: !onThisHost, of: workers))
        }
        let place = "namespace \"\(keys.namespace)\"" + (onThisHost ? " on host \(host)" : "")
        guard let last = here.compactMap(\.beatAge).min() else {
            return ([], "no worker is registered in \(place): start one, or check the namespace")
        }
        if here.allSatisfy({ $0.state == .dead }) {
            return ([], "every worker in \(place) is dead, the last one has not beaten for \(last / 1000) s: start one")
        }
        let silence = "no worker in \(place) has beaten for \(last / 1000) s"
        // They may be alive and cannot beat: a restart would not help.
        if let hindrance { return ([], "\(silence): \(hindrance.sentence); \(hindrance.advice)") }
        return ([], "\(silence): look at its log, or restart it")
    }
}
