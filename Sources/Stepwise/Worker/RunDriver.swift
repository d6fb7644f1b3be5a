internal import Logging

/// Takes one run forward on one worker: the live side of the carry protocol.
///
/// Its methods interleave at every call to Redis, as the tasks of a worker do in the protocol's model. What keeps that safe is in
/// the scripts; here it is enough that outcomes reach the copy in their order, and that only the carry's holder opens steps.
actor RunDriver {
    private let worker: Incarnation
    private let store: RunStore
    private let run: RunStore.Run
    private var about: RunAbout?
    private var copy: RunCopy?
    private var bodies: [String: Task<[UInt8], any Error>] = [:]
    private var returnWaiters: [Int: CheckedContinuation<Bool, Never>] = [:]
    private var waits = 0
    /// The numbers of the carries that are being driven here. One that ends in Redis may still have its answer on the way.
    private var carrying: Set<Int> = []
    private var isCarrying: Bool { !carrying.isEmpty }
    /// What dropped copies had to report.
    private var misuses: [String] = []

    init(worker: Incarnation, run: RunStore.Run) {
        self.worker = worker
        self.run = run
        store = worker.store
    }

    // MARK: A claimed invocation

    /// Does what an invocation asks for, from the first check to the last script.
    func handle(_ text: String, _ invocation: Invocation, _ claim: Claim) async {
        await guarding {
            switch invocation {
            case .carry: return try await self.load(text, step: nil, claim)
            case .step(_, _, let attempt, let id): return try await self.take(text, step: (id, attempt), claim)
            case .raw: return nil
            }
        }
        claim.end()
    }

    /// Begins a run whose first carry the caller has just got from a raw item.
    func begin(_ about: RunAbout, _ claim: Claim) async {
        self.about = about
        await guarding {
            guard try await self.prepareCopy(run.carryText, isCarry: true, carried: -1) else { return nil }
            return try await self.drive(number: 1, opened: 0, claim)
        }
        claim.end()
    }

    /// A step that `advance` left with this worker.
    private struct Kept: Sendable {
        var text: String
        var claim: Claim
    }

    /// Carries an invocation out, and then, one after the other, what it leaves for this task: a branch's next step, and the next.
    private func guarding(_ body: () async throws -> Kept?) async {
        do {
            var kept = try await body()
            while let next = kept {
                defer { next.claim.end() }
                guard case .step(_, _, let attempt, let id)? = Invocation(next.text) else { break }
                kept = try await execute(next.text, id, attempt, next.claim)
            }
        } catch is IncarnationOver {
            // Everything that this name held is others' now.
        } catch {
            worker.logger.error(
                "an invocation could not be carried out; it stays claimed and is taken up again",
                metadata: ["run": "\(run.id)", "error": "\(error)"])
        }
        await reportMisuses()
    }

    private func take(_ text: String, step: (id: String, attempt: Int), _ claim: Claim) async throws -> Kept? {
        // A parked copy that waits for the step needs no history: a plain read tells whether the step is still wanted.
        if let copy, copy.isWaiting(for: step.id), try await worker.isOpen(run, step: step.id, attempt: step.attempt) {
            return try await execute(text, step.id, step.attempt, claim)
        } else {
            return try await load(text, step: step, claim)
        }
    }

    private func load(_ text: String, step: (id: String, attempt: Int)?, _ claim: Claim) async throws -> Kept? {
        let reply = try await store.load(
            run, text: text, step: step, seen: copy?.delivered ?? 0, token: worker.nextToken(), cold: about == nil)
        switch reply {
        case .stale, .lost:
            return nil
        case .reset:
            worker.end(.historyLost(run.id))
            return nil
        case .loaded(let number, let opened, let page, let about):
            if let about { self.about = about }
            guard try await prepareCopy(text, isCarry: step == nil, carried: page.carried) else { return nil }
            try await synchronize(with: page, isCarrying: step == nil)
            if let step {
                return try await execute(text, step.id, step.attempt, claim)
            } else {
                return try await drive(number: number, opened: opened, claim)
            }
        }
    }

    /// Starts the function, unless a copy is there. `false` if this worker does not have the workflow.
    ///
    /// - Parameter carried: up to which outcome a carry has taken the function before; -1 if none has.
    private func prepareCopy(_ text: String, isCarry: Bool, carried: Int) async throws -> Bool {
        if worker.isOver { throw IncarnationOver() }
        if copy != nil { return true }
        guard let about, let function = worker.functions[about.workflow] else {
            try await store.unserve(run, text: text, workflow: about?.workflow ?? "", isCarry: isCarry)
            worker.logger.notice(
                "a claimed invocation waits for a worker that has its workflow",
                metadata: ["run": "\(run.id)", "workflow": "\(about?.workflow ?? "")"])
            return false
        }
        let copy = RunCopy()
        self.copy = copy
        copy.executor.onForeignJob { [weak self] in
            guard let self else { return }
            Task { await self.foreignJob() }
        }
        let context = WorkflowContext(
            workflow: about.workflow, runID: run.id, payload: about.payload, options: function.options,
            logger: worker.logger,
            copy: copy)
        copy.start(context, silent: !isCarry || carried >= 0, function: function.body)
        return true
    }

    // MARK: Outcomes

    /// Delivers what the copy has not had, in order, up to the history's length at the time of the reply.
    private func synchronize(with page: HistoryPage, isCarrying: Bool) async throws {
        var page = page
        while let copy, copy.delivered < page.recorded {
            guard await isAtRest(copy) else { return }
            if case .stuck = copy.progress { return }
            guard copy === self.copy else { continue }
            let next = copy.delivered - page.from
            if next >= 0, next < page.records.count {
                let record = try OutcomeRecord(page.records[next])
                copy.deliver(record.outcome, silent: !isCarrying || copy.delivered < page.carried)
            } else {
                let from = copy.delivered
                page.records = try await store.history(run.id, from: from)
                page.from = from
                if page.records.isEmpty {
                    // Either retention has removed the run meanwhile, or Redis knows less than it told.
                    if try await worker.exists(run) { worker.end(.historyLost(run.id)) }
                    throw IncarnationOver()
                }
            }
        }
    }

    /// Waits until a function that has left its executor is back. `false` if it does not come back in time.
    private func isAtRest(_ copy: RunCopy) async -> Bool {
        while case .escaped = copy.progress {
            worker.warnOfEscape(workflow: about?.workflow ?? "", run: run.id, lastStep: copy.lastStep)
            if copy.executor.hasJobs {
                copy.resume()
                continue
            }
            let limit = worker.configuration.escapeLimit
            waits += 1
            let wait = waits
            let isBack = await withCheckedContinuation { continuation in
                returnWaiters[wait] = continuation
                Task {
                    try? await Task.sleep(for: limit)
                    self.returnWaiters.removeValue(forKey: wait)?.resume(returning: false)
                }
            }
            if !isBack || worker.isOver { return false }
            copy.resume()
        }
        return true
    }

    private func endReturnWaits(isBack: Bool) {
        let waiters = returnWaiters.values
        returnWaiters = [:]
        for waiter in waiters { waiter.resume(returning: isBack) }
    }

    /// A job or a step call came from outside the executor.
    private func foreignJob() async {
        guard let copy else { return }
        worker.warnOfEscape(workflow: about?.workflow ?? "", run: run.id, lastStep: copy.lastStep)
        if !returnWaiters.isEmpty {
            endReturnWaits(isBack: true)
        } else {
            copy.resume()
            if !isCarrying { await poke() }
        }
        await reportMisuses()
    }

    private func poke() async {
        await guarding {
            try await self.store.poke(self.run)
            return nil
        }
    }

    private func reportMisuses() async {
        let sentences = misuses + (copy?.takeMisuses() ?? [])
        misuses = []
        for sentence in sentences {
            worker.logger.warning(
                "a step was called from the wrong place",
                metadata: ["run": "\(run.id)", "workflow": "\(about?.workflow ?? "")", "error": "\(sentence)"])
            try? await store.note(run.id, sentence)
        }
    }

    // MARK: The carry

    /// Takes the function forward for as long as this worker has the carry.
    private func drive(number: Int, opened: Int, _ claim: Claim) async throws -> Kept? {
        // The carry's text is the same each time: the end of an earlier carry's claim can take this one up a second time.
        guard carrying.insert(number).inserted else { return nil }
        defer { carrying.remove(number) }
        var opened = opened
        while true {
            guard let copy else { throw IncarnationOver() }
            let isAtRest = await isAtRest(copy)
            guard copy === self.copy else { throw IncarnationOver() }
            if let reason = parkReason(copy, isAtRest: isAtRest) {
                try await park(run.carryText, number: number, step: nil, reason: reason)
                return nil
            }
            let plan = copy.plan(opened: opened)
            let ending = plan.isComplete ? ending(of: copy) : nil
            let (request, reserved) = request(number: number, upto: copy.delivered, plan: plan, ending: ending)
            var reply: AdvanceReply
            do {
                reply = try await store.advance(run, request)
            } catch {
                worker.slots.release(reserved)
                throw error
            }
            opened += plan.openings.count
            confirm(plan, copy)
            if case .released(let texts) = reply {
                return await release(texts, number: number, reserved: reserved, opened: opened, claim)
            }
            worker.slots.release(reserved)

            while case .carry(let step, let attempt) = reply {
                switch try await serial(number: number, step: step, attempt: attempt, opened: opened) {
                case .over:
                    // The step waits in `delayed`, the run is parked, or the carry was given back.
                    if let copy = self.copy, hasMoved(copy, opened: opened) { await poke() }
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
                try await synchronize(with: page, isCarrying: true)
            case .rebuild:
                guard let again = try await rebuild(), again.number == number else { return nil }
                opened = again.opened
            case .finished(let awaited):
                if awaited { await worker.announceEnd(of: run.id) }
                discard()
                return nil
            case .lost:
                discard()
                return nil
            case .reset:
                worker.end(.historyLost(run.id))
                return nil
            case .released, .carry:
                return nil
            }
        }
    }

    /// What to ask for, with slots for the steps that may stay here: the carry's own and as many as are free.
    private func request(
        number: Int, upto: Int, plan: Plan, ending: (status: RunStatus, json: [UInt8])?
    ) -> (RunStore.Advance, reserved: Int) {
        let isDraining = worker.isDraining
        let reserved = isDraining ? 0 : worker.slots.take(upTo: plan.openings.count - 1)
        return (
            RunStore.Advance(
                number: number, upto: upto, slots: isDraining ? 0 : reserved + 1, plan: plan, ending: ending), reserved
        )
    }

    private enum SerialEnd {
        case goesOn(AdvanceReply, opened: Int)
        case released([String], reserved: Int, opened: Int)
        /// The carry is no longer here.
        case over
    }

    /// Executes the only open step under the carry, then records it and advances in one script.
    private func serial(number: Int, step: String, attempt: Int, opened: Int) async throws -> SerialEnd {
        if worker.isDraining {
            try await worker.giveBack(Array(run.carryText.utf8), queue: run.queue)
            return .over
        }
        guard let copy else { return .goesOn(.rebuild, opened: opened) }
        guard let call = copy.call(step) else {
            try await park(run.carryText, number: number, step: nil, reason: unknownStep(step))
            return .over
        }
        let result: Outcome.Result
        let took: Int
        switch await perform(call, attempt: attempt) {
        case .over, .cancelled:
            throw IncarnationOver()
        case .retry(let delay):
            let reply = try await store.retry(
                run, text: run.carryText, carry: (number, copy.delivered), step: step, failedAttempt: attempt,
                delay: delay)
            if case .more(let opened, let page) = reply {
                return .goesOn(.more(opened: opened, page: page), opened: opened)
            }
            return .over
        case .ended(let itsResult, let itsTime):
            (result, took) = (itsResult, itsTime)
        }
        guard copy === self.copy else { return .goesOn(.rebuild, opened: opened) }
        guard copy.isWaiting(for: step) else {
            // The function has abandoned the step meanwhile, by itself: an advance closes it.
            let nothing = HistoryPage(from: copy.delivered, records: [], recorded: copy.delivered, carried: -1)
            return .goesOn(.more(opened: opened, page: nothing), opened: opened)
        }

        // The only open step is this one, so its outcome is the next of the history: it may be delivered before it is recorded.
        let upto = copy.delivered + 1
        copy.deliver(Outcome(step: step, result: result))
        var plan = copy.plan(opened: opened)
        let ending = plan.isComplete ? ending(of: copy) : nil
        if ending != nil {
            plan.openings = []
        } else {
            // Stuck or out: record, keep the carry, and let the loop above decide.
            switch copy.progress {
            case .stuck, .escaped: plan.isComplete = false
            case .waiting, .finished: break
            }
        }
        let (request, reserved) = request(number: number, upto: upto, plan: plan, ending: ending)
        let record = RunStore.Record(
            step: step, attempt: attempt, result: result, took: took, token: worker.nextToken())
        let reply: AdvanceReply
        do {
            reply = try await store.serial(run, request, record)
        } catch {
            worker.slots.release(reserved)
            throw error
        }
        if case .rebuild = reply {
            worker.slots.release(reserved)
            return .goesOn(reply, opened: opened)
        }
        confirm(plan, copy)
        let nowOpened = opened + plan.openings.count
        if case .released(let texts) = reply { return .released(texts, reserved: reserved, opened: nowOpened) }
        worker.slots.release(reserved)
        return .goesOn(reply, opened: nowOpened)
    }

    /// Starts the steps that `advance` left here.
    ///
    /// - Returns: the first of them, which goes on in the slot of the carry that has ended; the others have reserved slots.
    private func release(_ texts: [String], number: Int, reserved: Int, opened: Int, _ claim: Claim) async -> Kept? {
        carrying.remove(number)
        claim.end()
        // What the function did by itself since the plan was made (it came back from outside) needs a new carry.
        if let copy, hasMoved(copy, opened: opened) { await poke() }
        var kept: [Kept] = []
        // More than there are slots for come only in the answer to a second sending: the comparison of claims finds the rest.
        for text in texts where kept.count <= reserved {
            if let claim = worker.hand.begin(Array(text.utf8)) { kept.append(Kept(text: text, claim: claim)) }
        }
        worker.slots.release(reserved - max(0, kept.count - 1))
        for next in kept.dropFirst() {
            worker.use(self, run.id)
            worker.spawn {
                await self.guarding { next }
                self.worker.slots.release()
                await self.worker.endUse(self, self.run.id)
            }
        }
        return kept.first
    }

    private func hasMoved(_ copy: RunCopy, opened: Int) -> Bool {
        if case .finished = copy.progress { return true }
        return copy.callCount > opened
    }

    private func confirm(_ plan: Plan, _ copy: RunCopy) {
        copy.confirm(plan)
        for step in plan.closings { bodies[step]?.cancel() }
    }

    private func ending(of copy: RunCopy) -> (status: RunStatus, json: [UInt8])? {
        guard case .finished(let result) = copy.progress else { return nil }
        switch result {
        case .success(let json): return (.completed, json)
        case .failure(let error):
            let words = ErrorWords(error)
            var json = "{\"type\":\(JSON.string(words.type)),\"message\":\(JSON.string(words.message))"
            if let failure = error as? StepFailure {
                json += ",\"step\":\(JSON.string(failure.step)),\"attempts\":\(failure.attempts)"
            }
            return (.failed, Array((json + ",\"worker\":\(JSON.string(worker.name))}").utf8))
        }
    }

    private func parkReason(_ copy: RunCopy, isAtRest: Bool) -> String? {
        if case .stuck(let reason) = copy.progress { return reason }
        if isAtRest { return nil }
        let place = copy.lastStep.map { "after step \"\($0)\"" } ?? "before its first step"
        return
            "the function left its executor \(place) and was not back within \(worker.configuration.escapeLimit): it awaited something "
            + "that is no step (Task.sleep, the main actor, an actor of its own); move that into a step's body, then resume the run"
    }

    private func park(_ text: String, number: Int?, step: String?, attempt: Int = 0, reason: String) async throws {
        try await store.park(run, text: text, carry: number, step: step.map { ($0, attempt) }, reason: reason)
        worker.logger.warning(
            "a run was parked",
            metadata: ["run": "\(run.id)", "workflow": "\(about?.workflow ?? "")", "reason": "\(reason)"])
        discard()
    }

    /// Throws the copy away and makes a new one from the history. `nil` if the carry is gone.
    private func rebuild() async throws -> (number: Int, opened: Int)? {
        dropCopy()
        let reply = try await store.load(
            run, text: run.carryText, step: nil, seen: 0, token: worker.nextToken(), cold: about == nil)
        guard case .loaded(let number, let opened, let page, let about) = reply else { return nil }
        if let about { self.about = about }
        guard try await prepareCopy(run.carryText, isCarry: true, carried: page.carried) else { return nil }
        try await synchronize(with: page, isCarrying: true)
        return (number, opened)
    }

    // MARK: Bodies

    private enum BodyEnd {
        /// It was cancelled here because its claim seemed gone, or because nobody wants its outcome.
        case cancelled
        case ended(Outcome.Result, took: Int)
        case retry(delay: Int)
        /// The worker's name is done for; nothing may be written.
        case over
    }

    private func unknownStep(_ step: String) -> String {
        "step \"\(step)\" is open, but this worker's code does not call it at this point of the run"
    }

    private func execute(_ text: String, _ step: String, _ attempt: Int, _ claim: Claim) async throws -> Kept? {
        // The copy was given up meanwhile, or the step was recorded since the answer that named it was given: look again.
        guard let copy, !copy.isDelivered(step) else { return try await load(text, step: (step, attempt), claim) }
        guard let call = copy.call(step) else {
            let isAtRest = await isAtRest(copy)
            let reason = parkReason(copy, isAtRest: isAtRest) ?? unknownStep(step)
            try await park(text, number: nil, step: step, attempt: attempt, reason: reason)
            return nil
        }
        switch await perform(call, attempt: attempt) {
        case .over:
            return nil
        case .cancelled:
            // Stale or lost, then it is dropped; still wanted, then it is executed again.
            return try await load(text, step: (step, attempt), claim)
        case .retry(let delay):
            _ = try await store.retry(run, text: text, carry: nil, step: step, failedAttempt: attempt, delay: delay)
            return nil
        case .ended(let result, let took):
            let record = RunStore.Record(
                step: step, attempt: attempt, result: result, took: took, token: worker.nextToken())
            switch try await store.record(run, text: text, record, seen: self.copy?.delivered ?? 0) {
            case .took(let number, let opened, let page):
                claim.end()
                // Counted: the carry before this one, of the same text, may still be in hand.
                let carry = worker.hand.hold(Array(run.carryText.utf8))
                defer { carry.end() }
                guard try await prepareCopy(run.carryText, isCarry: true, carried: page.carried) else { return nil }
                try await synchronize(with: page, isCarrying: true)
                return try await drive(number: number, opened: opened, carry)
            case .reset:
                worker.end(.historyLost(run.id))
                return nil
            case .done, .withdrawn, .lost:
                return nil
            }
        }
    }

    /// Executes a body once, in a task of its own, and says what comes of it.
    private func perform(_ call: StepCall, attempt: Int) async -> BodyEnd {
        if worker.isOver { return .over }
        let step = Step(runID: run.id, generation: Int(run.generation) ?? 1, id: call.id, attempt: attempt)
        let begin = ContinuousClock.now
        let task = Task.detached { try await StepScope.$current.withValue(step) { try await call.body(step) } }
        bodies[call.id] = task
        worker.logger.debug(
            "a step's body begins", metadata: ["run": "\(run.id)", "step": "\(step.id)", "attempt": "\(attempt)"])
        let result = await task.result
        bodies[call.id] = nil
        if worker.isOver { return .over }
        let took = Int((ContinuousClock.now - begin).milliseconds)
        switch result {
        case .success(let json):
            return .ended(.value(json), took: took)
        case .failure where task.isCancelled:
            // Only this worker cancels bodies: that is no outcome of the step.
            return .cancelled
        case .failure(let error):
            worker.logger.debug(
                "a step's body failed",
                metadata: ["run": "\(run.id)", "step": "\(step.id)", "attempt": "\(attempt)", "error": "\(error)"])
            // A misuse and a value without a JSON form come out the same every time; a Redis that is away, say, does not.
            let isWorthRetrying = (error as? StepwiseError)?.isPermanent != true
            let retry = call.options.retry
            if isWorthRetrying, attempt < retry.attempts {
                return .retry(delay: retry.delay(afterAttempt: attempt, chance: .random(in: 0...1)))
            }
            return .ended(.error(StepFailure(step: call.id, attempts: attempt, error: error)), took: took)
        }
    }

    /// The claim list no longer has this step: its body is for nobody.
    func cancelBody(of step: String) {
        bodies[step]?.cancel()
    }

    // MARK: Memory

    /// How much this run's copy takes of the worker's memory, counted in parked steps.
    var weight: Int { copy.map { 1 + $0.waitingSteps } ?? 0 }

    /// Gives the copy up. Nobody uses this driver any more.
    func evict() {
        dropCopy()
    }

    private func dropCopy() {
        guard let copy else { return }
        self.copy = nil
        misuses += copy.takeMisuses()
        if case .finished = copy.progress { return }
        if !copy.evict() {
            worker.logger.warning(
                "a function did not end when its copy was evicted; its memory is lost until this process ends",
                metadata: ["workflow": "\(about?.workflow ?? "")", "run": "\(run.id)"])
        }
    }

    /// The run is over here: nothing of it stays.
    private func discard() {
        dropCopy()
        worker.forget(run.id, self)
    }

    /// The worker's name is done for.
    func abandonAll() {
        for body in bodies.values { body.cancel() }
        endReturnWaits(isBack: false)
        dropCopy()
    }
}
