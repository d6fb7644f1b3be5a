extension WorkflowContext {
    /// Executes one step for each element, as `map` does, and tells what became of each.
    ///
    /// ```swift
    /// let votes = try await context.settle(judges, "vote", until: .atLeast(3)) { judge in try await judge.vote(on: essay) }
    /// ```
    ///
    /// - Parameter policy: when the group is decided. Default: when every step has ended. What is open then is withdrawn: steps whose
    ///   body has not begun never begin, bodies that run are cancelled.
    /// - Returns: the outcomes in the order of the elements.
    /// - Throws: ``GroupFailure`` when the policy can no longer be met; ``StepwiseError`` with code `invalidGroup` for a policy that cannot be
    ///   met by so many elements, and as `map`.
    @discardableResult
    public func settle<Items: Collection, T: Codable & Sendable>(
        _ items: Items, _ name: String, _ options: StepOption..., until policy: GroupPolicy = .settled,
        maxConcurrency: Int? = nil, body: @escaping @Sendable (Items.Element) async throws -> T
    ) async throws -> [StepOutcome<T>] where Items.Element: Sendable {
        try await group(name, options, maxConcurrency) { element, _ in try await body(element) }
            .outcomes(Array(items), policy: policy)
    }

    /// One step for each element, for a body that asks for its attempt or its idempotency key.
    @discardableResult
    public func settle<Items: Collection, T: Codable & Sendable>(
        _ items: Items, _ name: String, _ options: StepOption..., until policy: GroupPolicy = .settled,
        maxConcurrency: Int? = nil, body: @escaping @Sendable (Items.Element, Step) async throws -> T
    ) async throws -> [StepOutcome<T>] where Items.Element: Sendable {
        try await group(name, options, maxConcurrency, body).outcomes(Array(items), policy: policy)
    }

    /// One step without a result for each element.
    @discardableResult
    public func settle<Items: Collection>(
        _ items: Items, _ name: String, _ options: StepOption..., until policy: GroupPolicy = .settled,
        maxConcurrency: Int? = nil, body: @escaping @Sendable (Items.Element) async throws -> Void
    ) async throws -> [StepOutcome<Void>] where Items.Element: Sendable {
        try await group(name, options, maxConcurrency) { element, _ in try await body(element) }
            .outcomes(Array(items), policy: policy)
    }

    /// One step without a result for each element, for a body that asks for its attempt or its idempotency key.
    @discardableResult
    public func settle<Items: Collection>(
        _ items: Items, _ name: String, _ options: StepOption..., until policy: GroupPolicy = .settled,
        maxConcurrency: Int? = nil, body: @escaping @Sendable (Items.Element, Step) async throws -> Void
    ) async throws -> [StepOutcome<Void>] where Items.Element: Sendable {
        try await group(name, options, maxConcurrency, body).outcomes(Array(items), policy: policy)
    }

    /// The first of a group of steps to succeed; steps that fail are passed over, and what is open then is withdrawn.
    ///
    /// ```swift
    /// let page = try await context.any(mirrors, "download") { mirror in try await mirror.download(path) }
    /// ```
    ///
    /// - Returns: the result of the step whose success was recorded first; the same one on every replay.
    /// - Throws: ``GroupFailure`` with every failure in the order of the elements when all have failed; ``StepwiseError`` with code `invalidGroup`
    ///   for no elements, and as `map`.
    @discardableResult
    public func any<Items: Collection, T: Codable & Sendable>(
        _ items: Items, _ name: String, _ options: StepOption..., maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element) async throws -> T
    ) async throws -> T where Items.Element: Sendable {
        try await group(name, options, maxConcurrency) { element, _ in try await body(element) }.any(Array(items))
    }

    /// The first to succeed, for a body that asks for its attempt or its idempotency key.
    @discardableResult
    public func any<Items: Collection, T: Codable & Sendable>(
        _ items: Items, _ name: String, _ options: StepOption..., maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element, Step) async throws -> T
    ) async throws -> T where Items.Element: Sendable {
        try await group(name, options, maxConcurrency, body).any(Array(items))
    }
}
