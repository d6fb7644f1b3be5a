internal import StepwiseRedis

// How runs come and go, and what people do to them.

extension ScriptLibrary {
    static let enqueue = Script(
        "enqueue", PackageResources.enqueue_lua, after: indexing,
        keys: ["run", "queue", "queued", "delayed", "parent_queue", "meta?", "indexes..."],
        arguments: [
            "id", "workflow", "queue", "payload", "labels", "origin", "timeout", "parent", "parent_queue", "depth",
            "start", "names...",
        ])
    static let enqueuePlain = Script(
        "enqueue_plain", PackageResources.enqueue_plain_lua, after: plain, keys: ["run", "queue", "queued"],
        arguments: ["id", "workflow", "queue", "payload"])
    static let pause = Script(
        "pause", PackageResources.pause_lua, keys: ["run", "queued", "running", "unserved", "paused"],
        arguments: ["id", "reason"])
    static let resume = Script(
        "resume", PackageResources.resume_lua,
        keys: [
            "run", "open", "queue", "parked", "running", "unfit", "paused", "queued", "unserved", "waiting_pushed",
            "waiting_enqueued", "pushed_queues", "claimed?",
        ], arguments: ["id", "version", "is_next"])
    static let revive = Script(
        "revive", PackageResources.revive_lua, keys: ["run", "steps", "queue", "failed", "dead", "running"],
        arguments: ["id", "generation", "keep", "is_new_number", "is_cancel_forgotten"])
    static let restart = Script("restart", PackageResources.restart_lua, keys: ["run"], arguments: ["new_id"])
    static let cancel = Script(
        "cancel", PackageResources.cancel_lua,
        keys: [
            "run", "steps", "open", "join", "queue", "meta", "cancelled", "ending", "queued", "running", "unserved",
            "parked", "unfit", "paused", "parent_queue", "unserved_items", "claimed", "delayed",
        ], arguments: ["id", "reason", "text", "queue", "parent?", "workflow?"])
    static let timerFired = Script(
        "timer_fired", PackageResources.timer_fired_lua,
        keys: [
            "run", "steps", "open", "join", "queue", "delayed", "meta", "failed", "ending", "dead", "queued", "running",
            "unserved", "parked", "paused", "parent_queue",
        ], arguments: ["id", "generation", "step", "entry", "worker", "queue"])
    static let setDeadline = Script(
        "set_deadline", PackageResources.set_deadline_lua, keys: ["run", "delayed"],
        arguments: ["generation", "timeout", "entry"])
    static let note = Script("note", PackageResources.note_lua, keys: ["run"], arguments: ["sentence"])
    static let await = Script("await", PackageResources.await_lua, keys: ["run"])
    static let expired = Script(
        "expired", PackageResources.expired_lua, keys: ["list"], arguments: ["age", "from", "passed"])
    static let deleteRuns = Script(
        "delete_runs", PackageResources.delete_runs_lua, after: indexing, keys: ["list", "dead", "runs..."],
        arguments: ["status", "indexes", "known..."])
    static let forgetWaiting = Script(
        "forget_waiting", PackageResources.forget_waiting_lua, after: indexing,
        keys: ["waiting", "parked", "unserved", "queued", "delayed", "paused", "failed", "dead", "runs..."],
        arguments: ["queue", "age", "indexes", "ids..."])
    static let refuseWaiting = Script(
        "refuse_waiting", PackageResources.refuse_waiting_lua, after: indexing,
        keys: [
            "run", "steps", "open", "join", "mail", "seen", "expected", "claimed", "running", "delayed", "malformed",
            "indexes...",
        ], arguments: ["id", "text", "worker", "entry", "reason", "max_entries", "names..."])
    static let failWaiting = Script(
        "fail_waiting", PackageResources.fail_waiting_lua,
        keys: [
            "run", "open", "join", "queue", "delayed", "meta", "queued", "parked", "unserved", "failed", "dead",
            "parent_queue", "unserved_items", "unfit", "waiting",
        ], arguments: ["id", "queue", "age", "limit"])
    static let inspect = Script(
        "inspect", PackageResources.inspect_lua, keys: ["run", "steps", "open", "join", "lists..."],
        arguments: ["id", "cursor", "from"])
}

