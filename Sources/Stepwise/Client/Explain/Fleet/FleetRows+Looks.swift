// Runs that were asked about one by one, full workers, and schedules.
extension FleetRows {
    // MARK: One by one

    /// How many runs are asked about one by one.
    static let mostLooks = 3

    /// Whether somebody could move runs: if not, one row says it of all.
    private var isMovable: Bool { !isAllStuck && facts.workers.alive > 0 }

    private var explained: Set<String> { told.union(stuckRuns) }

    /// The queued and running runs that were read and have been so for a while.
    private var stillRuns: [FleetFacts.Run] {
        let start = facts.now - FleetFacts.Look.patience
        return (sample(.queued) + sample(.running)).filter { $0.since <= start }
    }

    /// Runs to ask about: those that have stood still for longest and are in no row, before them those that wait for nothing.
    var suspects: [FleetFacts.Run] {
        if !isMovable { return [] }
        let explained = self.explained
        let sorted = stillRuns.filter { !explained.contains($0.id) }.sorted { a, b in
            let (one, other) = (a.waits(now: facts.now) ? 1 : 0, b.waits(now: facts.now) ? 1 : 0)
            return (one, a.since, a.id) < (other, b.since, b.id)
        }
        return Array(sorted.prefix(Self.mostLooks))
    }

    mutating func addLooks() {
        if unlooked > 0 { isExact = false }
        let causes = Set((fleet + groups).filter { $0.verdict == .stuck }.map(\.cause))
        for look in facts.looks where look.explanation.verdict == .stuck {
            // That row says it of all.
            if !stuckRuns.insert(look.run.id).inserted || causes.contains(look.explanation.cause) { continue }
            groups.append(row(of: look))
        }
    }

    private func row(of look: FleetFacts.Look) -> Row {
        let found = look.explanation
        let first = found.next.first { $0.command != nil } ?? found.next.first
        let more = action("explain", look.run.id, effect: "tells all that is known of it")
        return Row(
            found.cause, .stuck, count: 1, .runs, oldest: found.since ?? date(look.run.since),
            workflows: [found.workflow ?? look.run.workflow], runs: [look.run.id], sentence: found.line,
            next: [first, more].compactMap { $0 })
    }

    /// How many runs have been queued or running for a while, and nobody has looked at them.
    private var unlooked: Int {
        if !isMovable { return 0 }
        let still = facts.stillListed.union(stillRuns.map(\.id))
        let looked = still.intersection(explained).union(facts.looks.map(\.run.id))
        return max(0, facts.still - looked.count)
    }

    /// `nil` if every run that stands still was looked at.
    var sampleOfLooks: FleetExplanation.Sample? {
        let (rest, looked) = (self.unlooked, facts.looks.count)
        if rest == 0 { return nil }
        return FleetExplanation.Sample(
            what: "other queued and running runs", looked: looked, total: looked + rest,
            command: keys.command("doctor"))
    }

    // MARK: Full workers

    /// A queue in which work items are ready, and none of whose workers has a slot free.
    struct FullQueue {
        var name: String
        var ready: Int
        var workers: [SeenWorker]
    }

    /// Those with the most work items first. None if not every worker was looked at.
    var fullQueues: [FullQueue] {
        guard facts.workers.areAllLooked else { return [] }
        let full = facts.queues.compactMap { (name, queue) -> FullQueue? in
            let workers = facts.workers.living.filter { $0.queues.contains(name) }
            let isFull = !workers.isEmpty && workers.allSatisfy { $0.free == 0 }
            guard queue.ready > 0, isFull, !isPaused(queue: name) else { return nil }
            return FullQueue(name: name, ready: queue.ready, workers: workers)
        }
        return full.sorted { a, b in (b.ready, a.name) < (a.ready, b.name) }
    }

    mutating func addSlots() {
        for queue in fullQueues.prefix(Self.most) {
            let name = Facts.name(queue.name)
            let bodies = longestBodies(on: queue.workers)
            let words = bodies.map { body in
                "step \(Facts.name(body.step)) of run \(Facts.name(body.run)) for \(Facts.length(max(0, facts.now - body.since))) on \(Facts.name(body.worker))"
            }
            let longest = words.isEmpty ? "" : "; the longest: \(words.joined(separator: ", "))"
            let asked = bodies.first.map { action("explain", $0.run, effect: "tells why that run takes so long") }
            groups.append(
                Row(
                    .slotsFull, .waiting, count: queue.ready, .items,
                    sentence:
                        "\(queue.ready.of("work item waits", "work items wait")) in queue \(name), and "
                        + "its \(queue.workers.count.of("worker has", "workers have")) no slot free\(longest)",
                    next: [Action(command: nil, effect: "start more workers that serve queue \(name), or wait")]
                        + [asked].compactMap { $0 }))
        }
    }

    private func longestBodies(
        on workers: [SeenWorker]
    ) -> [(run: String, step: String, since: Int, worker: String)] {
        var bodies: [(run: String, step: String, since: Int, worker: String)] = []
        for worker in workers {
            for body in worker.bodies ?? [] {
                guard let since = body.since?.bounded else { continue }
                bodies.append((run: body.run, step: body.step, since: since, worker: worker.name))
            }
        }
        return Array(bodies.sorted { a, b in (a.since, a.run, a.step) < (b.since, b.run, b.step) }.prefix(3))
    }

    // MARK: Schedules

    mutating func addSchedules() {
        let paused = facts.pausedSchedules.sorted { a, b in (a.since, a.name) < (b.since, b.name) }
        guard let first = paused.first else { return }
        let words = paused.prefix(5).map { schedule in
            let since = schedule.since.bounded
            let age = Facts.length(max(0, facts.now - since))
            return "\(Facts.name(schedule.name)) since \(Facts.time(since)) (\(age))"
        }
        let rest = paused.count > words.count ? " and \((paused.count - words.count).grouped) more" : ""
        let others = paused.count > 1 ? "; the others: \(keys.command("schedules"))" : ""
        var workflows: [String] = []
        for schedule in paused where workflows.count < 3 && !workflows.contains(schedule.workflow) {
            workflows.append(schedule.workflow)
        }
        groups.append(
            Row(
                .paused, .waiting, count: paused.count, .schedules, isExact: facts.areSchedulesKnown,
                oldest: date(first.since), workflows: workflows,
                sentence:
                    "\(paused.count.of("schedule is paused and starts", "schedules are paused and start")) nothing: "
                    + words.joined(separator: ", ") + rest,
                next: [action("schedule resume", first.name, effect: "lets it go on with its next tick\(others)")]))
    }
}

extension FleetFacts {
    /// The runs to ask about one by one.
    ///
    /// - Parameter keys: of the namespace.
    package func suspects(keys: Keys) -> [Run] { FleetRows(self, keys: keys).suspects }
}
