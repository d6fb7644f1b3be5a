import Logging

/// What a worker does besides its claims, driven by its beats: due entries, the dead, the unserved, the expired, and the comparison
/// of its memory with its claim lists.
///
/// It is the engine's own work, on a loop where no user code is executed, and waits for nothing that happens on the worker's thread.
actor Maintenance {
    nonisolated var unownedExecutor: UnownedSerialExecutor { engine.actors.asUnownedSerialExecutor() }

    private let engine: WorkerExecutor
    private let session: WorkerSession
    private var fleet: FleetWatch
    private var overdue: Set<String> = []
    /// The time of this worker's last beat by Redis' clock, in milliseconds.
    private var lastBeat = 0
    private var lastClaims: Set<[UInt8]> = []
    /// At how many looks in a row there were more pushed items than are handled.
    private var surplusLooks = 0
    /// Opened when the last look at the turns is over.
    private var lastLook: Latch?
    private var nextSweep = ContinuousClock.now
    /// The queues of the dead, which do not change once they are known.
    private var queuesOfDead: [String: [String]] = [:]
    private var nextExpiry = ContinuousClock.now + .seconds(5)
    private var nextRearm = ContinuousClock.now
    /// Not with the expired: an idle worker sends few requests a second.
    private var nextBounding = ContinuousClock.now + .seconds(9)
    private var nextLineCount = ContinuousClock.now + .seconds(60)
    private let bounds: WaitingBounds
    /// How far it is among the expired.
    private var walks: [RunStatus: RetentionWalk] = [:]
    /// Schedules that this worker cannot deal with, and since when others may take their timers.
    private var leftToOthers: [String: ContinuousClock.Instant] = [:]
    /// The runs in memory that are still to be asked for in this round, by their keys.
    private var resting: [String] = []
    private var nextRound = ContinuousClock.now
    /// The last use of any run when this round began.
    private var lastUse: UInt64 = 0

    /// How long a dead worker's name stays in the index: a blocking claim that was frozen with it can still be served.
    private static let deadNameMilliseconds = 3_600_000
    /// How long others have for a timer that this worker cannot deal with, and how many such timers stay where they are.
    private static let othersTime = Duration.seconds(10)
    private static let mostLeft = 20
    /// Of how many runs in memory a beat asks whether they have ended.
    private static let restingPage = 200

    init(session: WorkerSession, on engine: WorkerExecutor) {
        self.session = session
        self.engine = engine
        bounds = WaitingBounds(session: session, on: engine)
        fleet = FleetWatch(lease: session.configuration.lease)
    }

    func run(_ beats: AsyncStream<BeatReply?>) async {
        for await beat in beats {
            if session.isOver { return }
            guard let beat else {
                fleet.lookAway()
                continue
            }
            if beat.isDead {
                session.end(.declaredDead)
                return
            }
            if let format = beat.format, format != DataFormat.current {
                session.end(.formatChanged)
                return
            }
            watchClock(beat)
            session.setPaused(beat.paused)
            do {
                try await tend(beat)
            } catch is SessionEnded {
                return
            } catch {
                session.logger.warning("upkeep failed; it is tried again", metadata: ["error": "\(error)"])
            }
        }
    }

    private func tend(_ beat: BeatReply) async throws {
        let now = ContinuousClock.now
        // First, while the lists are fresh.
        if let lists = beat.lists {
            compare(with: lists.claims, areAll: lists.areAll)
            try await releaseForgotten(pushed: lists.pushed)
            try await cancelUnwanted(among: lists.claims)
        }
        let still = fleet.look(beat.workers, at: now)
        let leads = fleet.leads(session.name)
        // One worker is enough to promote; the others only take over what it leaves lying.
        try await promote(leads ? beat.due : beat.due.filter(overdue.contains))
        overdue = Set(beat.due)
        if leads { try await promoteMore(after: beat.due.count) }
        for dead in still where dead.name != session.name { try await declareDead(dead.name, beat: dead.beat) }
        if leads, now >= nextSweep {
            nextSweep = now + max(session.configuration.lease / 2, .seconds(2))
            try await sweepTheDead()
        }
        if let lists = beat.lists {
            for list in lists.unserved { session.reclaim(list) }
            for index in lists.unfit { session.retryVersion(session.versionedWorkflows[index]) }
        }
        if now >= nextLineCount {
            nextLineCount = now + .seconds(60)
            session.countUnloggedLines()
        }
        if leads, now >= nextRearm {
            nextRearm = now + .seconds(60)
            try await session.rearmSchedules()
        }
        if leads, now >= nextExpiry {
            let configuration = session.configuration
            let isDone = [
                try await expire(.completed, age: configuration.completedRetention),
                try await expire(.cancelled, age: configuration.completedRetention),
                try await expire(.failed, age: configuration.failedRetention),
                try await bounds.lookThrough(.events(session.keys.expected)),
            ].allSatisfy { $0 }
            // Where there is more it goes on with the next beat.
            nextExpiry = isDone ? now + .seconds(60) : now
        }
        if leads, now >= nextBounding {
            let pause = try await bounds.keep()
            nextBounding = now + pause
        }
        try await giveUpEnded(at: now)
    }

    /// Says so if Redis' clock has gone back, or another server's has taken its place: whatever waits for a time waits for longer.
    private func watchClock(_ beat: BeatReply) {
        guard let own = beat.workers.first(where: { $0.name == session.name }), let time = Int(own.beat) else { return }
        let back = lastBeat - time
        lastBeat = time
        guard back > RedisClock.tolerance else { return }
        session.logger.warning(
            "redis' clock went back; what was to come at a time that was set before comes that much later",
            metadata: ["by": "\(back) ms"])
    }

    // MARK: Due entries

    /// After a full page, page after page until one is short; as many as a beat has time for.
    private func promoteMore(after count: Int) async throws {
        var count = count
        var pages = 0
        while count == Heartbeat.duePage, pages < 50 {
            let now = try await session.redisTime()
            let entries = try await session.command(.due(session.keys, at: now, count: Heartbeat.duePage))
            try await promote(entries)
            count = entries.count
            pages += 1
        }
    }

    /// An entry is the queue's name, a space, and the work item, a time limit, or the timer of a schedule.
    private func promote(_ entries: [String]) async throws {
        var queues: [String: [String]] = [:]
        await withDiscardingTaskGroup { group in
            for entry in entries {
                if let limit = TimeLimit(entry) {
                    group.addTask { await self.fire(limit) }
                } else if let timer = ScheduleTimer(entry) {
                    group.addTask { await self.tick(timer) }
                } else {
                    queues[entry.words(atMost: 2)[0], default: []].append(entry)
                }
            }
        }
        // One call a queue, and up to a page of queues: together.
        try await withThrowingDiscardingTaskGroup { group in
            for (queue, entries) in queues {
                group.addTask { try await self.promote(entries, to: queue) }
            }
        }
    }

    private func promote(_ entries: [String], to queue: String) async throws {
        try await session.evaluate(.promote(session.keys, queue: queue, entries))
    }

    /// A timer that this worker cannot deal with stays where it is for a while, so that another takes it. Then it is put off by a minute, and so is
    /// each beyond the first few: what is overdue stands before everything else that is due.
    private func tick(_ timer: ScheduleTimer) async {
        let name = timer.schedule
        if let since = leftToOthers[name], ContinuousClock.now - since < Self.othersTime { return }
        if await session.tick(timer) {
            leftToOthers[name] = nil
            return
        }
        let now = ContinuousClock.now
        if leftToOthers.count >= Self.mostLeft {
            // Others have taken these.
            leftToOthers = leftToOthers.filter { now - $0.value < Self.othersTime * 2 }
        }
        if leftToOthers[name] == nil, leftToOthers.count < Self.mostLeft {
            leftToOthers[name] = now
            return
        }
        leftToOthers[name] = nil
        await session.putOff(timer)
    }

    /// What of one run cannot be read must not keep the others waiting.
    private func fire(_ limit: TimeLimit) async {
        do {
            let parentQueue = limit.step == nil ? try await session.parentQueue(of: limit.run) : nil
            switch try await session.store.timerFired(limit, parentQueue: parentQueue) {
            case .ended: try await session.reportEnd(of: limit.run, as: .failed)
            case .ending: break
            case .recorded, .nothing: return
            }
            // If it was parked for changed code, it need not be looked at any more; nor if no worker has its workflow.
            let keys = session.keys
            let workflow = try await session.command(.run(keys, limit.run, .workflow)).text(.workflow) ?? ""
            try await session.command(.removeUnfit(keys, of: workflow, run: limit.run))
            let turn = WorkItem.turnText(run: limit.run, generation: limit.generation)
            let list = UnservedList(queue: limit.queue, workflow: workflow)
            if try await session.command(.isUnserved(keys, list, turn)) {
                try await session.command(.removeUnserved(keys, list, turn))
            }
        } catch is SessionEnded {} catch {
            session.logger.error(
                "a time limit could not be applied; see the run with \(session.keys.command("doctor"))",
                metadata: ["run": "\(limit.run)", "step": "\(limit.step ?? "")", "error": "\(error)"])
        }
    }

    // MARK: The dead

    private func declareDead(_ name: String, beat: String) async throws {
        guard try await session.evaluate(.declareDead(session.keys, name, beat: beat)) else { return }
        session.logger.notice(
            "a worker's beat stood still for a lease; its claims go back", metadata: ["dead": "\(name)"])
        try await session.sweep(name, leaveAfter: Self.deadNameMilliseconds)
    }

    /// Looks after the dead: a claim that was frozen with its worker may still be served, and names leave in the end.
    private func sweepTheDead() async throws {
        let keys = session.keys
        var known: [String: [String]] = [:]
        for page in 0..<100 {
            let dead = try await session.command(.dead(keys, from: page * 100, count: 100))
            if dead.isEmpty { break }
            let now = try await session.redisTime()
            let news = dead.map(\.name).filter { queuesOfDead[$0]?.isEmpty ?? true }
            let questions: [StoreCommand<[String]>] = news.map { .queues(keys, ofWorker: $0) }
            let answers = try await session.commands(questions)
            for (name, _) in dead { known[name] = queuesOfDead[name] }
            for (name, queues) in zip(news, answers) { known[name] = queues }
            let holders = try await holders(among: dead.map(\.name), known)
            for (name, at) in dead where holders.contains(name) || now - at > Self.deadNameMilliseconds {
                try await session.sweep(name, leaveAfter: Self.deadNameMilliseconds)
            }
        }
        queuesOfDead = known
    }

    /// Which of the dead hold something: mostly none. Each may have claimed from 1,000 queues, so a question is about 100 lists.
    private func holders(among names: [String], _ queues: [String: [String]]) async throws -> Set<String> {
        let keys = session.keys
        let parts: [(name: String, lists: [String])] = names.flatMap { name in
            ClaimSource.all(queues[name] ?? []).map { $0.claims(keys, name) }.pages().map { (name: name, lists: $0) }
        }
        let questions: [StoreCommand<Int>] = parts.map { .count(existing: $0.lists) }
        let counts = try await session.commands(questions)
        return Set(zip(parts, counts).compactMap { part, count in count > 0 ? part.name : nil })
    }

    // MARK: The worker's own claims

    private func compare(with list: [[UInt8]], areAll: Bool) {
        let difference = session.ledger.difference(to: list, isWhole: areAll)
        for item in difference.unknown where session.takeUp(item) {
            session.logger.notice(
                "a claim whose reply was lost is taken up",
                metadata: ["item": "\(String(decoding: item.prefix(200), as: UTF8.self))"])
        }
        for item in difference.missing {
            guard case .step(let id, let generation, _, let step)? = WorkItem(String(decoding: item, as: UTF8.self))
            else {
                continue
            }
            cancelBody(of: step, RunStore.Run.key(id, generation))
        }
    }

    /// Pushed items whose claim's reply was lost go back to their inbox: at three looks in a row the lists hold more of them than are handled
    /// here. All of them go, since their texts are others' and may be long. One that is handled at the moment is found gone, and comes again.
    private func releaseForgotten(pushed count: Int) async throws {
        surplusLooks = count > session.pushedCount ? surplusLooks + 1 : 0
        guard surplusLooks == 3 else { return }
        surplusLooks = 0
        session.logger.notice("pushed items whose claim's reply was lost go back", metadata: ["count": "\(count)"])
        for queue in try await session.queuesHeld(by: session.name, among: session.configuration.queues) {
            try await session.releasePushed(of: session.name, queue: queue, lost: false, pages: 1)
        }
    }

    private func cancelBody(of step: String, _ run: String) {
        guard let driver = session.driver(of: run) else { return }
        driver.executor.execute { driver.assumeIsolated { $0.cancelBody(of: step) } }
    }

    /// Cancels bodies that have run since the last look and whose steps were closed meanwhile: they lost a race, or their run has ended.
    /// Of a body that runs under its run's turn, the turn's holder learns what was recorded from outside.
    private func cancelUnwanted(among list: [[UInt8]]) async throws {
        let claims = list.filter(lastClaims.contains)
        lastClaims = Set(list)
        var turns: [RunStore.Run] = []
        for item in claims {
            switch WorkItem(String(decoding: item, as: UTF8.self)) {
            case .step(let id, let generation, let attempt, let step):
                let run = RunStore.Run(id: id, generation: generation, queue: "", keys: session.keys)
                if try await session.open(run, step: step, attempt: attempt, evenIfPaused: true) == nil {
                    cancelBody(of: step, run.key)
                }
            case .turn(let id, let generation):
                turns.append(RunStore.Run(id: id, generation: generation, queue: "", keys: session.keys))
            case .ended, .cancel, .broadcast, .withdraw, .end, nil:
                break
            }
        }
        lookUp(turns)
    }

    /// On the worker's thread, one look at a time.
    private func lookUp(_ turns: [RunStore.Run]) {
        if turns.isEmpty || lastLook?.isOpen == false { return }
        let look = Latch()
        lastLook = look
        session.spawn { [session] in
            defer { look.open() }
            for run in turns {
                guard let driver = session.driver(of: run.key), let delivered = await driver.deliveredBesideInline
                else { continue }
                if (try? await session.hasMoved(run, beyond: delivered)) == true { await driver.lookUp() }
            }
        }
    }

    // MARK: The worker's memory

    /// Gives up the instances of runs that have ended: who ends a run elsewhere, or while it is paused, tells nobody. Of each run that nobody has
    /// used since the last round began, a round asks once.
    private func giveUpEnded(at now: ContinuousClock.Instant) async throws {
        if resting.isEmpty, now >= nextRound {
            nextRound = now + min(session.configuration.lease, .seconds(10))
            (resting, lastUse) = session.restingRuns(usedUpTo: lastUse)
        }
        if resting.isEmpty { return }
        let runs = session.resting(resting.suffix(Self.restingPage))
        resting.removeLast(min(Self.restingPage, resting.count))
        if runs.isEmpty { return }
        let questions: [StoreCommand<RunFields>] = runs.map { .run(session.keys, $0.id, .status, .generation) }
        let answers = try await session.commands(questions)
        var ended: [RunStore.Run] = []
        for (run, fields) in zip(runs, answers) {
            // What is gone has ended, too, and so has this generation of a run that has begun anew.
            let isLive = fields.status.map { !$0.isDecided } ?? false
            if !isLive || fields.text(.generation) != run.generation { ended.append(run) }
        }
        session.giveUp(ended)
    }

    // MARK: The expired

    /// At most 20 pages of 100 runs.
    ///
    /// - Returns: whether nothing is left that is past its age, and that is to be looked at now.
    private func expire(_ status: RunStatus, age: Duration) async throws -> Bool {
        guard age > .zero else { return true }
        var walk = walks[status] ?? RetentionWalk()
        walk.begin(at: .now)
        defer { walks[status] = walk }
        for _ in 0..<20 {
            let runs = try await session.evaluate(
                .expired(session.keys.runs(status), age: age.wholeMilliseconds, from: walk.place))
            if runs.isEmpty {
                walk.end(at: .now)
                return true
            }
            let staying = try await remove(runs.map(\.id), status)
            walk.pass(runs.filter { staying.contains($0.id) })
        }
        return false
    }

    /// Removes ended runs, but for children that their parents still need.
    ///
    /// - Returns: those that stay.
    private func remove(_ ids: [String], _ status: RunStatus) async throws -> Set<String> {
        let keys = session.keys
        let unread = try await session.evaluate(
            .deleteRuns(keys, status, ids.map { (id: $0, parent: nil) }, indexed: session.indexedLabels)
        ).unread
        if unread.isEmpty { return [] }
        let children = EndedChildren(unread)
        let runs = try await session.commands(children.runs(keys))
        let needs = children.needs(runs, try await session.commands(children.steps(keys)))
        let free = unread.filter { needs[$0.id] == nil }
        if free.isEmpty { return Set(needs.keys) }
        let again = try await session.evaluate(
            .deleteRuns(
                keys, status, free.map { (id: $0.id, parent: $0.parent) }, indexed: session.indexedLabels))
        return Set(needs.keys).union(again.unread.map(\.id))
    }
}
