internal import Stepwise

/// The limit was reached first.
struct TimeIsUp: Error {}

/// Does a work that heeds its cancellation, for so long at most.
///
/// - Throws: ``TimeIsUp``, or what the work throws.
func within<T: Sendable>(_ limit: Duration, _ work: @escaping @Sendable () async throws -> T) async throws -> T {
    try await withThrowingTaskGroup(of: T.self) { group in
        group.addTask(operation: work)
        group.addTask {
            try await Task.sleep(atMost: limit)
            throw TimeIsUp()
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}
