/// One thing in a namespace that the contract rules out.
package struct Violation: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// An open step that nothing moves: no work item of it is anywhere.
        case stepWithoutMover
        /// An open step with more than one mover.
        case stepWithTwoMovers
        /// An open step said to be inline that is not, or the reverse.
        case stepNotInline
        /// A held step of a run that is not parked or paused.
        case heldStepOfMovingRun
        /// An open step that waits for a child which will not tell that it has ended.
        case stepWithoutChild
        /// An open step that waits for an event which would not find it.
        case stepWithoutEvent
        /// What `open:<id>` holds is not what a script writes.
        case unreadableOpenStep
        /// `turn` names a place where the turn is not.
        case turnMissing
        /// More than one turn, or one that `turn` does not know of.
        case turnTooMany
        /// A work item or a time limit lies in the list, or under the name, of another queue than its run's.
        case inOtherQueue
        /// A live run without turn, open steps or reason to wait.
        case nobodyMovesRun
        /// A live run whose history is longer than `delivered` and that has no turn.
        case historyNotDelivered
        /// A parked, paused or unserved run without a reason.
        case waitsWithoutReason
        /// The join counter is not the number of open steps.
        case joinDiffers
        /// `recorded` is not the number of outcomes.
        case recordedDiffers
        /// The outcomes are not numbered from 1 on.
        case outcomeMissing
        /// A step has two outcomes.
        case outcomeTwice
        /// A time limit, of a step or a run, that no entry of `delayed` will apply.
        case limitNotKept
        /// A status that the contract does not know.
        case unknownStatus
        /// A `runs:<status>` does not agree with the run.
        case listedWrongly
        /// A run is in no `runs:<status>`.
        case notListed
        /// Runs that have a label and do not stand in its index: a search would not find them.
        case notIndexed
        /// Entries of the index of a label whose runs are gone, or do not have it so.
        case indexedWrongly
        /// An index of a label that the namespace does not have: nobody keeps it.
        case indexOfNoLabel
        /// An ending run whose mover is nowhere: nobody withdraws its open steps, and its end is never seen.
        case endingWithoutMover
        /// An ending run with more than one mover.
        case endingWithTwoMovers
        /// An ending run still has a turn, an inline step or a join counter.
        case leftoverOfEndingRun
        /// A run that is not ending says what it is to end as.
        case endingOfNoEndingRun
        /// An ended run still has open steps or a join counter.
        case leftoverOfEndedRun
        /// Steps, outcomes or a counter without a run.
        case leftoverWithoutRun
        /// An unserved work item of a run that is not live.
        case unservedOfNoLiveRun
        /// A run waits for another version of its workflow and is not parked.
        case unfitOfNoParkedRun
        /// A claim list that no worker answers for, so that nobody will sweep it.
        case claimsWithoutWorker
        /// `workers` and `worker:<worker>` do not agree.
        case workerHalfRegistered
        /// `busy:<worker>` of a worker that is not there.
        case busyWithoutWorker
        /// `delayed` holds what is not a delayed work item.
        case unreadableDelayed
        /// What `schedules` holds of a schedule is not what a script writes.
        case unreadableSchedule
        /// A schedule that is not paused has no timer in `delayed`: its next tick will not come.
        case scheduleWithoutTimer
        /// A timer in `delayed` is not the one of a schedule: whoever meets it drops it.
        case timerWithoutSchedule
        case unknownKey
        case wrongType
        /// Redis' memory is full. The contract does not speak of it, but nothing can be started.
        case memoryFull
    }

    package var kind: Kind
    package var run: String?
    package var step: String?
    /// The key in Redis that shows it; of ``Kind/memoryFull`` the command.
    package var key: String
    /// What is wrong, without the names above.
    package var message: String
    /// What to try.
    package var advice: String
    /// What the judgement rests on: a suspicion whose grounds moved while it was looked at is a new one.
    package var evidence: String

    package init(
        _ kind: Kind, run: String? = nil, step: String? = nil, key: String, _ message: String, advice: String,
        evidence: String = ""
    ) {
        self.kind = kind
        self.run = run
        self.step = step
        self.key = key
        self.message = message
        self.advice = advice
        self.evidence = evidence
    }

    /// One line.
    package var line: String {
        let subject = [run.map { "run \($0)" }, step.map { "step \"\($0)\"" }].compactMap { $0 }.joined(separator: ", ")
        return "\(kind.rawValue): \(subject.isEmpty ? "" : subject + ": ")\(message) [\(key)]; try: \(advice)"
    }
}
