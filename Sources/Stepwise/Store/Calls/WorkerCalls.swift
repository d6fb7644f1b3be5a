internal import StepwiseRedis

// How workers come and go, and what they do with claims that they do not execute.

extension ScriptLibrary {
    static let format = Script("format", PackageResources.format_lua, keys: ["meta"], arguments: ["format"])
    static let registerWorker = Script(
        "register_worker", PackageResources.register_worker_lua, keys: ["workers", "worker"],
        arguments: ["worker", "fields..."])
    static let beat = Script(
        "beat", PackageResources.beat_lua, keys: ["workers", "worker", "delayed", "meta", "paused", "lists..."],
        arguments: [
            "worker", "max_due", "is_look_asked", "queues", "has_claimed", "cancels", "unserved_lists", "max_text",
            "free", "clock_ahead", "names...",
        ])
    static let declareDead = Script(
        "declare_dead", PackageResources.declare_dead_lua, keys: ["workers", "worker", "busy"],
        arguments: ["worker", "beat", "queues?"])
    static let compare = Script(
        "compare", PackageResources.compare_lua, keys: ["workers", "worker", "lists..."],
        arguments: ["worker", "queues", "known..."])
    static let deregister = Script(
        "deregister", PackageResources.deregister_lua, keys: ["workers", "worker", "busy", "claims..."],
        arguments: ["worker", "age"])
    static let release = Script(
        "release", PackageResources.release_lua,
        keys: [
            "run", "open", "claimed", "queue", "steps", "join", "running", "queued", "unserved", "failed", "ending",
            "dead", "parent_queue", "worker",
        ],
        arguments: [
            "text", "worker", "kind", "generation", "step", "attempt", "is_lost", "max_losses", "id",
        ])
    static let releaseHeld = Script(
        "release_held", PackageResources.release_held_lua,
        keys: [
            "run", "open", "claimed", "queue", "queued", "running", "unserved", "parked", "waiting_pushed",
            "waiting_enqueued", "pushed_queues",
        ],
        arguments: ["id", "worker", "text", "kind", "generation", "step", "attempt", "max_losses", "reason", "queue"])
    static let noteHeld = Script(
        "note_held", PackageResources.note_held_lua, keys: ["worker"], arguments: ["held", "is_stopped"])
    static let noteAlone = Script(
        "note_alone", PackageResources.note_alone_lua, keys: ["worker"], arguments: ["text"])
    static let releasePushed = Script(
        "release_pushed", PackageResources.release_pushed_lua,
        keys: ["accepting", "inbox", "redelivered", "malformed"],
        arguments: ["is_one", "item", "worker", "is_lost", "max_losses", "max_size", "entry", "max_entries"])
    static let reject = Script(
        "reject", PackageResources.reject_lua, keys: ["claims", "malformed"],
        arguments: ["item", "length", "entry", "reason", "max_entries", "newer"])
    static let trimMalformed = Script(
        "trim_malformed", PackageResources.trim_malformed_lua, keys: ["malformed"], arguments: ["age"])
    static let setUnserved = Script(
        "set_unserved", PackageResources.set_unserved_lua,
        keys: [
            "run", "claimed", "unserved_items", "running", "unserved", "waiting_pushed", "waiting_enqueued",
            "pushed_queues",
        ],
        arguments: ["id", "text", "worker", "is_turn", "reason", "is_paused", "queue", "max_waiting"])
    static let reclaim = Script(
        "reclaim", PackageResources.reclaim_lua, keys: ["run", "unserved_items", "claimed", "waiting_pushed"],
        arguments: ["text", "is_turn"])
    static let tryCommands = Script(
        "try_commands", PackageResources.try_commands_lua, after: plain, keys: ["scratch", "kinds..."],
        arguments: ["channel"])
}

