import Synchronization

/// Knows which of the objects that it was shown still live, and keeps none of them.
final class Population: Sendable {
    private struct Reference {
        weak var object: (any AnyObject & Sendable)?
    }

    private let references = Mutex<[Reference]>([])

    func add(_ object: any AnyObject & Sendable) {
        references.withLock { $0.append(Reference(object: object)) }
    }

    /// How many it was shown.
    var count: Int { references.withLock { $0.count } }
    /// How many of them live.
    var living: Int { references.withLock { $0.count { $0.object != nil } } }
}

/// What a workflow's closure captures; says when nothing keeps it any more.
final class Guest: Sendable {
    private let farewell: @Sendable () -> Void

    init(_ farewell: @escaping @Sendable () -> Void = {}) {
        self.farewell = farewell
    }

    /// For a closure that is to capture the guest.
    func stay() -> Int { 1 }

    deinit { farewell() }
}

/// An error that keeps what it was made with.
struct Keepsake: Error {
    var objects: [any AnyObject & Sendable]
}
