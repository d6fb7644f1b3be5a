internal import Logging
internal import StepwiseRedis

extension WorkerSession {
    /// Gives back what a dead worker held, and lets its name go once it has been dead for `leaveAfter` milliseconds.
    func sweep(_ dead: String, leaveAfter: Int) async throws {
        let queues = try await command(.queues(keys, ofWorker: dead))
        try await releaseAll(of: dead, queues: queues, lost: true)
        try await evaluate(.deregister(keys, dead, queues: queues, age: leaveAfter))
    }

    /// Moves everything that a name has claimed back.
    ///
    /// - Parameter kept: what stays.
    func releaseAll(of name: String, queues: [String], lost: Bool, but kept: Set<[UInt8]> = []) async throws {
        for queue in try await queuesHeld(by: name, among: queues) {
            try await releaseAll(of: name, queue: queue, lost: lost, but: kept)
            try await releasePushed(of: name, queue: queue, lost: lost)
        }
    }

    /// Moves pushed items that were claimed and not accepted back to their inbox. A key of another type must not keep the rest here.
    ///
    /// - Parameter pages: the most calls; of a worker that goes on the inbox's items come back meanwhile.
    func releasePushed(of name: String, queue: String, lost: Bool, pages: Int = 10_000) async throws {
        let call = ScriptCall.releasePushed(
            keys: keys, worker: name, queue: queue, lost: lost, maximumWorkerLosses: configuration.maximumWorkerLosses,
            maximumSize: configuration.maximumPayloadSize)
        do {
            for _ in 0..<pages where try await evaluate(call) == 0 { return }
        } catch let error as RedisError {
            logger.error(
                "pushed items cannot be released; see \(keys.command("doctor"))",
                metadata: ["queue": "\(queue)", "error": "\(error)"])
        }
    }

    /// Moves a claim list back to its queue, the newest first, so that the oldest is the next to be claimed.
    ///
    /// - Parameter kept: what stays in the list.
    func releaseAll(of name: String, queue: String, lost: Bool, but kept: Set<[UInt8]> = []) async throws {
        // A frozen worker's blocking claim may still be served, with the very item that goes back. That is not a second loss.
        var counted: Set<String> = []
        while true {
            let items = try await command(.items(keys.claimed(name, queue), count: 100))
            if items.isEmpty { return }
            var moved = false
            for item in items where !kept.contains(item) {
                let workItem = String(validating: item, as: UTF8.self).flatMap { WorkItem($0) }
                var parentQueue: String?
                if case .turn(let run, _)? = workItem, lost { parentQueue = try await self.parentQueue(of: run) }
                // A first turn goes back without what it brought along, and is the same all the same.
                var known = String(decoding: item, as: UTF8.self)
                if case .turn(let run, let generation)? = workItem {
                    known = WorkItem.turnText(run: run, generation: generation)
                }
                let call = ScriptCall.release(
                    keys: keys, item: .init(item), workItem: workItem, worker: name, queue: queue,
                    lost: lost && counted.insert(known).inserted,
                    maximumWorkerLosses: configuration.maximumWorkerLosses,
                    parentQueue: parentQueue)
                do {
                    let reply = try await evaluate(call)
                    moved = reply != "gone" || moved
                    if reply == "failed", let run = workItem?.run {
                        logger.error("a run has failed: its function ends its worker", metadata: ["run": "\(run)"])
                        try await reportEnd(of: run)
                    }
                } catch let error as RedisError {
                    // One run whose keys are damaged must not keep the others here.
                    logger.error(
                        "a claim cannot be released; see the run with \(keys.command("doctor"))",
                        metadata: ["run": "\(workItem?.run ?? "")", "error": "\(error)"])
                }
            }
            if !moved { return }
        }
    }
}