extension ScriptCall<[(command: String, error: String)]> {
    /// Tries every command on a key that is nobody's.
    ///
    /// - Parameter kinds: keys of the kinds that the caller has to be allowed; none is read or written.
    static func tryCommands(_ keys: Keys, kinds: [String]) -> Self {
        Self(ScriptLibrary.tryCommands, keys: [keys.scratch] + kinds, arguments: [.init(keys.ended("*"))]) { reader in
            guard let answers = reader.reply.array else { throw reader.unexpected }
            return answers.pairs { command, error in command.string.map { ($0, error.string ?? "") } }
        }
    }
}

extension ScriptCall<String?> {
    /// Notes the data format of a namespace that has none; the reply is the format that it has now.
    static func format(_ keys: Keys, _ format: String) -> Self {
        Self(ScriptLibrary.format, keys: [keys.meta], arguments: [.init(format)]) { $0.reply.string }
    }
}

extension ScriptCall<Void> {
    /// - Parameter fields: names and values for `worker:<worker>`.
    static func registerWorker(_ keys: Keys, _ name: String, fields: [String]) -> Self {
        Self(
            ScriptLibrary.registerWorker, keys: [keys.workers, keys.worker(name)],
            arguments: [.init(name)] + fields.map { .init($0) })
    }

    /// - Parameter age: how many milliseconds it must have been dead; `nil` for a clean exit.
    static func deregister(_ keys: Keys, _ name: String, queues: [String], age: Int?) -> Self {
        Self(
            ScriptLibrary.deregister,
            keys: [keys.workers, keys.worker(name), keys.busy(name)]
                + ClaimSource.all(queues).map { $0.claims(keys, name) },
            arguments: [.init(name), .init(age.map(String.init) ?? "")])
    }
}

extension ScriptCall<ReplyReader> {
    /// Renews a worker's entry, and asks what it must know.
    ///
    /// - Parameters:
    ///   - duePage: the most due entries to return.
    ///   - withLists: whether to look through the lists, also if no run was cancelled since.
    ///   - hasClaimed: whether the worker has claimed since its last beat.
    ///   - cancels: how many runs were cancelled when it last looked.
    ///   - versioned: those of the workflows that have a version.
    ///   - news: what the worker's entry does not have yet.
    ///   - pausables: which of them are paused?
    static func beat(
        _ keys: Keys, _ name: String, duePage: Int, withLists: Bool, hasClaimed: Bool, cancels: String,
        queues: [String], unserved: [UnservedList], versioned: [String], news: WorkerNews, pausables: [String]
    ) -> Self {
        let arguments: [RedisArgument] = [
            .init(name), .init(duePage), withLists ? "1" : "", .init(queues.count), hasClaimed ? "1" : "",
            .init(cancels), .init(unserved.count), .init(ListedClaim.mostBytes),
            .init(news.free.map(String.init) ?? ""), .init(news.clock.map(String.init) ?? ""),
        ]
        return Self(
            ScriptLibrary.beat,
            keys: [keys.workers, keys.worker(name), keys.delayed, keys.meta, keys.paused]
                + queues.map { keys.claimed(name, $0) } + queues.map { keys.accepting(name, $0) }
                + unserved.map { keys.unserved($0.queue, $0.workflow) }
                + versioned.map { keys.unfit($0) },
            arguments: arguments + pausables.map { .init($0) })
    }
}

extension ScriptCall<CompareReply> {
    /// Asks what Redis has of what a worker holds.
    ///
    /// - Parameters:
    ///   - queues: whose claims are wanted.
    ///   - runs: at most 500 of those that it has an instance of.
    static func compare(_ keys: Keys, _ name: String, queues: [String], _ runs: [(run: RunStore.Run, known: KnownRun)])
        -> Self
    {
        var arguments: [RedisArgument] = [.init(name), .init(queues.count)]
        for (run, known) in runs {
            arguments += [.init(run.generation), .init(known.recorded)]
            switch known.last {
            case .token(let token)?: arguments += ["token", .init(token)]
            case .record(let beginning, let length)?: arguments += [.init(length), .init(beginning)]
            case nil: arguments += ["", ""]
            }
            arguments += [.init(known.opened), .init(known.delivered)]
        }
        return Self(
            ScriptLibrary.compare,
            keys: [keys.workers, keys.worker(name)] + queues.map { keys.claimed(name, $0) }
                + runs.flatMap { [$0.run.runKey, $0.run.stepsKey] },
            arguments: arguments
        ) { reader in
            guard reader.items.count == 5, let entry = ComparedEntry(rawValue: reader.word),
                let claims = reader.items[1].array, let lacking = reader.items[2].array
            else { throw reader.unexpected }
            return CompareReply(
                entry: entry, claims: claims.compactMap(\.bytes), lacking: lacking.compactMap(\.integer),
                hasAllClaims: try reader.integer(3) == 1, compared: try reader.integer(4))
        }
    }
}

