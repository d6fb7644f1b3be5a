internal import Logging
internal import StepwiseRedis

/// Claims invocations from one queue for as long as there are slots: several at once while the queue is busy, by a blocking move
/// while it is empty. What pops knows no run: it moves list to list.
struct ClaimLoop: Sendable {
    let worker: Incarnation
    let queue: String
    let blocking: RedisClient

    /// The most that one round claims.
    private static let batch = 16

    func run() async {
        var pause = Duration.milliseconds(50)
        while await worker.slots.acquire() {
            if worker.isDraining {
                worker.slots.release()
                return
            }
            do {
                try await claim()
                pause = .milliseconds(50)
            } catch {
                if error.kind == .closed { return }
                if error.kind != .unavailable {
                    worker.logger.warning("claiming failed", metadata: ["queue": "\(queue)", "error": "\(error)"])
                }
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }

    /// One round; it holds one slot already.
    private func claim() async throws(RedisError) {
        let slots = 1 + worker.slots.take(upTo: Self.batch - 1)
        let move: [RedisArgument] = [
            "LMOVE", .init(worker.keys.queue(queue)), .init(worker.keys.claimed(worker.name, queue)), "RIGHT", "LEFT",
        ]
        var free = slots
        defer { worker.slots.release(free) }
        let replies = try await worker.connections.commands.pipeline(Array(repeating: move, count: slots))
        for reply in replies {
            if let item = try reply.get().bytes {
                free -= 1
                await accept(item)
            }
        }
        guard free == slots else { return }
        worker.slots.release(free - 1)
        free = 1
        let reply = try await blocking.send([
            "BLMOVE", .init(worker.keys.queue(queue)), .init(worker.keys.claimed(worker.name, queue)), "RIGHT", "LEFT",
            .init(WorkerConnections.blockingTimeout),
        ])
        if let item = reply.bytes {
            free = 0
            await accept(item)
        }
    }

    /// What arrives after the worker has begun to drain goes back at once.
    private func accept(_ item: [UInt8]) async {
        worker.noteClaim()
        if worker.isDraining {
            worker.slots.release()
            // What cannot be given back now goes back with the worker's end.
            try? await worker.giveBack(item, queue: queue)
        } else {
            worker.accept(item, from: queue)
        }
    }

    /// Ends a blocking move that waits on an empty queue.
    func unblock() async {
        guard let session = blocking.session, session.clientID != 0 else { return }
        _ = try? await worker.connections.commands.send(["CLIENT", "UNBLOCK", .init(session.clientID)])
    }
}
