/// Something to do about a cause, with places for facts. The guide *Explain* has the same texts.
package struct Remedy: Sendable, Hashable {
    /// What follows the program's name; `nil` if no command does it.
    package let command: SentenceTemplate?
    package let effect: SentenceTemplate

    init(_ command: SentenceTemplate? = nil, _ effect: SentenceTemplate) {
        (self.command, self.effect) = (command, effect)
    }

    /// - Returns: `nil` where the facts that it needs are not known, or say that it does not help, or where no shell would take it as it is meant.
    func action(_ facts: Facts, _ keys: Keys) -> Explanation.Action? {
        guard let effect = effect.text(facts) else { return nil }
        guard let command else { return .init(command: nil, effect: effect) }
        // Where a command has a name as an argument, one that begins with a hyphen is an option to it.
        var isOption = false
        let words = command.text(facts) { word in
            if word.hasPrefix("-") { isOption = true }
            return word.shellWord
        }
        // Nor does a terminal show what a name may have in it.
        guard let words, !isOption, words.printable == words else { return nil }
        return .init(command: keys.command(words), effect: effect)
    }
}

extension Wording {
    /// What to do about a cause, the best first.
    package static func remedies(_ cause: Explanation.Cause) -> [Remedy] {
        switch cause {
        case .notTakenUp, .rejected, .expected, .noSuchRun: ofMissing(cause)
        case .failed, .timeUp, .tooMany, .workersLost, .completed, .cancelled: ofEnded(cause)
        case .divergence, .undecodable, .escaped, .parked, .paused: ofHeld(cause)
        case .redisUnreachable, .redisDenied, .redisLoading, .redisReadOnly, .redisFull, .redisEvicts, .newerFormat,
            .clockSkew:
            ofFleet(cause)
        case .sleeping, .waitsForEvent, .waitsForCallback, .waitsForChild, .joining, .backingOff: ofWaits(cause)
        case .startsLater, .dueNotMoved, .inQueue, .slotsFull, .queuePaused, .workflowPaused, .noWorkerForQueue,
            .noWorkerForWorkflow, .noSlotThere, .claimedNotBegun, .turnWaits:
            ofQueued(cause)
        case .heldBySilentWorker, .heldByDeadNobodyLeft, .functionAtWork, .bodyRunning, .lastDelivery, .turnLost,
            .cancelling, .deadlineNear, .ending, .nobodyMoves, .movedWhileLooking, .placeUnknown:
            ofOthers(cause)
        }
    }

    private static let nothing = Remedy(nil, "nothing: it goes on by itself")

    private static func ofMissing(_ cause: Explanation.Cause) -> [Remedy] {
        switch cause {
        case .notTakenUp:
            [
                Remedy(nil, "push it onto inbox:⟨queue⟩ instead⟨?misplaced⟩"),
                Remedy(
                    nil,
                    "start a worker that serves queue ⟨queue⟩[ and has workflow ⟨workflow⟩]: it takes the run up at once⟨?unserved⟩"
                ),
                Remedy(nil, "nothing: a worker takes it up⟨?served⟩"),
            ]
        case .rejected:
            [
                Remedy(nil, "push it again, with what the reason names mended"),
                Remedy("queues --malformed", "lists what was rejected, with the reasons"),
            ]
        case .expected:
            [
                Remedy(nil, "check the id and the namespace"),
                Remedy("events --expected", "lists the runs for which events wait"),
            ]
        default:
            [
                Remedy(nil, "check the id and the namespace"),
                Remedy("runs", "lists the runs that there are"),
            ]
        }
    }

    private static func ofQueued(_ cause: Explanation.Cause) -> [Remedy] {
        switch cause {
        case .startsLater: [nothing, Remedy("cancel ⟨run⟩", "cancels it")]
        case .dueNotMoved:
            [
                Remedy(nil, "start a worker: it moves what is due⟨?nobody⟩"),
                Remedy("health", "tells what keeps the workers from it"),
            ]
        case .inQueue, .turnWaits: [Remedy(nil, "nothing: a worker takes it when those ahead are taken")]
        case .slotsFull:
            [
                Remedy(nil, "more workers that serve queue ⟨queue⟩, or wait"),
                Remedy("explain ⟨longestRun⟩", "tells why that run takes so long"),
            ]
        case .queuePaused: [Remedy("resume --queue ⟨queue⟩", "lets the queue go on")]
        case .workflowPaused: [Remedy("resume --workflow ⟨workflow⟩", "lets its runs go on, within 2 s")]
        case .noWorkerForQueue:
            [
                Remedy(nil, "start a worker that serves queue ⟨queue⟩ and has workflow ⟨workflow⟩"),
                Remedy("workers", "lists the workers that there are"),
            ]
        case .noWorkerForWorkflow:
            [
                Remedy(
                    nil,
                    "start a worker that serves queue ⟨queue⟩ and has workflow ⟨workflow⟩: it takes this up within 2 s, by itself"
                ),
                Remedy("cancel ⟨run⟩", "cancels it, if nobody needs it"),
            ]
        case .noSlotThere: [Remedy(nil, "more workers that serve queue ⟨queue⟩ and have workflow ⟨workflow⟩, or wait")]
        default: [Remedy(nil, "nothing: it begins when a slot is free; with more workers that is sooner")]
        }
    }

