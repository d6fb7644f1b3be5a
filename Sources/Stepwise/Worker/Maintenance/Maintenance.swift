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
    private var lastClaims: Set<[UInt8]> = []
    /// The lists that were pruned since they grew beyond their bounds.
    private var pruned: Set<String> = []
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
    /// How many of the oldest runs of a list were looked at that may not fail yet.
    private var lookedAt: [String: Int] = [:]

    /// How long a dead worker's name stays in the index: a blocking claim that was frozen with it can still be served.
    private static let deadNameMilliseconds = 3_600_000

    init(session: WorkerSession, on engine: WorkerExecutor) {
        self.session = session
        self.engine = engine
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
            compare(with: lists.claims)
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
            for index in lists.unserved { session.reclaim(session.workflowNames[index]) }
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
                try await forgetUnexpected(in: session.keys.expected, age: configuration.failedRetention, keeping: nil),
            ].allSatisfy { $0 }
            // Where there is more it goes on with the next beat.
            nextExpiry = isDone ? now + .seconds(60) : now
        }
        if leads, now >= nextBounding {
            let isDone = [
                try await forgetUnexpected(
                    in: session.keys.expectedPushed, age: session.configuration.failedRetention,
                    keeping: session.configuration.maximumPushedWaiting),
                try await trimMalformed(),
                try await forgetWaiting(),
            ].allSatisfy { $0 }
            try await failWaiting()
            nextBounding = isDone ? now + .seconds(60) : now
        }
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
                    group.addTask { [session] in await session.tick(timer) }
                } else {
                    queues[entry.words(atMost: 2)[0], default: []].append(entry)
                }
            }
        }
        for (queue, entries) in queues {
            try await session.evaluate(.promote(session.keys, queue: queue, entries))
        }
    }

    /// What of one run cannot be read must not keep the others waiting.
    private func fire(_ limit: TimeLimit) async {
        do {
            let parentQueue = limit.step == nil ? try await session.parentQueue(of: limit.run) : nil
            guard case .ended = try await session.store.timerFired(limit, parentQueue: parentQueue) else { return }
            try await session.reportEnd(of: limit.run)
            // If it was parked for changed code, it need not be looked at any more; nor if no worker has its workflow.
            let keys = session.keys
            let workflow = try await session.command(.run(keys, limit.run, .workflow)).text(.workflow) ?? ""
            try await session.command(.removeUnfit(keys, of: workflow, run: limit.run))
            let turn = WorkItem.turnText(run: limit.run, generation: limit.generation)
            try await session.command(.removeUnserved(keys, of: workflow, turn))
        } catch is SessionEnded {} catch {
            session.logger.error(
                "a time limit could not be applied; see the run with stepwise doctor",
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
        for page in 0..<20 {
            let dead = try await session.command(.dead(keys, from: page * 500, count: 500))
            if dead.isEmpty { break }
            let now = try await session.redisTime()
            for (name, _) in dead {
                if let queues = queuesOfDead[name], !queues.isEmpty {
                    known[name] = queues
                } else {
                    known[name] = try await session.command(.queues(keys, ofWorker: name))
                }
            }
            let lists = dead.flatMap { dead in
                ClaimSource.all(known[dead.name] ?? []).map { $0.claims(keys, dead.name) }
            }
            // One question for all of them: mostly there is nothing.
            let holding = lists.isEmpty ? 0 : try await session.command(.count(existing: lists))
            for (name, at) in dead where holding > 0 || now - at > Self.deadNameMilliseconds {
                try await session.sweep(name, leaveAfter: Self.deadNameMilliseconds)
            }
        }
        queuesOfDead = known
    }

    // MARK: The worker's own claims

    private func compare(with list: [[UInt8]]) {
        let difference = session.ledger.difference(to: list)
        for item in difference.unknown {
            session.logger.notice(
                "a claim whose reply was lost is taken up",
                metadata: ["item": "\(String(decoding: item.prefix(200), as: UTF8.self))"])
            session.takeUp(item)
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
        for queue in session.configuration.queues {
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
            case .ended, .cancel, .broadcast, .withdraw, nil:
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

    // MARK: The expired

    /// At most 20 pages of 100 runs.
    ///
    /// - Returns: whether nothing is left that is past its age.
    private func expire(_ status: RunStatus, age: Duration) async throws -> Bool {
        guard age > .zero else { return true }
        let keys = session.keys
        for _ in 0..<20 {
            let ids = try await session.evaluate(.expired(keys.runs(status), age: age.wholeMilliseconds))
            if ids.isEmpty { return true }
            _ = try await session.evaluate(.deleteRuns(keys, status, ids))
        }
        return false
    }
}

extension Maintenance {
    /// What was sent to runs that never came to be; at most 20 pages of 100 runs.
    ///
    /// - Returns: whether nothing is left that is past its age, or one too many.
    private func forgetUnexpected(in list: String, age: Duration, keeping most: Int?) async throws -> Bool {
        let keys = session.keys
        let milliseconds = age > .zero ? age.wholeMilliseconds : nil
        for _ in 0..<20 {
            let ids = try await session.evaluate(.expired(list, age: milliseconds, keeping: most))
            if ids.isEmpty {
                pruned.remove(list)
                return true
            }
            // Runs that were made meanwhile do not count.
            if most != nil, pruned.insert(list).inserted {
                try await prune(list) { .purgeMail(keys, list, $0, onlyPruning: true) }
                continue
            }
            _ = try await session.evaluate(.purgeMail(keys, list, ids, onlyPruning: false))
        }
        return false
    }

    /// Has entries leave a list that do not count any more, at most 2,000; those behind them are looked at as they leave. Once, until the list
    /// is within its bounds: it may grow as fast as it is looked through.
    ///
    /// - Parameter page: the call for at most 100 entries; its reply says how many have left.
    private func prune(_ list: String, _ page: ([String]) -> ScriptCall<Int>) async throws {
        let now = try await session.redisTime()
        var start = 0
        for _ in 0..<20 {
            let ids = try await session.command(.oldest(list, upto: now, from: start, count: 100))
            if ids.isEmpty { return }
            let left = try await session.evaluate(page(ids))
            start += ids.count - left
        }
    }

    // MARK: What nobody takes up

    /// Milliseconds; `nil` for ever.
    private var waitingLimit: Int? {
        let limit = session.configuration.waitingLimit
        return limit > .zero ? limit.wholeMilliseconds : nil
    }

    /// A page holds all that `malformed` may have.
    private func trimMalformed() async throws -> Bool {
        guard let age = waitingLimit else { return true }
        _ = try await session.evaluate(.trimMalformed(session.keys, age: age))
        return true
    }

    /// Removes pushed runs that never began and are too old, or too many; at most 20 pages of 100 runs.
    ///
    /// - Returns: whether nothing is left beyond the bounds.
    private func forgetWaiting() async throws -> Bool {
        let keys = session.keys
        let most = session.configuration.maximumPushedWaiting
        for _ in 0..<20 {
            let ids = try await session.evaluate(.expired(keys.waitingPushed, age: waitingLimit, keeping: most))
            if ids.isEmpty {
                pruned.remove(keys.waitingPushed)
                return true
            }
            // Runs that have begun meanwhile do not count.
            if pruned.insert(keys.waitingPushed).inserted {
                try await prune(keys.waitingPushed) { ids in
                    .forgetWaiting(keys, ids.map { (id: $0, workflow: "-") }, onlyPruning: true)
                }
                continue
            }
            var runs: [(id: String, workflow: String)] = []
            for id in ids {
                let fields = try await session.command(.run(keys, id, .workflow))
                runs.append((id: id, workflow: fields.text(.workflow) ?? "-"))
            }
            _ = try await session.evaluate(.forgetWaiting(keys, runs, onlyPruning: false))
        }
        return false
    }

    /// Fails runs that were enqueued and never began: those that wait, and those that lie in a queue. Of either at most 20 pages of 100 runs.
    private func failWaiting() async throws {
        guard let age = waitingLimit else { return }
        let keys = session.keys
        let time = try await session.redisTime() - age
        for list in [keys.waitingEnqueued, keys.runs(.queued)] {
            let passed = try await failRuns(in: list, since: time, passing: lookedAt[list] ?? 0)
            // Runs that are to start later may be many. The next look goes on behind them.
            lookedAt[list] = passed ?? 0
        }
    }

    /// - Parameter passed: how many of the oldest are passed over.
    /// - Returns: how many of the oldest have been looked at and are still there; `nil` if the end was reached.
    private func failRuns(in list: String, since time: Int, passing passed: Int) async throws -> Int? {
        var passed = passed
        for _ in 0..<20 {
            let ids = try await session.command(.oldest(list, upto: time, from: passed, count: 100))
            if ids.isEmpty { return nil }
            for id in ids {
                let hasLeft = try await failWaiting(id, in: list)
                if !hasLeft { passed += 1 }
            }
        }
        return passed
    }

    /// - Returns: whether the run has left the list.
    private func failWaiting(_ id: String, in list: String) async throws -> Bool {
        let keys = session.keys
        do {
            let run = try await session.command(.run(keys, id, .workflow, .queue, .parentQueue))
            let (queue, workflow) = (run.text(.queue) ?? "default", run.text(.workflow) ?? "-")
            // Somebody has decided that it waits.
            let paused = try await session.command(
                .paused(keys, among: ["queue:\(queue)", "workflow:\(workflow)"]))
            if !paused.isEmpty { return false }
            let reply = try await session.evaluate(
                .failWaiting(
                    keys, id, queue: queue, workflow: workflow,
                    age: session.configuration.waitingLimit, parentQueue: run.text(.parentQueue)))
            guard reply == "ended" else { return reply == "obsolete" && list == keys.waitingEnqueued }
            session.logger.error(
                "a run has failed: it had not begun within the waitingLimit",
                metadata: ["run": "\(id)", "workflow": "\(workflow)"])
            try await session.reportEnd(of: id)
            return true
        } catch let error as SessionEnded {
            throw error
        } catch {
            // One run whose keys are damaged must not keep the others waiting.
            session.logger.error(
                "a run that waits cannot be looked at; see it with stepwise doctor",
                metadata: ["run": "\(id)", "error": "\(error)"])
            return false
        }
    }
}
