extension WorkflowContext {
    /// Executes one step for each element, beside each other, on whichever workers are there.
    ///
    /// ```swift
    /// let thumbnails = try await context.map(photos, "resize", maxConcurrency: 20) { photo in try await resize(photo) }
    /// ```
    ///
    /// All steps have one name (`resize`, `resize#2`, …, in the order of the elements) and, if an element is `Encodable`, it as their
    /// ``StepOption/key(_:)``: elements that come in another order on a replay park the run instead of getting each other's results.
    ///
    /// - Parameters:
    ///   - items: the elements, in an order that is the same each time; sort a `Set` or a `Dictionary` first.
    ///   - name: the name of the steps.
    ///   - options: `.retry(…)` and others, for each step.
    ///   - maxConcurrency: the most steps that are open at a time; at least 1. Default: all.
    ///   - body: the work for one element.
    /// - Returns: the results in the order of the elements; nothing, at once, for no elements.
    /// - Throws: the ``StepFailure`` that was recorded first, when what is left was withdrawn; `CancellationError` in a cancelled task;
    ///   ``StepwiseError`` with code `invalidGroup` for a `maxConcurrency` below 1, or one about the name or the place.
    @discardableResult
    public func map<Items: Collection, T: Codable & Sendable>(
        _ items: Items, _ name: String, _ options: StepOption..., maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element) async throws -> T
    ) async throws -> [T] where Items.Element: Sendable {
        try await group(name, options, maxConcurrency) { element, _ in try await body(element) }.all(Array(items))
    }

    /// One step for each element, for a body that asks for its attempt or its idempotency key.
    @discardableResult
    public func map<Items: Collection, T: Codable & Sendable>(
        _ items: Items, _ name: String, _ options: StepOption..., maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element, Step) async throws -> T
    ) async throws -> [T] where Items.Element: Sendable {
        try await group(name, options, maxConcurrency, body).all(Array(items))
    }

    /// One step without a result for each element.
    public func map<Items: Collection>(
        _ items: Items, _ name: String, _ options: StepOption..., maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element) async throws -> Void
    ) async throws where Items.Element: Sendable {
        _ = try await group(name, options, maxConcurrency) { element, _ in try await body(element) }.all(Array(items))
    }

    /// One step without a result for each element, for a body that asks for its attempt or its idempotency key.
    public func map<Items: Collection>(
        _ items: Items, _ name: String, _ options: StepOption..., maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element, Step) async throws -> Void
    ) async throws where Items.Element: Sendable {
        _ = try await group(name, options, maxConcurrency, body).all(Array(items))
    }
}
