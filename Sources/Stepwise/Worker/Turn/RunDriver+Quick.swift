internal import StepwiseRedis

/// The quick way of a turn: plain steps, one after the other, with bodies that end before they give their thread up. The answer about one begins
/// the next, without a task that would be woken for it. Whatever is not plain is left to ``drive(number:opened:after:_:)``.
extension RunDriver {
    /// How far it has led.
    struct QuickWay: Sendable {
        /// The turn's.
        let number: Int
        /// See ``RunStore/turnPrefix(_:)``.
        let turnPrefix: String
        /// The open step.
        var step: String
        var opened: Int
        /// What came of that step, if it is executed and not known to be recorded.
        var inlineOutcome: InlineOutcome?
        /// The step was the last one, and the function's end is recorded with it.
        var hasEndedRun = false
    }

    typealias QuickEnd = @Sendable (isolated RunDriver, QuickWay) -> Void

    /// Whether the step's body is one that can be expected to end at once, and whose outcome is all that there is to know.
    func canBeQuick(_ step: String, _ instance: RunInstance) -> Bool {
        instance.call(step).flatMap(quickPace) != nil
    }

    /// What is known of the body of such a step; `nil` for any other.
    private func quickPace(_ call: StepCall) -> BodyPace? {
        guard call.kind == nil, call.options.timeout == nil, !call.options.isBlocking,
            isPlain(call, attempt: 1, lost: 0)
        else { return nil }
        let pace = paces.of(call.name)
        return pace.isQuick ? pace : nil
    }

    /// Takes steps forward until one needs more than that.
    func takeQuickSteps(_ way: QuickWay) async -> QuickWay {
        await withUnsafeContinuation { continuation in
            takeQuickStep(way) { _, way in continuation.resume(returning: way) }
        }
    }

    func takeQuickStep(_ way: QuickWay, _ end: @escaping QuickEnd) {
        var way = way
        guard let instance, let (call, result, took) = executeQuickly(way.step) else { return end(self, way) }
        let inlineOutcome = deliverInlineOutcome(
            call, instance, number: way.number, attempt: 1, isNew: true, result, took: took, opened: way.opened)
        way.inlineOutcome = inlineOutcome
        if inlineOutcome.isNew, let next = inlineOutcome.request.plainOpening {
            send(
                store.recordAndAdvancePlainCall(run, way.turnPrefix, inlineOutcome.request, inlineOutcome.record, next)
            ) { [way] driver, reply in
                // It can be asked for again: what the first call did, if it did anything, is found.
                guard case .success(.integer(1)) = reply else { return end(driver, way) }
                var way = way
                way.opened = driver.confirm(
                    inlineOutcome, after: .inline(step: next.step, attempt: 1, lost: 0), opened: way.opened)
                driver.session.slots.releaseUnused(inlineOutcome.reserved)
                (way.step, way.inlineOutcome) = (next.step, nil)
                driver.takeQuickStep(way, end)
            }
        } else if inlineOutcome.isNew, inlineOutcome.request.isPlainEnd {
            send(store.recordAndCompletePlainCall(run, way.turnPrefix, inlineOutcome.request, inlineOutcome.record)) {
                [way] driver, reply in
                guard case .success(.integer(1)) = reply else { return end(driver, way) }
                var way = way
                way.opened = driver.confirm(inlineOutcome, after: .finished(status: .completed), opened: way.opened)
                driver.session.slots.releaseUnused(inlineOutcome.reserved)
                way.inlineOutcome = nil
                way.hasEndedRun = true
                end(driver, way)
            }
        } else {
            end(self, way)
        }
    }

    /// Executes an open step that nobody else executes. `nil` if it is not done then; its body may run.
    private func executeQuickly(_ step: String) -> (call: StepCall, result: Outcome.Result, took: Int)? {
        guard let instance, let call = instance.waitingCall(step), let pace = quickPace(call), bodies[step] == nil,
            !session.isDraining, !isWorkflowPaused, let body = start(call, attempt: 1, pace)
        else { return nil }
        guard !session.isOver, case .ended(let result, let took)? = judge(body, of: call), instance.isWaiting(for: call)
        else {
            bodies[step] = body
            return nil
        }
        if case .error = result {
            session.counts.note(took: took, hasFailed: true)
            entering(bodyOf: call) { body.forgetError() }
        } else if took > 0 {
            session.counts.note(took: took, hasFailed: false)
        }
        return (call, result, took)
    }

