extension StepwiseClient {
    /// What of the namespace does not move by itself, grouped by cause, and what can be done about each.
    ///
    /// It reads only, at most 400 Redis commands, whatever is stored, and two more for each child of the runs that it asks about: these are at most
    /// three that have been queued or running for longest and that no row would be about; see ``explain(_:)``. How many runs are unserved, parked or paused, and how much lies in a queue is
    /// counted; causes are told from the runs that have been so for longest, and of the running runs alone some are looked at:
    /// ``FleetExplanation/samples`` says how many.
    ///
    /// - Throws: ``StepwiseError``: one of the `redis…` codes, `otherDataFormat` or `unsupportedRedis` if something cannot be read.
    public func explain() async throws -> FleetExplanation {
        FleetExplanation(try await fleetFacts(), keys: keys)
    }

    /// What ``explain()`` reads at most of each kind. Together with the single commands it stays below 220, and a run that is asked about takes 60.
    private enum Most {
        static let workers = 24
        static let scans = 8
        static let queues = 16
        static let stuckQueues = 6
        static let items = 200
        static let unservedLists = 10
        static let runs = 12
        static let runningRuns = 16
        static let failedRuns = 8
        static let queuedRuns = 8
        static let rejected = 20
    }

    package func fleetFacts() async throws -> FleetFacts {
        var facts = FleetFacts(now: try await redisTime())
        facts.memory = try await memory()
        facts.hindrance = try await hindrance(isSilent: false)
        try await countRuns(&facts)
        facts.workers = try await fleetWorkers(now: facts.now)
        let texts = try await seen(.pauseTexts(keys), doing: "reading \(keys.paused)")
        facts.pauses = texts.compactMap { FleetFacts.Pause(field: $0.key, text: $0.value) }
        for status in [RunStatus.noWorker, .parked, .paused] where facts.counts[status] ?? 0 > 0 {
            facts.samples[status] = try await oldestRuns(keys.runs(status), count: Most.runs)
        }
        if facts.counts[.running] ?? 0 > 0 {
            facts.samples[.running] = try await openSteps(
                of: try await oldestRuns(keys.runs(.running), count: Most.runningRuns))
        }
        if facts.counts[.queued] ?? 0 > 0 {
            facts.samples[.queued] = try await oldestRuns(keys.runs(.queued), count: Most.queuedRuns)
        }
        try await findLists(&facts)
        try await keepCounted(&facts)
        try await readPast(&facts)
        try await readSchedules(&facts)
        try await readBodies(&facts)
        try await look(&facts)
        return facts
    }

    /// As with many commands at once, a key of a wrong type is as if it were not there.
    func seen<Reply>(_ command: StoreCommand<Reply>, doing what: String) async throws -> Reply {
        guard let reply = try await all([command], doing: what).first else {
            throw StepwiseError(.redisRefused, "\(what): redis has not answered")
        }
        return reply
    }

    private func countRuns(_ facts: inout FleetFacts) async throws {
        let lists = FleetFacts.live.map { StoreCommand<Int>.count(keys.runs($0)) }
        for (status, count) in zip(FleetFacts.live, try await all(lists, doing: "counting the runs")) {
            facts.counts[status] = count
        }
        let start = facts.now - FleetFacts.Look.patience
        facts.still = try await all(
            [RunStatus.queued, .running].map { StoreCommand<Int>.count(keys.runs($0), from: .min, upto: start) },
            doing: "counting the runs"
        ).reduce(0, +)
        let due = facts.now - FleetFacts.Overdue.grace
        let what = "reading \(keys.delayed)"
        facts.overdue.count = try await seen(.count(keys.delayed, from: 0, upto: due), doing: what)
        if facts.overdue.count == 0 { return }
        let entries = try await seen(.lowest(keys.delayed, upto: due, count: Most.items), doing: what)
        facts.overdue.oldest = entries.first?.at
        facts.overdue.runs = Self.distinct(entries.map { Self.run(ofDelayed: $0.id) })
    }

    /// An entry is the queue's name, a space, and a time limit or a work item.
    private static func run(ofDelayed entry: String) -> String? {
        if let limit = TimeLimit(entry) { return limit.run }
        let words = entry.words(atMost: 2)
        return words.count == 2 ? WorkItem(words[1])?.run : nil
    }

