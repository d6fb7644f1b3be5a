extension WorkflowContext {
    /// Lets branches run beside each other until the first of them is done, and returns what that one returns.
    ///
    /// ```swift
    /// let decision = try await context.race(
    ///     { try await context.waitForEvent("approved", as: Decision.self) },
    ///     { try await context.run("ask the boss") { try await boss.decide(order) } })
    /// ```
    ///
    /// The outcomes in the order in which they were recorded decide, so every replay has the same winner, for ever. The others are
    /// cancelled: their steps are withdrawn, bodies that run are cancelled, what they wait for throws `CancellationError`. They are waited
    /// for: a branch that tidies up in `context.cleanup` does so before this returns.
    ///
    /// - Parameter branches: at least one. They may return nothing.
    /// - Throws: what the first branch throws, if it ends in an error; `CancellationError` in a cancelled task; ``StepwiseError`` with code
    ///   `invalidGroup` for no branches, or for a call from the wrong place.
    @discardableResult
    public func race<T: Sendable>(_ branches: (@Sendable () async throws -> T)...) async throws -> T {
        try await race(branches)
    }

    /// The same with branches that are made at run time.
    @discardableResult
    public func race<T: Sendable>(_ branches: [@Sendable () async throws -> T]) async throws -> T {
        try checkPlace(of: "context.race")
        return try await withThrowingTaskGroup(of: T.self) { group in
            for branch in branches { group.addTask(operation: branch) }
            defer { group.cancelAll() }
            guard let first = try await group.next() else {
                throw StepwiseError(.invalidGroup, "a race of run \(runID) has no branches: give it at least one")
            }
            return first
        }
    }
}
