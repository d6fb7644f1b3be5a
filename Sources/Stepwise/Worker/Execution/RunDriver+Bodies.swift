internal import Logging
internal import StepwiseRedis

/// Executing one step's body, and what comes of it.
extension RunDriver {
    enum BodyEnd {
        /// It goes on; the turn's holder has something else to look at first.
        case interrupted
        /// It was not begun: somebody else may execute it.
        case givenBack
        /// It was cancelled here because its claim seemed gone, or because nobody wants its outcome.
        case cancelled
        case ended(Outcome.Result, took: Int)
        /// Another attempt is allowed, unless it is too late for one: then it has failed for good.
        case again(RunStore.Again, else: StepFailure)
        /// Its child is made; it waits for that one's end.
        case waits(ChildOrder)
        /// The worker's name is done for; nothing may be written.
        case over
    }

    /// - Parameters:
    ///   - lost: how many workers were lost with the step; `nil` if that is not known.
    ///   - looks: how often it was looked for the step before, one time after the other.
    func execute(
        _ text: String, _ step: String, _ attempt: Int, lost: Int?, _ claim: Claim, looks: Int = 0
    ) async throws -> Kept? {
        // The instance was given up meanwhile, or the step was recorded since the answer that named it was given: look again.
        guard let instance, !instance.isDelivered(step) else {
            return try await lookAgain(text, step, attempt, looks, claim)
        }
        guard let call = instance.call(step) else {
            let isAtRest = await isAtRest(instance)
            let obstacle =
                try await obstacle(instance, isAtRest: isAtRest, opened: agreed)
                ?? .divergence(instance.divergence(openStep: step))
            try await park(text, number: nil, step: step, attempt: attempt, obstacle)
            return nil
        }
        if !call.hasBody {
            // Redis has closed the step since it said that it is open, or has lost that.
            if !holdsTurn { dropInstance() }
            return try await lookAgain(text, step, attempt, looks, claim)
        }
        defer { forgetElsewhere(text, of: call) }
        do {
            let result: Outcome.Result
            let took: Int
            switch try await perform(call, attempt: attempt, lost: lost, text: text, turn: nil) {
            case .over:
                return nil
            case .givenBack:
                try await session.release(Array(text.utf8), to: .queue(run.queue))
                return nil
            case .cancelled, .interrupted:
                // Stale or lost, then it is dropped; still wanted, then it is executed again.
                return try await load(text, step: (step, attempt), claim)
            case .again(let again, let failure):
                guard case .exhausted = try await store.retry(run, text: text, turn: nil, step: step, again) else {
                    return nil
                }
                (result, took) = (.error(failure), again.took)
            case .waits(let order):
                _ = try await store.awaitChild(run, text: text, turn: nil, step: step, attempt: attempt, order)
                return nil
            case .ended(let itsResult, let itsTime):
                (result, took) = (itsResult, itsTime)
            }
            let record = record(of: call, attempt: attempt, result, took: took)
            let isPlain = isPlain(call, attempt: attempt, lost: lost ?? 0)
            if isPlain, needsNoTurn, try await store.recordPlain(run, text: text, record) { return nil }
            return try await write(record, text, claim)
        } catch let error as RedisError {
            try await park(text, number: nil, step: step, attempt: attempt, .other(refusal(error)))
            return nil
        }
    }

    /// Whether nobody has to take the function forward after a claimed step.
    var needsNoTurn: Bool { holdsTurn || instance?.joinsAll == true }

    /// Records what came of a claimed step, and takes the turn if nobody has it.
    func write(_ record: RunStore.Record, _ text: String, _ claim: Claim) async throws -> Kept? {
        let reply: RecordReply
        do {
            reply = try await store.record(run, text: text, record, seen: instance?.delivered ?? 0)
        } catch let error as RedisError {
            try await park(text, number: nil, step: record.step, attempt: record.attempt, .other(refusal(error)))
            return nil
        }
        switch reply {
        case .took(let number, let opened, let page, let code):
            self.code = code
            claim.end()
            // Counted: the turn before this one, of the same text, may still be held.
            let turn = session.ledger.hold(Array(run.turnText.utf8))
            defer { turn.end() }
            guard try await prepareInstance(run.turnText, isTurn: true, delivered: page.delivered) else { return nil }
            know { $0.note(opened: opened) }
            try await synchronize(with: page, holdsTurn: true)
            return try await drive(number: number, opened: opened, turn)
        case .reset:
            session.end(.historyLost(run.id))
            return nil
        case .stale:
            session.logger.notice(
                "what a body returned is refused: its claim was given to another worker, whose outcome counts, or redis has lost it",
                metadata: ["run": "\(run.id)", "step": "\(record.step)", "attempt": "\(record.attempt)"])
            return nil
        case .done, .withdrawn:
            return nil
        }
    }

