public import Stepwise

extension WorkflowContext {
    /// Sends an HTTP request as a step: its answer is recorded once, and a replay returns what was recorded.
    ///
    /// ```swift
    /// let answer = try await context.call(
    ///     "charge", .post("https://api.example.com/charges", headers: ["Authorization": "Bearer \(key)"], json: order, .idempotencyKey))
    /// let charge = try answer.decode(as: Charge.self)
    /// ```
    ///
    /// What is sent is the request as it is, and what HTTP itself needs (`Host`, `Content-Length`). It is not stored; the answer is. Like
    /// every body the request may be sent more than once and is recorded once: `.idempotencyKey` tells the other side.
    ///
    /// - Parameters:
    ///   - name: the step's name, as for `run`.
    ///   - request: what to send, and what counts as an answer.
    ///   - caller: whose policy and connections are used; the shared one reaches every public address, and none that is private.
    ///   - options: the step's: `.retry(…)` and others.
    /// - Throws: ``StepFailure`` when there was no answer that counts; its `error(as: HTTPCallError.self)` tells more. Else as `run`.
    @discardableResult
    public func call(
        _ name: String, _ request: HTTPCall, using caller: HTTPStepClient = .shared, _ options: StepOption...
    ) async throws -> HTTPStepResponse {
        try await value(name, options + [.kind("call")]) { step in try await caller.send(request, as: step) }
    }
}
