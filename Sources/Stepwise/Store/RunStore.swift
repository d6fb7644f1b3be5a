internal import StepwiseRedis

/// The transitions of runs, as one worker makes them. Each is one script; each may be sent twice.
struct RunStore: Sendable {
    let keys: Keys
    let worker: String
    /// How many bytes a run's outcomes may take.
    let maximumRunSize: Int
    /// Sends a script until an answer came, or throws because the worker's name is done for.
    let evaluate: nonisolated(nonsending) @Sendable (RedisScript, [String], [RedisArgument]) async throws -> RedisValue

    /// A run as work items and scripts name it.
    struct Run: Sendable {
        let id: String
        let generation: String
        let queue: String
        /// The id and the generation: which life of an id that may be used again.
        let key: String
        let turnText: String
        /// What every step is written to.
        let runKey: String
        let stepsKey: String
        let openKey: String
        let joinKey: String

        static func key(_ id: String, _ generation: String) -> String { id + " " + generation }

        init(id: String, generation: String, queue: String, keys: Keys) {
            (self.id, self.generation, self.queue) = (id, generation, queue)
            key = Self.key(id, generation)
            turnText = WorkItem.turnText(run: id, generation: generation)
            (runKey, stepsKey, openKey, joinKey) = (keys.run(id), keys.steps(id), keys.open(id), keys.join(id))
        }
    }

    nonisolated(nonsending) func acceptPushed(
        _ id: String, _ order: PushedStart, item: [UInt8], queue: String, token: String
    )
        async throws -> AcceptReply
    {
        let reply = try await evaluate(
            ScriptLibrary.acceptPushed,
            [
                keys.run(id), keys.claimed(worker, queue), keys.runs(.running), keys.delayed, keys.runs(.queued),
                keys.queue(queue),
            ],
            [
                .init(id), .init(order.workflow), .init(queue), .init(order.payload), .init(item), .init(worker),
                .init(token), .init(order.labels.json), .init(order.timeout.map(String.init) ?? ""),
                .init(order.start?.text ?? ""),
            ])
        let reader = ReplyReader("accept_pushed", reply)
        switch reader.word {
        case "ok": return .started(Run(id: id, generation: try reader.text(1), queue: queue, keys: keys))
        case "later": return .later
        case "exists": return .exists
        case "other": return .other(workflow: try reader.text(1))
        case "stale": return .stale
        default: throw reader.unexpected
        }
    }

    /// What takes a run's first turn and opens the function's first step, a plain one. The answer is 1 if that was done; else nothing was changed.
    ///
    /// - Parameter text: the work item's as it was claimed.
    func takeTurnPlainCall(
        _ run: Run, text: String, step: String, token: String
    ) -> (RedisScript, keys: [String], arguments: [RedisArgument]) {
        (
            ScriptLibrary.takeTurnPlain,
            [
                run.runKey, run.joinKey, keys.claimed(worker, run.queue), keys.runs(.queued),
                keys.runs(.running),
            ],
            [
                .init(run.id), .init(text), .init(run.turnText), .init(run.generation), .init(step),
                .init("\(worker) 1 \(token)"),
            ]
        )
    }

    /// - Parameter step: the step and attempt of a claimed step, `nil` for a turn.
    nonisolated(nonsending) func takeTurn(
        _ run: Run, text: String, step: (id: String, attempt: Int)?, seen: Int, token: String, cold: Bool
    ) async throws -> TakeTurnReply {
        let reply = try await evaluate(
            ScriptLibrary.takeTurn,
            [
                run.runKey, run.stepsKey, run.openKey, keys.claimed(worker, run.queue),
                keys.runs(.queued),
                keys.runs(.running), keys.runs(.noWorker),
            ],
            [
                .init(run.id), .init(text), .init(worker), .init(run.generation), .init(step?.id ?? ""),
                .init(step.map { String($0.attempt) } ?? ""), .init(seen), .init(token), cold ? "1" : "",
            ])
        let reader = ReplyReader("take_turn", reply)
        switch reader.word {
        case "obsolete": return .obsolete
        case "stale": return .stale
        case "reset": return .reset
        case "ok":
            var about: RunAbout?
            if cold {
                guard reader.items.count >= 16, let payload = reader.items[11].bytes else { throw reader.unexpected }
                let parentQueue = try reader.text(12)
                about = RunAbout(
                    workflow: try reader.text(9), queue: try reader.text(10), payload: payload,
                    parentQueue: parentQueue.isEmpty ? nil : parentQueue, depth: try reader.integer(13),
                    created: try reader.integer(14), continued: try reader.integer(15))
            }
            return .loaded(
                number: try reader.integer(1), opened: try reader.integer(2), page: try reader.page(3, from: seen),
                lost: try reader.integer(6), code: try reader.code(7), about: about)
        default: throw reader.unexpected
        }
    }

