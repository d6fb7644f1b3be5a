internal import Logging
internal import StepwiseRedis

/// Claims work items from one queue for as long as there are slots: several at once while the queue is busy, by a blocking move
/// while it is empty. What pops knows no run: it moves list to list.
struct ClaimLoop: Sendable {
    let session: WorkerSession
    let queue: String
    let blocking: RedisClient

    /// The most that one round claims.
    private static let most = 64

    func run() async {
        var pause = Duration.milliseconds(50)
        var batch = 1
        while await slot() {
            if session.isLeaving {
                session.slots.release()
                return
            }
            if session.isPaused(queue: queue) {
                session.slots.release()
                continue
            }
            do {
                batch = try await claim(batch)
                pause = .milliseconds(50)
            } catch {
                if error.kind == .closed { return }
                if error.kind != .unavailable {
                    session.logger.warning("claiming failed", metadata: ["queue": "\(queue)", "error": "\(error)"])
                }
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }

    private func slot() async -> Bool {
        await session.waitWhilePaused(queue: queue)
        return await session.slots.acquire()
    }

    /// One round; it holds one slot already.
    ///
    /// - Parameter batch: 1 to wait for a work item, more to take so many without waiting: the queue is not empty.
    /// - Returns: the same for the next round.
    private func claim(_ batch: Int) async throws(RedisError) -> Int {
        if batch > 1 {
            return try await claimSeveral(batch)
        }
        do throws(RedisError) {
            let begin = ContinuousClock.now
            let claim = StoreCommand.awaitClaim(
                session.keys, from: queue, for: session.name, seconds: WorkerConnections.blockingTimeout)
            guard let item = try await blocking.send(claim) else {
                session.slots.release()
                return 1
            }
            await accept(item)
            return ContinuousClock.now - begin < session.configuration.claimAtOnce ? 8 : 1
        } catch {
            session.slots.release()
            throw error
        }
    }

    private func claimSeveral(_ batch: Int) async throws(RedisError) -> Int {
        let slots = 1 + session.slots.take(upTo: batch - 1)
        var free = slots
        defer { session.slots.release(free) }
        let claim = StoreCommand.claim(session.keys, from: queue, for: session.name)
        var items: [[UInt8]] = []
        for reply in try await session.connections.commands.send(Array(repeating: claim, count: slots)) {
            if let item = try reply.get() { items.append(item) }
        }
        // What goes back at once goes back in its old order: the oldest last, to be the next.
        if goesBack { items.reverse() }
        for item in items {
            free -= 1
            await accept(item)
        }
        let taken = slots - free
        if taken == 0 { return 1 }
        return free == 0 ? min(batch * 2, Self.most) : max(2, taken)
    }

    private var goesBack: Bool { session.isDraining || session.isPaused(queue: queue) }

    /// What arrives after the worker has begun to drain, or the queue was paused, goes back at once.
    private func accept(_ item: [UInt8]) async {
        session.noteClaim()
        if goesBack {
            // What cannot be released now is released with the worker's end.
            try? await session.release(item, queue: queue)
            // Only now: who waits to be alone would else end the process while the item is still claimed.
            session.slots.release()
        } else {
            session.accept(item, from: queue)
        }
    }

    /// Ends a blocking move that waits on an empty queue.
    func unblock() async {
        await session.unblock(blocking)
    }
}
