extension Saga {
    /// A step with a result, and how to undo it.
    ///
    /// Once called it is waited for, also if the run is cancelled meanwhile: cut off, nobody could tell whether there is something to undo.
    ///
    /// - Parameters:
    ///   - name: the step's name, as in `context.run`.
    ///   - options: `.retry(…)` and others, for the step; the undo's are given to ``WorkflowContext/saga(undo:body:)``.
    ///   - body: the work.
    ///   - undo: undoes it; gets the result, decoded from the stored JSON. A step of its own, retried as one.
    /// - Returns: the value decoded from the stored JSON.
    /// - Throws: as `context.run`; ``StepwiseError`` with code `sagaEnded` outside the saga's closure.
    @discardableResult
    public func run<T: Codable & Sendable>(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable () async throws -> T,
        undo: @escaping @Sendable (T) async throws -> Void
    ) async throws -> T {
        try await value(name, options, { _ in try await body() }, { value, _ in try await undo(value) })
    }

    /// A step with a result, whose undo asks for its attempt or its idempotency key.
    @discardableResult
    public func run<T: Codable & Sendable>(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable () async throws -> T,
        undo: @escaping @Sendable (T, Step) async throws -> Void
    ) async throws -> T {
        try await value(name, options, { _ in try await body() }, undo)
    }

    /// A step with a result, whose body asks for its attempt or its idempotency key.
    @discardableResult
    public func run<T: Codable & Sendable>(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable (Step) async throws -> T,
        undo: @escaping @Sendable (T) async throws -> Void
    ) async throws -> T {
        try await value(name, options, body, { value, _ in try await undo(value) })
    }

    /// A step with a result; both body and undo ask for their attempt or their idempotency key.
    @discardableResult
    public func run<T: Codable & Sendable>(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable (Step) async throws -> T,
        undo: @escaping @Sendable (T, Step) async throws -> Void
    ) async throws -> T {
        try await value(name, options, body, undo)
    }

    /// A step without a result, and how to undo it.
    public func run(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable () async throws -> Void,
        undo: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await nothing(name, options, { _ in try await body() }, { _ in try await undo() })
    }

    /// A step without a result, whose undo asks for its attempt or its idempotency key.
    public func run(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable () async throws -> Void,
        undo: @escaping @Sendable (Step) async throws -> Void
    ) async throws {
        try await nothing(name, options, { _ in try await body() }, undo)
    }

    /// A step without a result, whose body asks for its attempt or its idempotency key.
    public func run(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable (Step) async throws -> Void,
        undo: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await nothing(name, options, body, { _ in try await undo() })
    }

    /// A step without a result; both body and undo ask for their attempt or their idempotency key.
    public func run(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable (Step) async throws -> Void,
        undo: @escaping @Sendable (Step) async throws -> Void
    ) async throws {
        try await nothing(name, options, body, undo)
    }

    private func value<T: Codable & Sendable>(
        _ name: String, _ options: [StepOption], _ body: @escaping @Sendable (Step) async throws -> T,
        _ undo: @escaping @Sendable (T, Step) async throws -> Void
    ) async throws -> T {
        let context = context
        let result = try await perform(name, options, context.encoding(body)) { result in
            let value = try await context.decode(T.self, from: result)
            return { step in try await undo(value, step) }
        }
        return try await context.decode(T.self, from: result)
    }

    private func nothing(
        _ name: String, _ options: [StepOption], _ body: @escaping @Sendable (Step) async throws -> Void,
        _ undo: @escaping @Sendable (Step) async throws -> Void
    ) async throws {
        _ = try await perform(name, options, WorkflowContext.encoding(body)) { _ in undo }
    }
}
