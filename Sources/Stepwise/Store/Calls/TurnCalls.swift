internal import StepwiseRedis

// How a run's function gets its turn, and what the turn's holder does with it.

extension ScriptLibrary {
    static let acceptPushed = Script(
        "accept_pushed", PackageResources.accept_pushed_lua, after: indexing,
        keys: [
            "run", "accepting", "claimed", "running", "delayed", "queued", "redelivered", "waiting_pushed?",
            "pushed_queues?", "meta?", "indexes...",
        ],
        arguments: [
            "id", "workflow", "queue", "payload", "item", "worker", "token", "labels", "timeout", "start",
            "is_new", "max_waiting?", "names...",
        ])
    static let takeTurnPlain = Script(
        "take_turn_plain", PackageResources.take_turn_plain_lua, after: plain,
        keys: ["run", "join", "claimed", "queued", "running"],
        arguments: ["id", "text", "taken_text", "generation", "step", "turn"])
    static let takeTurn = Script(
        "take_turn", PackageResources.take_turn_lua,
        keys: ["run", "steps", "open", "claimed", "queued", "running", "unserved"],
        arguments: ["id", "text", "worker", "generation", "step", "attempt", "seen", "token", "is_cold"])
    static let history = Script(
        "history", PackageResources.history_lua, keys: ["steps", "run?"], arguments: ["from", "generation?"])
    static let advance = Script(
        "advance", PackageResources.advance_lua, after: planning,
        keys: [
            "run", "steps", "open", "join", "claimed", "queue", "running", "completed", "failed", "parked", "cancelled",
            "ending", "dead", "delayed", "parent_queue", "mail?", "events...",
        ],
        arguments: [
            "id", "worker", "number", "text", "generation", "upto", "slots", "is_last", "ending", "result", "queue",
            "plan...",
        ])
    static let recordAndAdvance = Script(
        "record_and_advance", PackageResources.record_and_advance_lua, after: planning, keys: advance.keys,
        arguments: [
            "id", "worker", "number", "text", "generation", "upto", "slots", "is_last", "ending", "result", "queue",
            "step", "head", "tail", "token", "is_told", "plan...",
        ])
    static let recordAndAdvancePlain = Script(
        "record_and_advance_plain", PackageResources.record_and_advance_plain_lua, after: plain,
        keys: ["run", "steps"],
        arguments: [
            "turn_prefix", "generation", "upto", "step", "head", "tail", "max_bytes", "next_number", "next_step",
        ])
    static let recordAndCompletePlain = Script(
        "record_and_complete_plain", PackageResources.record_and_complete_plain_lua, after: plain,
        keys: ["run", "steps", "open", "join", "claimed", "running", "completed"],
        arguments: [
            "id", "turn_prefix", "text", "generation", "upto", "step", "head", "tail", "max_bytes", "output",
        ])
    static let park = Script(
        "park", PackageResources.park_lua,
        keys: [
            "run", "open", "claimed", "running", "parked", "unserved", "unfit", "waiting_pushed", "waiting_enqueued",
            "pushed_queues",
        ],
        arguments: [
            "id", "worker", "text", "number", "step", "reason", "attempt", "divergence", "version", "queue",
            "max_waiting",
        ])
    static let wake = Script("wake", PackageResources.wake_lua, keys: ["run", "queue"], arguments: ["id"])
}

extension ScriptCall<[[UInt8]]> {
    /// One page of a run's history: the records after number `from`. None at the end.
    static func history(_ keys: Keys, _ id: String, from: Int) -> Self {
        Self(ScriptLibrary.history, keys: [keys.steps(id)], arguments: [.init(from)]) {
            $0.items.map { $0.bytes ?? [] }
        }
    }

    /// The same of one generation: none once it is over.
    ///
    /// - Parameter generation: empty for a run that has none.
    static func history(_ keys: Keys, _ id: String, generation: String, from: Int) -> Self {
        if generation.isEmpty { return history(keys, id, from: from) }
        return Self(
            ScriptLibrary.history, keys: [keys.steps(id), keys.run(id)], arguments: [.init(from), .init(generation)]
        ) { $0.items.map { $0.bytes ?? [] } }
    }
}

