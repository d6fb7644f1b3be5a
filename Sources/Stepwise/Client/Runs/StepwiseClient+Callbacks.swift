extension StepwiseClient {
    /// Answers a callback: see ``WorkflowContext/callback(_:as:)``. It may be repeated after any error; the first answer counts.
    ///
    /// - Parameters:
    ///   - token: the callback's.
    ///   - value: the answer, stored as JSON.
    /// - Throws: ``StepwiseError``: `invalidIdentifier` for what is not a token, `wrongStatus` if the run has ended, `noSuchRun`, `notStorable`,
    ///   `tooLarge`, or one of the `redis…` codes.
    @discardableResult
    public func complete(_ token: String, _ value: some Encodable & Sendable) async throws -> EventDelivery {
        try await complete(token, json: JSON.encode(value, what: "the answer to a callback"))
    }

    /// Answers a callback whose value does not matter.
    @discardableResult
    public func complete(_ token: String) async throws -> EventDelivery {
        try await complete(token, json: JSON.null)
    }

    package func complete(_ token: String, json: [UInt8]) async throws -> EventDelivery {
        let parts = try parts(of: token)
        // The run has made the token: it exists, unless it was removed.
        guard try await command(.runExists(keys, parts.run), doing: "looking for run \(parts.run)") else {
            throw noSuchRun(parts.run)
        }
        return try await notify(parts.event, json: json, run: parts.run, id: EventName.answerID(of: parts))
    }

    /// Tells that a callback will still be answered: its wait ends that much from now on, by Redis' clock, if that is later than it would have.
    ///
    /// - Returns: whether a step waits for it with a timeout; if none does, nothing was changed.
    /// - Throws: ``StepwiseError``: `invalidIdentifier` for what is not a token, or one of the `redis…` codes.
    @discardableResult
    public func extend(_ token: String, by duration: Duration) async throws -> Bool {
        let parts = try parts(of: token)
        try await prepare(writes: true)
        let reader = try await evaluate(
            .extend(
                keys, parts.run, event: EventName.stored(parts.event),
                duration: max(0, duration.wholeMilliseconds(rounded: .up))),
            doing: "extending a callback of run \(parts.run)")
        switch reader.word {
        case "extended": return true
        case "nobody": return false
        default: throw reader.unexpected
        }
    }

    private func parts(of token: String) throws(StepwiseError) -> CallbackToken {
        guard let parts = CallbackToken(token) else {
            throw StepwiseError(
                .invalidIdentifier,
                "this is not a callback's token: it is a run's id, a colon and 32 hexadecimal digits, as Callback.token gives it"
            )
        }
        return parts
    }
}
