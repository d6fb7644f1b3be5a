internal import StepwiseRedis

// What becomes of a claimed step, and of the attempts at a body.

extension ScriptLibrary {
    static let record = Script(
        "record", PackageResources.record_lua, keys: ["run", "steps", "open", "join", "claimed", "delayed"],
        arguments: [
            "id", "worker", "text", "taken_text", "step", "generation", "attempt", "head", "tail", "token", "seen",
            "max_bytes", "queue",
        ])
    static let recordPlain = Script(
        "record_plain", PackageResources.record_plain_lua, after: plain,
        keys: ["run", "steps", "open", "join", "claimed"],
        arguments: ["generation", "step", "text", "head", "tail", "max_bytes"])
    static let markAttempt = Script(
        "mark_attempt", PackageResources.mark_attempt_lua, keys: ["run", "open", "claimed", "delayed"],
        arguments: ["worker", "text", "number", "step", "generation", "attempt", "token", "is_once", "id", "queue"])
    static let unmarkAttempt = Script(
        "unmark_attempt", PackageResources.unmark_attempt_lua, keys: ["run", "open", "claimed", "delayed"],
        arguments: [
            "worker", "text", "number", "step", "generation", "attempt", "token", "id", "queue",
        ])
    static let retry = Script(
        "retry", PackageResources.retry_lua, keys: ["run", "steps", "open", "claimed", "delayed"],
        arguments: [
            "id", "worker", "text", "number", "step", "generation", "attempt", "delay", "queue", "upto", "failure",
            "took", "max_elapsed", "of",
        ])
    static let retryNow = Script(
        "retry_now", PackageResources.retry_now_lua, keys: ["run", "open", "delayed", "queue"],
        arguments: ["id", "queue", "step"])
    static let promote = Script(
        "promote", PackageResources.promote_lua, keys: ["delayed", "queue"], arguments: ["prefix_length", "entries..."])
}

extension ScriptCall<Void> {
    /// Moves due entries of one queue to its list, at most 100.
    static func promote(_ keys: Keys, queue: String, _ entries: [String]) -> Self {
        Self(
            ScriptLibrary.promote, keys: [keys.delayed, keys.queue(queue)],
            arguments: [.init(queue.utf8.count + 1)] + entries.map { .init($0) })
    }
}

extension ScriptCall<RetryNowReply> {
    /// Has a step that waits for its next attempt executed at once.
    ///
    /// - Parameter queue: the run's.
    static func retryNow(_ keys: Keys, _ id: String, queue: String, step: String) -> Self {
        Self(
            ScriptLibrary.retryNow, keys: [keys.run(id), keys.open(id), keys.delayed, keys.queue(queue)],
            arguments: [.init(id), .init(queue), .init(step)]
        ) { reader in
            switch reader.word {
            case "queued": return .queued(attempt: try reader.integer(1))
            case "ready": return .ready(attempt: try reader.integer(1), generation: try reader.text(2))
            case "elsewhere":
                guard let open = OpenStep(try reader.text(1)) else { throw reader.unexpected }
                return .elsewhere(open, turn: try reader.text(2))
            case "closed": return .closed
            case "unbegun": return .unbegun(startsAt: Int(try reader.text(1)))
            case "held": return .held(RunStatus(rawValue: try reader.text(1)))
            case "over": return .over(RunStatus(rawValue: try reader.text(1)))
            case "missing": return .missing
            default: throw reader.unexpected
            }
        }
    }
}

extension RunStore {
    /// Records a plain claimed step for which nobody needs the turn. `false` if something about it is not plain, or an earlier sending has
    /// done it.
    func recordPlainCall(_ run: Run, text: String, _ record: Record) -> ScriptCall<Bool> {
        ScriptCall(
            ScriptLibrary.recordPlain,
            keys: [run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.claimed(worker, run.queue)],
            arguments: [
                .init(run.generation), .init(record.step), .init(text), record.head, record.tail,
                .init(maximumRunSize),
            ])
    }

    nonisolated(nonsending) func recordPlain(_ run: Run, text: String, _ record: Record) async throws -> Bool {
        try await send(recordPlainCall(run, text: text, record), for: text)
    }

