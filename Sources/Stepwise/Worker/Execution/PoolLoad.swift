import Synchronization

/// How many bodies a worker has handed to Swift's pool.
final class PoolLoad: Sendable {
    private let handed = Atomic(0)
    private let done = Atomic(0)
    private let begins = Atomic(0)

    func noteHanded() { handed.wrappingAdd(1, ordering: .relaxed) }

    func noteBegun() {
        begins.wrappingAdd(1, ordering: .relaxed)
        done.wrappingAdd(1, ordering: .relaxed)
    }

    /// A body was taken back before it had a thread.
    func noteWithdrawn() { done.wrappingAdd(1, ordering: .relaxed) }

    /// How many it has begun.
    var begun: Int { begins.load(ordering: .relaxed) }
    /// How many wait for one of its threads, those included that nobody wants any more.
    var waiting: Int { max(0, handed.load(ordering: .relaxed) - done.load(ordering: .relaxed)) }
}
