extension WorkflowContext {
    /// Runs `body` out of reach of a cancellation: its steps are opened, executed, recorded and replayed as ever, also in a run that was
    /// cancelled, where every other step call throws `CancellationError`.
    ///
    /// ```swift
    /// let desk = try await context.run("reserve a desk") { try await desks.reserve() }
    /// do {
    ///     try await work(context, at: desk)
    /// } catch {
    ///     try await context.cleanup { try await context.run("release the desk") { try await desks.release(desk) } }
    ///     throw error
    /// }
    /// ```
    ///
    /// A cancellation that comes while `body` runs does not reach it either: the run ends when it has. Task groups and `async let` work
    /// in it as anywhere, their own cancellation included. A body that need not be waited for does not belong here.
    ///
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws; ``StepwiseError`` for a call from the wrong place.
    public func cleanup<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
        try checkPlace(of: "context.cleanup")
        return try await instance.shield(body)
    }
}
