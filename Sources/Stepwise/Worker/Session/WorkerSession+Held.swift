internal import Logging
internal import StepwiseRedis

/// Gives up a name whose thread user code holds. Everything goes over the heartbeat's connection; nothing waits for that thread.
extension WorkerSession {
    /// The thread stands still outside of everybody's code: blames the run whose code it executed last.
    func suspectLast() {
        if let driver = driver(numbered: occupancy.lastOwner) { occupancy.suspect(driver) }
    }

    /// What holds the thread.
    ///
    /// - Parameter since: milliseconds since 1970.
    func holder(since: Int) -> HeldThread {
        guard let occupant = occupancy.evicted else {
            return HeldThread(run: nil, step: nil, isBody: false, since: since)
        }
        return HeldThread(
            run: occupant.driver.run.id, step: occupant.instance.map { $0.lastStep } ?? occupant.call?.id,
            isBody: occupant.instance == nil, since: since)
    }

    /// Gives the name up: what has come of bodies is recorded, the run that holds the thread has lost a worker, and everything else goes back as if
    /// nothing had happened. The name is declared dead at the end: by then there is nothing that others could take for lost.
    ///
    /// - Parameter shutdown: until it opens, Redis is waited for.
    func leaveBehind(until shutdown: Latch) async {
        defer { occupancy.forget() }
        // This is another server, which was not asked what it has.
        if connections.beatGate.isShut { return await declareSelfDead() }
        await finally(until: shutdown) {
            // What their blocking moves have taken is in the claim lists, and no more is taken.
            for client in self.connections.blocking.values { await self.stopWaiting(client) }
            await self.withdrawWaitingBodies()
            await self.recordLast()
            do { try await self.countLoss() } catch let error as RedisError {
                self.logger.error(
                    "the loss could not be counted; see the run with \(self.keys.command("doctor"))",
                    metadata: ["error": "\(error)"])
            }
            // These would be interrupted: they are released last.
            let once = self.bodies.all.filter { $0.isOnce && $0.body.isWanted }
            await self.recordReturned(of: self.bodies.all)
            let kept = Set(once.map { Array($0.text.utf8) })
            let queues = self.configuration.queues
            try await self.releaseAll(of: self.name, queues: queues, lost: false, but: kept)
            if !once.isEmpty {
                await self.waitForEnds(of: once, until: shutdown)
                await self.recordReturned(of: once)
                try await self.releaseAll(of: self.name, queues: queues, lost: false)
            }
            _ = try await self.evaluate(.declareSelfDead(self.keys, self.name, queues: queues))
        }
        // Redis was another one in the middle of it, which may not know the name.
        if connections.beatGate.isShut { await declareSelfDead() }
    }

    // MARK: What is known

    /// Records the outcome that the function has, while its turn is still here.
    private func recordLast() async {
        if let occupant = occupancy.evicted, let call = occupant.call, let last = occupant.unrecorded {
            let record = occupant.driver.record(of: call, attempt: last.attempt, last.result, took: last.took)
            await self.record(record, of: occupant.driver.run, turn: last.number, upto: last.upto)
        }
    }

    /// Records what other bodies have returned, all at once. What cannot be recorded is executed again.
    private func recordReturned(of entries: [BodyRegister.Entry]) async {
        await withDiscardingTaskGroup { group in
            for entry in entries {
                guard let json = entry.returned, configuration.problem(withSizeOf: json, what: "a result") == nil else {
                    continue
                }
                group.addTask { await self.record(entry, json) }
            }
        }
    }

    /// Waits for bodies, for as long as a worker that leaves would, or until it is asked to.
    private func waitForEnds(of entries: [BodyRegister.Entry], until shutdown: Latch) async {
        logger.notice(
            "begun bodies of .atMostOnce steps are waited for before the worker goes on",
            metadata: [
                "count": "\(entries.count)", "run": "\(entries.first?.run.id ?? "")",
                "step": "\(entries.first?.step ?? "")",
            ])
        let pause = Duration.milliseconds(50)
        var rest = configuration.shutdownGrace
        while rest > .zero, !shutdown.isOpen, !Task.isCancelled, entries.contains(where: { $0.body.isWanted }) {
            await Latch().wait(atMost: pause, on: connections.beat.eventLoop)
            rest -= pause
        }
    }

