import Synchronization

/// How many bodies a worker has handed to Swift's pool.
final class PoolLoad: Sendable {
    private let handed = Atomic(0)
    private let done = Atomic(0)
    private let begins = Atomic(0)
    private let held = Atomic(false)
    private let bodies: PoolBodies
    private let session: String

    /// - Parameters:
    ///   - bodies: the worker's, in all of its sessions.
    ///   - session: its name.
    init(_ bodies: PoolBodies, of session: String) {
        (self.bodies, self.session) = (bodies, session)
    }

    /// Whether the pool begins nothing.
    func hold(_ isHeld: Bool) { held.store(isHeld, ordering: .relaxed) }
    var isHeld: Bool { held.load(ordering: .relaxed) }

    func noteHanded() { handed.wrappingAdd(1, ordering: .relaxed) }

    func noteBegun() {
        begins.wrappingAdd(1, ordering: .relaxed)
        done.wrappingAdd(1, ordering: .relaxed)
    }

    /// A body was taken back before it had a thread.
    func noteWithdrawn() { done.wrappingAdd(1, ordering: .relaxed) }

    /// A body has a thread of the pool.
    ///
    /// - Returns: the number to give to ``leave(_:)`` once it has returned.
    func enter(_ body: RunningBody, _ step: Step) -> Int { bodies.add(body, step, of: session) }
    func leave(_ number: Int) { bodies.remove(number) }

    /// Which bodies the pool has begun that have not returned.
    var picture: PoolBodies.Picture { bodies.picture(for: session) }

    /// How many of them have returned.
    var returned: Int { bodies.returned }
    /// How many it has begun.
    var begun: Int { begins.load(ordering: .relaxed) }
    /// How many wait for one of its threads, those included that nobody wants any more.
    var waiting: Int { max(0, handed.load(ordering: .relaxed) - done.load(ordering: .relaxed)) }
}
