internal import Logging
internal import StepwiseRedis

/// The turn: taking the function forward for as long as this worker holds it.
extension RunDriver {
    /// Takes the function forward for as long as this worker has the turn. What Redis refuses for good parks the run.
    ///
    /// - Parameter way: how far it has come the quick way.
    func drive(number: Int, opened: Int, after way: QuickWay? = nil, _ claim: Claim) async throws -> Kept? {
        do {
            return try await takeForward(number: number, opened: opened, after: way, claim)
        } catch let error as RedisError {
            // The instance may have lived an outcome that is not recorded.
            dropInstance()
            try await park(run.turnText, number: number, step: nil, .other(refusal(error)))
            return nil
        }
    }

    func refusal(_ error: RedisError) -> String {
        "\(Obstacle.refusedWrite): \(error); the doctor names keys that are damaged; resume the run once they are mended"
    }

    private func takeForward(
        number: Int, opened: Int, after way: QuickWay?, _ claim: Claim
    ) async throws -> Kept? {
        // The turn's text is the same each time: the end of an earlier turn's claim can take this one up a second time.
        guard turnsDriven.insert(number).inserted else { return nil }
        defer { turnsDriven.remove(number) }
        var opened = opened
        var way = way
        while true {
            var reply: AdvanceReply
            if let way {
                reply = .inline(step: way.step, attempt: 1, lost: 0)
            } else {
                guard let instance else { throw SessionEnded() }
                let isAtRest = await isAtRest(instance)
                guard instance === self.instance else { throw SessionEnded() }
                if let obstacle = try await obstacle(instance, isAtRest: isAtRest, opened: opened) {
                    try await park(run.turnText, number: number, step: nil, obstacle)
                    return nil
                }
                let plan = instance.plan(opened: opened)
                let ending = plan.isComplete || plan.endsInPages ? ending(of: instance) : nil
                endAlone()
                let (request, reserved) = request(number: number, upto: instance.delivered, plan: plan, ending: ending)
                let report = beginReport(upto: request.upto)
                do {
                    reply = try await store.advance(run, request)
                } catch {
                    end(report, after: nil, to: request)
                    session.slots.releaseUnused(reserved)
                    throw error
                }
                end(report, after: reply, to: request)
                if case .paused(let texts) = reply {
                    session.slots.releaseUnused(reserved)
                    return try await putAside(texts, number: number, claim)
                }
                opened += plan.openings.count
                agreed = opened
                know { $0.note(reply, to: request, opened: opened) }
                confirm(plan, instance)
                if case .released(let texts, _) = reply {
                    return await release(texts, number: number, reserved: reserved, opened: opened, claim)
                }
                session.slots.releaseUnused(reserved)
            }

            while case .inline(let step, let attempt, let lost) = reply {
                let inlineOutcome = way?.inlineOutcome
                way = nil
                switch try await executeInline(
                    number: number, step: step, attempt: attempt, lost: lost, opened: opened, inlineOutcome)
                {
                case .over:
                    // The step waits in `delayed`, the run is parked, or the turn was released.
                    if let instance = self.instance, hasMoved(instance, opened: opened) { await wake() }
                    return nil
                case .released(let texts, let reserved, let nowOpened):
                    return await release(texts, number: number, reserved: reserved, opened: nowOpened, claim)
                case .goesOn(let nowReply, let nowOpened):
                    (reply, opened) = (nowReply, nowOpened)
                }
            }
            switch reply {
            case .more(let redisOpened, let page):
                opened = redisOpened
                know { $0.note(opened: opened) }
                try await synchronize(with: page, holdsTurn: true)
            case .rebuild:
                guard let again = try await rebuild(), again.number == number else { return nil }
                opened = again.opened
            case .finished, .continued:
                // What still runs here of this generation is for nobody.
                for step in bodies.keys { cancelBody(of: step) }
                discard()
                return nil
            case .ending(let text):
                for step in bodies.keys { cancelBody(of: step) }
                discard()
                guard let mover = session.ledger.begin(Array(text.utf8)) else { return nil }
                claim.end()
                defer { mover.end() }
                await session.writeEnd(of: run)
                return nil
            case .stale:
                discard()
                return nil
            case .reset:
                session.end(.historyLost(run.id))
                return nil
            case .paused(let texts):
                return try await putAside(texts, number: number, claim)
            case .released, .inline:
                return nil
            }
        }
    }

    /// What to ask for, with slots for the steps that may stay here: the inline one and as many as are free.
    func request(
        number: Int, upto: Int, plan: Plan, ending: (status: RunStore.Ending, json: [UInt8])?
    ) -> (RunStore.Advance, reserved: Int) {
        let isDraining = session.isDraining || isWorkflowPaused
        let reserved = isDraining ? 0 : session.slots.take(upTo: plan.openings.count - 1)
        // The first slot is for the step whose body runs inline.
        let kept = isDraining && inline == nil ? 0 : reserved + 1
        return (
            RunStore.Advance(
                number: number, upto: upto, slots: kept, plan: plan, ending: ending,
                parentQueue: about?.parentQueue), reserved
        )
    }

