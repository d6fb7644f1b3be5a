/// Bodies that wait for a thread, of Swift's pool or of those for `.blocking` steps.
extension RunDriver {
    /// Whether the body would have to wait for a thread where there is none.
    func isHeldBack(_ call: StepCall) -> Bool {
        if call.options.isBlocking { return session.blockingThreads.isHeld }
        return session.poolLoad.isHeld && (call.options.timeout != nil || !paces.of(call.name).isQuick)
    }

    /// Takes back the bodies that have no thread yet where there is none: whoever waits for one releases its step, or its turn.
    func withdrawBodies() {
        for body in bodies.values {
            if body.isOfPool ? session.poolLoad.isHeld : session.blockingThreads.isHeld { body.withdraw() }
        }
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

    /// As long as nothing is claimed for threads that are held: takes back the bodies that wait for one of these.
    func withdrawBodies() {
        let drivers = allDrivers
        connections.executor.actors.execute {
            guard self.slots.isHeld else { return }
            for driver in drivers { driver.assumeIsolated { $0.withdrawBodies() } }
        }
    }
}