    private func record(_ entry: BodyRegister.Entry, _ json: [UInt8]) async {
        var record = RunStore.Record(
            step: entry.step, key: entry.key, attempt: entry.body.attempt, result: .value(json),
            took: entry.body.took, token: nextToken())
        record.kind = entry.kind
        if let turn = entry.turn {
            await self.record(record, of: entry.run, turn: turn.number, upto: turn.delivered + 1)
        } else {
            _ = try? await store.record(entry.run, text: entry.text, record, seen: 0)
        }
    }

    /// Records the outcome of a turn's inline step, and opens nothing. The turn stays, and goes back with the other claims.
    private func record(_ record: RunStore.Record, of run: RunStore.Run, turn number: Int, upto: Int) async {
        let advance = RunStore.Advance(
            number: number, upto: upto, slots: 0, plan: Plan(openings: [], closings: [], isComplete: false))
        _ = try? await store.recordAndAdvance(run, advance, record, isNew: false)
    }

    // MARK: Who is to blame

    /// Counts a lost worker against the code that holds the thread: the body's step, or the run's function.
    private func countLoss() async throws {
        guard let occupant = occupancy.evicted else { return }
        let run = occupant.driver.run
        let claims = try await command(.items(keys.claimed(name, run.queue))).compactMap { item -> Claimed? in
            guard let text = String(validating: item, as: UTF8.self), let workItem = WorkItem(text),
                workItem.run == run.id, workItem.ownGeneration == run.generation
            else { return nil }
            return Claimed(text: text, workItem: workItem)
        }
        let turn = claims.first { $0.step == nil && $0.isOfRun }
        guard occupant.instance == nil, !occupant.isSuspect else {
            if let claim = turn ?? claims.first(where: \.isOfRun) { try await countLoss(of: run, claim, occupant) }
            return
        }
        // A cancellation handler of the user's belongs to no step that is wanted.
        guard let step = occupant.call?.id, let claim = claims.first(where: { $0.step == step }) ?? turn else { return }
        _ = try await evaluate(
            .release(
                keys: keys, item: .init(claim.text), workItem: claim.workItem, worker: name, queue: run.queue,
                lost: true, maximumWorkerLosses: configuration.maximumWorkerLosses,
                parentQueue: parentQueue(of: run.id)))
    }

    private func countLoss(of run: RunStore.Run, _ claim: Claimed, _ occupant: Occupancy.Occupant) async throws {
        let place =
            occupant.isSuspect
            ? "in code that belongs to none of its steps, a deinit say"
            : occupant.instance?.lastStep.map { "after step \"\($0)\"" } ?? "before its first step"
        let most = configuration.maximumWorkerLosses
        let reason =
            "the function has held its worker's thread for longer than stuckLimit (\(configuration.stuckLimit)), the last time "
            + "\(place), and has cost \(most) workers their thread or their process "
            + "(maximumWorkerLosses): it computes without end, or blocks; mend it, or move what takes long into a step's body with .blocking, "
            + "then resume the run"
        let reply = try await evaluate(
            .releaseHeld(
                keys, run, text: claim.text, claim.workItem, worker: name, maximumWorkerLosses: most, reason: reason))
        guard reply == "parked", try await !endIfCancelled(run, reason: reason) else { return }
        let workflow = try await command(.run(keys, run.id, .workflow)).text(.workflow) ?? ""
        noteParked(workflow: workflow, run: run.id, reason: reason)
    }

    /// A claim of the run that holds the thread.
    private struct Claimed {
        let text: String
        let workItem: WorkItem

        /// Of a claimed step.
        var step: String? { if case .step(_, _, _, let step) = workItem { step } else { nil } }

        /// Whether it is a turn or a step, and no message.
        var isOfRun: Bool {
            switch workItem {
            case .turn, .step: true
            case .end, .ended, .cancel, .broadcast, .withdraw: false
            }
        }
    }
}