extension ScriptCall<Bool> {
    /// Makes a run with no options but its queue. `false` if there is one.
    static func enqueuePlain(_ keys: Keys, _ order: RunOrder, _ id: String) -> Self {
        let queue = order.options.queue
        return Self(
            ScriptLibrary.enqueuePlain, keys: [keys.run(id), keys.queue(queue), keys.runs(.queued)],
            arguments: [.init(id), .init(order.workflow), .init(queue), .init(order.payload)])
    }
}

extension ScriptCall<ReplyReader> {
    /// Makes a run, once.
    ///
    /// - Parameters:
    ///   - parent: the step that makes it.
    ///   - parentQueue: the queue of the parent's run.
    ///   - isAwaited: whether that run waits for the end.
    ///   - depth: how many runs are above it.
    ///   - indexed: the labels that have an index.
    static func enqueue(
        _ keys: Keys, _ id: String, workflow: String, payload: [UInt8], _ options: EnqueueOptions,
        parent: ParentStep? = nil, parentQueue: String? = nil, isAwaited: Bool = false, depth: Int? = nil,
        indexed: [String]
    ) -> Self {
        var allKeys = [
            keys.run(id), keys.queue(options.queue), keys.runs(.queued), keys.delayed,
            keys.queue(parentQueue ?? options.queue),
        ]
        var arguments: [RedisArgument] = [
            .init(id), .init(workflow), .init(options.queue), .init(payload), .init(options.labels.json),
            .init(options.origin ?? ""), .init(options.timeout.map(String.init) ?? ""), .init(parent?.text ?? ""),
            .init(isAwaited ? parentQueue ?? "" : ""), .init(depth.map(String.init) ?? ""),
            .init(options.start?.text ?? ""),
        ]
        let indexes = RunIndexes(of: options.labels, among: indexed)
        if !indexes.isEmpty {
            allKeys += [keys.meta] + indexes.keys(keys)
            arguments += indexes.arguments
        }
        return Self(ScriptLibrary.enqueue, keys: allKeys, arguments: arguments)
    }

    static func pause(_ keys: Keys, _ id: String, reason: String) -> Self {
        Self(
            ScriptLibrary.pause,
            keys: [
                keys.run(id), keys.runs(.queued), keys.runs(.running), keys.runs(.noWorker), keys.runs(.paused),
            ], arguments: [.init(id), .init(reason)])
    }

    /// One page of a parked or paused run's resumption.
    ///
    /// - Parameters:
    ///   - isNext: whether the caller has sent a page before.
    ///   - claims: the list of a worker that takes the turn.
    ///   - version: of that worker's code.
    static func resume(
        _ keys: Keys, _ id: String, queue: String, workflow: String, isNext: Bool, claims: String? = nil,
        version: String = ""
    ) -> Self {
        Self(
            ScriptLibrary.resume,
            keys: [
                keys.run(id), keys.open(id), keys.queue(queue), keys.runs(.parked), keys.runs(.running),
                keys.unfit(workflow), keys.runs(.paused), keys.runs(.queued), keys.runs(.noWorker),
                keys.waitingPushed(queue),
                keys.waitingEnqueued, keys.pushedQueues,
            ] + (claims.map { [$0] } ?? []), arguments: [.init(id), .init(version), isNext ? "1" : ""])
    }

    /// One page of a failed run's resumption.
    ///
    /// - Parameters:
    ///   - keep: how many of its outcomes stay.
    ///   - raisesGeneration: whether what is forgotten gets new idempotency keys.
    ///   - forgetsCancel: whether a cancellation is among what is forgotten.
    static func revive(
        _ keys: Keys, _ id: String, queue: String, generation: String, keep: Int, raisesGeneration: Bool,
        forgetsCancel: Bool
    ) -> Self {
        Self(
            ScriptLibrary.revive,
            keys: [
                keys.run(id), keys.steps(id), keys.queue(queue), keys.runs(.failed), keys.dead, keys.runs(.running),
            ],
            arguments: [
                .init(id), .init(generation), .init(keep), raisesGeneration ? "1" : "", forgetsCancel ? "1" : "",
            ])
    }

    static func restart(_ keys: Keys, _ id: String, as newID: String) -> Self {
        Self(ScriptLibrary.restart, keys: [keys.run(id)], arguments: [.init(newID)])
    }