    enum InlineEnd {
        case goesOn(AdvanceReply, opened: Int)
        case released([String], reserved: Int, opened: Int)
        /// The turn is no longer here.
        case over
    }

    /// Executes the only open step inline, then records it and advances in one script; and so on with the next, as long as each is quick.
    ///
    /// - Parameter inlineOutcome: what came of the step, if it is executed already.
    func executeInline(
        number: Int, step: String, attempt: Int, lost: Int, opened: Int, _ inlineOutcome: InlineOutcome?
    ) async throws -> InlineEnd {
        var way = QuickWay(
            number: number, turnPrefix: store.turnPrefix(number), step: step, opened: opened,
            inlineOutcome: inlineOutcome)
        if inlineOutcome == nil, attempt == 1, lost == 0, let instance, canBeQuick(step, instance) {
            way = await takeQuickSteps(way)
        }
        if way.hasEndedRun { return .goesOn(.finished(status: nil), opened: way.opened) }
        if let inlineOutcome = way.inlineOutcome { return try await write(inlineOutcome, opened: way.opened) }
        return try await executeInlineBody(
            number: number, step: way.step, attempt: attempt, lost: lost, opened: way.opened)
    }

    private func executeInlineBody(
        number: Int, step: String, attempt: Int, lost: Int, opened: Int
    ) async throws -> InlineEnd {
        if session.isDraining || isWorkflowPaused, bodies[step] == nil {
            try await session.release(Array(run.turnText.utf8), to: .queue(run.queue))
            return .over
        }
        guard let instance else { return .goesOn(.rebuild, opened: opened) }
        guard let call = instance.call(step) else {
            try await park(run.turnText, number: number, step: nil, .divergence(instance.divergence(openStep: step)))
            return .over
        }
        // Closed by this instance, and open again in Redis, which has lost that.
        if !call.hasBody { return .goesOn(.rebuild, opened: opened) }
        defer { forgetElsewhere(run.turnText, of: call) }
        let result: Outcome.Result
        let took: Int
        switch try await perform(call, attempt: attempt, lost: lost, text: run.turnText, turn: number) {
        case .over, .cancelled:
            throw SessionEnded()
        case .givenBack:
            try await session.release(Array(run.turnText.utf8), to: .queue(run.queue))
            return .over
        case .interrupted:
            // Something was recorded from outside: the function learns of it while the body goes on.
            let reply = try await store.takeTurn(
                run, text: run.turnText, step: nil, seen: instance.delivered, token: session.nextToken(), cold: false)
            switch reply {
            case .loaded(_, let opened, let page, _, _, _):
                return .goesOn(.more(opened: opened, page: page), opened: opened)
            case .reset: return .goesOn(.reset, opened: opened)
            case .obsolete, .stale: return .goesOn(.stale, opened: opened)
            }
        case .again(let again, let failure):
            let reply = try await store.retry(
                run, text: run.turnText, turn: (number, instance.delivered), step: step, again)
            switch reply {
            case .more(let opened, let page): return .goesOn(.more(opened: opened, page: page), opened: opened)
            case .exhausted: (result, took) = (.error(failure), again.took)
            case .delayed, .withdrawn, .stale: return .over
            }
        case .waits(let order):
            let reply = try await store.awaitChild(
                run, text: run.turnText, turn: (number, instance.delivered), step: step, attempt: attempt, order)
            guard case .more(let opened, let page) = reply else { return .over }
            return .goesOn(.more(opened: opened, page: page), opened: opened)
        case .ended(let itsResult, let itsTime):
            (result, took) = (itsResult, itsTime)
        }
        guard instance === self.instance else { return .goesOn(.rebuild, opened: opened) }
        guard instance.isWaiting(for: step) else {
            // The function has abandoned the step meanwhile, by itself: an advance closes it.
            let nothing = HistoryPage(
                from: instance.delivered, records: [], recorded: instance.delivered, delivered: -1)
            return .goesOn(.more(opened: opened, page: nothing), opened: opened)
        }
        let inlineOutcome = deliverInlineOutcome(
            call, instance, number: number, attempt: attempt, isNew: isPlain(call, attempt: attempt, lost: lost),
            result, took: took, opened: opened)
        return try await write(inlineOutcome, opened: opened)
    }

    /// What the inline step has come to: the instance has had it, and Redis is about to.
    final class InlineOutcome: Sendable {
        fileprivate let instance: RunInstance
        let request: RunStore.Advance
        /// How many slots it holds for what may be opened.
        let reserved: Int
        let record: RunStore.Record
        /// Whether the step had no more to tell than that it was open.
        let isNew: Bool
        fileprivate let report: PendingReport

