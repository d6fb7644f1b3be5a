internal import StepwiseRedis

/// The plain case of `record`: what most steps of a fan-out take.
extension RunStore {
    /// Records a plain claimed step for which nobody needs the turn.
    ///
    /// - Returns: `false` if something about it is not plain, or an earlier sending has done it; nothing was changed then.
    nonisolated(nonsending) func recordPlain(_ run: Run, text: String, _ record: Record) async throws -> Bool {
        let (script, keys, arguments) = recordPlainCall(run, text: text, record)
        let reply = try await evaluate(script, keys, arguments)
        guard case .integer(let done) = reply else { throw UnexpectedReply(script: "record_plain", reply: reply) }
        return done == 1
    }

    /// What ``recordPlain(_:text:_:)`` sends. The answer is 1 if that was done.
    func recordPlainCall(_ run: Run, text: String, _ record: Record) -> (
        RedisScript, keys: [String], arguments: [RedisArgument]
    ) {
        (
            ScriptLibrary.recordPlain,
            [run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.claimed(worker, run.queue)],
            [
                .init(run.generation), .init(record.step), .init(text), record.head, record.tail,
                .init(maximumRunSize),
            ]
        )
    }
}