    /// One page of the history: the records after number `from`; none if the run has begun anew.
    nonisolated(nonsending) func history(_ run: Run, from: Int) async throws -> [[UInt8]] {
        let reply = try await evaluate(
            ScriptLibrary.history, [run.stepsKey, run.runKey], [.init(from), .init(run.generation)])
        return reply.array?.compactMap(\.bytes) ?? []
    }

    /// What comes of a run when its function is done.
    enum Ending: String, Sendable {
        case completed
        case failed
        case cancelled
        /// It begins anew.
        case continued
    }

    /// What a turn's holder asks for, in both of its scripts.
    struct Advance: Sendable {
        var number: Int
        var upto: Int
        var slots: Int
        var plan: Plan
        /// The run's end, if the function has returned or thrown, or wants the run to begin anew.
        var ending: (status: Ending, json: [UInt8])?
        /// The queue of the run that waits for this one's end.
        var parentQueue: String?
    }

    private func advanceKeys(_ run: Run, _ advance: Advance) -> [String] {
        [
            run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.claimed(worker, run.queue),
            keys.queue(run.queue), keys.runs(.running), keys.runs(.completed), keys.runs(.failed), keys.runs(.parked),
            keys.runs(.cancelled), keys.dead, keys.delayed, keys.queue(advance.parentQueue ?? run.queue),
        ] + eventKeys(run, advance.plan)
    }

    private static let firstEventKey = 16

    private func eventKeys(_ run: Run, _ plan: Plan) -> [String] {
        let events = plan.openings.compactMap { $0.withdrawn ? nil : $0.wait?.event }
        return !plan.listens ? [] : [keys.mail(run.id)] + events.flatMap { [keys.event($0), keys.kept($0)] }
    }