extension ScriptCall<Bool> {
    /// Notes which claim a worker is about to execute alone. `false` if its name is gone or dead.
    static func noteAlone(_ keys: Keys, _ name: String, _ text: String) -> Self {
        Self(ScriptLibrary.noteAlone, keys: [keys.worker(name)], arguments: [.init(text)])
    }

    /// - Parameter beat: the beat that was seen for a whole lease.
    static func declareDead(_ keys: Keys, _ name: String, beat: String) -> Self {
        Self(
            ScriptLibrary.declareDead, keys: [keys.workers, keys.worker(name), keys.busy(name)],
            arguments: [.init(name), .init(beat)])
    }

    /// A worker gives its own name up: its entry says so from now on, also if Redis had none.
    static func declareSelfDead(_ keys: Keys, _ name: String, queues: [String]) -> Self {
        Self(
            ScriptLibrary.declareDead, keys: [keys.workers, keys.worker(name), keys.busy(name)],
            arguments: [.init(name), "", .init(queues.joined(separator: " "))])
    }

    /// Claims an unserved work item. `false` if somebody else was faster.
    static func reclaim(
        _ keys: Keys, run: String, _ list: UnservedList, claims: String, text: String, isTurn: Bool
    ) -> Self {
        Self(
            ScriptLibrary.reclaim,
            keys: [
                keys.run(run), keys.unserved(list.queue, list.workflow), claims, keys.waitingPushed(list.queue),
            ],
            arguments: [.init(text), isTurn ? "1" : ""])
    }
}

extension ScriptCall<String> {
    /// One claimed work item goes back to its queue. Used by workers for themselves and for the dead. The reply is the script's word.
    static func release(
        keys: Keys, item: RedisArgument, workItem: WorkItem?, worker: String, queue: String, lost: Bool,
        maximumWorkerLosses: Int, parentQueue: String? = nil
    ) -> Self {
        // What is not a work item has no run; it goes back as it is.
        var kind = "message"
        var generation = ""
        var step = ""
        var attempt = ""
        switch workItem {
        case .turn(_, let itsGeneration):
            kind = "turn"
            generation = itsGeneration
        case .step(_, let itsGeneration, let itsAttempt, let itsStep):
            kind = "step"
            (generation, attempt, step) = (itsGeneration, String(itsAttempt), itsStep)
        case .ended, .cancel, .broadcast, .withdraw, .end, nil:
            break
        }
        let run = workItem?.run ?? ""
        return Self(
            ScriptLibrary.release,
            keys: [
                keys.run(run), keys.open(run), keys.claimed(worker, queue), keys.queue(queue), keys.steps(run),
                keys.join(run), keys.runs(.running), keys.runs(.queued), keys.runs(.noWorker), keys.runs(.failed),
                keys.runs(.ending), keys.dead, keys.queue(parentQueue ?? queue), keys.worker(worker),
            ],
            arguments: [
                item, .init(worker), .init(kind), .init(generation), .init(step), .init(attempt), lost ? "1" : "",
                .init(maximumWorkerLosses), .init(run),
            ]
        ) { $0.word }
    }
}

