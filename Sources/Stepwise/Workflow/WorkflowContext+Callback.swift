extension WorkflowContext {
    /// Makes a callback: a token with which somebody outside answers this run, once, with a value. A step, so that a replay has the same token.
    ///
    /// ```swift
    /// let approval = try await context.callback("approved", as: Approval.self)
    /// try await context.run("ask") { try await mail.ask(order, token: approval.token) }
    /// let answer = try await approval.value(timeout: .seconds(86_400))
    /// ```
    ///
    /// The token cannot be guessed; whoever has it may answer: with ``StepwiseClient/complete(_:_:)``, `stepwise callback complete`, or an `LPUSH` of
    /// the event that it names. In Redis it stands in this step's outcome alone; elsewhere a digest stands for it. An answer that comes before the run asks is kept; of several the first counts.
    ///
    /// - Parameters:
    ///   - name: the name of the step that waits; the step that makes the token is `callback` and this.
    ///   - type: what the answer is decoded as.
    /// - Throws: as `run`.
    public func callback<Value: Codable & Sendable>(
        _ name: String, as type: Value.Type = Value.self
    ) async throws -> Callback<Value> {
        let runID = runID
        let token = try await run("callback \(name)", .kind(Self.callbackKind)) {
            CallbackToken(run: runID, secret: CallbackToken.newSecret()).text
        }
        return Callback(token: token, name: name, context: self)
    }

    /// The kind of step that makes a token.
    package static var callbackKind: String { "callback" }
}

/// What somebody outside is asked to answer.
public struct Callback<Value: Codable & Sendable>: Sendable {
    /// `<run>:<32 hexadecimal digits>`; whoever has it may answer.
    public let token: String
    let name: String
    let context: WorkflowContext

    /// Waits for the answer: a step.
    ///
    /// - Parameter timeout: how long, by Redis' clock; whoever is asked may extend it (``StepwiseClient/extend(_:by:)``). `nil`: for ever.
    /// - Throws: ``EventTimeout``; else as ``WorkflowContext/waitForEvent(_:as:timeout:name:)``.
    public func value(timeout: Duration? = nil) async throws -> Value {
        guard let parts = CallbackToken(token) else {
            // What is recorded under this name is not a token: the code has changed.
            try await context.instance.stop(
                .undecodable("the result of step \"callback \(name)\" is not a callback's token"))
        }
        return try await context.waitForEvent(parts.event, as: Value.self, timeout: timeout, name: name)
    }
}
