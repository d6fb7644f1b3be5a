extension WorkflowContext {
    /// Executes `body`, with all its steps and waits, for at most a time, be it days: a race of it with a durable sleep.
    ///
    /// ```swift
    /// do {
    ///     try await context.withTimeout(.hours(24)) { try await context.waitForEvent("approved") }
    /// } catch is WorkflowTimeout {
    ///     try await context.run("give up") { … }
    /// }
    /// ```
    ///
    /// What was recorded first decides, the end of the sleep or the last outcome that `body` needed, and decides alike on every replay. If `body`
    /// is done first its result or its error is handed on, and the sleep is withdrawn; if the time is up first, `body` is cancelled like a loser of
    /// ``race(_:)-(_...)``, and waited for.
    ///
    /// - Parameters:
    ///   - limit: by Redis' clock, from the call on; zero and less: `body` is not begun.
    ///   - name: the name of the step that sleeps.
    /// - Throws: ``WorkflowTimeout`` when the time is up; what `body` throws; `CancellationError` in a cancelled task; ``StepwiseError`` for a
    ///   bad name or a call from the wrong place.
    @discardableResult
    public func withTimeout<T: Sendable>(
        _ limit: Duration, name: String = "timeout", body: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try checkPlace(of: "context.withTimeout")
        try StepName.check(name)
        try Task.checkCancellation()
        if limit <= .zero { throw WorkflowTimeout(name: name, limit: limit) }
        return try await race(
            body,
            {
                try await sleep(for: limit, name: name)
                throw WorkflowTimeout(name: name, limit: limit)
            })
    }
}

/// What `withTimeout` throws when the time is up.
public struct WorkflowTimeout: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    /// The name that was given to `withTimeout`.
    public let name: String
    public let limit: Duration

    public var description: String { "\"\(name)\": it was not done within \(limit)".printable }
}
