internal import StepwiseRedis

/// The short way of `record`: what most steps of a fan-out take.
extension RunStore {
    /// Records a plain claimed step for which nobody needs the turn.
    ///
    /// - Returns: `false` if something about it is not plain, or an earlier sending has done it; nothing was changed then.
    nonisolated(nonsending) func part(_ run: Run, text: String, _ record: Record) async throws -> Bool {
        let (script, keys, arguments) = partCall(run, text: text, record)
        let reply = try await evaluate(script, keys, arguments)
        guard case .integer(let done) = reply else { throw UnexpectedReply(script: "part", reply: reply) }
        return done == 1
    }

    /// What ``part(_:text:_:)`` sends. The answer is 1 if that was done.
    func partCall(_ run: Run, text: String, _ record: Record) -> (
        RedisScript, keys: [String], arguments: [RedisArgument]
    ) {
        (
            ScriptLibrary.part,
            [run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.claimed(worker, run.queue)],
            [
                .init(run.generation), .init(record.step), .init(text), record.head, record.tail,
                .init(maximumRunSize),
            ]
        )
    }
}
