internal import StepwiseRedis

/// What is stored of a run, without its steps.
public struct RunDetails: Sendable, Hashable, Codable {
    public var id: String
    public var workflow: String
    public var status: RunStatus
    public var queue: String
    /// How many outcomes are recorded.
    public var recorded: Int
    /// Who has the turn: `queue`, `unserved`, a worker, or nobody (empty).
    public var turn: String
    /// Milliseconds since 1970 by Redis' clock.
    public var created: Int?
    public var ended: Int?
    /// How often it has begun anew (`continueAsNew`); what is told of its input and its outcomes is the last time's.
    public var continued: Int
    /// Why a parked, paused or unserved run waits.
    public var reason: String?
    /// Of a run that is parked because the code asks for other steps than were recorded: where, and for which.
    public var divergence: Divergence?
    /// The patches that were applied in it: id → how many outcomes its function had had when it asked.
    public var patches: [String: Int]
    /// Up to which outcome its function was taken; `nil` before the first time.
    public var delivered: Int?
    /// How many step calls of its function were opened.
    public var opened: Int?
    /// The versions of the workflow that could not replay it, since it was last resumed.
    public var incompatibleVersions: [String]
    /// Why its end was asked for, if it was.
    public var cancelled: String?
    /// A misuse that was noticed, such as a step called from `Task {}`.
    public var warning: String?
    /// The input, as it was stored.
    public var payload: String
    /// The output's JSON of a completed run.
    public var output: String?
    /// The error's JSON of a failed run.
    public var error: String?
    /// Until when it has to be done, if it has to; in the same way as `created`.
    public var deadline: Int?
    /// When it starts, or was to start, if it was enqueued for later; in the same way as `created`.
    public var startsAt: Int?
    /// What its enqueuer said of it.
    public var labels: [String: String]
    /// The failed run whose work this one began anew.
    public var origin: String?
    /// The run that began this failed one's work anew.
    public var restarted: String?
    /// The run of which this one is a child.
    public var parent: String?
    /// The step of the parent that made it.
    public var parentStep: String?
    /// The parent's queue, if it waits for this run's end.
    package var parentQueue: String?
}

extension RunDetails {
    /// A run of which nothing else is known.
    package init(id: String, workflow: String, status: RunStatus, queue: String, payload: String) {
        self.init(
            id: id, workflow: workflow, status: status, queue: queue, recorded: 0, turn: "", continued: 0,
            patches: [:], incompatibleVersions: [],
            payload: payload, labels: [:])
    }
}

/// One recorded outcome.
public struct RecordedStep: Sendable, Hashable, Codable {
    /// 1 for the first outcome of the run.
    public var number: Int
    public var step: String
    public var attempts: Int
    /// How long the last attempt took, in milliseconds.
    public var took: Int?
    /// When it was recorded, in milliseconds since 1970 by Redis' clock.
    public var at: Int?
    /// The worker that recorded it.
    public var worker: String
    /// The value's JSON, or
    public var value: String?
    /// the error.
    public var error: StepFailure?
    /// How many workers died holding the step.
    public var lost: Int
    /// The failed attempts before the last, at most the last 20 of them.
    public var failed: [FailedAttempt]
    /// Of the record of a cancellation, or of a run's timeout, which are no step's: its reason.
    public var cancel: String?
    /// The JSON of the key that the step was called with.
    public var key: String?
    /// `invoke` or `start` for a step that made a run, `now` for a look at the clock; `nil` for one with a body.
    public var kind: String?
    /// The id of the run that it made.
    public var child: String?
}

extension RecordedStep {
    package init(number: Int, _ record: OutcomeRecord) {
        self.init(
            number: number, step: record.outcome.step, attempts: record.attempts, took: record.took, at: record.at,
            worker: String(record.claim.prefix { $0 != "/" }), lost: record.lost, failed: record.failed)
        key = record.outcome.key
        (kind, child) = (record.outcome.kind, record.child)
        switch record.outcome.result {
        case .value(let json): value = String(decoding: json, as: UTF8.self)
        case .error(let failure): error = failure
        case .cancel(let reason), .timeout(let reason): cancel = reason
        }
    }