    /// - Parameters:
    ///   - parentQueue: the queue of the run that waits for this one's end.
    ///   - claim: for a worker that does what a parent has asked for: the list and the text of its claim, the step that has made the run,
    ///     and the run's workflow as that step knows it.
    static func cancel(
        _ keys: Keys, _ id: String, reason: String, queue: String, workflow: String, parentQueue: String?,
        claim: (list: String, text: String, parent: ParentStep, workflow: String)? = nil
    ) -> Self {
        Self(
            ScriptLibrary.cancel,
            keys: [
                keys.run(id), keys.steps(id), keys.open(id), keys.join(id), keys.queue(queue), keys.meta,
                keys.runs(.cancelled), keys.runs(.ending), keys.runs(.queued), keys.runs(.running),
                keys.runs(.noWorker), keys.runs(.parked),
                keys.unfit(workflow), keys.runs(.paused), keys.queue(parentQueue ?? queue),
                keys.unserved(queue, workflow),
                claim?.list ?? keys.queue(queue), keys.delayed,
            ],
            arguments: [.init(id), .init(reason), .init(claim?.text ?? ""), .init(queue)]
                + (claim.map { [.init($0.parent.text), .init($0.workflow)] } ?? []))
    }

    /// How a run stands. If it has not ended, its end will be published.
    static func await(_ keys: Keys, _ id: String) -> Self { Self(ScriptLibrary.await, keys: [keys.run(id)]) }

    static func inspect(_ keys: Keys, _ id: String, cursor: String, from: String) -> Self {
        Self(
            ScriptLibrary.inspect,
            keys: [keys.run(id), keys.steps(id), keys.open(id), keys.join(id)] + RunStatus.all.map { keys.runs($0) }
                + [keys.dead], arguments: [.init(id), .init(cursor), .init(from)])
    }
}

/// A run past its age, with its score in its list as Redis writes it.
package struct ExpiredRun: Sendable, Hashable {
    package var id: String
    package var score: String

    package init(id: String, score: String) { (self.id, self.score) = (id, score) }
}

/// A place in a list of runs: from a score on, behind as many entries as `passed` says.
package struct ExpiredPlace: Sendable, Hashable {
    package var score: String
    package var passed: Int

    package init(score: String, passed: Int) { (self.score, self.passed) = (score, passed) }
}

extension ScriptCall<[ExpiredRun]> {
    /// The oldest runs of a list that are past their age, at most 100.
    ///
    /// - Parameters:
    ///   - age: in milliseconds.
    ///   - place: where they begin; `nil`: with the oldest.
    static func expired(_ list: String, age: Int, from place: ExpiredPlace?) -> Self {
        Self(
            ScriptLibrary.expired, keys: [list],
            arguments: [.init(age), .init(place?.score ?? "-inf"), .init(place?.passed ?? 0)]
        ) { reader in
            let texts = reader.items.map { $0.string ?? "" }
            return stride(from: 0, to: texts.count - 1, by: 2).map { ExpiredRun(id: texts[$0], score: texts[$0 + 1]) }
        }
    }
}

/// What became of runs that were to be removed.
struct RunDeletion: Sendable {
    var removed: Int
    /// Those that stay because a step waits for their ends, with that step.
    var unread: [(id: String, parent: String)]
}

extension ScriptCall<RunDeletion> {
    /// Removes runs of one status, at most 100. One for whose end a step waits that is not given with it stays.
    ///
    /// - Parameter indexed: the labels that have an index.
    static func deleteRuns(
        _ keys: Keys, _ status: RunStatus, _ runs: [(id: String, parent: String?)], indexed: [String]
    ) -> Self {
        let indexes = RunIndexes(all: indexed)
        let ofRuns = runs.flatMap { id, _ -> [String] in
            [keys.run(id), keys.steps(id), keys.open(id), keys.join(id), keys.mail(id), keys.seen(id)]
        }
        let known = runs.flatMap { id, parent -> [RedisArgument] in [.init(id), .init(parent ?? "")] }
        let first: [RedisArgument] = [.init(status.rawValue), .init(indexed.count)]
        return Self(
            ScriptLibrary.deleteRuns, keys: [keys.runs(status), keys.dead] + ofRuns + indexes.keys(keys),
            arguments: first + indexes.arguments + known
        ) { reader in
            let items = reader.items
            let texts = items.dropFirst().map { $0.string ?? "" }
            let unread = stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }
            return RunDeletion(removed: items.first?.integer ?? 0, unread: unread)
        }
    }
}