    static func distinct(_ runs: [String?]) -> [String] {
        var seen: Set<String> = []
        return runs.compactMap { $0 }.filter { seen.insert($0).inserted }
    }

    // MARK: Workers

    private func fleetWorkers(now: Int) async throws -> FleetFacts.Workers {
        var workers = FleetFacts.Workers()
        let quiet = now - SeenWorker.quiet
        let counts: [Int] = try await all(
            [
                .count(keys.workers, from: quiet + 1, upto: .max), .count(keys.workers, from: 1, upto: quiet),
                .count(keys.workers, from: .min, upto: 0),
            ], doing: "counting the workers")
        (workers.alive, workers.silent, workers.dead) = (counts[0], counts[1], counts[2])
        let beats = try await seen(.newest(keys.workers, 0, Most.workers), doing: "reading \(keys.workers)")
        let beating = beats.filter { $0.at > 0 }
        let entries = try await all(beating.map { .worker(keys, $0.id) }, doing: "reading the workers")
        for (beat, fields) in zip(beating, entries) where fields["state"] != "dead" {
            workers.looked.append(SeenWorker(name: beat.id, silence: max(0, now - beat.at), fields))
            workers.troubles[beat.id] = Self.trouble(of: beat.id, fields)
        }
        return workers
    }

    /// What user code holds there, in words; `nil` if it holds nothing.
    private static func trouble(of name: String, _ fields: [String: String]) -> String? {
        var listing = WorkerListing(
            name: name, state: .alive, held: HeldThread.all(in: fields["held"]), isStopped: fields["stopped"] == "1")
        listing.readPool(fields)
        if !listing.held.isEmpty || listing.isStopped { return listing.stuckText }
        if listing.poolHeldSince == nil { return listing.blockingText }
        let bodies = listing.poolText.isEmpty ? "" : ": \(listing.poolText)"
        return "worker \(name) claims nothing, because bodies hold every thread of Swift's pool there\(bodies)"
    }

    // MARK: Runs

    private func oldestRuns(_ list: String, count: Int) async throws -> [FleetFacts.Run] {
        try await fleetRuns(try await seen(.lowest(list, count: count), doing: "reading \(list)"))
    }

    private func fleetRuns(_ entries: [IndexEntry]) async throws -> [FleetFacts.Run] {
        let runs = try await all(
            entries.map {
                .run(keys, $0.id, .workflow, .queue, .reason, .unfit, .startsAt, .deadline, .divergence, .error)
            }, doing: "reading runs")
        return zip(entries, runs).compactMap { entry, fields in
            guard let workflow = fields.text(.workflow) else { return nil }
            var run = FleetFacts.Run(
                id: entry.id, since: entry.at, workflow: workflow, queue: fields.text(.queue) ?? "",
                reason: fields.text(.reason))
            run.incompatibleVersions = fields.incompatibleVersions
            (run.startsAt, run.deadline) = (fields.integer(.startsAt), fields.integer(.deadline))
            run.isDiverged = fields.text(.divergence) != nil
            run.error = fields.text(.error)
            return run
        }
    }

    private func openSteps(of runs: [FleetFacts.Run]) async throws -> [FleetFacts.Run] {
        let pages: [Page<(step: String, state: OpenStep?)>] = try await all(
            runs.map { .openSteps(keys, of: $0.id, after: "0") }, doing: "reading the open steps")
        return zip(runs, pages).map { run, page in
            var run = run
            for (step, state) in page.elements { run.open[step] = state }
            return run
        }
    }

    // MARK: Lists

