#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What keeps workers that beat from their work.
extension StepwiseClient {
    /// What user code holds of the workers' threads, and what to do about it; `nil` if it holds nothing.
    static func heldReason(_ workers: [WorkerListing]) -> String? {
        let stuck = workers.filter { !$0.held.isEmpty || $0.isStopped }
        if stuck.isEmpty { return nil }
        return stuck.map(\.stuckText).joined(separator: "; ")
            + "; find out why that code does not come back, and restart these processes"
    }

    /// How long a worker with free slots may claim nothing while something waits, in milliseconds.
    static var idleLimit: Int { 30_000 }

    /// A queue on which work waits while none of its workers claims anything; `nil` if there is none. A suspect is checked twice.
    ///
    /// - Parameter some: the workers in question; a queue counts if one of them serves it.
    func idleReason(_ some: [WorkerListing], of workers: [WorkerListing]) async throws -> String? {
        let suspects = try await idleQueues(some, of: workers, now: try await redisTime())
        if suspects.isEmpty { return nil }
        // A worker notes with its next beat that it has claimed.
        try await Task.sleep(for: .seconds(2))
        let again = try await self.workers()
        let names = Set(some.map(\.name))
        let idle = try await idleQueues(again.filter { names.contains($0.name) }, of: again, now: try await redisTime())
        guard let (queue, count) = idle.first(where: { suspects[$0.key] != nil }) else { return nil }
        return
            "\(count) items wait on queue \"\(queue)\", and no worker of it has claimed anything for \(Self.idleLimit / 1000) s though it has "
            + "free slots: look at the log of its workers, or restart them"
    }

    /// The queues that hold something, are not paused, and of which no living worker claims; with how much they hold.
    private func idleQueues(
        _ some: [WorkerListing], of workers: [WorkerListing], now: Int
    ) async throws -> [String: Int] {
        let queues = Set(some.flatMap(\.queues))
        let claiming = workers.filter {
            $0.state == .alive && $0.isIndexed && $0.isClaiming(since: now - Self.idleLimit)
        }
        let idle = queues.subtracting(claiming.flatMap(\.queues))
        if idle.isEmpty { return [:] }
        let paused = try await paused().queues
        var held: [String: Int] = [:]
        for queue in idle.sorted() where paused[queue] == nil {
            let count = try await length(keys.queue(queue)) + length(keys.inbox(queue))
            if count > 0 { held[queue] = count }
        }
        return held
    }
}

extension HeldThread {
    /// What holds the thread, and since when.
    package var sentence: String { "\(holder) has held a thread since \(time)" }

    /// Since when.
    var time: String {
        DateText.text(of: Date(milliseconds: since)).map { $0.prefix(bytes: 19) + "Z" } ?? "an unknown time"
    }
}

extension WorkerListing {
    /// What user code holds of its threads, in words.
    package var stuckText: String {
        let what = held.map(\.sentence).joined(separator: ", and ")
        return
            "worker \(name) \(isStopped ? "claims nothing" : "has left threads behind and goes on with others"): \(what)"
    }

    /// Whether it has claimed since then, has begun since then, or cannot claim because it has no free slot.
    func isClaiming(since time: Int) -> Bool {
        !isStopped && (claims >= concurrency || max(lastClaim ?? 0, started ?? 0) >= time)
    }
}