    /// Executes a body once, in a task of its own, and says what comes of it. A body of this attempt that runs here already is joined.
    ///
    /// - Parameters:
    ///   - text: the claim's, be it the step's or the turn's.
    ///   - number: of the turn, for a step under it.
    ///   - lost: how many workers were lost with the step; `nil` if that is not known.
    func perform(
        _ call: StepCall, attempt: Int, lost: Int?, text: String, turn number: Int?
    ) async throws -> BodyEnd {
        if session.isOver { return .over }
        let body: RunningBody
        var isAlone = false
        defer { if isAlone { session.endAlone() } }
        if let running = bodies[call.id], running.attempt == attempt {
            body = running
            noteClaim(text, turn: number, of: call.id)
        } else {
            let lost = if let lost { lost } else { try await session.lost(with: call.id, of: run) }
            if session.isLastDelivery(lost: lost) {
                let claim = number == nil ? text : run.turnText
                guard try await session.beginAlone("step \"\(call.id)\"", run: run.id, text: claim, lost: lost) else {
                    return .givenBack
                }
                isAlone = true
            } else if session.slots.isPaused || isHeldBack(call) {
                return .givenBack
            }
            var mark: AttemptMark?
            if call.options.isAtMostOnce || (call.options.claimTimeout != nil && attempt == 1) {
                let note = AttemptNote(
                    text: text, number: number, attempt: attempt, token: session.nextToken(),
                    isOnce: call.options.isAtMostOnce)
                let reply = try await store.markAttempt(
                    run, text: text, turn: number, step: call.id, attempt: attempt, token: note.token,
                    once: note.isOnce)
                switch reply {
                case .begun:
                    mark = AttemptMark(token: note.token)
                    self.note(note, of: call.id)
                case .stale: return .cancelled
                case .interrupted: return .ended(.error(interruption(of: call.id, attempt: attempt)), took: 0)
                }
                if session.isOver { return .over }
            }
            // What has cost a worker may have held its thread.
            guard let started = start(call, attempt: attempt, mark: mark, mayHold: lost == 0) else {
                // It was recorded or closed meanwhile.
                return .interrupted
            }
            body = started
            bodies[call.id] = body
        }
        if number != nil { inline = call.id }
        register(call, body, text: text, turn: number)
        let hasEnded = await body.wait()
        session.bodies.forget(body)
        guard hasEnded else { return session.isOver ? .over : .interrupted }
        if bodies[call.id] === body {
            bodies[call.id] = nil
            forgetAttempt(of: call.id)
        }
        if inline == call.id { inline = nil }
        if session.isOver { return .over }
        guard let judgement = judge(body, of: call) else { return .interrupted }
        session.counts.note(judgement)
        if case .givenBack = judgement, let mark = body.mark {
            try await store.unmarkAttempt(run, text: text, turn: number, step: call.id, attempt: attempt, mark)
        }
        entering(bodyOf: call) { body.forgetError() }
        guard case .ended(.value(let payload), let took) = judgement else { return judgement }
        if call.options.kind == WorkflowContext.callbackKind,
            let token = try? JSON.decode(String.self, from: payload, what: "a token")
        {
            // Before anybody can learn of it.
            if let token = CallbackToken(token) {
                try await writeElsewhere(text) { [store, run] in try await store.expectAnswer(token, run, text: text) }
            }
            return judgement
        }
        if let notice = call.notice {
            let step = step(of: call, attempt: attempt)
            let refusal = try await writeElsewhere(text) { [session, run] in
                try await session.send(notice, value: payload, from: run, step: step, text: text)
            }
            guard let problem = refusal else {
                return .ended(.value(JSON.null), took: took)
            }
            return .ended(.error(StepFailure(step: call.id, attempts: attempt, error: problem)), took: took)
        }
        guard let order = call.child else { return judgement }
        if let failure = try await makeChild(order, of: call.id, attempt: attempt, payload: payload, text: text) {
            return .ended(.error(failure), took: took)
        }
        if order.isAwaited { return .waits(order) }
        return .ended(.value(Array(JSON.string(store.childID(order, of: call.id, run)).utf8)), took: took)
    }

