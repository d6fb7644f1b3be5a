internal import StepwiseRedis

/// What keeps a loop from its calls. The worker's ``RedisTroubles`` tell of it, until a call succeeds or the loop ends.
struct LoopTrouble {
    private let troubles: RedisTroubles
    private let source: RedisTroubles.Source
    /// Whether there is one that has been told.
    private(set) var isMet = false

    init(_ troubles: RedisTroubles) {
        self.troubles = troubles
        source = troubles.newSource()
    }

    /// - Parameter warn: tells of a refusal for which nobody knows a reason.
    mutating func note(_ error: RedisError, orElse warn: () -> Void) {
        if error.fault != nil || isMet && error.kind != .refused {
            isMet = true
            troubles.note(error, by: source)
        } else if error.kind == .refused {
            // Of an outage the connection tells.
            warn()
        }
    }

    mutating func over() {
        if isMet { troubles.over(source) }
        isMet = false
    }

    /// The loop ends.
    func forget() { troubles.forget(source) }
}