        init(
            instance: RunInstance, request: RunStore.Advance, reserved: Int, record: RunStore.Record, isNew: Bool,
            report: PendingReport
        ) {
            (self.instance, self.request, self.reserved) = (instance, request, reserved)
            (self.record, self.isNew, self.report) = (record, isNew, report)
        }
    }

    /// Delivers the outcome of the inline step, and says what is to be written.
    ///
    /// - Parameter isNew: whether the open step had no more to tell than that it was open.
    func deliverInlineOutcome(
        _ call: StepCall, _ instance: RunInstance, number: Int, attempt: Int, isNew: Bool, _ result: Outcome.Result,
        took: Int, opened: Int
    ) -> InlineOutcome {
        // The only open step is this one, so its outcome is the next of the history: it may be delivered before it is recorded.
        let upto = instance.delivered + 1
        let unrecorded = Occupancy.Unrecorded(
            result: result, attempt: attempt, took: took, number: number, upto: upto)
        entering(instance, call, unrecorded) {
            instance.deliver(Outcome(step: call.id, result: result, kind: call.kind), to: call)
        }
        var plan = instance.plan(opened: opened)
        let ending = plan.isComplete || plan.endsInPages ? ending(of: instance, after: (call, unrecorded)) : nil
        if ending != nil {
            plan.openings = []
        } else {
            // Stuck or out: record, keep the turn, and let the loop above decide.
            switch instance.progress {
            case .stuck: plan = Plan(openings: [], closings: [], isComplete: false)
            case .escaped: plan.isComplete = false
            case .waiting, .finished, .continued: break
            }
        }
        let (request, reserved) = request(number: number, upto: upto, plan: plan, ending: ending)
        let record = record(of: call, attempt: attempt, result, took: took)
        return InlineOutcome(
            instance: instance, request: request, reserved: reserved, record: record,
            isNew: isNew, report: beginReport(upto: upto, record))
    }

    private func write(_ inlineOutcome: InlineOutcome, opened: Int) async throws -> InlineEnd {
        let reply: AdvanceReply
        do {
            reply = try await store.recordAndAdvance(
                run, inlineOutcome.request, inlineOutcome.record, isNew: inlineOutcome.isNew)
        } catch {
            end(inlineOutcome.report, after: nil, to: inlineOutcome.request)
            session.slots.releaseUnused(inlineOutcome.reserved)
            throw error
        }
        let nowOpened = confirm(inlineOutcome, after: reply, opened: opened)
        if case .released(let texts, _) = reply {
            return .released(texts, reserved: inlineOutcome.reserved, opened: nowOpened)
        }
        session.slots.releaseUnused(inlineOutcome.reserved)
        return .goesOn(reply, opened: nowOpened)
    }

    /// - Returns: how many steps are opened now.
    func confirm(_ inlineOutcome: InlineOutcome, after reply: AdvanceReply, opened: Int) -> Int {
        end(inlineOutcome.report, after: reply, to: inlineOutcome.request)
        switch reply {
        case .rebuild, .paused: return opened
        default: break
        }
        confirm(inlineOutcome.request.plan, inlineOutcome.instance)
        agreed = opened + inlineOutcome.request.plan.openings.count
        know { $0.note(reply, to: inlineOutcome.request, inlineOutcome.record, opened: agreed) }
        return agreed
    }

    /// Starts the steps that `advance` left here.
    ///
    /// - Returns: the first of them, which goes on in the slot of the turn that has ended; the others have reserved slots.
    func release(_ texts: [String], number: Int, reserved: Int, opened: Int, _ claim: Claim) async -> Kept? {
        turnsDriven.remove(number)
        // A body that ran inline is a claimed step's now, if its step is still open.
        inline = nil
        claim.end()
        // What the function did by itself since the plan was made (it came back from outside) needs a new turn.
        if let instance, hasMoved(instance, opened: opened) { await wake() }
        var kept: [Kept] = []
        // More than there are slots for come only in the answer to a second sending: the comparison of claims finds the rest.
        for text in texts where kept.count <= reserved {
            if let claim = session.ledger.begin(Array(text.utf8)) {
                kept.append(Kept(text: text, isNew: !kept.isEmpty, claim: claim))
            }
        }
        session.slots.releaseUnused(reserved - max(0, kept.count - 1))
        for next in kept.dropFirst() {
            session.use(self)
            takeKept(next)
        }
        return kept.first
    }

