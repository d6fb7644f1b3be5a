import Synchronization

/// Counts what a worker does, in all of its sessions. To count costs an addition; what was counted is sent from time to time.
final class WorkCounter: Sendable {
    private struct State {
        var flushes = CountFlushes()
        /// Redis' time in milliseconds at the last beat, and when that was.
        var redis: (time: Int, at: ContinuousClock.Instant)?
    }

    private let completed = Atomic(0)
    private let failed = Atomic(0)
    private let cancelled = Atomic(0)
    private let outcomes = Atomic(0)
    private let failedAttempts = Atomic(0)
    private let milliseconds = Atomic(0)
    private let state = Mutex(State())

    func note(outcomes count: Int) {
        if count > 0 { outcomes.wrappingAdd(count, ordering: .relaxed) }
    }

    func note(ended status: RunStatus) {
        switch status {
        case .completed: completed.wrappingAdd(1, ordering: .relaxed)
        case .failed: failed.wrappingAdd(1, ordering: .relaxed)
        case .cancelled: cancelled.wrappingAdd(1, ordering: .relaxed)
        default: break
        }
    }

    /// A body is over.
    func note(_ end: RunDriver.BodyEnd) {
        switch end {
        case .ended(.error, let took): note(took: took, hasFailed: true)
        case .ended(_, let took): note(took: took, hasFailed: false)
        case .again(let again, _): note(took: again.took, hasFailed: true)
        case .interrupted, .givenBack, .cancelled, .waits, .over: break
        }
    }

    /// - Parameter took: milliseconds.
    func note(took: Int, hasFailed: Bool) {
        if took > 0 { milliseconds.wrappingAdd(took, ordering: .relaxed) }
        if hasFailed { failedAttempts.wrappingAdd(1, ordering: .relaxed) }
    }

    func note(redisTime time: Int) {
        let now = ContinuousClock.now
        state.withLock { $0.redis = (time, now) }
    }

    private var totals: WorkCounts {
        var counts = WorkCounts()
        counts.completed = completed.load(ordering: .relaxed)
        counts.failed = failed.load(ordering: .relaxed)
        counts.cancelled = cancelled.load(ordering: .relaxed)
        counts.outcomes = outcomes.load(ordering: .relaxed)
        counts.failedAttempts = failedAttempts.load(ordering: .relaxed)
        counts.milliseconds = milliseconds.load(ordering: .relaxed)
        return counts
    }

    /// What is to be sent now; `nil` for nothing.
    ///
    /// - Parameter worker: the name of the session.
    func nextFlush(of worker: String) -> CountFlushes.Flush? {
        let totals = self.totals
        let now = ContinuousClock.now
        return state.withLock { state in
            // No beat was answered: nothing was done.
            guard let redis = state.redis else { return nil }
            let time = redis.time + (now - redis.at).wholeMilliseconds
            return state.flushes.next(totals, of: worker, minute: time / WorkCounts.minute)
        }
    }

    /// A flush was answered.
    func confirm(_ flush: CountFlushes.Flush) {
        state.withLock { $0.flushes.confirm(flush) }
    }
}

/// What of a worker's counts was sent. A value.
///
/// A flush without an answer is sent again with its number, so that it counts once. If the name ends before it is answered, it may be missing in
/// Redis; it is never there twice.
package struct CountFlushes: Sendable {
    package struct Flush: Sendable, Hashable {
        package let worker: String
        package let number: Int
        /// Since 1970.
        package let minute: Int
        package let counts: WorkCounts
    }

    private var worker = ""
    private var number = 0
    private var sent = WorkCounts()
    private var waiting: Flush?

    package init() {}

    /// - Parameter totals: all that was counted so far.
    /// - Returns: the flush that waits for its answer, or else what was counted since the last one; `nil` for nothing.
    package mutating func next(_ totals: WorkCounts, of worker: String, minute: Int) -> Flush? {
        if worker != self.worker { (self.worker, number, waiting) = (worker, 0, nil) }
        if let waiting { return waiting }
        let counts = totals.since(sent)
        if counts.isEmpty { return nil }
        number += 1
        sent = totals
        waiting = Flush(worker: worker, number: number, minute: minute, counts: counts)
        return waiting
    }

    package mutating func confirm(_ flush: Flush) {
        if waiting == flush { waiting = nil }
    }
}

extension WorkerSession {
    /// Sends what was not counted in Redis yet, under a name that ends, over the caller's connection.
    func sendLastCounts() async {
        while let flush = counts.nextFlush(of: name) {
            let call = ScriptCall.countWork(keys, name, minute: flush.minute, number: flush.number, flush.counts)
            guard (try? await evaluate(call)) != nil else { return }
            counts.confirm(flush)
        }
    }
}
