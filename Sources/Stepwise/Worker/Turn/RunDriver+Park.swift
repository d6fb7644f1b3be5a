internal import Logging

/// What keeps a run's function from going on here, and parking the run for it.
extension RunDriver {
    /// What stands in the way of the function's next step: its code, or a wait for something that is not a step. `nil`: nothing.
    ///
    /// - Parameter opened: how many of the function's calls Redis has opened. They are compared with what is open there once for each instance, and
    ///   again for what others have opened since.
    func obstacle(_ instance: RunInstance, isAtRest: Bool, opened: Int) async throws -> Obstacle? {
        if case .stuck(let obstacle) = instance.progress { return obstacle }
        if !isAtRest { return .other(escape(instance)) }
        if let divergence = instance.missingPatch { return .divergence(divergence) }
        guard opened > agreed else { return nil }
        if let divergence = try await disagreement(instance, opened: opened) { return .divergence(divergence) }
        if instance === self.instance { agreed = max(agreed, opened) }
        return nil
    }

    private func escape(_ instance: RunInstance) -> String {
        let place = instance.lastStep.map { "after step \"\($0)\"" } ?? "before its first step"
        return
            "the function left its executor \(place) and was not back within \(session.configuration.offExecutorLimit): it awaited something "
            + "that is not a step (Task.sleep, the main actor, an actor of its own); move that into a step's body, then resume the run"
    }

    /// A first look at what is new; where it does not fit, a second at everything.
    private func disagreement(_ instance: RunInstance, opened: Int) async throws -> Divergence? {
        let (steps, atMost) = instance.mustBeOpen(from: agreed, opened: opened)
        let fits = try await session.areOpen(steps, of: run, atMost: atMost) && instance.callCount >= opened
        if fits { return nil }
        let open = try await session.openSteps(of: run)
        var recorded: Set<String> = []
        var from = instance.delivered
        while case let page = try await store.history(run, from: from), !page.isEmpty {
            from += page.count
            for record in page {
                if let step = try? OutcomeRecord(record).outcome.step { recorded.insert(step) }
            }
        }
        return instance.divergence(opened: opened, open: open, recorded: recorded)
    }

    func park(
        _ text: String, number: Int?, step: String?, attempt: Int = 0, _ obstacle: Obstacle
    ) async throws {
        var obstacle = obstacle
        if case .divergence(let divergence) = obstacle, !divergence.asked.isEmpty {
            obstacle = .divergence(divergence.leavingOut(Set(try await session.openSteps(of: run))))
        }
        let workflow = about?.workflow ?? ""
        let reply = try await store.park(
            run, text: text, turn: number, step: step.map { ($0, attempt) }, obstacle, workflow: workflow,
            version: session.functions[workflow]?.version, mostWaiting: session.mostPushedWaiting)
        switch reply {
        case .done:
            let isOver = try await session.endIfCancelled(run, reason: "\(obstacle)")
            if !isOver { session.noteParked(workflow: workflow, run: run.id, reason: "\(obstacle)") }
        case .crowded(let share): try await session.refuse(run, text: text, share)
        }
        discard()
    }
}

extension WorkerSession {
    /// Ends a run that was just parked and that somebody has asked to end before: as a parked run ends that is cancelled. Its function would have had
    /// to hear of it, and cannot.
    ///
    /// - Parameter reason: for which it was parked.
    /// - Returns: whether it is cancelled now.
    func endIfCancelled(_ run: RunStore.Run, reason: String) async throws -> Bool {
        let fields = try await command(.run(keys, run.id, .status, .generation, .cancelled, .workflow, .parentQueue))
        guard fields.status == .parked, fields.text(.generation) == run.generation, let why = fields.text(.cancelled)
        else {
            return false
        }
        let reply = try await evaluate(
            .cancel(
                keys, run.id, reason: why, queue: run.queue, workflow: fields.text(.workflow) ?? "",
                parentQueue: fields.text(.parentQueue)))
        guard ["ended", "ending"].contains(reply.word) else { return false }
        logger.notice(
            "a run that was asked to end, and cannot go on, ends as cancelled",
            metadata: ["run": "\(run.id)", "reason": "\(reason)"])
        if reply.word == "ended" { try await reportEnd(of: run.id, as: .cancelled) }
        return true
    }
}