    private static func ofWaits(_ cause: Explanation.Cause) -> [Remedy] {
        switch cause {
        case .backingOff: [nothing, Remedy("retry ⟨run⟩ ⟨step⟩", "tries it at once")]
        case .waitsForEvent: [Remedy("notify ⟨event⟩ --run ⟨run⟩", "sends it that event, with the value null")]
        case .waitsForCallback:
            [
                Remedy(nil, "whoever has the token answers, such as by: stepwise callback complete TOKEN VALUE"),
                Remedy("history ⟨run⟩ --reveal", "shows the token, which lets anybody answer"),
            ]
        case .waitsForChild: [Remedy("explain ⟨child⟩", "tells more of that run")]
        case .joining: [Remedy(nil, "nothing: it goes on when the last of these steps has ended")]
        default: [nothing]
        }
    }

    private static func ofHeld(_ cause: Explanation.Cause) -> [Remedy] {
        switch cause {
        case .divergence:
            [
                Remedy(
                    nil,
                    "deploy code that fits, and end the workers whose code does not; one with another version takes it up by itself"
                ),
                Remedy("resume ⟨run⟩", "lets it go on, once the code fits"),
            ]
        case .undecodable:
            [
                Remedy(nil, "deploy a type that reads what is stored"),
                Remedy("resume ⟨run⟩", "lets it go on, once the type fits"),
                Remedy("cancel ⟨run⟩", "cancels it, if what was stored is wrong"),
            ]
        case .escaped:
            [
                Remedy(nil, "make a step of what it waits for"),
                Remedy("resume ⟨run⟩", "lets it go on, once that is deployed"),
            ]
        case .parked:
            [
                Remedy("resume ⟨run⟩", "lets it go on, once that is mended"),
                Remedy("cancel ⟨run⟩", "cancels it, if nobody needs it"),
            ]
        default: [Remedy("resume ⟨run⟩", "lets it go on")]
        }
    }

    private static func ofEnded(_ cause: Explanation.Cause) -> [Remedy] {
        switch cause {
        case .completed, .cancelled: [Remedy(nil, "nothing: it has ended")]
        default:
            [
                Remedy("explain ⟨restarted⟩", "tells of the run that does its work now"),
                Remedy("resume ⟨run⟩", "lets it go on, with what is recorded⟨?resumable⟩"),
                Remedy("dead restart ⟨run⟩", "begins its work anew, as another run⟨?restartable⟩"),
            ]
        }
    }

    private static func ofFleet(_ cause: Explanation.Cause) -> [Remedy] {
        switch cause {
        case .redisUnreachable: [Remedy(nil, "start Redis, or name the right one: --redis or STEPWISE_REDIS_URL")]
        case .redisDenied:
            [Remedy(nil, "give the right user and password, or give the user that right (guide: Permissions)")]
        case .redisLoading: [Remedy(nil, "nothing: wait until it has read its data")]
        case .redisReadOnly, .redisFull: [Remedy(nil, "⟨advice⟩")]
        case .redisEvicts: [Remedy(nil, "set Redis' maxmemory-policy to noeviction")]
        case .newerFormat: [Remedy(nil, "use the version of Stepwise that wrote it, or another namespace")]
        default: [Remedy(nil, "compare the clocks of host ⟨host⟩ and of Redis' host, and set the wrong one by NTP")]
        }
    }

    private static func ofOthers(_ cause: Explanation.Cause) -> [Remedy] {
        switch cause {
        case .heldBySilentWorker: [Remedy(nil, "nothing: another worker takes over; see how worker ⟨worker⟩ fares")]
        case .heldByDeadNobodyLeft:
            [Remedy(nil, "start a worker that serves queue ⟨queue⟩ and has workflow ⟨workflow⟩: it takes over")]
        case .lastDelivery, .turnLost:
            [Remedy(nil, "find out what ends these processes: memory that is used up, fatalError, a crash in C")]
        case .nobodyMoves:
            [
                Remedy(nil, "⟨advice⟩, and report a defect"),
                Remedy("doctor", "looks at the whole namespace"),
            ]
        case .placeUnknown: [Remedy("doctor", "looks at the whole namespace")]
        default: [nothing]
        }
    }
}
