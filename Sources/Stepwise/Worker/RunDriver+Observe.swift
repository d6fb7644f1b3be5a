internal import StepwiseRedis

/// Telling the worker's observer. Outcomes are told in their order by the holder of the turn, once the script that took the function past them
/// has answered: so each is told once, whoever wrote it, and by nobody who has lost the turn.
extension RunDriver {
    /// Keeps an outcome that the instance has had until it can be told.
    func note(_ record: OutcomeRecord, number: Int, delivered: Int) {
        guard session.observer != nil, number > delivered else { return }
        var step = observed(record.outcome.step, number: number, record.outcome.kind, record.outcome.result)
        (step.attempts, step.took) = (record.attempts, record.took)
        untold.append(step)
    }

    /// An outcome that the instance has had before it is recorded.
    func observed(_ record: RunStore.Record, number: Int) -> [ObservedStep] {
        var step = observed(record.step, number: number, record.kind, record.result)
        (step.attempts, step.took) = (record.attempt, record.took)
        return [step]
    }

    private func observed(
        _ step: String, number: Int, _ kind: String?, _ result: Outcome.Result
    ) -> ObservedStep {
        var observed = ObservedStep(
            run: run.id, workflow: about?.workflow ?? "", generation: Generation.number(of: run.generation),
            number: number, step: step, kind: kind, attempts: 1)
        switch result {
        case .value: break
        case .error(let failure): observed.error = failure
        case .cancel(let reason), .timeout(let reason): observed.cancel = reason
        }
        return observed
    }

    /// The function was taken past these by an earlier turn, which has told them.
    func forgetTold(upto delivered: Int) {
        untold.removeAll { $0.number <= delivered }
    }

    /// What a script is about to take the function past. Only its answer decides what becomes of it; another call's answer, with a later look at
    /// the run, may come first.
    struct Telling: Sendable {
        let number: Int
        let steps: [ObservedStep]
        /// `nil` until it is decided.
        var result: [Observation]?
    }

    /// To be called when the script is sent.
    ///
    /// - Parameter record: the outcome that the script records as number `upto`.
    func beginTelling(upto: Int, _ record: RunStore.Record? = nil) -> Telling {
        guard session.observer != nil else { return Telling(number: 0, steps: []) }
        let steps = untold.filter { $0.number <= upto } + (record.map { observed($0, number: upto) } ?? [])
        forgetTold(upto: upto)
        tellings.count += 1
        let telling = Telling(number: tellings.count, steps: steps)
        tellings.waiting.append(telling)
        return telling
    }

    /// Tells what a script has made certain. An answer that does not say that it was this turn's call that did it tells nothing.
    ///
    /// - Parameter reply: `nil` if none came.
    func end(_ telling: Telling, after reply: AdvanceReply?, to request: RunStore.Advance) {
        guard session.observer != nil else { return }
        let recorded = telling.steps.map { Observation.recorded($0) }
        switch reply {
        case .inline, .released(_, isOwn: true): decide(telling, recorded)
        case .more where request.plan.isComplete && request.ending == nil: decide(telling, recorded)
        case .more, .paused:
            untold.insert(contentsOf: telling.steps, at: 0)
            decide(telling, [])
        case .finished(let status?) where status.rawValue == request.ending?.status.rawValue:
            decide(telling, recorded + [.ended(observed(status))])
        case .continued(isOwn: true): decide(telling, recorded + [.continued(observed(.running))])
        case .finished, .released, .continued, .rebuild, .lost, .reset, nil: decide(telling, [])
        }
    }

    /// Answers may be taken up in another order than that in which the scripts were sent.
    private func decide(_ telling: Telling, _ result: [Observation]) {
        guard let index = tellings.waiting.firstIndex(where: { $0.number == telling.number }) else { return }
        tellings.waiting[index].result = result
        while let result = tellings.waiting.first?.result {
            tellings.waiting.removeFirst()
            for observation in result { session.observer?.tell(observation) }
        }
    }

    private func observed(_ status: RunStatus) -> ObservedRun {
        ObservedRun(
            run: run.id, workflow: about?.workflow ?? "", generation: Generation.number(of: run.generation),
            status: status)
    }
}

extension WorkerSession {
    /// Tells of a run that has ended without its function.
    func tellEnd(of id: String) async throws {
        guard let observer else { return }
        let reply = try await command(["HMGET", .init(keys.run(id)), "workflow", "generation", "status"])
        guard let v = reply.array, v.count == 3, let status = v[2].string else { return }
        observer.tell(
            .ended(
                ObservedRun(
                    run: id, workflow: v[0].string ?? "", generation: Generation.number(of: v[1].string ?? ""),
                    status: RunStatus(rawValue: status))))
    }
}