extension ScriptCall<Int> {
    /// Removes pushed runs of a queue that have waited too long and never began, at most 100, and entries of runs that have begun. The reply says
    /// how many of them stay at their place in the list; those after them were not looked at.
    ///
    /// - Parameters:
    ///   - age: for how many milliseconds a run has to have waited; `nil`: no run is removed.
    ///   - indexed: the labels that have an index.
    static func forgetWaiting(
        _ keys: Keys, queue: String, _ runs: [(id: String, workflow: String)], age: Int?, indexed: [String]
    ) -> Self {
        let indexes = RunIndexes(all: indexed)
        let lists = [
            keys.waitingPushed(queue), keys.runs(.parked), keys.runs(.noWorker), keys.runs(.queued), keys.delayed,
            keys.paused, keys.runs(.failed), keys.dead,
        ]
        let ofRuns = runs.flatMap { run -> [String] in
            [
                keys.run(run.id), keys.steps(run.id), keys.open(run.id), keys.join(run.id), keys.mail(run.id),
                keys.seen(run.id), keys.unserved(queue, run.workflow), keys.unfit(run.workflow),
            ]
        }
        let ids = runs.map { RedisArgument($0.id) }
        let first: [RedisArgument] = [.init(queue), .init(age.map(String.init) ?? ""), .init(indexed.count)]
        return Self(
            ScriptLibrary.forgetWaiting, keys: lists + ofRuns + indexes.keys(keys),
            arguments: first + indexes.arguments + ids
        ) { $0.reply.integer ?? 0 }
    }
}

extension ScriptCall<String> {
    /// Fails a run that was enqueued and never began. The reply's word is `ended`, `early` or `obsolete`.
    ///
    /// - Parameters:
    ///   - age: for how long it has to have waited.
    ///   - parentQueue: the queue of the run that waits for this one's end.
    static func failWaiting(
        _ keys: Keys, _ id: String, queue: String, workflow: String, age: Duration, parentQueue: String?
    ) -> Self {
        Self(
            ScriptLibrary.failWaiting,
            keys: [
                keys.run(id), keys.open(id), keys.join(id), keys.queue(queue), keys.delayed, keys.meta,
                keys.runs(.queued), keys.runs(.parked), keys.runs(.noWorker), keys.runs(.failed), keys.dead,
                keys.queue(parentQueue ?? queue), keys.unserved(queue, workflow), keys.unfit(workflow),
                keys.waitingEnqueued,
            ], arguments: [.init(id), .init(queue), .init(age.wholeMilliseconds), .init("\(age)")]
        ) { $0.word }
    }
}

extension RunStore {
    /// Notes within how many milliseconds after its creation a run has to be done, unless it has a limit already.
    nonisolated(nonsending) func setDeadline(_ run: Run, timeout: Int) async throws {
        let entry = TimeLimit(queue: run.queue, run: run.id, generation: run.generation).entry
        try await send(
            ScriptCall<Void>(
                ScriptLibrary.setDeadline, keys: [run.runKey, keys.delayed],
                arguments: [.init(run.generation), .init(timeout), .init(entry)]))
    }

    enum TimerReply: Sendable {
        case recorded
        /// The run has failed with it.
        case ended
        /// The run fails with it, once its open steps are ended in pages.
        case ending
        case nothing
    }

    /// A limit's time has come.
    ///
    /// - Parameter parentQueue: the queue of the run that waits for this one's end.
    nonisolated(nonsending) func timerFired(_ limit: TimeLimit, parentQueue: String?) async throws -> TimerReply {
        let id = limit.run
        return try await send(
            ScriptCall(
                ScriptLibrary.timerFired,
                keys: [
                    keys.run(id), keys.steps(id), keys.open(id), keys.join(id), keys.queue(limit.queue), keys.delayed,
                    keys.meta, keys.runs(.failed), keys.runs(.ending), keys.dead, keys.runs(.queued),
                    keys.runs(.running), keys.runs(.noWorker), keys.runs(.parked), keys.runs(.paused),
                    keys.queue(parentQueue ?? limit.queue),
                ],
                arguments: [
                    .init(id), .init(limit.generation), .init(limit.step ?? ""), .init(limit.entry), .init(worker),
                    .init(limit.queue),
                ]
            ) { reader in
                switch reader.word {
                case "fired": .recorded
                case "ended": .ended
                case "ending": .ending
                case "obsolete", "early": .nothing
                default: throw reader.unexpected
                }
            })
    }

    nonisolated(nonsending) func note(_ id: String, _ sentence: String) async throws {
        try await send(
            ScriptCall<Void>(
                ScriptLibrary.note, keys: [keys.run(id)], arguments: [.init(sentence.prefix(bytes: ErrorWords.limit))]))
    }
}
