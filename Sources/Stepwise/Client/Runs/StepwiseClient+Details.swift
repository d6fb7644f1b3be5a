extension StepwiseClient {
    /// What is stored of a run; `nil` if there is none.
    package func details(ofRun id: String) async throws -> RunDetails? { try await record(ofRun: id)?.details }

    /// The same, with the protocol's own fields.
    package func record(ofRun id: String) async throws -> RunRecord? {
        let run = try await command(
            .run(
                keys, id, .workflow, .status, .queue, .recorded, .turn, .created, .began, .ended, .reason, .warning,
                .payload,
                .output, .error, .cancelled, .labels, .origin, .restarted, .deadline, .divergence, .unfit, .patches,
                .delivered, .opened, .parent, .parentQueue, .startsAt, .continued, .ending), doing: "reading run \(id)")
        guard let workflow = run.text(.workflow), let status = run.status else { return nil }
        let details = RunDetails(
            id: id, workflow: workflow, status: status, queue: run.text(.queue) ?? "",
            recorded: run.integer(.recorded) ?? 0, created: run.date(.created), began: run.date(.began),
            ended: run.date(.ended),
            continued: run.integer(.continued) ?? 0, reason: run.text(.reason),
            divergence: run.bytes(.divergence).flatMap { try? JSON.decode(Divergence.self, from: $0, what: "") },
            patches: run.bytes(.patches).map { PatchMarks.read($0) } ?? [:], cancelled: run.text(.cancelled),
            ending: run.text(.ending), warning: run.text(.warning), payload: run.text(.payload) ?? "null",
            output: run.text(.output),
            error: run.text(.error), deadline: run.date(.deadline), startsAt: run.date(.startsAt),
            labels: RunLabels(stored: run.text(.labels)).values, origin: run.text(.origin),
            restarted: run.text(.restarted), parent: run.parent?.run, parentStep: run.parent?.step)
        return RunRecord(
            details: details, turn: run.text(.turn) ?? "", delivered: run.integer(.delivered),
            opened: run.integer(.opened), incompatibleVersions: run.incompatibleVersions,
            parentQueue: run.text(.parentQueue))
    }

    /// A run's outcomes in their order, read in pages.
    package func history(ofRun id: String) async throws -> [RecordedStep] {
        var steps: [RecordedStep] = []
        while true {
            let page = try await evaluate(
                .history(keys, id, from: steps.count), doing: "reading the history of run \(id)")
            if page.isEmpty { return steps }
            for record in page { steps.append(RecordedStep(number: steps.count + 1, try OutcomeRecord(record))) }
        }
    }

    /// Lets a parked, paused or failed run go on, under the same id.
    ///
    /// A failed run keeps every recorded value and tries again what failed: the step whose error ended it, with all its attempts, or, if
    /// it was no step's, the function. That is for runs in which nothing was recorded after that error; after a compensation, say, what
    /// was undone counts as done. From a step on, that step and everything recorded after it are forgotten and executed again, as other
    /// steps: their idempotency keys are new.
    ///
    /// - Parameters:
    ///   - id: the run.
    ///   - step: of a failed run, the id of the step to go on from.
    /// - Throws: ``StepwiseError``: `noSuchRun`, `wrongStatus` if the run is neither parked nor failed, or cannot be resumed as it is (the
    ///   message says what to do), or one of the `redis…` codes.
    public func resume(_ id: String, from step: String? = nil) async throws {
        guard let details = try await details(ofRun: id) else { throw noSuchRun(id) }
        if details.status == .failed { return try await revive(id, from: step) }
        if details.status == .ending { throw stillEnding(id, "be resumed") }
        if step != nil {
            throw StepwiseError(
                .wrongStatus,
                "run \(id) is not failed, it is \(details.status): only failed runs can be resumed from a step")
        }
        var isNext = false
        while true {
            let reader = try await evaluate(
                .resume(keys, id, queue: details.queue, workflow: details.workflow, isNext: isNext),
                doing: "resuming run \(id)")
            switch reader.word {
            case "resumed": return
            case "more": isNext = true
            default:
                let status = try reader.text(1)
                if status.isEmpty { throw noSuchRun(id) }
                if status == RunStatus.ending.rawValue { throw stillEnding(id, "be resumed") }
                throw StepwiseError(
                    .wrongStatus,
                    "run \(id) is not parked, it is \(status): only parked, paused and failed runs can be resumed"
                )
            }
        }
    }
}
