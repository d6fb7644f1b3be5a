/// What becomes of a run in memory when Redis comes back: see ``WorkerSession/compareServers(_:)``.
extension RunDriver {
    /// Redis lacks some of what the instance has lived. Its claims are given up by the caller, and with them the calls that are not answered.
    func giveUp() {
        for step in bodies.keys { cancelBody(of: step) }
        discard()
    }

    /// A claim of this run is given up.
    func lose(_ workItem: WorkItem) {
        switch workItem {
        case .step(_, _, let attempt, let step):
            if inline != step, bodies[step]?.attempt == attempt { cancelBody(of: step) }
        case .turn:
            if let inline { cancelBody(of: inline) }
            // It has had an outcome that may not be recorded.
            if let instance, instance.delivered > knownOutcomes { dropInstance() }
        case .end, .ended, .cancel, .broadcast, .withdraw: break
        }
    }

    /// The note that the body of an `.atMostOnce` step has begun.
    struct AttemptNote: Sendable {
        var text: String
        /// Of the turn, for an inline step.
        var number: Int?
        var attempt: Int
        var token: String
        var isOnce: Bool
    }

    /// Redis may have kept a claim and lost the note that its body has begun: with the same token it changes nothing if it is there.
    func markAttemptsAgain() {
        for (step, note) in begunAttempts where bodies[step].map({ !$0.hasEnded }) == true {
            session.spawn { [store, run] in
                _ = try? await store.markAttempt(
                    run, text: note.text, turn: note.number, step: step, attempt: note.attempt, token: note.token,
                    once: note.isOnce)
            }
        }
    }
}