// MARK: Taking it

extension RunStore {
    /// A claimed pushed item becomes a run.
    ///
    /// - Parameters:
    ///   - mostWaiting: how many pushed runs of the queue may wait, for one that this worker cannot do.
    ///   - indexed: the labels that have an index.
    nonisolated(nonsending) func acceptPushed(
        _ order: PushedStart, orNewID newID: String, item: [UInt8], queue: String, token: String, mostWaiting: Int?,
        indexed: [String]
    ) async throws -> AcceptReply {
        let id = order.id ?? newID
        var bound: (keys: [String], argument: [RedisArgument]) = ([], [])
        if let mostWaiting {
            bound = ([keys.waitingPushed(queue), keys.pushedQueues], [.init(mostWaiting)])
        }
        let indexes = RunIndexes(of: order.labels, among: indexed)
        if !indexes.isEmpty {
            if mostWaiting == nil { bound = ([keys.waitingPushed(queue), keys.pushedQueues], [""]) }
            bound.keys += [keys.meta] + indexes.keys(keys)
            bound.argument += indexes.arguments
        }
        return try await send(
            ScriptCall(
                ScriptLibrary.acceptPushed,
                keys: [
                    keys.run(id), keys.accepting(worker, queue), keys.claimed(worker, queue), keys.runs(.running),
                    keys.delayed, keys.runs(.queued), keys.redelivered,
                ] + bound.keys,
                arguments: [
                    .init(id), .init(order.workflow), .init(queue), .init(order.payload), .init(item), .init(worker),
                    .init(token), .init(order.labels.json), .init(order.timeout.map(String.init) ?? ""),
                    .init(order.start?.text ?? ""), order.id == nil ? "1" : "",
                ] + bound.argument
            ) { [keys] reader in
                switch reader.word {
                case "ok": .started(Run(id: id, generation: try reader.text(1), queue: queue, keys: keys))
                case "later": .later
                case "exists": .exists
                case "other": .other(workflow: try reader.text(1))
                case "crowded": .crowded(try reader.share())
                case "stale": .stale
                default: throw reader.unexpected
                }
            })
    }

    /// Takes a run's first turn and opens the function's first step, a plain one. `false` if nothing was changed.
    ///
    /// - Parameter text: the work item's as it was claimed.
    func takeTurnPlainCall(_ run: Run, text: String, step: String, token: String) -> ScriptCall<Bool> {
        ScriptCall(
            ScriptLibrary.takeTurnPlain,
            keys: [
                run.runKey, run.joinKey, keys.claimed(worker, run.queue), keys.runs(.queued), keys.runs(.running),
            ],
            arguments: [
                .init(run.id), .init(text), .init(run.turnText), .init(run.generation), .init(step),
                .init("\(worker) 1 \(token)"),
            ])
    }

    /// - Parameter step: the step and attempt of a claimed step, `nil` for a turn.
    nonisolated(nonsending) func takeTurn(
        _ run: Run, text: String, step: (id: String, attempt: Int)?, seen: Int, token: String, cold: Bool
    ) async throws -> TakeTurnReply {
        try await send(
            ScriptCall(
                ScriptLibrary.takeTurn,
                keys: [
                    run.runKey, run.stepsKey, run.openKey, keys.claimed(worker, run.queue), keys.runs(.queued),
                    keys.runs(.running), keys.runs(.noWorker),
                ],
                arguments: [
                    .init(run.id), .init(text), .init(worker), .init(run.generation), .init(step?.id ?? ""),
                    .init(step.map { String($0.attempt) } ?? ""), .init(seen), .init(token), cold ? "1" : "",
                ]
            ) { reader in
                switch reader.word {
                case "obsolete": .obsolete
                case "stale": .stale
                case "reset": .reset
                case "ok":
                    .loaded(
                        number: try reader.integer(1), opened: try reader.integer(2),
                        page: try reader.page(3, from: seen), lost: try reader.integer(6), code: try reader.code(7),
                        about: cold ? try reader.about(9) : nil)
                default: throw reader.unexpected
                }
            }, for: text)
    }

