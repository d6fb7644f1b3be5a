/// A work item that waits: in a queue, apart from it, with a worker, or for its time.
extension Findings {
    mutating func judgeTurn(_ run: SeenRun) {
        if let worker = run.holder {
            if let trouble = troubled(worker, .turn, run) { return add(trouble) }
            // It does not have it, though it is said to; the queue is longer than what was looked through.
            if picture.items.contains(where: { $0.kind == .turn && $0.place == nil && !$0.isNowhere }) {
                return add(unfound(.turn, run))
            }
            // The step that it executes itself tells more.
            if run.inline.isEmpty { add(functionAtWork(worker, run)) }
            return
        }
        guard !run.turn.isEmpty, let item = picture.items.first(where: { $0.kind == .turn }) else {
            if picture.isShallow, !run.turn.isEmpty {
                add(run.turn == "unserved" ? apart(turnSubject(run), run) : queued(turnSubject(run), run, nil))
            }
            return
        }
        add(judge(item, turnSubject(run), run))
    }

    private func turnSubject(_ run: SeenRun) -> Facts.Subject { run.status == .running ? .turn : .run }

    private func functionAtWork(_ worker: String, _ run: SeenRun) -> Found {
        var facts = self.facts(.turn)
        facts.add("worker", name: worker)
        facts.add("recorded", run.recorded)
        return Found(.functionAtWork, .moving, facts)
    }

    /// What keeps a work item, by its place; `nil` if the doctor has said it.
    func judge(_ item: SeenItem, _ subject: Facts.Subject, _ run: SeenRun) -> Found? {
        switch item.place {
        case .delayed(let due): delayed(due, subject, run)
        case .queue(let ahead): queued(subject, run, ahead)
        case .unserved: apart(subject, run)
        case .claimed(let worker): claimed(worker, subject, run)
        case nil where item.isNowhere: picture.violations.isEmpty ? unfound(subject, run) : nil
        case nil where item.mayBeClaimed: unfound(subject, run)
        case nil: queued(subject, run, nil, isBeyond: true)
        }
    }

    // MARK: For its time

    private func delayed(_ due: Int, _ subject: Facts.Subject, _ run: SeenRun) -> Found {
        if let late = late(due, subject) { return late }
        var facts = self.facts(subject)
        facts.add("until", time: due, in: "in", now: now)
        return Found(.startsLater, .waiting, facts, since: run.created, until: due)
    }

    /// What should have happened at a time that is past; `nil` if it may still be about to.
    func late(_ due: Int, _ subject: Facts.Subject) -> Found? {
        let due = due.bounded
        guard now - due > Self.grace else { return nil }
        var facts = self.facts(subject)
        facts.add("due", time: due, ago: "ago", now: now)
        let fleet = picture.fleet
        let isNobodyAlive = fleet.count != nil && fleet.alive == 0
        facts.mark("nobody", if: isNobodyAlive)
        facts.add("alive", fleet.alive)
        let isStuck = isNobodyAlive && fleet.isComplete && !fleet.workers.contains { !$0.isOverdue }
        return Found(.dueNotMoved, isStuck ? .stuck : .unknown, facts, since: due)
    }

    // MARK: In a queue

    private func sums(_ run: SeenRun) -> WorkerSums {
        WorkerSums(
            picture.fleet.workers, queue: run.queue, workflow: run.workflow, unfit: run.incompatibleVersions)
    }

    /// - Parameters:
    ///   - ahead: how many are ahead of it; `nil` if that is not known.
    ///   - isBeyond: whether that is because they are more than were looked through.
    func queued(_ subject: Facts.Subject, _ run: SeenRun, _ ahead: Int?, isBeyond: Bool = false) -> Found {
        var facts = self.facts(subject)
        if let ahead {
            facts.add("place", words: Facts.place(ahead + 1))
            facts.add("ahead", ahead)
        }
        facts.add("queue", name: run.queue)
        if isBeyond { facts.add("most", PictureLimits.queue) }
        let sums = sums(run)
        if picture.fleet.count != nil, sums.able.isEmpty { return unable(subject, run, sums) }
        if !sums.able.isEmpty { facts.add("able", sums.able.count) }
        if let slots = sums.slots {
            facts.add("free", slots.free)
            facts.add("slots", slots.all)
            if slots.free == 0, picture.queuePause == nil, picture.fleet.isComplete { return full(facts, sums) }
        }
        if let count = picture.fleet.count, !picture.fleet.isComplete {
            facts.add("looked", picture.fleet.workers.count)
            facts.add("workers", count)
        }
        var cause = Explanation.Cause.inQueue
        let unseen = run.recorded - max(0, run.delivered)
        if subject == .turn, unseen > 0 {
            cause = .turnWaits
            facts.add("unseen", unseen)
        }
        var found = Found(cause, picture.queuePause == nil ? .waiting : .stuck, facts)
        found.workers = sums.list
        return found
    }

