internal import Logging
internal import StepwiseRedis

/// Claims items from one list for as long as there are slots: several at once while it is busy, by a blocking move while it is empty. What
/// pops knows no run: it moves list to list.
struct ClaimLoop: Sendable {
    let session: WorkerSession
    let source: ClaimSource
    /// Has the blocking move; `nil` for a list at which a ``ListLook`` looks.
    var blocking: RedisClient?

    /// The most that one round claims.
    private static let most = 64

    /// Claims until the session's end.
    func run() async {
        guard let blocking else { return }
        var trouble = LoopTrouble(session.connections.troubles)
        defer { trouble.forget() }
        var pause = Duration.milliseconds(50)
        var batch = 1
        while await slot() {
            if session.isLeaving {
                session.slots.releaseUnused()
                return
            }
            if session.isPaused(queue: source.queue) {
                session.slots.releaseUnused()
                continue
            }
            do {
                batch = batch > 1 ? try await claimSeveral(batch) : try await claimNext(by: blocking)
                pause = .milliseconds(50)
                trouble.over()
            } catch {
                // A thread that was left behind and is free again has nothing more to do; its event loop ends.
                if error.kind == .closed || session.isOver { return }
                note(error, &trouble)
                await Latch().wait(atMost: pause, on: blocking.eventLoop)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }

    /// Claims until nothing has come for as long as a look is away. While the list is empty it is asked again after a pause that doubles, without
    /// a slot: a queue with traffic does not wait for the next look each time.
    ///
    /// - Parameter end: ends a pause.
    func runWhileFull(until end: Latch) async {
        let eventLoop = session.connections.executor.eventLoop
        let shortest = Duration.milliseconds(5)
        var trouble = LoopTrouble(session.connections.troubles)
        defer { trouble.forget() }
        var pause = shortest
        var batch = 1
        while pause < ListLook.interval, !goesBack, await session.slots.acquire() {
            if goesBack { return session.slots.releaseUnused() }
            do {
                batch = try await claimSeveral(batch)
                trouble.over()
                if batch > 1 {
                    pause = shortest
                    continue
                }
            } catch {
                if error.kind == .closed || session.isOver { return }
                note(error, &trouble)
                await end.wait(atMost: .seconds(2), on: eventLoop)
                // Of an outage the next look finds the list again. What is told goes on until a claim succeeds.
                if trouble.isMet { continue }
                return
            }
            await end.wait(atMost: pause, on: eventLoop)
            pause = pause * 2
        }
    }

    private func slot() async -> Bool {
        await session.waitWhilePaused(queue: source.queue)
        return await session.slots.acquire()
    }

    private func note(_ error: RedisError, _ trouble: inout LoopTrouble) {
        trouble.note(error) {
            // The worker itself ends a wait when it drains, or when the queue is paused.
            if goesBack { return }
            session.logger.warning(
                "claiming failed", metadata: ["list": "\(source.list(session.keys))", "error": "\(error)"])
        }
    }

    /// Waits for an item. The caller's slot is given back meanwhile, so that a loop over an empty list keeps none from the others.
    ///
    /// - Returns: how many to claim in the next round: 1 to wait, more to take so many without waiting.
    private func claimNext(by blocking: RedisClient) async throws(RedisError) -> Int {
        guard session.slots.beginWaiting() else { return 1 }
        // Only at the very end: who waits to be alone would else end the process while an item is still claimed.
        defer { session.slots.endWaiting() }
        let begin = ContinuousClock.now
        let claim = StoreCommand.awaitClaim(
            session.keys, from: source, for: session.name, longest: longest,
            seconds: WorkerConnections.blockingTimeout)
        guard let item = try await blocking.send(claim) else { return 1 }
        let hasSlot = session.slots.take(upTo: 1) == 1
        await accept(item, hasSlot: hasSlot, newer: 0)
        // All slots are taken: this list waits for its turn among the others, and claims with the slot in its hand.
        if !hasSlot { return 2 }
        return ContinuousClock.now - begin < session.configuration.claimAtOnce ? 8 : 1
    }

    /// Takes up to `batch` items without waiting; the caller holds one slot already.
    private func claimSeveral(_ batch: Int) async throws(RedisError) -> Int {
        var slots = ClaimSlots(of: session.slots, upTo: batch)
        defer { slots.releaseRest() }
        let claim = StoreCommand.claim(session.keys, from: source, for: session.name, longest: longest)
        var items: [ClaimedItem] = []
        var failure: RedisError?
        for reply in try await session.connections.commands.send(Array(repeating: claim, count: slots.count)) {
            do throws(RedisError) {
                if let item = try reply.get() { items.append(item) }
            } catch {
                // What came before it is claimed all the same.
                failure = error
            }
        }
        // What goes back at once goes back in its old order: the oldest last, to be the next.
        let isReversed = goesBack
        if isReversed { items.reverse() }
        for (index, item) in items.enumerated() {
            slots.use()
            await accept(item, hasSlot: true, newer: isReversed ? 0 : items.count - 1 - index)
        }
        if let failure { throw failure }
        let taken = slots.count - slots.free
        if taken == 0 { return 1 }
        return slots.free == 0 ? min(batch * 2, Self.most) : max(2, taken)
    }

    private var goesBack: Bool {
        session.isDraining || session.slots.isHeld || session.isPaused(queue: source.queue)
    }

    /// What others push is read as far as it may be accepted.
    private var longest: Int? {
        if case .inbox = source { session.configuration.maximumPayloadSize } else { nil }
    }

    /// What arrives after the worker has begun to drain, after the queue was paused, while Swift's pool is held, or while there is no slot, goes
    /// back at once.
    ///
    /// - Parameter newer: how many items were claimed here since, and are still held.
    private func accept(_ item: ClaimedItem, hasSlot: Bool, newer: Int) async {
        session.noteClaim()
        if hasSlot, !goesBack, item.isWhole {
            switch source {
            case .queue(let queue): session.accept(item.bytes, from: queue)
            case .inbox(let queue): session.acceptPushed(item.bytes, from: queue)
            }
            return
        }
        // What cannot be released now is released with the worker's end.
        if item.isWhole {
            try? await session.release(item.bytes, to: source)
        } else {
            await session.rejectLong(item, from: source, newer: newer)
        }
        if hasSlot { session.slots.release() }
    }

    /// Ends a blocking move that waits on an empty list.
    func stopWaiting() async {
        if let blocking { await session.stopWaiting(blocking) }
    }
}
