internal import StepwiseRedis

extension StepwiseClient {
    /// Pauses a run: bodies that run end and are recorded, and nothing new begins until ``resume(_:from:)``. Limits in time go on.
    ///
    /// - Parameters:
    ///   - id: the run.
    ///   - reason: is kept on the run and shown to people; at most 1,000 characters of it.
    /// - Returns: whether this call did it; `false` if it was paused before.
    /// - Throws: ``StepwiseError``: `noSuchRun`, `wrongStatus` if the run has ended or is parked (then nothing moves it anyway), or one of the
    ///   `redis…` codes.
    @discardableResult
    public func pause(_ id: String, reason: String = "a client asked for it") async throws -> Bool {
        let reply = try await evaluate(
            ScriptLibrary.pause,
            [keys.run(id), keys.runs(.queued), keys.runs(.running), keys.runs(.unserved), keys.runs(.paused)],
            [.init(id), .init("paused: " + String(reason.prefix(1000)))], doing: "pausing run \(id)")
        let reader = ReplyReader("pause", reply)
        switch reader.word {
        case "paused": return true
        case "already": return false
        case "missing": throw noSuchRun(id)
        case "parked":
            throw StepwiseError(
                .wrongStatus, "run \(id) is parked: it waits for other code or a person; its status says for what")
        case "over":
            throw StepwiseError(.wrongStatus, "run \(id) cannot be paused: it has ended, \(try reader.text(1))")
        default: throw reader.unexpected
        }
    }
}

extension WorkflowRun {
    /// Pauses the run: see ``StepwiseClient/pause(_:reason:)``.
    @discardableResult
    public func pause(reason: String = "a client asked for it") async throws -> Bool {
        try await client.pause(id, reason: reason)
    }

    /// Lets the run go on: see ``StepwiseClient/resume(_:from:)``.
    public func resume() async throws { try await client.resume(id) }
}