    /// - Returns: why it could not be made.
    private func makeChild(
        _ order: ChildOrder, of step: String, attempt: Int, payload: [UInt8], text: String
    ) async throws -> StepFailure? {
        let limit = session.configuration.maximumDepth
        let child = RunStore.Child(
            id: store.childID(order, of: step, run), payload: payload,
            options: EnqueueOptions(order.options, queue: run.queue), depth: (about?.depth ?? 0) + 1)
        var problem: StepwiseError?
        if child.depth > limit {
            problem = StepwiseError(
                .tooDeep,
                "the child that step \"\(step)\" of run \(run.id) makes would have \(child.depth) runs above it, and the limit is \(limit) "
                    + "(maximumDepth of the worker's configuration): does a workflow invoke itself without end? Else raise the limit"
            )
        } else if let owner = try await writeElsewhere(
            text,
            { [store, run, session] in
                try await store.make(child, order, of: step, run, text: text, indexed: session.indexedLabels)
            })
        {
            problem = StepwiseError(
                .invalidIdentifier,
                "step \"\(step)\" of run \(run.id) cannot make its child: run id \(child.id) belongs to \(owner); choose another id"
            )
        }
        return problem.map { StepFailure(step: step, attempts: attempt, error: $0) }
    }

    /// Writes what a step writes besides its outcome, and before that. It is noted until ``forgetElsewhere(_:of:)``.
    private func writeElsewhere<Value: Sendable>(
        _ claim: String, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        session.comparisons.noteElsewhere(claim) { _ = try await body() }
        return try await body()
    }

    func forgetElsewhere(_ claim: String, of call: StepCall) {
        guard call.child != nil || call.notice != nil || call.options.kind == WorkflowContext.callbackKind else {
            return
        }
        session.comparisons.forgetElsewhere(claim)
    }

    nonisolated func record(of call: StepCall, attempt: Int, _ result: Outcome.Result, took: Int) -> RunStore.Record {
        var record = RunStore.Record(
            step: call.id, key: call.key, attempt: attempt, result: result, took: took, token: session.nextToken())
        record.kind = call.kind
        if let order = call.child, !order.isAwaited, case .value = result {
            record.child = store.childID(order, of: call.id, run)
        }
        return record
    }

    /// Whether the open step has no more to tell than that it is open.
    func isPlain(_ call: StepCall, attempt: Int, lost: Int) -> Bool {
        attempt == 1 && lost == 0 && !call.options.isAtMostOnce && !call.options.hasLimits && !isParent(call)
    }

    /// Whether the open step says that it makes a child which is not to go on without it.
    private func isParent(_ call: StepCall) -> Bool {
        if case .child(let order) = call.special { order.endsWithParent } else { false }
    }

    private func step(of call: StepCall, attempt: Int) -> Step {
        Step(runID: run.id, generation: generation, id: call.id, attempt: attempt)
    }

    /// - Parameters:
    ///   - mark: what was written before.
    ///   - pace: what is known of such bodies, if the caller has it.
    ///   - mayHold: whether it may begin on this thread.
    /// - Returns: `nil` if nobody is to execute it any more.
    func start(
        _ call: StepCall, attempt: Int, mark: AttemptMark? = nil, _ pace: BodyPace? = nil, mayHold: Bool = true
    ) -> RunningBody? {
        guard let body = call.body else { return nil }
        let step = step(of: call, attempt: attempt)
        session.logger.debug(
            "a step's body begins", metadata: ["run": "\(run.id)", "step": "\(step.id)", "attempt": "\(attempt)"])
        let itsPace = pace ?? paces.of(call.name)
        return entering(bodyOf: call) {
            RunningBody(
                attempt: attempt, mark: mark, timeout: call.options.timeout,
                timer: session.connections.executor, pace: itsPace, mayHold: mayHold,
                on: session.threads(for: call.options), load: session.poolLoad,
                cancelling: cancelling(call), step: step, body: body)
        }
    }

