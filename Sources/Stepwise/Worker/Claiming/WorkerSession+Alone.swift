internal import Logging
internal import StepwiseRedis

extension WorkerSession {
    /// Whether a step, or a run's function, that has lost so many workers is on its last delivery.
    func isLastDelivery(lost: Int) -> Bool { lost > 0 && lost >= configuration.maximumWorkerLosses - 1 }

    /// Sees to it that the caller's work item is the only one in this process: claims nothing, releases what has not begun, and waits
    /// for the rest. Should the process end now, nobody else is lost with it. To be followed by ``endAlone()``.
    ///
    /// - Returns: `false` if that is not possible now; then the work item is to be released.
    func beginAlone(_ what: String, run: String, lost: Int) async -> Bool {
        let isAlone = await slots.pause {
            logger.warning(
                "\(what) has lost workers and is executed alone, for the last time; nothing is claimed until it is done",
                metadata: ["run": "\(run)", "lost": "\(lost)"])
            for client in connections.blocking.values {
                spawn { await self.stopWaiting(client) }
            }
        }
        guard isAlone else { return false }
        await releaseRest()
        if isOver {
            slots.resume()
            return false
        }
        return true
    }

    /// What was released and claimed again before its first handling had ended has no slot, and would be lost with the process.
    private func releaseRest() async {
        for queue in configuration.queues {
            let list = try? await command(.items(keys.claimed(name, queue)))
            let held = ledger.items
            for item in list ?? [] where !held.contains(item) {
                try? await release(item, to: .queue(queue))
            }
            // Nobody handles a pushed item now.
            try? await releasePushed(of: name, queue: queue, lost: false)
        }
    }

    func endAlone() { slots.resume() }

    /// Ends a blocking move that waits on an empty list, with its connection: once this returns, Redis moves nothing for it any more. What it
    /// may have moved before is in the claim list, and is found there.
    func stopWaiting(_ blocking: RedisClient) async {
        // The thread that hears of a new server may be held: an id of another process would be somebody else's here.
        guard let redis = blocking.session, redis.clientID != 0, redis.runID == connections.beat.session?.runID,
            !redis.runID.isEmpty || comparisons.count == 0
        else { return }
        blocking.expectEnd()
        // Over the heartbeat's connection: user code may hold the thread of the others.
        try? await connections.beat.send(.kill(redis.clientID))
    }
}