    /// The outcome that it tells of, for a replay.
    package var outcome: Outcome {
        let result: Outcome.Result =
            if let error {
                .error(error)
            } else if let cancel {
                .cancel(cancel)
            } else {
                .value(Array((value ?? "null").utf8))
            }
        return Outcome(step: step, result: result, key: key, kind: kind)
    }
}

extension StepwiseClient {
    /// What is stored of a run; `nil` if there is none.
    package func details(ofRun id: String) async throws -> RunDetails? {
        let fields = [
            "workflow", "status", "queue", "recorded", "turn", "created", "ended", "reason", "warning", "payload",
            "output",
            "error", "cancelled", "labels", "origin", "restarted", "deadline", "divergence", "unfit",
            "patches", "delivered", "opened",
            "parent", "parentQueue", "startsAt", "continued",
        ]
        let reply = try await command(
            ["HMGET", .init(keys.run(id))] + fields.map { .init($0) }, doing: "reading run \(id)")
        guard let v = reply.array, v.count == fields.count, let workflow = v[0].string, let status = v[1].string else {
            return nil
        }
        let parent = v[22].string.flatMap { ParentStep($0) }
        return RunDetails(
            id: id, workflow: workflow, status: RunStatus(rawValue: status), queue: v[2].string ?? "",
            recorded: v[3].integer ?? 0,
            turn: v[4].string ?? "", created: v[5].integer, ended: v[6].integer,
            continued: v[25].integer ?? 0, reason: v[7].string,
            divergence: v[17].bytes.flatMap { try? JSON.decode(Divergence.self, from: $0, what: "") },
            patches: v[19].bytes.map { PatchMarks.read($0) } ?? [:], delivered: v[20].integer,
            opened: v[21].integer,
            incompatibleVersions: v[18].string?.split(separator: " ").map(String.init) ?? [],
            cancelled: v[12].string,
            warning: v[8].string,
            payload: v[9].string ?? "null", output: v[10].string, error: v[11].string, deadline: v[16].integer,
            startsAt: v[24].integer,
            labels: RunLabels(stored: v[13].string).values, origin: v[14].string, restarted: v[15].string,
            parent: parent?.run, parentStep: parent?.step, parentQueue: v[23].string)
    }

    /// A run's outcomes in their order, read in pages.
    package func history(ofRun id: String) async throws -> [RecordedStep] {
        var steps: [RecordedStep] = []
        while true {
            let reply = try await evaluate(
                ScriptLibrary.history, [keys.steps(id)], [.init(steps.count)], doing: "reading the history of run \(id)"
            )
            guard let page = reply.array, !page.isEmpty else { return steps }
            for item in page {
                steps.append(RecordedStep(number: steps.count + 1, try OutcomeRecord(item.bytes ?? [])))
            }
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
        if step != nil {
            throw StepwiseError(
                .wrongStatus,
                "run \(id) is not failed, it is \(details.status): only failed runs can be resumed from a step")
        }
        var cursor = "0"
        while true {
            let reply = try await evaluate(
                ScriptLibrary.resume,
                [
                    keys.run(id), keys.open(id), keys.queue(details.queue), keys.runs(.parked), keys.runs(.running),
                    keys.unfit(details.workflow), keys.runs(.paused), keys.runs(.queued), keys.runs(.noWorker),
                ], [.init(id), .init(cursor), ""], doing: "resuming run \(id)")
            let reader = ReplyReader("resume", reply)
            switch reader.word {
            case "resumed": return
            case "more": cursor = try reader.text(1)
            default:
                let status = try reader.text(1)
                if status.isEmpty { throw noSuchRun(id) }
                throw StepwiseError(
                    .wrongStatus,
                    "run \(id) is not parked, it is \(status): only parked, paused and failed runs can be resumed"
                )
            }
        }
    }
}
