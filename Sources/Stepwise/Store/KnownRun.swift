/// What Redis has said or confirmed of an instance's run. If a server has less of it, or something else, the instance has lived what never was
/// there.
///
/// An outcome that the instance has received, and that is not known to be recorded, does not count.
struct KnownRun: Sendable {
    /// What tells one outcome from another at the same place of a history.
    enum Last: Sendable {
        /// This worker has written it, in the call of this token.
        case token(String)
        /// As it was read: how it begins, with its writer and its time, and its length.
        case record(beginning: [UInt8], length: Int)
    }

    /// How many outcomes Redis has had, as far as this worker was sent them or has written them.
    private(set) var recorded = 0
    /// The last of these. If it is the same, so are all before it.
    private(set) var last: Last?
    /// How many calls Redis has opened. An advance that is lost adds no outcome.
    private(set) var opened = 0
    /// Up to which outcome Redis has applied a plan of this instance: what it closed is not asked for again.
    private(set) var delivered = -1
    /// A plan with closings is applied in part; what is closed shows in nothing else.
    private(set) var isBetweenPages = false

    /// A long outcome is not kept for this.
    private static let longestBeginning = 1024

    mutating func note(_ page: HistoryPage) {
        let upto = page.from + page.records.count
        guard upto > recorded, let record = page.records.last else { return }
        recorded = upto
        let isShort = record.count <= Self.longestBeginning
        last = .record(
            beginning: isShort ? record : Array(record.prefix(Self.longestBeginning)), length: record.count)
    }

    /// The script that takes a run's first turn has opened its first step.
    mutating func noteFirstTurn() { (opened, delivered) = (1, 0) }

    mutating func note(opened now: Int) { opened = max(opened, now) }

    /// A plan with which nothing was recorded.
    ///
    /// - Parameter now: how many calls are opened if it was applied.
    mutating func note(_ reply: AdvanceReply, to request: RunStore.Advance, opened now: Int) {
        if Self.isApplied(reply) { noteApplied(request, opened: now) }
    }

    private static func isApplied(_ reply: AdvanceReply) -> Bool {
        switch reply {
        case .inline, .more, .released(_, isOwn: true): true
        case .released, .paused, .finished, .ending, .continued, .rebuild, .stale, .reset: false
        }
    }

    private mutating func noteApplied(_ request: RunStore.Advance, opened now: Int) {
        if request.ending != nil { return }
        opened = max(opened, now)
        isBetweenPages = !request.plan.isComplete && !request.plan.closings.isEmpty
        if request.plan.isComplete { delivered = max(delivered, request.upto) }
    }

    /// The outcome of the inline step, and the plan behind it.
    mutating func note(
        _ reply: AdvanceReply, to request: RunStore.Advance, _ record: RunStore.Record, opened now: Int
    ) {
        guard Self.isApplied(reply) else { return }
        (recorded, last) = (request.upto, .token(record.token))
        noteApplied(request, opened: now)
    }
}
