internal import StepwiseRedis

/// The short way of `serial`: what most steps take.
extension RunStore {
    /// Records a plain step of the carry's holder and opens the next, which is plain, too.
    ///
    /// - Returns: `false` if something about the run is not plain, or an earlier sending has done it; nothing was changed then.
    nonisolated(nonsending) func step(
        _ run: Run, _ advance: Advance, _ record: Record, _ next: Plan.Opening
    ) async throws -> Bool {
        let reply = try await evaluate(
            ScriptLibrary.step, [run.runKey, run.stepsKey],
            [
                .init("\(worker) \(advance.number) "), .init(run.generation), .init(advance.upto), .init(record.step),
                record.head, record.tail, .init(maximumRunSize), .init(next.number), .init(next.step),
            ])
        guard case .integer(let done) = reply else { throw UnexpectedReply(script: "step", reply: reply) }
        return done == 1
    }
}

extension RunStore.Advance {
    /// The step that is opened, if that is all that is asked for, and it has nothing to tell.
    var plainOpening: Plan.Opening? { ending == nil ? plan.onlyPlainOpening : nil }
}
