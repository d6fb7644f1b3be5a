/// Tells the worker's observer, and counts. Outcomes are told in their order by the holder of the turn, once the script that took the function
/// past them has answered: so each is told, and counted, once, whoever wrote it, and by nobody who has lost the turn.
extension RunDriver {
    /// Keeps an outcome that the instance has had until it can be told.
    func note(_ record: OutcomeRecord, number: Int, delivered: Int) {
        guard session.observer != nil, number > delivered else { return }
        var step = observed(record.outcome.step, number: number, record.outcome.kind, record.outcome.result)
        (step.attempts, step.took) = (record.attempts, record.took.map { .milliseconds($0) })
        unreported.append(step)
    }

    /// An outcome that the instance has had before it is recorded.
    func observed(_ record: RunStore.Record, number: Int) -> [ObservedStep] {
        var step = observed(record.step, number: number, record.kind, record.result)
        (step.attempts, step.took) = (record.attempt, .milliseconds(record.took))
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
    func forgetReported(upto delivered: Int) {
        unreported.removeAll { $0.number <= delivered }
        pendingReports.upto = max(pendingReports.upto, delivered)
    }

    /// What a script is about to take the function past. Only its answer decides what becomes of it; another call's answer, with a later look at
    /// the run, may come first.
    struct PendingReport: Sendable {
        let number: Int
        let steps: [ObservedStep]
        /// After which outcome it begins.
        let from: Int
        /// `nil` until it is decided.
        var result: [Observation]?
    }

    /// To be called when the script is sent.
    ///
    /// - Parameter record: the outcome that the script records as number `upto`.
    func beginReport(upto: Int, _ record: RunStore.Record? = nil) -> PendingReport {
        let from = pendingReports.upto
        pendingReports.upto = max(from, upto)
        guard session.observer != nil else { return PendingReport(number: 0, steps: [], from: from) }
        let steps = unreported.filter { $0.number <= upto } + (record.map { observed($0, number: upto) } ?? [])
        forgetReported(upto: upto)
        pendingReports.count += 1
        let report = PendingReport(number: pendingReports.count, steps: steps, from: from)
        pendingReports.waiting.append(report)
        return report
    }

    /// Counts and tells what a script has made certain. An answer that does not say that it was this turn's call that did it tells nothing.
    ///
    /// - Parameter reply: `nil` if none came.
    func end(_ report: PendingReport, after reply: AdvanceReply?, to request: RunStore.Advance) {
        let counts = session.counts
        let outcomes = request.upto - report.from
        let end: Observation?
        switch reply {
        case .inline, .released(_, isOwn: true), .ending: end = nil
        case .more where request.plan.isComplete && request.ending == nil: end = nil
        case .more, .paused:
            pendingReports.upto = min(pendingReports.upto, report.from)
            guard session.observer != nil else { return }
            unreported.insert(contentsOf: report.steps, at: 0)
            return decide(report, [])
        case .finished(let status?) where status.rawValue == request.ending?.status.rawValue:
            counts.note(ended: status)
            end = session.observer == nil ? nil : Observation.ended(observed(status))
        case .continued(isOwn: true): end = session.observer == nil ? nil : Observation.continued(observed(.running))
        case .finished, .released, .continued, .rebuild, .stale, .reset, nil:
            if session.observer != nil { decide(report, []) }
            return
        }
        counts.note(outcomes: outcomes)
        guard session.observer != nil else { return }
        decide(report, report.steps.map { Observation.recorded($0) } + (end.map { [$0] } ?? []))
    }

    /// Answers may be taken up in another order than that in which the scripts were sent.
    private func decide(_ report: PendingReport, _ result: [Observation]) {
        guard let index = pendingReports.waiting.firstIndex(where: { $0.number == report.number }) else { return }
        pendingReports.waiting[index].result = result
        while let result = pendingReports.waiting.first?.result {
            pendingReports.waiting.removeFirst()
            for observation in result { session.observer?.report(observation) }
        }
    }

    private func observed(_ status: RunStatus) -> ObservedRun {
        ObservedRun(
            run: run.id, workflow: about?.workflow ?? "", generation: Generation.number(of: run.generation),
            status: status)
    }
}

extension WorkerSession {
    /// Counts and tells of a run that has ended without its function.
    ///
    /// - Parameter known: how, if that is known.
    func reportEnd(of id: String, as known: RunStatus? = nil) async throws {
        if observer == nil, let known { return counts.note(ended: known) }
        let run = try await command(.run(keys, id, .workflow, .generation, .status))
        // Of one that is ending, whoever writes the last page tells.
        guard let status = run.status, status != .ending else { return }
        counts.note(ended: status)
        observer?.report(
            .ended(
                ObservedRun(
                    run: id, workflow: run.text(.workflow) ?? "",
                    generation: Generation.number(of: run.text(.generation) ?? ""), status: status)))
    }

    /// Counts and tells of a run whose end was written in pages.
    ///
    /// - Parameter status: `nil` if it has begun anew.
    func report(_ run: RunStore.Run, _ status: RunStatus?) async throws {
        if let status { counts.note(ended: status) }
        guard let observer else { return }
        let workflow = try await command(.run(keys, run.id, .workflow)).text(.workflow) ?? ""
        let observed = ObservedRun(
            run: run.id, workflow: workflow, generation: Generation.number(of: run.generation),
            status: status ?? .running)
        observer.report(status == nil ? .continued(observed) : .ended(observed))
    }
}