    private func advanceArguments(_ run: Run, _ advance: Advance) -> [RedisArgument] {
        [
            .init(run.id), .init(worker), .init(advance.number), .init(run.turnText), .init(run.generation),
            .init(advance.upto),
            .init(advance.slots), advance.plan.isComplete ? "1" : "", .init(advance.ending?.status.rawValue ?? ""),
            .init(advance.ending?.json ?? []),
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
        let reply = try await evaluate(
            ScriptLibrary.advance, advanceKeys(run, advance),
            advanceArguments(run, advance) + planArguments(advance.plan, of: run))
        return try ReplyReader("advance", reply).advance(upto: advance.upto)
    }

    /// What a body's end writes.
    struct Record: Sendable {
        var step: String
        var key: String?
        var attempt: Int
        var result: Outcome.Result
        var took: Int
        var token: String
        var kind: String?
        var child: String?

        var head: RedisArgument {
            .init(
                OutcomeRecord.head(
                    step: step, kind: kind, child: child, key: key, attempts: attempt, took: took, claim: token))
        }
        var tail: RedisArgument { .init(OutcomeRecord.tail(result)) }
    }

    /// - Parameter isNew: whether the open step has no more to tell than that it is open.
    nonisolated(nonsending) func recordAndAdvance(
        _ run: Run, _ advance: Advance, _ record: Record, isNew: Bool
    ) async throws -> AdvanceReply {
        if isNew, let next = advance.plainOpening, try await recordAndAdvancePlain(run, advance, record, next) {
            return .inline(step: next.step, attempt: 1, lost: 0)
        }
        if isNew, advance.isPlainEnd, try await recordAndCompletePlain(run, advance, record) {
            return .finished(status: .completed)
        }
        let reply = try await evaluate(
            ScriptLibrary.recordAndAdvance, advanceKeys(run, advance),
            advanceArguments(run, advance)
                + [
                    .init(record.step), record.head, record.tail, .init(record.token), .init(isNew ? "" : "1"),
                ]
                + planArguments(advance.plan, of: run))
        return try ReplyReader("record_and_advance", reply).advance(upto: advance.upto)
    }

    nonisolated(nonsending) func record(_ run: Run, text: String, _ record: Record, seen: Int) async throws
        -> RecordReply
    {
        let reply = try await evaluate(
            ScriptLibrary.record,
            [
                run.runKey, run.stepsKey, run.openKey, run.joinKey,
                keys.claimed(worker, run.queue), keys.delayed,
            ],
            [
                .init(run.id), .init(worker), .init(text), .init(run.turnText), .init(record.step),
                .init(run.generation),
                .init(record.attempt), record.head, record.tail, .init(record.token), .init(seen),
                .init(maximumRunSize),
            ])
        let reader = ReplyReader("record", reply)
        switch reader.word {
        case "done": return .done
        case "took":
            return .took(
                number: try reader.integer(1), opened: try reader.integer(2), page: try reader.page(3, from: seen),
                code: try reader.code(6))
        case "withdrawn": return .withdrawn
        case "stale": return .stale
        case "reset": return .reset
        default: throw reader.unexpected
        }
    }

    /// Notes that the body of an `.atMostOnce` step begins, or of one with a `claimTimeout`.
    ///
    /// - Parameters:
    ///   - number: of the turn, for a inline step; `nil` for a claimed step.
    ///   - once: whether the attempt may be executed once only.
    nonisolated(nonsending) func markAttempt(
        _ run: Run, text: String, turn number: Int?, step: String, attempt: Int, token: String, once: Bool
    ) async throws -> AttemptReply {
        let reply = try await evaluate(
            ScriptLibrary.markAttempt, [run.runKey, run.openKey, keys.claimed(worker, run.queue), keys.delayed],
            [
                .init(worker), .init(text), .init(number.map(String.init) ?? ""), .init(step), .init(run.generation),
                .init(attempt), .init(token), once ? "1" : "", .init(run.id),
            ])
        let reader = ReplyReader("mark_attempt", reply)
        guard let answer = AttemptReply(rawValue: reader.word) else { throw reader.unexpected }
        return answer
    }

    /// What a failed attempt leaves, and when the next may begin.
    struct Again: Sendable {
        var failedAttempt: Int
        /// In milliseconds.
        var delay: Int
        /// In milliseconds after the first attempt's begin; `nil`: no end.
        var maximumElapsed: Int?
        var took: Int
        /// See ``FailedAttempt/note(attempt:error:worker:took:)``.
        var note: String
    }

    /// - Parameter turn: the turn's number and how far its instance is, for an inline step; `nil` for a claimed step.
    nonisolated(nonsending) func retry(
        _ run: Run, text: String, turn: (number: Int, upto: Int)?, step: String, _ again: Again
    ) async throws -> RetryReply {
        let reply = try await evaluate(
            ScriptLibrary.retry,
            [run.runKey, run.stepsKey, run.openKey, keys.claimed(worker, run.queue), keys.delayed],
            [
                .init(run.id), .init(worker), .init(text), .init(turn.map { String($0.number) } ?? ""), .init(step),
                .init(run.generation), .init(again.failedAttempt), .init(again.delay), .init(run.queue),
                .init(turn?.upto ?? 0), .init(again.note), .init(again.took),
                .init(again.maximumElapsed.map(String.init) ?? ""),
            ])
        let reader = ReplyReader("retry", reply)
        switch reader.word {
        case "delayed": return .delayed
        case "exhausted": return .exhausted
        case "more": return .more(opened: try reader.integer(1), page: try reader.page(2, from: turn?.upto ?? 0))
        case "withdrawn": return .withdrawn
        case "stale": return .stale
        default: throw reader.unexpected
        }
    }

    /// Parks a run for a reason that a person reads. Of a turn its number, of a step its id proves the claim.
    ///
    /// - Parameter version: of the workflow's code here, if it has one.
    nonisolated(nonsending) func park(
        _ run: Run, text: String, turn number: Int?, step: (id: String, attempt: Int)?, _ obstacle: Obstacle,
        workflow: String, version: String?
    ) async throws {
        let divergence = try obstacle.divergence.map { try JSON.encode($0, what: "a divergence") }
        _ = try await evaluate(
            ScriptLibrary.park,
            [
                run.runKey, run.openKey, keys.claimed(worker, run.queue), keys.runs(.running),
                keys.runs(.parked), keys.runs(.noWorker), keys.unfit(workflow),
            ],
            [
                .init(run.id), .init(worker), .init(text), .init(number.map(String.init) ?? ""), .init(step?.id ?? ""),
                .init(obstacle.description), .init(step.map { String($0.attempt) } ?? ""), .init(divergence ?? []),
                .init(obstacle.isChangedCode ? version ?? "" : ""), .init(run.queue),
            ])
    }

    nonisolated(nonsending) func setUnserved(
        _ run: Run, text: String, workflow: String, isTurn: Bool, reason: String
    ) async throws {
        _ = try await evaluate(
            ScriptLibrary.setUnserved,
            [
                run.runKey, keys.claimed(worker, run.queue), keys.unserved(workflow), keys.runs(.running),
                keys.runs(.noWorker),
            ], [.init(run.id), .init(text), .init(worker), isTurn ? "1" : "", .init(reason)])
    }

    func reject(_ item: [UInt8], queue: String, reason: String) async throws {
        let text = String(validating: item, as: UTF8.self)
        let shown = text.map { "\"item\":\(JSON.string($0))" } ?? "\"itemHex\":\"\(Self.hex(item))\""
        _ = try await evaluate(
            ScriptLibrary.reject, [keys.claimed(worker, queue), keys.malformed],
            [.init(item), .init("{\"reason\":\(JSON.string(reason)),\"queue\":\(JSON.string(queue)),\(shown)")])
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Notes within how many milliseconds after its creation a run has to be done, unless it has a limit already.
    nonisolated(nonsending) func setDeadline(_ run: Run, timeout: Int) async throws {
        _ = try await evaluate(
            ScriptLibrary.setDeadline, [run.runKey, keys.delayed],
            [
                .init(run.generation), .init(timeout),
                .init(TimeLimit(queue: run.queue, run: run.id, generation: run.generation).entry),
            ])
    }

    enum TimerReply: Sendable {
        case recorded
        /// The run has failed with it.
        case ended
        case nothing
    }

    /// A limit's time has come.
    ///
    /// - Parameter parentQueue: the queue of the run that waits for this one's end.
    nonisolated(nonsending) func timerFired(_ limit: TimeLimit, parentQueue: String?) async throws -> TimerReply {
        let id = limit.run
        let reply = try await evaluate(
            ScriptLibrary.timerFired,
            [
                keys.run(id), keys.steps(id), keys.open(id), keys.join(id), keys.queue(limit.queue), keys.delayed,
                keys.meta,
                keys.runs(.failed), keys.dead, keys.runs(.queued), keys.runs(.running), keys.runs(.noWorker),
                keys.runs(.parked), keys.runs(.paused), keys.queue(parentQueue ?? limit.queue),
            ],
            [.init(id), .init(limit.generation), .init(limit.step ?? ""), .init(limit.entry), .init(worker)])
        let reader = ReplyReader("timer_fired", reply)
        switch reader.word {
        case "fired": return .recorded
        case "ended": return .ended
        case "obsolete", "early": return .nothing
        default: throw reader.unexpected
        }
    }

    nonisolated(nonsending) func wake(_ run: Run) async throws {
        _ = try await evaluate(ScriptLibrary.wake, [run.runKey, keys.queue(run.queue)], [.init(run.id)])
    }

    nonisolated(nonsending) func note(_ id: String, _ sentence: String) async throws {
        _ = try await evaluate(ScriptLibrary.note, [keys.run(id)], [.init(sentence)])
    }
}

/// One claimed work item goes back to its queue. Used by workers for themselves and for the dead.
func releaseCommand(
    keys: Keys, item: RedisArgument, workItem: WorkItem?, worker: String, queue: String, lost: Bool,
    maximumWorkerLosses: Int, parentQueue: String? = nil
) -> (keys: [String], arguments: [RedisArgument]) {
    var kind = "pushed"
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
    case .ended, .cancel, .broadcast, .withdraw: kind = "message"
    case .pushed, nil:
        break
    }
    let run = workItem?.run ?? ""
    return (
        [
            keys.run(run), keys.open(run), keys.claimed(worker, queue), keys.queue(queue), keys.redelivered,
            keys.steps(run), keys.join(run), keys.runs(.running), keys.runs(.failed), keys.dead,
            keys.queue(parentQueue ?? queue),
        ],
        [
            item, .init(worker), .init(kind), .init(generation), .init(step), .init(attempt), lost ? "1" : "",
            .init(maximumWorkerLosses), .init(run),
        ]
    )
}