    /// Sends a script and has its reply taken here.
    func send(
        _ call: ScriptCall<Bool>,
        _ body: @escaping @Sendable (isolated RunDriver, Result<RedisValue, RedisError>) -> Void
    ) {
        session.connections.commands.send(call) { [executor] reply in
            executor.execute { self.assumeIsolated { body($0, reply) } }
        }
    }

    // MARK: Claimed steps

    /// A claimed step, at its first attempt; it has a slot.
    struct QuickStep: Sendable {
        let text: String
        let step: String
        let claim: Claim
    }

    /// Takes a claimed step, without a task if the instance waits for it and its body can be expected to end at once. The caller has noted a use
    /// of this driver.
    func take(_ part: QuickStep) {
        // Nobody takes tasks any more.
        if session.isOver { return end(part.claim) }
        guard let instance, let call = instance.waitingCall(part.step), !instance.isProvisional, quickPace(call) != nil,
            !isWorkflowPaused
        else { return takeSlowly(part) }
        // Whatever was claimed with it is asked for with it.
        parts.append(part)
        if parts.count == 1 { executor.execute { self.assumeIsolated { $0.readParts() } } }
    }

    /// Asks whether the steps that were claimed together are still wanted.
    private func readParts() {
        let parts = Swift.exchange(&self.parts, with: [])
        // Nobody takes tasks any more.
        if session.isOver { return parts.forEach { end($0.claim) } }
        let check = OpenCheck(run: run, steps: parts.map { ($0.step, 1) }, evenIfPaused: false)
        check.send(over: session.connections.commands) { [self] open in
            // Each in its turn, so that the first are recorded while the others are executed.
            for (part, open) in zip(parts, open) {
                executor.execute { self.assumeIsolated { $0.take(part, isOpen: open?.lost == 0) } }
            }
        }
    }

    private func takeSlowly(_ part: QuickStep) {
        // The use goes on: a body that runs here keeps its driver.
        end(part.claim) { try await self.take(part.text, step: (part.step, 1), part.claim) }
    }

    private func take(_ part: QuickStep, isOpen: Bool) {
        if session.isOver { return end(part.claim) }
        if !isOpen || !finish(part) { takeSlowly(part) }
    }

    /// Takes a step that the turn has left here.
    func takeKept(_ kept: Kept) {
        if kept.isNew, case .step(_, _, attempt: 1, let step)? = WorkItem(kept.text),
            finish(QuickStep(text: kept.text, step: step, claim: kept.claim))
        {
            return
        }
        end(kept.claim) { kept }
    }

    /// Executes an open step and records it. `false` if it is not executed; its body may run.
    private func finish(_ part: QuickStep) -> Bool {
        guard let (call, result, took) = executeQuickly(part.step) else { return false }
        let record = record(of: call, attempt: 1, result, took: took)
        if needsNoTurn {
            send(store.recordPlainCall(run, text: part.text, record)) { driver, reply in
                // It can be asked for again: what the first call did, if it did anything, is found.
                if case .success(.integer(1)) = reply { driver.end(part.claim) } else { driver.write(record, part) }
            }
        } else {
            write(record, part)
        }
        return true
    }

    private func write(_ record: RunStore.Record, _ part: QuickStep) {
        end(part.claim) { try await self.write(record, part.text, part.claim) }
    }

    // MARK: Their ends

    /// Does the rest for a claim in a task.
    func end(_ claim: Claim, _ body: @escaping @Sendable () async throws -> Kept?) {
        session.spawn {
            await self.guarding(body)
            await self.end(claim)
        }
    }

    /// Nothing is left to do for a claim that has a slot.
    func end(_ claim: Claim) {
        claim.end()
        session.slots.release()
        session.endUse(self)
        if !misuses.isEmpty { session.spawn { await self.reportMisuses() } }
    }
}
