/// Bodies that wait for a thread of Swift's pool.
extension RunDriver {
    /// Whether the body would have to wait for a thread of a pool that gives none.
    func isHeldBack(_ call: StepCall) -> Bool {
        guard session.slots.isHeld, !call.options.isBlocking else { return false }
        return call.options.timeout != nil || !paces.of(call.name).isQuick
    }

    /// Takes back the bodies that have no thread yet: whoever waits for one releases its step, or its turn.
    func withdrawBodies() {
        for body in bodies.values where body.isOfPool { body.withdraw() }
    }
}

extension WorkerSession {
    /// Takes back all bodies that wait for a thread and have not begun, over the caller's connection: the name is about to release them, and no
    /// attempt was made.
    func withdrawWaitingBodies() async {
        for entry in bodies.all where entry.body.withdraw() {
            guard let mark = entry.body.mark else { continue }
            try? await store.unmarkAttempt(
                entry.run, text: entry.text, turn: entry.turn?.number, step: entry.step, attempt: entry.body.attempt,
                mark)
        }
    }

    /// As long as Swift's pool is held: takes back the bodies that wait for one of its threads.
    func withdrawBodies() {
        let drivers = allDrivers
        connections.executor.actors.execute {
            guard self.slots.isHeld else { return }
            for driver in drivers { driver.assumeIsolated { $0.withdrawBodies() } }
        }
    }
}
