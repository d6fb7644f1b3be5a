/// Bodies that wait for a thread of Swift's pool.
extension RunDriver {
    /// Whether the body would have to wait for a thread of a pool that gives none.
    func isHeldBack(_ call: StepCall) -> Bool {
        guard session.slots.isHeld, !call.options.isBlocking else { return false }
        return call.options.timeout != nil || !paces.of(call.name).isQuick
    }

    /// Takes back the bodies that have no thread yet: whoever waits for one releases its step, or its turn.
    func withdrawBodies() {
        for body in bodies.values { body.withdraw() }
    }
}

extension WorkerSession {
    /// As long as Swift's pool is held: takes back the bodies that wait for one of its threads.
    func withdrawBodies() {
        let drivers = drivers
        connections.executor.actors.execute {
            guard self.slots.isHeld else { return }
            for driver in drivers { driver.assumeIsolated { $0.withdrawBodies() } }
        }
    }
}