    private func full(_ known: Facts, _ sums: WorkerSums) -> Found {
        var facts = known
        let bodies = sums.able.flatMap { worker in (worker.bodies ?? []).map { (worker: worker.name, body: $0) } }
        let first = bodies.filter { $0.body.since != nil && $0.body.run != picture.id }
            .min { ($0.body.since ?? 0) < ($1.body.since ?? 0) }
        if let first, let since = first.body.since {
            facts.add("longestStep", name: first.body.step)
            facts.add("longestRun", name: first.body.run)
            facts.add("longestFor", length: max(0, now - since))
            facts.add("longestOn", name: first.worker)
        }
        var found = Found(.slotsFull, .waiting, facts)
        found.workers = sums.list
        return found
    }

    /// Of a work item that no worker which was looked at can take.
    private func unable(_ subject: Facts.Subject, _ run: SeenRun, _ sums: WorkerSums) -> Found {
        let mayComeBack = sums.mayComeBack(unfit: run.incompatibleVersions)
        var facts = self.facts(subject)
        facts.add("queue", name: run.queue)
        facts.add("workflow", name: run.workflow)
        facts.add("sums", words: sums.text)
        guard picture.fleet.isComplete else {
            facts.add("looked", sums.total)
            facts.add("workers", picture.fleet.count ?? sums.total)
            var found = Found(.placeUnknown, .unknown, facts)
            found.workers = sums.list
            return found
        }
        if !isServed(run.queue), let found = unserved(run.queue, isAside: false) { return found }
        facts.add("workers", sums.total)
        for hindrance in SeenWorker.Hindrance.allCases {
            let count = sums.count(hindrance)
            if count > 0 { facts.add("\(hindrance)", count) }
        }
        if let nearest = sums.nearest { facts.add("nearest", words: "there is \(Facts.name(nearest))") }
        var found = Found(.noWorkerForWorkflow, mayComeBack ? .unknown : .stuck, facts, since: run.since)
        found.workers = sums.list
        return found
    }

    // MARK: Apart from it

    /// `nil` while its workflow is paused: that says it all.
    private func apart(_ subject: Facts.Subject, _ run: SeenRun) -> Found? {
        if picture.workflowPause != nil { return nil }
        let sums = sums(run)
        if picture.fleet.count != nil, sums.able.isEmpty { return unable(subject, run, sums) }
        var facts = self.facts(subject)
        facts.add("queue", name: run.queue)
        facts.add("workflow", name: run.workflow)
        facts.add("able", sums.able.count)
        facts.mark("apart")
        let isFull = sums.slots.map { $0.free == 0 } ?? false
        let verdict: Explanation.Verdict =
            picture.queuePause != nil ? .stuck : picture.fleet.count == nil ? .unknown : .waiting
        var found = Found(isFull ? .noSlotThere : .inQueue, verdict, facts)
        if run.status == .noWorker { found.since = run.since }
        found.workers = sums.list
        return found
    }

    // MARK: With a worker

    private func claimed(_ worker: String, _ subject: Facts.Subject, _ run: SeenRun) -> Found {
        if let trouble = troubled(worker, subject, run) { return trouble }
        if case .step(let step) = subject, let body = running(step, on: worker) { return body }
        var facts = self.facts(subject)
        facts.add("worker", name: worker)
        if let entry = picture.fleet.worker(worker), let free = entry.free, let slots = entry.concurrency {
            facts.add("busy", max(0, slots - free))
            facts.add("slots", slots)
        }
        // That a step's body has begun is stored only once it has run for a beat; a turn says who has taken it, but a run's first one not before
        // its function asks for a step.
        facts.mark("first", if: subject == .run)
        facts.mark("certain", if: subject == .turn)
        return Found(.claimedNotBegun, .waiting, facts)
    }

    /// What is wrong with the worker that holds a work item; `nil` if nothing is known to be.
    func troubled(_ name: String, _ subject: Facts.Subject, _ run: SeenRun) -> Found? {
        let others = picture.fleet.workers.filter { $0.name != name && !$0.isSilent && $0.queues.contains(run.queue) }
        let isNobodyLeft = picture.fleet.isComplete && others.isEmpty
        var facts = self.facts(subject)
        facts.add("worker", name: name)
        if let died = picture.fleet.dead[name] {
            facts.add("died", time: died, ago: "ago", now: now)
            return Found(
                isNobodyLeft ? .heldByDeadNobodyLeft : .heldBySilentWorker, isNobodyLeft ? .stuck : .waiting, facts,
                since: died)
        }
        guard let worker = picture.fleet.worker(name) else {
            // Whether it is registered by now was not looked at.
            let isUnknown = picture.fleet.isComplete || picture.fleet.unknown.contains(name)
            return picture.isShallow && isUnknown ? unfound(subject, run) : nil
        }
        guard worker.isSilent else { return nil }
        facts.add("host", name: worker.host)
        facts.add("silence", length: worker.silence)
        // Whoever takes over has seen it stand still for a lease of its own.
        let judges = picture.fleet.workers.filter { $0.name != name && !$0.isSilent }
        facts.add("lease", length: judges.compactMap(\.lease).min() ?? worker.lease)
        let verdict: Explanation.Verdict = !isNobodyLeft ? .waiting : worker.isOverdue ? .stuck : .unknown
        return Found(
            isNobodyLeft ? .heldByDeadNobodyLeft : .heldBySilentWorker, verdict, facts, since: now - worker.silence)
    }
}