    /// The queues and the lists of what nobody has, as far as a bounded look through the keys finds them.
    private func findLists(_ facts: inout FleetFacts) async throws {
        var inboxes: Set<String> = []
        var queues = Set(facts.pauses.filter(\.isQueue).map(\.name))
        queues.formUnion(facts.workers.living.flatMap(\.queues))
        var lists = Set((facts.samples[.noWorker] ?? []).map { UnservedList(queue: $0.queue, workflow: $0.workflow) })
        var cursor = "0"
        for scan in 1...Most.scans {
            // Of the kinds of keys that are lists: inbox, queue and unserved; unfit is another one.
            let page = try await seen(
                .keys(keys, "[iqu]", after: cursor, count: 10_000), doing: "looking through the keys")
            for name in page.elements {
                switch NamespaceKey(name) {
                case .queue(let queue)?: queues.insert(queue)
                case .inbox(let queue)?: inboxes.insert(queue)
                case .unserved(let list)?: lists.insert(list)
                default: break
                }
            }
            cursor = page.next
            if cursor == "0" { break }
            if scan == Most.scans { facts.areListsKnown = false }
        }
        // What the engine has written comes before what anybody may push.
        let names = queues.sorted() + inboxes.subtracting(queues).sorted()
        facts.otherQueues = max(0, names.count - Most.queues)
        try await readQueues(Array(names.prefix(Most.queues)), &facts)
        let some = lists.sorted { ($0.workflow, $0.queue) < ($1.workflow, $1.queue) }.prefix(Most.unservedLists)
        if some.count < lists.count { facts.areListsKnown = false }
        let counts = try await lengths(of: some.map { keys.unserved($0.queue, $0.workflow) })
        for (list, count) in zip(some, counts) where count > 0 { facts.unserved[list] = count }
    }

    private func readQueues(_ names: [String], _ facts: inout FleetFacts) async throws {
        let ready = try await lengths(of: names.map { keys.queue($0) })
        let pushed = try await lengths(of: names.map { keys.inbox($0) })
        for (index, name) in names.enumerated() {
            facts.queues[name] = FleetFacts.Queue(ready: ready[index], pushed: pushed[index])
        }
        let served = Set(facts.workers.living.flatMap(\.queues))
        let paused = Set(facts.pauses.filter(\.isQueue).map(\.name))
        let stuck = names.filter { (facts.queues[$0]?.ready ?? 0) > 0 && (!served.contains($0) || paused.contains($0)) }
        let items: [[ClaimedItem]] = try await all(
            stuck.prefix(Most.stuckQueues).map { .oldestItems(keys.queue($0), count: Most.items) },
            doing: "reading the queues")
        for (name, items) in zip(stuck, items) {
            // The oldest is the last one.
            let runs = items.reversed().map { WorkItem(String(decoding: $0.bytes, as: UTF8.self))?.run }
            facts.queues[name]?.runs = Self.distinct(runs)
            let ready = facts.queues[name]?.ready ?? 0
            facts.queues[name]?.isWhole = items.count >= ready
        }
        for name in names where facts.queues[name]?.ready == 0 { facts.queues[name]?.isWhole = true }
    }

    /// What is left in lists by runs that have ended stops no run, and those that are parked, paused or unserved are counted by that.
    private func keepCounted(_ facts: inout FleetFacts) async throws {
        let runs = Set(facts.queues.values.flatMap(\.runs) + facts.overdue.runs).sorted()
        if runs.isEmpty { return }
        let statuses = [RunStatus.queued, .running, .ending]
        let lists = statuses.map { StoreCommand<[Int?]>.scores(keys.runs($0), runs) }
        let start = facts.now - FleetFacts.Look.patience
        var moving: Set<String> = []
        for (status, times) in zip(statuses, try await all(lists, doing: "looking at runs that have work items")) {
            for (run, time) in zip(runs, times) {
                guard let time else { continue }
                moving.insert(run)
                if status != .ending, time <= start { facts.stillListed.insert(run) }
            }
        }
        for name in facts.queues.keys { facts.queues[name]?.runs.removeAll { !moving.contains($0) } }
        facts.overdue.runs.removeAll { !moving.contains($0) }
    }

    // MARK: What is over

    private func readPast(_ facts: inout FleetFacts) async throws {
        let start = facts.now - FleetRows.recently
        facts.failed = try await seen(.deadCount(keys, after: start), doing: "reading \(keys.dead)")
        if facts.failed > 0 {
            let newest = try await seen(
                .deadRuns(keys, from: 0, count: Most.failedRuns), doing: "reading \(keys.dead)")
            facts.samples[.failed] = try await fleetRuns(newest.filter { $0.at > start })
        }
        facts.malformed.count = try await lengths(of: [keys.malformed]).first ?? 0
        if facts.malformed.count == 0 { return }
        let items = try await malformed(limit: Most.rejected)
        guard let newest = items.first else { return }
        let late = items.filter { ($0.at ?? 0) > start }
        facts.malformed.runs = Self.distinct(late.map { JSONMembers(Array($0.item.utf8))?.string("id") })
        (facts.malformed.reason, facts.malformed.queue) = (newest.reason, newest.queue)
        facts.malformed.at = newest.at
    }
}