    /// What a time limit does to a body, if there is one: a cancellation handler is the user's.
    private func cancelling(_ call: StepCall) -> (@Sendable (() -> Void) -> Void)? {
        guard call.options.timeout != nil else { return nil }
        return { [weak self, session] cancel in
            guard let self else { return cancel() }
            session.occupancy.hold(self, nil, call, while: cancel)
        }
    }

    /// Lets others record what a plain step's body returns, should this thread be held by then.
    private func register(_ call: StepCall, _ body: RunningBody, text: String, turn number: Int?) {
        guard call.special == nil, call.options.kind != WorkflowContext.callbackKind else { return }
        let turn = number.map { (number: $0, delivered: instance?.delivered ?? 0) }
        session.bodies.note(
            BodyRegister.Entry(
                body: body, run: run, workflow: about?.workflow ?? "", step: call.id, key: call.key, kind: call.kind,
                text: text, turn: turn, isOnce: call.options.isAtMostOnce))
    }

    /// What a body's end means for its step; `nil` if it has none yet. The body keeps its error, so that the last who lets go of that is
    /// ``RunningBody/forgetError()``.
    func judge(_ body: RunningBody, of call: StepCall) -> BodyEnd? {
        guard let end = body.end else { return nil }
        let attempt = body.attempt
        switch end {
        case .success(let json):
            if let problem = session.configuration.problem(
                withSizeOf: json,
                what: (call.child == nil ? "the result of" : "the input for the child of")
                    + " step \"\(call.id)\" of run \(run.id)")
            {
                return .ended(
                    .error(StepFailure(step: call.id, attempts: attempt, error: problem)), took: body.took)
            }
            return .ended(.value(json), took: body.took)
        case .failure where body.isUnwanted:
            // This worker's doing is not an outcome of the step.
            return .cancelled
        case .failure(let error) where error is BodyWithdrawn:
            return .givenBack
        case .failure(let error):
            // An error's words and a retry's condition are the user's.
            return entering(bodyOf: call) { judge(failure: error, of: call, body) }
        }
    }

    private func judge(failure error: any Error, of call: StepCall, _ body: RunningBody) -> BodyEnd {
        let attempt = body.attempt
        session.logger.debug(
            "a step's body failed",
            metadata: ["run": "\(run.id)", "step": "\(call.id)", "attempt": "\(attempt)", "error": "\(error)"])
        let failure = StepFailure(step: call.id, attempts: attempt, error: error)
        let retry = call.options.retry ?? session.configuration.retry
        guard let delay = retry.delay(afterAttempt: attempt, error: error, chance: .random(in: 0...1)) else {
            return .ended(.error(failure), took: body.took)
        }
        let note = FailedAttempt.note(attempt: attempt, error: error, worker: session.name, took: body.took)
        let again = RunStore.Again(
            failedAttempt: attempt, delay: delay, maximumElapsed: retry.maximumElapsed.map(\.wholeMilliseconds),
            maximumAttempts: retry.attempts == .max ? nil : retry.attempts, took: body.took, note: note)
        return .again(again, else: failure)
    }

    private func interruption(of step: String, attempt: Int) -> StepFailure {
        StepFailure(
            step: step, attempts: attempt, type: "Interrupted",
            message:
                "the worker that executed the body was lost, or gave it back, before it was done; the step is .atMostOnce, so it was not "
                + "executed again: find out how far it came", cause: .interrupted)
    }

    /// The step is closed or claimed elsewhere: its body is for nobody. Nobody waits for it any more, even if it goes on: whoever did asks Redis
    /// what has become of the step, and its claim and its slot are free. What the body still returns is refused.
    func cancelBody(of step: String) {
        guard let body = bodies.removeValue(forKey: step) else { return }
        forgetAttempt(of: step)
        if inline == step { inline = nil }
        entering(bodyOf: nil) {
            body.cancel(unwanted: true)
            body.forgetError()
        }
        body.interruptWait()
    }

    /// Outcomes may have come from outside while this worker executes an inline body: it looks, and the body goes on.
    func lookUp() {
        if let inline { bodies[inline]?.interruptWait() }
    }

    /// How many outcomes the instance has had, if a body is executed inline here.
    var deliveredBesideInline: Int? { inline == nil ? nil : instance?.delivered }
}