    /// The run is paused. A body that ran inline goes on, as a claimed step's; what has not begun is put aside.
    private func putAside(_ texts: [String], number: Int, _ claim: Claim) async throws -> Kept? {
        turnsDriven.remove(number)
        inline = nil
        claim.end()
        var kept: Kept?
        for text in texts {
            guard case .step(_, _, let attempt, let id)? = WorkItem(text),
                let claim = session.ledger.begin(Array(text.utf8))
            else { continue }
            if bodies[id] != nil, kept == nil {
                kept = Kept(text: text, isNew: false, claim: claim)
            } else {
                _ = try await load(text, step: (id, attempt), claim)
                claim.end()
            }
        }
        return kept
    }

    func hasMoved(_ instance: RunInstance, opened: Int) -> Bool {
        switch instance.progress {
        case .finished, .continued: return true
        case .waiting, .escaped, .stuck: return instance.callCount > opened
        }
    }

    func confirm(_ plan: Plan, _ instance: RunInstance) {
        if plan.closes { entering(instance) { instance.confirm(plan) } } else { instance.confirm(plan) }
        for step in plan.closings { cancelBody(of: step) }
    }

    /// The run's end, if the function has come to it, or wants the run to begin anew.
    ///
    /// - Parameter last: the step whose outcome has brought the function there, if that is not recorded yet.
    func ending(
        of instance: RunInstance, after last: (call: StepCall, unrecorded: Occupancy.Unrecorded)? = nil
    ) -> (status: RunStore.Ending, json: [UInt8])? {
        let result: Result<[UInt8], any Error>
        switch instance.progress {
        case .finished(let its): result = its
        case .continued(let input):
            let problem = session.configuration.problem(
                withSizeOf: input,
                what: "the input with which run \(run.id) of workflow \"\(about?.workflow ?? "")\" was to begin anew")
            return problem.map { (.failed, failure($0)) } ?? (.continued, input)
        case .waiting, .escaped, .stuck: return nil
        }
        switch result {
        case .success(let json):
            if let problem = session.configuration.problem(
                withSizeOf: json, what: "the output of run \(run.id) of workflow \"\(about?.workflow ?? "")\"")
            {
                return (.failed, failure(problem))
            }
            return (.completed, json)
        case .failure(let error):
            // An error's words are the user's.
            guard let last else { return entering(instance) { ending(of: instance, in: error) } }
            return entering(instance, last.call, last.unrecorded) { ending(of: instance, in: error) }
        }
    }

    private func ending(
        of instance: RunInstance, in error: any Error
    ) -> (status: RunStore.Ending, json: [UInt8]) {
        if instance.hasTimedOut {
            let message = Self.message(instance.cancelReason ?? "", of: error)
            let words = "\"type\":\"RunTimeout\",\"message\":\(JSON.string(message))"
            return (.failed, Array("{\(words),\"worker\":\(JSON.string(session.name))}".utf8))
        }
        // What a function does after it was cancelled is its business: it may still return.
        return (
            instance.cancelReason == nil ? .failed : .cancelled,
            failure(error, cancelReason: instance.cancelReason, after: instance.endedBeforeLastWord)
        )
    }

    /// - Parameter after: after how many outcomes the function ended in the error, if more may have been recorded since.
    private func failure(_ error: any Error, cancelReason: String? = nil, after: Int? = nil) -> [UInt8] {
        var words = ErrorWords(error)
        if let cancelReason, ((error as? SagaFailure)?.cause ?? error) is CancellationError {
            words.message = Self.message(cancelReason, of: error)
        }
        var json = "{\"type\":\(JSON.string(words.type)),\"message\":\(JSON.string(words.message))"
        if let failure = (error as? SagaFailure)?.cause as? StepFailure ?? error as? StepFailure {
            json += ",\"step\":\(JSON.string(failure.step)),\"attempts\":\(failure.attempts)"
        }
        if let after { json += ",\"after\":\(after)" }
        // For the function that waits for this run's end: `StepFailure.error(as:)`.
        if let value = words.value { json += ",\"value\":\(value)" }
        return Array((json + ",\"worker\":\(JSON.string(session.name))}").utf8)
    }

    /// A reason, and what a saga could not undo.
    private static func message(_ reason: String, of error: any Error) -> String {
        guard let saga = error as? SagaFailure else { return reason }
        return "\(reason); \(saga.remainder)".prefix(bytes: ErrorWords.limit)
    }

    /// Throws the instance away and makes a new one from the history. `nil` if the turn is gone.
    func rebuild() async throws -> (number: Int, opened: Int)? {
        dropInstance()
        let reply = try await store.takeTurn(
            run, text: run.turnText, step: nil, seen: 0, token: session.nextToken(), cold: about == nil)
        guard case .loaded(let number, let opened, let page, _, let code, let about) = reply else { return nil }
        self.code = code
        if let about { self.about = about }
        guard try await prepareInstance(run.turnText, isTurn: true, delivered: page.delivered) else { return nil }
        know { $0.note(opened: opened) }
        try await synchronize(with: page, holdsTurn: true)
        return (number, opened)
    }
}
