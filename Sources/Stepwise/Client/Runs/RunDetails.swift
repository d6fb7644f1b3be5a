#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// What is stored of a run, without its steps.
public struct RunDetails: Sendable, Hashable, Codable {
    public var id: String
    public var workflow: String
    public var status: RunStatus
    public var queue: String
    /// How many outcomes are recorded.
    public var recorded: Int
    /// When it was created, by Redis' clock, as all times here.
    public var created: Date?
    /// When a worker first took it up, by Redis' clock; `nil` as long as none has, or none could begin it. It stays what it is when the run
    /// begins anew (`continueAsNew`), and when it is resumed; a restart is another run, with a time of its own.
    public var began: Date?
    /// When it ended.
    public var ended: Date?
    /// How often it has begun anew (`continueAsNew`); what is told of its input and its outcomes is the last time's.
    public var continued: Int
    /// Why a parked, paused or unserved run waits.
    public var reason: String?
    /// Of a run that is parked because the code asks for other steps than were recorded: where, and for which.
    public var divergence: Divergence?
    /// The patches that were applied in it: id → how many outcomes its function had had when it asked.
    public var patches: [String: Int]
    /// Why its end was asked for, if it was.
    public var cancelled: String?
    /// What a run that is ending ends as: `completed`, `failed` or `cancelled`; or `continued`, if it begins anew then. See ``RunStatus/ending``.
    public var ending: String?
    /// A misuse that was noticed, such as a step called from `Task {}`.
    public var warning: String?
    /// The input, as it was stored.
    public var payload: String
    /// The output's JSON of a run that has completed, or is ending as `completed`.
    public var output: String?
    /// The error's JSON of a run that has failed, or is ending as `failed`.
    public var error: String?
    /// Until when it has to be done, if it has to.
    public var deadline: Date?
    /// When it starts, or was to start, if it was enqueued for later.
    public var startsAt: Date?
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

    private enum CodingKeys: String, MillisecondKeys {
        case id, workflow, status, queue, recorded, created, began, ended, continued, reason, divergence, patches,
            cancelled,
            ending, warning
        case payload, output, error, deadline, startsAt, labels, origin, restarted, parent, parentStep
    }
}

extension RunDetails {
    /// A run of which nothing else is known.
    package init(id: String, workflow: String, status: RunStatus, queue: String, payload: String) {
        self.init(
            id: id, workflow: workflow, status: status, queue: queue, recorded: 0, continued: 0, patches: [:],
            payload: payload, labels: [:])
    }
}

/// One recorded outcome.
public struct RecordedStep: Sendable, Hashable, Codable {
    /// 1 for the first outcome of the run.
    public var number: Int
    public var step: String
    public var attempts: Int
    /// How long the last attempt took, by the worker's clock.
    public var took: Duration?
    /// How long the step was on a queue before its first attempt began, in whole milliseconds; `nil` if that was 100 ms or less, or is not
    /// known: of a step whose time was up before it had an outcome, and of one whose first attempt has cost a worker.
    public var waited: Duration?
    /// When it was recorded, by Redis' clock.
    public var at: Date?
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
    /// Of the record of a cancellation, or of a run's timeout, which are not a step's: its reason.
    public var cancel: String?
    /// The JSON of the key that the step was called with.
    public var key: String?
    /// `invoke` or `start` for a step that made a run, `now` for a look at the clock; `nil` for one with a body.
    public var kind: String?
    /// The id of the run that it made.
    public var child: String?

    private enum CodingKeys: String, MillisecondKeys {
        case number, step, attempts, took, waited, at, worker, value, error, lost, failed, cancel, key, kind, child
    }
}

extension RecordedStep {
    package init(number: Int, _ record: OutcomeRecord) {
        self.init(
            number: number, step: record.outcome.step, attempts: record.attempts,
            took: record.took.map { .milliseconds($0) }, waited: record.waited.map { .milliseconds($0) },
            at: Date(milliseconds: record.at),
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
