/// One cause that was found, with all that is told of it. A value.
package struct Found: Sendable, Hashable {
    package var cause: Explanation.Cause
    package var verdict: Explanation.Verdict
    package var facts: Facts
    package var since: Int?
    package var until: Int?
    package var workers: [Explanation.Worker] = []
    /// What to do about it besides what is always told of its cause; comes first.
    package var actions: [Explanation.Action] = []
    /// Whether it is told besides, though it would be worse than others: nothing depends on it yet.
    package var isAside = false

    package init(
        _ cause: Explanation.Cause, _ verdict: Explanation.Verdict, _ facts: Facts, since: Int? = nil, until: Int? = nil
    ) {
        (self.cause, self.verdict, self.facts) = (cause, verdict, facts)
        (self.since, self.until) = (since, until)
    }

    package var sentence: String { Wording.sentence(cause, facts) }

    /// The step that it is about, if it is about one.
    package var step: String? { if case .step(let step) = facts.subject { step } else { nil } }

    /// Whether one is to be told before another.
    package static func isWorse(_ one: Found, than other: Found) -> Bool {
        (one.isAside ? 1 : 0, rank(one.cause)) < (other.isAside ? 1 : 0, rank(other.cause))
    }

    private static func rank(_ cause: Explanation.Cause) -> Int { worstFirst[cause] ?? .max }

    /// The order in which causes are told.
    private static let worstFirst: [Explanation.Cause: Int] = {
        let order: [Explanation.Cause] = [
            .redisUnreachable, .redisDenied, .redisLoading, .newerFormat, .redisReadOnly, .redisFull,
            .nobodyMoves, .divergence, .undecodable, .escaped, .parked, .paused,
            .failed, .timeUp, .tooMany, .workersLost, .cancelled, .completed,
            .queuePaused, .workflowPaused, .heldByDeadNobodyLeft, .noWorkerForQueue, .noWorkerForWorkflow, .dueNotMoved,
            .rejected, .notTakenUp, .expected, .noSuchRun,
            .placeUnknown, .movedWhileLooking, .lastDelivery, .turnLost, .heldBySilentWorker, .slotsFull, .noSlotThere,
            .backingOff, .claimedNotBegun, .turnWaits, .inQueue, .waitsForChild, .waitsForCallback, .waitsForEvent,
            .joining,
            .startsLater, .sleeping, .cancelling, .ending, .bodyRunning, .functionAtWork, .deadlineNear, .redisEvicts,
            .clockSkew,
        ]
        return Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
    }()

    /// Whether each cause has its place in the order.
    package static var isOrderWhole: Bool { Explanation.Cause.allCases.allSatisfy { worstFirst[$0] != nil } }
}
