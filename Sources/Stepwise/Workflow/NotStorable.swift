// The overloads in this file are never called. They exist so that a body which returns something that cannot be stored (a
// connection, a file handle, a tuple, `any Codable`) does not fall through to the overload for `Void`, which would drop the
// value with a warning only. Isolation to an actor of their own and a result that is not Sendable make every spelling of such
// a call an error, and the deprecation's sentence says what to do.

/// The actor of calls that cannot be made: steps whose result cannot be stored. See ``WorkflowContext``.
@globalActor public actor NotStorable {
    public static let shared = NotStorable()
}

/// The result of a step whose value cannot be stored: there is nothing that can be done with it.
public struct StepResultMustBeCodable<T> {}

@available(*, unavailable)
extension StepResultMustBeCodable: Sendable {}

extension WorkflowContext {
    @available(
        *, deprecated,
        message:
            "a step's result is stored as JSON: return a Codable & Sendable value, or assign it to _ to store nothing"
    )
    @NotStorable
    public func run<T>(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable () async throws -> T
    ) async throws -> StepResultMustBeCodable<T> {
        throw Self.notStorable(name, T.self)
    }

    @available(
        *, deprecated,
        message:
            "a step's result is stored as JSON: return a Codable & Sendable value, or assign it to _ to store nothing"
    )
    @NotStorable
    public func run<T>(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable (Step) async throws -> T
    ) async throws -> StepResultMustBeCodable<T> {
        throw Self.notStorable(name, T.self)
    }

    static func notStorable<T>(_ name: String, _ type: T.Type) -> StepwiseError {
        StepwiseError(
            .notStorable,
            "the result of step \"\(name)\" is a \(type), which is not Codable & Sendable; return plain data, or nothing"
        )
    }
}

extension Saga {
    @available(
        *, deprecated,
        message:
            "a step's result is stored as JSON: return a Codable & Sendable value, or assign it to _ to store nothing"
    )
    @NotStorable
    public func run<T>(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable () async throws -> T,
        undo: @escaping @Sendable (T) async throws -> Void
    ) async throws -> StepResultMustBeCodable<T> {
        throw WorkflowContext.notStorable(name, T.self)
    }

    @available(
        *, deprecated,
        message:
            "a step's result is stored as JSON: return a Codable & Sendable value, or assign it to _ to store nothing"
    )
    @NotStorable
    public func run<T>(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable (Step) async throws -> T,
        undo: @escaping @Sendable (T) async throws -> Void
    ) async throws -> StepResultMustBeCodable<T> {
        throw WorkflowContext.notStorable(name, T.self)
    }
}