    nonisolated(nonsending) func record(_ run: Run, text: String, _ record: Record, seen: Int) async throws
        -> RecordReply
    {
        try await send(
            ScriptCall(
                ScriptLibrary.record,
                keys: [
                    run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.claimed(worker, run.queue), keys.delayed,
                ],
                arguments: [
                    .init(run.id), .init(worker), .init(text), .init(run.turnText), .init(record.step),
                    .init(run.generation), .init(record.attempt), record.head, record.tail, .init(record.token),
                    .init(seen), .init(maximumRunSize), .init(run.queue),
                ]
            ) { reader in
                switch reader.word {
                case "done": .done
                case "took":
                    .took(
                        number: try reader.integer(1), opened: try reader.integer(2),
                        page: try reader.page(3, from: seen), code: try reader.code(6))
                case "withdrawn": .withdrawn
                case "stale": .stale
                case "reset": .reset
                default: throw reader.unexpected
                }
            }, for: text)
    }

    /// Notes that the body of an `.atMostOnce` step begins, or of one with a `claimTimeout`.
    ///
    /// - Parameters:
    ///   - number: of the turn, for an inline step; `nil` for a claimed step.
    ///   - once: whether the attempt may be executed once only.
    nonisolated(nonsending) func markAttempt(
        _ run: Run, text: String, turn number: Int?, step: String, attempt: Int, token: String, once: Bool
    ) async throws -> AttemptReply {
        try await send(
            ScriptCall(
                ScriptLibrary.markAttempt,
                keys: [run.runKey, run.openKey, keys.claimed(worker, run.queue), keys.delayed],
                arguments: [
                    .init(worker), .init(text), .init(number.map(String.init) ?? ""), .init(step),
                    .init(run.generation), .init(attempt), .init(token), once ? "1" : "", .init(run.id),
                    .init(run.queue),
                ]
            ) { reader in
                switch reader.word {
                case "begun": .begun
                case "interrupted": .interrupted
                case "stale": .stale
                default: throw reader.unexpected
                }
            }, for: text)
    }

    /// Takes back what ``markAttempt(_:text:turn:step:attempt:token:once:)`` has written: the body does not begin here.
    nonisolated(nonsending) func unmarkAttempt(
        _ run: Run, text: String, turn number: Int?, step: String, attempt: Int, _ mark: AttemptMark
    ) async throws {
        try await send(
            ScriptCall<Void>(
                ScriptLibrary.unmarkAttempt,
                keys: [run.runKey, run.openKey, keys.claimed(worker, run.queue), keys.delayed],
                arguments: [
                    .init(worker), .init(text), .init(number.map(String.init) ?? ""), .init(step),
                    .init(run.generation), .init(attempt), .init(mark.token), .init(run.id), .init(run.queue),
                ]), for: text)
    }

    /// - Parameter turn: the turn's number and how far its instance is, for an inline step; `nil` for a claimed step.
    nonisolated(nonsending) func retry(
        _ run: Run, text: String, turn: (number: Int, upto: Int)?, step: String, _ again: Again
    ) async throws -> RetryReply {
        let upto = turn?.upto ?? 0
        return try await send(
            ScriptCall(
                ScriptLibrary.retry,
                keys: [run.runKey, run.stepsKey, run.openKey, keys.claimed(worker, run.queue), keys.delayed],
                arguments: [
                    .init(run.id), .init(worker), .init(text), .init(turn.map { String($0.number) } ?? ""), .init(step),
                    .init(run.generation), .init(again.failedAttempt), .init(again.delay), .init(run.queue),
                    .init(upto), .init(again.note), .init(again.took),
                    .init(again.maximumElapsed.map(String.init) ?? ""),
                    .init(again.maximumAttempts.map(String.init) ?? ""),
                ]
            ) { reader in
                switch reader.word {
                case "delayed": .delayed
                case "exhausted": .exhausted
                case "more": .more(opened: try reader.integer(1), page: try reader.page(2, from: upto))
                case "withdrawn": .withdrawn
                case "stale": .stale
                default: throw reader.unexpected
                }
            }, for: text)
    }
}
