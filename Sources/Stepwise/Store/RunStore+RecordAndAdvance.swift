internal import StepwiseRedis

/// The plain case of `record_and_advance`: what most steps take.
extension RunStore {
    /// Records a plain step of the turn's holder and opens the next, which is plain, too.
    ///
    /// - Returns: `false` if something about the run is not plain, or an earlier sending has done it; nothing was changed then.
    nonisolated(nonsending) func recordAndAdvancePlain(
        _ run: Run, _ advance: Advance, _ record: Record, _ next: Plan.Opening
    ) async throws -> Bool {
        let (script, keys, arguments) = recordAndAdvancePlainCall(
            run, turnPrefix(advance.number), advance, record, next)
        let reply = try await evaluate(script, keys, arguments)
        guard case .integer(let done) = reply else {
            throw UnexpectedReply(script: "record_and_advance_plain", reply: reply)
        }
        return done == 1
    }

    /// What the field `turn` begins with for as long as this worker holds the turn of that number.
    func turnPrefix(_ number: Int) -> String { "\(worker) \(number) " }

    /// What ``recordAndAdvancePlain(_:_:_:_:)`` sends. The answer is 1 if that was done.
    func recordAndAdvancePlainCall(
        _ run: Run, _ turnPrefix: String, _ advance: Advance, _ record: Record, _ next: Plan.Opening
    ) -> (RedisScript, keys: [String], arguments: [RedisArgument]) {
        (
            ScriptLibrary.recordAndAdvancePlain, [run.runKey, run.stepsKey],
            [
                .init(turnPrefix), .init(run.generation), .init(advance.upto), .init(record.step),
                record.head, record.tail, .init(maximumRunSize), .init(next.number), .init(next.step),
            ]
        )
    }
}

/// The plain case of `record_and_advance` at a run's end.
extension RunStore {
    /// Records a plain step of the turn's holder with which the run completes.
    ///
    /// - Returns: `false` if something about the run is not plain, or an earlier sending has done it; nothing was changed then.
    nonisolated(nonsending) func recordAndCompletePlain(_ run: Run, _ advance: Advance, _ record: Record) async throws
        -> Bool
    {
        let (script, keys, arguments) = recordAndCompletePlainCall(run, turnPrefix(advance.number), advance, record)
        let reply = try await evaluate(script, keys, arguments)
        guard case .integer(let done) = reply else {
            throw UnexpectedReply(script: "record_and_complete_plain", reply: reply)
        }
        return done == 1
    }

    /// What ``recordAndCompletePlain(_:_:_:)`` sends. The answer is 1 if that was done.
    func recordAndCompletePlainCall(
        _ run: Run, _ turnPrefix: String, _ advance: Advance, _ record: Record
    ) -> (RedisScript, keys: [String], arguments: [RedisArgument]) {
        (
            ScriptLibrary.recordAndCompletePlain,
            [
                run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.claimed(worker, run.queue),
                keys.runs(.running), keys.runs(.completed),
            ],
            [
                .init(run.id), .init(turnPrefix), .init(run.turnText), .init(run.generation),
                .init(advance.upto), .init(record.step), record.head, record.tail, .init(maximumRunSize),
                .init(advance.ending?.json ?? []),
            ]
        )
    }
}

extension RunStore.Advance {
    /// Whether the run completes, and leaves nothing that something has to be done about.
    var isPlainEnd: Bool {
        ending?.status == .completed && parentQueue == nil && plan.isOnlyAnEnd
    }

    /// The step that is opened, if that is all that is asked for, and it has nothing to tell.
    var plainOpening: Plan.Opening? { ending == nil ? plan.onlyPlainOpening : nil }
}
