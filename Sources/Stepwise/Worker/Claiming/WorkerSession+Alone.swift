internal import Logging
import NIOCore
internal import StepwiseRedis

extension WorkerSession {
    /// Whether a step, or a run's function, that has lost so many workers is on its last delivery.
    func isLastDelivery(lost: Int) -> Bool { lost > 0 && lost >= configuration.maximumWorkerLosses - 1 }

    /// Sees to it that the caller's work item is the only one in this process: claims nothing, releases what has not begun, and waits
    /// for the rest, for a lease at most: what goes on beside it may go on for hours. Should the process end before that, it is not a loss of this one;
    /// should it end after that, it is nobody else's. To be followed by ``endAlone()``.
    ///
    /// - Parameter text: the claim's; of a turn without what a first one brings along.
    /// - Returns: `false` if that is not possible now; then the work item is to be released. Who has waited in vain is held back before that, or it
    ///   would be claimed here again at once.
    func beginAlone(_ what: String, run: String, text: String, lost: Int) async throws -> Bool {
        let timer = connections.beat.eventLoop.scheduleTask(in: TimeAmount(atMost: configuration.lease)) {
            [slots] in slots.endPauseWait()
        }
        let isAlone = await slots.pause {
            logger.warning(
                "\(what) has lost workers and waits to be alone, for its last execution; nothing is claimed meanwhile",
                metadata: ["run": "\(run)", "lost": "\(lost)"])
            for client in connections.blocking.values {
                spawn { await self.stopWaiting(client) }
            }
        }
        timer.cancel()
        guard isAlone else {
            // Else somebody else is alone, or the worker leaves.
            if !isDraining { await holdBack(what, run: run) }
            return false
        }
        do {
            await releaseRest()
            guard try await evaluate(.noteAlone(keys, name, text)) else { throw SessionEnded() }
        } catch {
            slots.resume()
            throw error
        }
        return true
    }

    /// Keeps a work item that has waited in vain to be alone, until another one wants to be.
    private func holdBack(_ what: String, run: String) async {
        logger.warning(
            "\(what) has waited for a lease to be alone, and other bodies still run; claiming goes on, and it is tried again later",
            metadata: ["run": "\(run)"])
        let pause = Duration.milliseconds(100)
        var rest = configuration.lease * 3
        while rest > .zero, !isDraining {
            await Latch().wait(atMost: pause, on: connections.executor.eventLoop)
            rest -= pause
        }
    }

    /// What was released and claimed again before its first handling had ended has no slot, and would be lost with the process.
    private func releaseRest() async {
        let queues = try? await queuesHeld(by: name, among: configuration.queues)
        for queue in queues ?? [] {
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
