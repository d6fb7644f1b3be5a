// As in NotStorable.swift: overloads that are never called, for bodies whose result cannot be stored.

extension WorkflowContext {
    @available(
        *, deprecated,
        message:
            "a step's result is stored as JSON: return a Codable & Sendable value, or assign it to _ to store nothing"
    )
    @NotStorable
    public func map<Items: Collection, T>(
        _ items: Items, _ name: String, _ options: StepOption..., maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element) async throws -> T
    ) async throws -> StepResultMustBeCodable<T> where Items.Element: Sendable {
        throw Self.notStorable(name, T.self)
    }

    @available(
        *, deprecated,
        message:
            "a step's result is stored as JSON: return a Codable & Sendable value, or assign it to _ to store nothing"
    )
    @NotStorable
    public func map<Items: Collection, T>(
        _ items: Items, _ name: String, _ options: StepOption..., maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element, Step) async throws -> T
    ) async throws -> StepResultMustBeCodable<T> where Items.Element: Sendable {
        throw Self.notStorable(name, T.self)
    }

    @available(
        *, deprecated,
        message:
            "a step's result is stored as JSON: return a Codable & Sendable value, or assign it to _ to store nothing"
    )
    @NotStorable
    public func settle<Items: Collection, T>(
        _ items: Items, _ name: String, _ options: StepOption..., until policy: GroupPolicy = .settled,
        maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element) async throws -> T
    ) async throws -> StepResultMustBeCodable<T> where Items.Element: Sendable {
        throw Self.notStorable(name, T.self)
    }

    @available(
        *, deprecated,
        message:
            "a step's result is stored as JSON: return a Codable & Sendable value, or assign it to _ to store nothing"
    )
    @NotStorable
    public func settle<Items: Collection, T>(
        _ items: Items, _ name: String, _ options: StepOption..., until policy: GroupPolicy = .settled,
        maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element, Step) async throws -> T
    ) async throws -> StepResultMustBeCodable<T> where Items.Element: Sendable {
        throw Self.notStorable(name, T.self)
    }

    @available(
        *, deprecated,
        message:
            "a step's result is stored as JSON: return a Codable & Sendable value, or assign it to _ to store nothing"
    )
    @NotStorable
    public func any<Items: Collection, T>(
        _ items: Items, _ name: String, _ options: StepOption..., maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element) async throws -> T
    ) async throws -> StepResultMustBeCodable<T> where Items.Element: Sendable {
        throw Self.notStorable(name, T.self)
    }

    @available(
        *, deprecated,
        message:
            "a step's result is stored as JSON: return a Codable & Sendable value, or assign it to _ to store nothing"
    )
    @NotStorable
    public func any<Items: Collection, T>(
        _ items: Items, _ name: String, _ options: StepOption..., maxConcurrency: Int? = nil,
        body: @escaping @Sendable (Items.Element, Step) async throws -> T
    ) async throws -> StepResultMustBeCodable<T> where Items.Element: Sendable {
        throw Self.notStorable(name, T.self)
    }
}