extension ScriptCall<Int> {
    /// Claimed pushed items go back to their inbox; used by workers for themselves and for the dead. The reply is how many.
    ///
    /// - Parameters:
    ///   - item: one of them; `nil` for all, a page a call.
    ///   - lost: whether the worker died with them.
    ///   - maximumSize: how many bytes an item may have.
    static func releasePushed(
        keys: Keys, item: [UInt8]? = nil, worker: String, queue: String, lost: Bool, maximumWorkerLosses: Int,
        maximumSize: Int
    ) -> Self {
        Self(
            ScriptLibrary.releasePushed,
            keys: [keys.accepting(worker, queue), keys.inbox(queue), keys.redelivered, keys.malformed],
            arguments: [
                item == nil ? "" : "1", .init(item ?? []), .init(worker), lost ? "1" : "", .init(maximumWorkerLosses),
                .init(maximumSize),
                .init(RefusedItem.head(queue: queue)), .init(RefusedItem.mostEntries),
            ]
        ) { $0.reply.integer ?? 0 }
    }
}

extension ScriptCall<Int> {
    /// Rejected items leave. The reply says how many.
    ///
    /// - Parameter age: how many milliseconds ago they were rejected.
    static func trimMalformed(_ keys: Keys, age: Int) -> Self {
        Self(ScriptLibrary.trimMalformed, keys: [keys.malformed], arguments: [.init(age)]) { $0.reply.integer ?? 0 }
    }
}

extension RunStore {
    /// A claimed work item waits for a worker that can do it.
    ///
    /// - Parameter mostWaiting: how many pushed runs of the queue may wait.
    nonisolated(nonsending) func setUnserved(
        _ run: Run, text: String, workflow: String, isTurn: Bool, reason: String, isPaused: Bool, mostWaiting: Int
    ) async throws -> WaitReply {
        try await send(
            ScriptCall(
                ScriptLibrary.setUnserved,
                keys: [
                    run.runKey, keys.claimed(worker, run.queue), keys.unserved(run.queue, workflow),
                    keys.runs(.running),
                    keys.runs(.noWorker), keys.waitingPushed(run.queue), keys.waitingEnqueued, keys.pushedQueues,
                ],
                arguments: [
                    .init(run.id), .init(text), .init(worker), isTurn ? "1" : "", .init(reason), isPaused ? "1" : "",
                    .init(run.queue), .init(mostWaiting),
                ]
            ) { try $0.wait() }, for: text)
    }

    /// A pushed run that would wait, where as many wait as may, goes to `malformed` as the item that it was.
    ///
    /// - Parameters:
    ///   - text: the turn's, which is claimed.
    ///   - indexed: the labels that have an index.
    /// - Returns: whether it did; else somebody else has the turn, or has paused the run.
    nonisolated(nonsending) func refuseWaiting(
        _ run: Run, text: String, reason: String, indexed: [String]
    ) async throws -> Bool {
        let indexes = RunIndexes(all: indexed)
        return try await send(
            ScriptCall<Bool>(
                ScriptLibrary.refuseWaiting,
                keys: [
                    run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.mail(run.id), keys.seen(run.id),
                    keys.expected, keys.claimed(worker, run.queue), keys.runs(.running), keys.delayed, keys.malformed,
                ] + indexes.keys(keys),
                arguments: [
                    .init(run.id), .init(text), .init(worker), .init(RefusedItem.head(queue: run.queue)),
                    .init(reason), .init(RefusedItem.mostEntries),
                ] + indexes.arguments), for: text)
    }

    /// A claimed item goes to `malformed`.
    ///
    /// - Parameter newer: of a long one: how many items the worker has claimed from there since, and still has.
    func reject(_ item: ClaimedItem, from source: ClaimSource, reason: String, newer: Int = 0) async throws {
        try await send(
            ScriptCall<Void>(
                ScriptLibrary.reject, keys: [source.claims(keys, worker), keys.malformed],
                arguments: [
                    .init(item.bytes), .init(item.isWhole ? "" : String(item.length)),
                    .init(RefusedItem.head(queue: source.queue)), .init(reason), .init(RefusedItem.mostEntries),
                    .init(newer),
                ]))
    }
}
