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

    /// A queue on which work waits while none of its workers claims anything, or that has none; `nil` if there is none. A suspect is checked twice.
    ///
    /// - Parameters:
    ///   - some: the workers in question; a queue counts if one of them serves it.
    ///   - everywhere: whether every other queue counts, too.
    func idleReason(
        _ some: [WorkerListing], everywhere: Bool, of workers: [WorkerListing]
    ) async throws -> String? {
        let suspects = try await idleQueues(some, everywhere, of: workers, now: try await redisTime())
        if suspects.isEmpty { return nil }
        // A worker notes with its next beat that it has claimed.
        try await Task.sleep(for: .seconds(2))
        let again = try await self.workers()
        let names = Set(some.map(\.name))
        let idle = try await idleQueues(
            again.filter { names.contains($0.name) }, everywhere, of: again, now: try await redisTime())
        guard let (queue, count) = idle.filter({ suspects[$0.key] != nil }).min(by: { $0.key < $1.key }) else {
            return nil
        }
        if !again.contains(where: { $0.state == .alive && $0.isIndexed && $0.queues.contains(queue) }) {
            return
                "\(count) items wait on queue \"\(queue)\", and no worker that is alive claims from it: start one that does, or cancel what "
                + "nobody needs (\(keys.command("runs --status queued")) lists it)"
        }
        return
            "\(count) items wait on queue \"\(queue)\", and no worker of it has claimed anything for \(Self.idleLimit / 1000) s though it has "
            + "free slots: look at the log of its workers, or restart them"
    }

    /// The queues that hold something, are not paused, and of which no living worker claims; with how much they hold.
    private func idleQueues(
        _ some: [WorkerListing], _ everywhere: Bool, of workers: [WorkerListing], now: Int
    ) async throws -> [String: Int] {
        let named = Set((everywhere ? workers : some).flatMap(\.queues))
        var queues = named
        if everywhere { queues.formUnion(try await queuesOfQueuedRuns()) }
        let claiming = workers.filter {
            $0.state == .alive && $0.isIndexed && $0.isClaiming(since: now - Self.idleLimit)
        }
        let idle = queues.subtracting(claiming.flatMap(\.queues))
        if idle.isEmpty { return [:] }
        let paused = try await paused().queues
        var held: [String: Int] = [:]
        let names = idle.filter { paused[$0] == nil }.sorted()
        let ready = try await lengths(of: names.map { keys.queue($0) })
        let pushed = try await lengths(of: names.map { keys.inbox($0) })
        for (index, queue) in names.enumerated() {
            // Whoever may push makes an inbox of any name: one that no worker has named does not count.
            let count = ready[index] + (named.contains(queue) ? pushed[index] : 0)
            if count > 0 { held[queue] = count }
        }
        return held
    }

    /// The queues of the runs that have been queued for longest, a page of them: in a queue that nobody serves they stay. Empty for a user who may
    /// not read them.
    private func queuesOfQueuedRuns() async throws -> Set<String> {
        do throws(StepwiseError) {
            let what = "reading the queued runs"
            let ids = try await command(
                .oldest(keys.runs(.queued), upto: .max, from: 0, count: Self.page), doing: what)
            let runs: [RunFields] = try await all(ids.map { .run(keys, $0, .queue) }, doing: what)
            return Set(runs.compactMap { $0.text(.queue) })
        } catch {
            if error.code == .redisDenied { return [] }
            throw error
        }
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