    /// One page of the history: the records after number `from`; none if the run has begun anew.
    nonisolated(nonsending) func history(_ run: Run, from: Int) async throws -> [[UInt8]] {
        try await send(
            ScriptCall(
                ScriptLibrary.history, keys: [run.stepsKey, run.runKey],
                arguments: [.init(from), .init(run.generation)]
            ) { $0.items.compactMap(\.bytes) })
    }
}

// MARK: Going on

extension RunStore {
    private func advanceKeys(_ run: Run, _ advance: Advance) -> [String] {
        [
            run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.claimed(worker, run.queue),
            keys.queue(run.queue), keys.runs(.running), keys.runs(.completed), keys.runs(.failed), keys.runs(.parked),
            keys.runs(.cancelled), keys.runs(.ending), keys.dead, keys.delayed,
            keys.queue(advance.parentQueue ?? run.queue),
        ] + eventKeys(run, advance.plan)
    }

    private static let firstEventKey = 17

    private func eventKeys(_ run: Run, _ plan: Plan) -> [String] {
        let events = plan.openings.compactMap { $0.withdrawn ? nil : $0.wait?.event }
        return !plan.listens ? [] : [keys.mail(run.id)] + events.flatMap { [keys.event($0), keys.kept($0)] }
    }

    private func advanceArguments(_ run: Run, _ advance: Advance) -> [RedisArgument] {
        [
            .init(run.id), .init(worker), .init(advance.number), .init(run.turnText), .init(run.generation),
            .init(advance.upto),
            .init(advance.slots), advance.plan.isComplete ? "1" : "", .init(advance.ending?.status.rawValue ?? ""),
            .init(advance.ending?.json ?? []), .init(run.queue),
        ]
    }

    private func planArguments(_ plan: Plan, of run: Run) -> [RedisArgument] {
        var arguments: [RedisArgument] = [.init(plan.openings.count)]
        var eventKey = Self.firstEventKey
        for opening in plan.openings {
            var wait = opening.wait?.kind ?? ""
            if let event = opening.wait?.event, !opening.withdrawn {
                wait += " \(event) \(eventKey)"
                eventKey += 2
            }
            if let child = opening.child {
                wait = "child \(childID(child.id, of: opening.step, run)) \(child.workflow)"
            }
            arguments += [
                .init(opening.number), .init(opening.step), opening.withdrawn ? "1" : "", .init(opening.limits),
                .init(wait),
            ]
        }
        arguments += [.init(plan.closings.count)] + plan.closings.map { .init($0) }
        arguments += [.init(plan.unlimited.count)] + plan.unlimited.map { .init($0) }
        arguments.append(.init(plan.orphans.count))
        for orphan in plan.orphans {
            let text =
                switch orphan.left {
                case .child(let order): cancelText(order, of: orphan.step, run)
                case .event(let event):
                    WorkItem.withdrawText(
                        run: run.id, generation: run.generation, number: orphan.number, event: event, step: orphan.step)
                }
            arguments += [.init(orphan.step), .init(text)]
        }
        return arguments + [.init(PatchMarks.text(plan.patches)), .init(maximumRunSize), plan.joins ? "1" : ""]
    }

    nonisolated(nonsending) func advance(_ run: Run, _ advance: Advance) async throws -> AdvanceReply {
        try await send(
            ScriptCall(
                ScriptLibrary.advance, keys: advanceKeys(run, advance),
                arguments: advanceArguments(run, advance) + planArguments(advance.plan, of: run)
            ) { [upto = advance.upto] reader in try reader.advance(upto: upto) }, for: run.turnText)
    }

