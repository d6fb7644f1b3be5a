internal import StepwiseRedis

/// A claimed step that Redis calls open and this worker's instance calls done.
extension RunDriver {
    /// Asks Redis again how the step stands. Where it says the same once more, it has lost what the instance knows: only a new instance, made from
    /// the history as it is now, can execute the step.
    ///
    /// - Parameter looks: how often that was done before, one time after the other.
    func lookAgain(
        _ text: String, _ step: String, _ attempt: Int, _ looks: Int, _ claim: Claim
    ) async throws -> Kept? {
        if looks > 0, let instance {
            try await waitForEnd(ofTurnOf: instance, step, attempt)
            if session.isDraining {
                try await session.release(Array(text.utf8), to: .queue(run.queue))
                return nil
            }
            if !holdsTurn { dropInstance() }
        }
        return try await load(text, step: (step, attempt), claim, looks: looks + 1)
    }

    /// Waits while the turn is held here, with this instance, and the step is open: until then no other instance may take its place. Each look
    /// costs Redis a read, so there are pauses between them.
    private func waitForEnd(ofTurnOf instance: RunInstance, _ step: String, _ attempt: Int) async throws {
        var pause = Duration.milliseconds(10)
        while holdsTurn, instance === self.instance, !session.isDraining,
            try await session.open(run, step: step, attempt: attempt, evenIfPaused: true) != nil
        {
            await Latch().wait(atMost: pause, on: session.connections.executor.eventLoop)
            pause = min(pause * 2, .seconds(2))
        }
    }
}
