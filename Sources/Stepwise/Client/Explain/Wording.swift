/// Every sentence of an explanation. The guide *Explain* has the same texts, held by a test.
package enum Wording {
    /// The sentence of a cause: the first template of which all facts are known.
    package static func sentence(_ cause: Explanation.Cause, _ facts: Facts) -> String {
        for template in sentences(cause) {
            if let text = template.text(facts) { return text }
        }
        assertionFailure("cause \(cause) has no sentence of \(facts)")
        return cause.rawValue
    }

    /// The templates of a cause's sentence, the most telling first.
    package static func sentences(_ cause: Explanation.Cause) -> [SentenceTemplate] {
        texts(cause).map { SentenceTemplate(stringLiteral: $0) }
    }

    private static func texts(_ cause: Explanation.Cause) -> [String] {
        switch cause {
        case .notTakenUp, .rejected, .expected, .noSuchRun: missing(cause)
        case .startsLater, .dueNotMoved, .inQueue, .slotsFull, .noSlotThere, .claimedNotBegun, .turnWaits: placed(cause)
        case .queuePaused, .workflowPaused, .noWorkerForQueue, .noWorkerForWorkflow, .heldBySilentWorker,
            .heldByDeadNobodyLeft:
            hindered(cause)
        case .functionAtWork, .bodyRunning, .backingOff, .lastDelivery, .turnLost: executed(cause)
        case .sleeping, .waitsForEvent, .waitsForCallback, .waitsForChild, .joining: waiting(cause)
        case .cancelling, .deadlineNear, .ending, .divergence, .undecodable, .escaped, .parked, .paused: held(cause)
        case .failed, .timeUp, .tooMany, .workersLost, .completed, .cancelled: ended(cause)
        case .redisUnreachable, .redisDenied, .redisLoading, .redisReadOnly, .redisFull, .redisEvicts, .newerFormat,
            .clockSkew:
            fleet(cause)
        case .nobodyMoves, .movedWhileLooking, .placeUnknown: unclear(cause)
        }
    }

    private static func missing(_ cause: Explanation.Cause) -> [String] {
        switch cause {
        case .notTakenUp:
            [
                "⟨run⟩ is not a run: it lies in queue:⟨queue⟩, to which Stepwise alone writes; whoever claims it rejects it⟨?misplaced⟩",
                "⟨run⟩ is not a run yet: it lies ⟨place⟩ of ⟨length⟩ in the inbox of queue ⟨queue⟩[, and no worker that is alive claims from it⟨?unserved⟩]",
                "⟨run⟩ is not a run yet: worker ⟨worker⟩ has claimed it from the inbox of queue ⟨queue⟩[, and is silent or dead⟨?gone⟩][, and no worker that is alive takes over⟨?unserved⟩]",
            ]
        case .rejected:
            ["⟨run⟩ was pushed to queue ⟨queue⟩ and rejected[ at ⟨at⟩, ⟨ago⟩ ago]: ⟨reason⟩"]
        case .expected:
            [
                "There is no run ⟨run⟩, but ⟨events event waits/events wait⟩ for it[, the last of them sent at ⟨at⟩, ⟨ago⟩ ago]: it never was, or it was removed after its end (completed and cancelled runs after 7 days, failed ones after 30, unless that is set)"
            ]
        default:
            [
                "There is no run ⟨run⟩ in namespace ⟨namespace⟩, and there is one of that id in namespace ⟨elsewhere⟩",
                "There is no run ⟨run⟩ in namespace ⟨namespace⟩, and nothing that was looked at is for it (not looked at: ⟨unseen⟩)",
                "There is no run ⟨run⟩ in namespace ⟨namespace⟩, and nothing waits for it",
            ]
        }
    }

    private static func placed(_ cause: Explanation.Cause) -> [String] {
        switch cause {
        case .startsLater: ["It starts at ⟨until⟩, in ⟨in⟩: it was enqueued for then"]
        case .dueNotMoved:
            [
                "⟨It⟩ was due at ⟨due⟩, ⟨ago⟩ ago, and nobody has moved it: no worker is alive⟨?nobody⟩",
                "⟨It⟩ was due at ⟨due⟩, ⟨ago⟩ ago, and nobody has moved it, though ⟨alive worker is/workers are⟩ alive",
            ]
        case .inQueue:
            [
                "⟨It⟩ waits apart from queue ⟨queue⟩, and ⟨able worker that can take it looks/workers that can take it look⟩ there every 2 s⟨?apart⟩",
                "⟨It⟩ is ⟨place⟩ in queue ⟨queue⟩: ⟨ahead is/are⟩ ahead\(able)",
                "⟨It⟩ is in queue ⟨queue⟩, and more than ⟨most⟩ are ahead\(able)",
                "⟨It⟩ is in queue ⟨queue⟩, or with a worker that has claimed it\(able)",
            ]
        case .slotsFull:
            [
                "⟨It⟩ is[ ⟨place⟩] in queue ⟨queue⟩, and all ⟨slots⟩ slots of the ⟨able worker/workers⟩ that can take it are taken\(longest)"
            ]
        case .noSlotThere:
            [
                "⟨It⟩ waits apart from queue ⟨queue⟩: ⟨able worker has/workers have⟩ workflow ⟨workflow⟩ and no slot free; they look there every 2 s"
            ]
        case .claimedNotBegun:
            [
                "Worker ⟨worker⟩ holds ⟨it⟩, and has not begun, or its function has not come to its first step[: ⟨busy⟩ of its ⟨slots⟩ slots are at work]⟨?first⟩",
                "Worker ⟨worker⟩ holds ⟨it⟩ and has not begun[: ⟨busy⟩ of its ⟨slots⟩ slots are at work]⟨?certain⟩",
                "Worker ⟨worker⟩ holds ⟨it⟩ and has not begun it, or only just has[: ⟨busy⟩ of its ⟨slots⟩ slots are at work]",
            ]
        default:
            [
                "\(unseen)its turn is ⟨place⟩ in queue ⟨queue⟩, ⟨ahead is/are⟩ ahead\(able)",
                "\(unseen)its turn is in queue ⟨queue⟩, and more than ⟨most⟩ are ahead\(able)",
                "\(unseen)its turn is in queue ⟨queue⟩, or with a worker that has claimed it\(able)",
            ]
        }
    }

    /// How much room there is for what is in a queue.
    private static let able =
        "[; ⟨able worker/workers⟩ can take it[, with ⟨free⟩ of ⟨slots⟩ slots free][ (⟨looked⟩ of ⟨workers⟩ workers were looked at)]]"
    private static let longest =
        "[, the longest by step ⟨longestStep⟩ of run ⟨longestRun⟩, for ⟨longestFor⟩, on ⟨longestOn⟩]"
    private static let unseen =
        "⟨unseen outcome is/outcomes are⟩ recorded that its function has not seen: "

    private static func hindered(_ cause: Explanation.Cause) -> [String] {
        switch cause {
        case .queuePaused:
            [
                "Queue ⟨queue⟩ has been paused[ since ⟨since⟩ (⟨for⟩)][ by ⟨by⟩][: ⟨reason⟩][; ⟨waiting work item waits/work items wait⟩ in it]"
            ]
        case .workflowPaused:
            [
                "Workflow ⟨workflow⟩ has been paused[ since ⟨since⟩ (⟨for⟩)][ by ⟨by⟩][: ⟨reason⟩][; ⟨waiting work item of its runs waits/work items of its runs wait⟩ apart from queue ⟨queue⟩]"
            ]
        case .noWorkerForQueue:
            [
                "No worker is alive[: the ⟨silent worker is/workers are⟩ silent]⟨?nobody⟩",
                "No worker that is alive claims from queue ⟨queue⟩: ⟨alive is/are⟩ alive, serving ⟨serves⟩[, and ⟨silent is/are⟩ silent]",
            ]
        case .noWorkerForWorkflow:
            ["0 of ⟨workers worker/workers⟩ can take ⟨it⟩: ⟨sums⟩[ (but ⟨nearest⟩)]"]
        case .heldBySilentWorker:
            [
                "Worker ⟨worker⟩, which held ⟨it⟩, was declared dead at ⟨died⟩, ⟨ago⟩ ago; another gives back what it held",
                "Worker ⟨worker⟩, which holds ⟨it⟩, has been silent for ⟨silence⟩; after a lease[ of ⟨lease⟩] another takes over",
            ]
        default:
            [
                "Worker ⟨worker⟩ died with ⟨it⟩ at ⟨died⟩, ⟨ago⟩ ago, and no worker is alive to take over",
                "Worker ⟨worker⟩, which holds ⟨it⟩, has been silent for ⟨silence⟩, and no worker is alive to take over",
            ]
        }
    }

    private static func executed(_ cause: Explanation.Cause) -> [String] {
        switch cause {
        case .functionAtWork: ["Worker ⟨worker⟩ takes its function forward, past outcome ⟨recorded⟩"]
        case .bodyRunning:
            [
                "Step ⟨step⟩ has run on ⟨worker⟩ for ⟨for⟩, attempt ⟨attempt⟩[ of ⟨of⟩][, and may take ⟨limit⟩]",
                "Step ⟨step⟩ runs on ⟨worker⟩, attempt ⟨attempt⟩[ of ⟨of⟩]",
            ]
        case .backingOff:
            [
                "Step ⟨step⟩ failed ⟨failed⟩ of ⟨of⟩ times\(again)",
                "Step ⟨step⟩ failed ⟨failed time/times⟩\(again)",
            ]
        case .lastDelivery:
            [
                "Step ⟨step⟩ has cost ⟨lost worker its life/workers their lives⟩ (limit ⟨limit⟩)[; its last delivery is with ⟨worker⟩, alone]"
            ]
        default:
            [
                "⟨lost worker was/workers were⟩ lost in a row while they took its function forward past outcome ⟨recorded⟩[ (limit ⟨limit⟩)]"
            ]
        }
    }

    private static let again =
        " and is tried again[ at ⟨until⟩, in ⟨in⟩][. Last: ⟨error⟩, on ⟨worker⟩, at ⟨at⟩]"

    private static func waiting(_ cause: Explanation.Cause) -> [String] {
        switch cause {
        case .sleeping: ["It sleeps[ until ⟨until⟩, in ⟨in⟩] (step ⟨step⟩)"]
        case .waitsForEvent:
            [
                "It waits for event ⟨event⟩[ since ⟨since⟩ (⟨for⟩)]\(limit)[; ⟨waiting step waits/steps wait⟩ for that name][; its mailbox has events of other names: ⟨names⟩]"
            ]
        case .waitsForCallback:
            ["Step ⟨step⟩ waits for its callback[ since ⟨since⟩ (⟨for⟩)]\(limit); nobody has answered"]
        case .waitsForChild:
            [
                "It waits for ⟨children⟩ runs: ⟨counts⟩[. Step ⟨step⟩ waits for run ⟨child⟩ (⟨childWorkflow⟩): ⟨sentence⟩]",
                "Step ⟨step⟩ waits for run ⟨child⟩[ (⟨childWorkflow⟩)][: ⟨sentence⟩]",
            ]
        default:
            ["Its function waits for ⟨open⟩ steps together[, and ⟨done more is/more are⟩ done]: ⟨branches⟩"]
        }
    }

    private static let limit = "[, until ⟨until⟩, in ⟨in⟩][, without a time limit⟨?unlimited⟩]"

    private static func held(_ cause: Explanation.Cause) -> [String] {
        switch cause {
        case .cancelling:
            ["Its end was asked for (⟨reason⟩), and its function does its cleanup[: step ⟨step⟩ is open]"]
        case .deadlineNear: ["It has to be done by ⟨until⟩, in ⟨in⟩"]
        case .ending:
            ["Its end is decided (⟨as⟩), and ⟨left step is/steps are⟩ still to be withdrawn, which goes on by itself"]
        case .divergence:
            [
                "Its function asks for other steps than are recorded: ⟨divergence⟩[; ⟨versions⟩ cannot replay it][, and no worker with another version is alive⟨?noOther⟩]"
            ]
        case .undecodable: ["Something that is stored of it does not decode: ⟨reason⟩"]
        case .escaped: ["Its function waited for something that is not a step: ⟨reason⟩"]
        case .parked:
            [
                "It has waited for a person since ⟨since⟩ (⟨for⟩): ⟨reason⟩",
                "It waits for a person: ⟨reason⟩",
            ]
        default:
            [
                "It was paused[ at ⟨since⟩, ⟨for⟩ ago][: ⟨reason⟩][; ⟨bodies body that had begun is/bodies that had begun are⟩ still recorded]"
            ]
        }
    }

    private static func ended(_ cause: Explanation.Cause) -> [String] {
        switch cause {
        case .failed:
            [
                "It failed\(endTime): step ⟨step⟩, after ⟨attempts attempt/attempts⟩: ⟨error⟩\(resumption)",
                "It failed\(endTime): ⟨error⟩\(resumption)",
            ]
        case .timeUp: ["It failed\(endTime): it was not done in time: ⟨error⟩\(resumption)"]
        case .tooMany: ["It failed\(endTime): it asked for too many steps: ⟨error⟩\(resumption)"]
        case .workersLost: ["It failed\(endTime): it cost too many workers their lives: ⟨error⟩\(resumption)"]
        case .completed:
            ["It completed\(endTime)[, ⟨took⟩ after it began], with ⟨recorded outcome/outcomes⟩"]
        default: ["It was cancelled\(endTime)[: ⟨reason⟩]"]
        }
    }

    private static let endTime = "[ at ⟨at⟩, ⟨ago⟩ ago]"
    private static let resumption =
        "[. A resume keeps ⟨keep outcome/outcomes⟩ and tries ⟨again⟩ again][. It cannot be resumed: ⟨obstacle⟩][. Its work was begun anew as run ⟨restarted⟩[, which is ⟨restartedStatus⟩]]"

    private static func fleet(_ cause: Explanation.Cause) -> [String] {
        switch cause {
        case .redisUnreachable: ["Redis cannot be reached: ⟨reason⟩"]
        case .redisDenied: ["Redis refuses the user, the password or a command: ⟨reason⟩"]
        case .redisLoading: ["Redis still reads its data: ⟨reason⟩"]
        case .redisReadOnly: ["Redis takes no writes, so nothing moves: ⟨reason⟩"]
        case .redisFull:
            [
                "Redis is full (⟨used⟩ of ⟨most⟩ bytes, ⟨policy⟩): workers claim nothing, and new runs, children and events are refused; what is at work goes on",
                "Redis is full: workers claim nothing, and new runs, children and events are refused: ⟨reason⟩",
            ]
        case .redisEvicts: ["Redis may evict keys (maxmemory-policy ⟨policy⟩): then runs are lost"]
        case .newerFormat: ["The data has another format than this program reads: ⟨reason⟩"]
        default: ["The clock of worker ⟨worker⟩ on ⟨host⟩ is ⟨skew⟩ ⟨direction⟩ Redis'"]
        }
    }

    private static func unclear(_ cause: Explanation.Cause) -> [String] {
        switch cause {
        case .nobodyMoves:
            [
                "The doctor finds fault with it: ⟨line⟩⟨?blemish⟩",
                "Nothing that should move it was found: ⟨line⟩",
            ]
        case .movedWhileLooking: ["It moved at each look, past outcome ⟨recorded⟩"]
        default:
            [
                "None of the ⟨looked⟩ of ⟨workers⟩ workers that were looked at can take ⟨it⟩: ⟨sums⟩",
                "What moves ⟨it⟩ was not found: it is neither among the ⟨most⟩ at each end of queue ⟨queue⟩, nor with the ⟨looked⟩ of ⟨workers⟩ workers that were looked at",
                "What moves ⟨it⟩ was not looked for",
            ]
        }
    }
}