    /// - Parameter isNew: whether the open step has no more to tell than that it is open.
    nonisolated(nonsending) func recordAndAdvance(
        _ run: Run, _ advance: Advance, _ record: Record, isNew: Bool
    ) async throws -> AdvanceReply {
        if isNew, let next = advance.plainOpening,
            try await send(
                recordAndAdvancePlainCall(run, turnPrefix(advance.number), advance, record, next), for: run.turnText)
        {
            return .inline(step: next.step, attempt: 1, lost: 0)
        }
        if isNew, advance.isPlainEnd,
            try await send(
                recordAndCompletePlainCall(run, turnPrefix(advance.number), advance, record), for: run.turnText)
        {
            return .finished(status: .completed)
        }
        return try await send(
            ScriptCall(
                ScriptLibrary.recordAndAdvance, keys: advanceKeys(run, advance),
                arguments: advanceArguments(run, advance)
                    + [
                        .init(record.step), record.head, record.tail, .init(record.token), .init(isNew ? "" : "1"),
                    ]
                    + planArguments(advance.plan, of: run)
            ) { [upto = advance.upto] reader in try reader.advance(upto: upto) }, for: run.turnText)
    }

    /// What the field `turn` begins with for as long as this worker holds the turn of that number.
    func turnPrefix(_ number: Int) -> String { "\(worker) \(number) " }

    /// Records a plain step of the turn's holder and opens the next, which is plain, too. `false` if something about the run is not plain, or
    /// an earlier sending has done it.
    func recordAndAdvancePlainCall(
        _ run: Run, _ turnPrefix: String, _ advance: Advance, _ record: Record, _ next: Plan.Opening
    ) -> ScriptCall<Bool> {
        ScriptCall(
            ScriptLibrary.recordAndAdvancePlain, keys: [run.runKey, run.stepsKey],
            arguments: [
                .init(turnPrefix), .init(run.generation), .init(advance.upto), .init(record.step),
                record.head, record.tail, .init(maximumRunSize), .init(next.number), .init(next.step),
            ])
    }

    /// Records a plain step of the turn's holder with which the run completes. `false` if something about the run is not plain, or an earlier
    /// sending has done it.
    func recordAndCompletePlainCall(
        _ run: Run, _ turnPrefix: String, _ advance: Advance, _ record: Record
    ) -> ScriptCall<Bool> {
        ScriptCall(
            ScriptLibrary.recordAndCompletePlain,
            keys: [
                run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.claimed(worker, run.queue),
                keys.runs(.running), keys.runs(.completed),
            ],
            arguments: [
                .init(run.id), .init(turnPrefix), .init(run.turnText), .init(run.generation),
                .init(advance.upto), .init(record.step), record.head, record.tail, .init(maximumRunSize),
                .init(advance.ending?.json ?? []),
            ])
    }
}

// MARK: Letting it go

extension RunStore {
    /// Parks a run for a reason that a person reads. Of a turn its number, of a step its id proves the claim.
    ///
    /// - Parameters:
    ///   - version: of the workflow's code here, if it has one.
    ///   - mostWaiting: how many pushed runs of the queue may wait.
    nonisolated(nonsending) func park(
        _ run: Run, text: String, turn number: Int?, step: (id: String, attempt: Int)?, _ obstacle: Obstacle,
        workflow: String, version: String?, mostWaiting: Int
    ) async throws -> WaitReply {
        let divergence = try obstacle.divergence.map { try JSON.encode($0, what: "a divergence") }
        return try await send(
            ScriptCall(
                ScriptLibrary.park,
                keys: [
                    run.runKey, run.openKey, keys.claimed(worker, run.queue), keys.runs(.running),
                    keys.runs(.parked), keys.runs(.noWorker), keys.unfit(workflow), keys.waitingPushed(run.queue),
                    keys.waitingEnqueued, keys.pushedQueues,
                ],
                arguments: [
                    .init(run.id), .init(worker), .init(text), .init(number.map(String.init) ?? ""),
                    .init(step?.id ?? ""), .init(obstacle.description), .init(step.map { String($0.attempt) } ?? ""),
                    .init(divergence ?? []), .init(obstacle.isChangedCode ? version ?? "" : ""), .init(run.queue),
                    .init(mostWaiting),
                ]
            ) { try $0.wait() }, for: text)
    }

    nonisolated(nonsending) func wake(_ run: Run) async throws {
        try await send(
            ScriptCall<Void>(ScriptLibrary.wake, keys: [run.runKey, keys.queue(run.queue)], arguments: [.init(run.id)]))
    }
}
