internal import Logging
internal import StepwiseRedis

/// Executing one step's body, and what comes of it.
extension RunDriver {
    enum BodyEnd {
        /// It was cancelled here because its claim seemed gone, or because nobody wants its outcome.
        case cancelled
        case ended(Outcome.Result, took: Int)
        /// Another attempt is allowed, unless it is too late for one: then it has failed for good.
        case again(RunStore.Again, else: StepFailure)
        /// The worker's name is done for; nothing may be written.
        case over
    }

    func unknownStep(_ step: String) -> String {
        "step \"\(step)\" is open, but this worker's code does not call it at this point of the run"
    }

    func execute(_ text: String, _ step: String, _ attempt: Int, _ claim: Claim) async throws -> Kept? {
        // The copy was given up meanwhile, or the step was recorded since the answer that named it was given: look again.
        guard let copy, !copy.isDelivered(step) else { return try await load(text, step: (step, attempt), claim) }
        guard let call = copy.call(step) else {
            let isAtRest = await isAtRest(copy)
            let reason = parkReason(copy, isAtRest: isAtRest) ?? unknownStep(step)
            try await park(text, number: nil, step: step, attempt: attempt, reason: reason)
            return nil
        }
        let reply: RecordReply
        do {
            let result: Outcome.Result
            let took: Int
            switch try await perform(call, attempt: attempt, text: text, carry: nil) {
            case .over:
                return nil
            case .cancelled:
                // Stale or lost, then it is dropped; still wanted, then it is executed again.
                return try await load(text, step: (step, attempt), claim)
            case .again(let again, let failure):
                guard case .exhausted = try await store.retry(run, text: text, carry: nil, step: step, again) else {
                    return nil
                }
                (result, took) = (.error(failure), again.took)
            case .ended(let itsResult, let itsTime):
                (result, took) = (itsResult, itsTime)
            }
            let record = RunStore.Record(
                step: step, attempt: attempt, result: result, took: took, token: worker.nextToken())
            reply = try await store.record(run, text: text, record, seen: self.copy?.delivered ?? 0)
        } catch let error as RedisError {
            try await park(text, number: nil, step: step, attempt: attempt, reason: refusal(error))
            return nil
        }
        switch reply {
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

    /// Executes a body once, in a task of its own, and says what comes of it.
    ///
    /// - Parameters:
    ///   - text: the claim's, be it the step's or the carry's.
    ///   - number: of the carry, for a step under it.
    func perform(_ call: StepCall, attempt: Int, text: String, carry number: Int?) async throws -> BodyEnd {
        if worker.isOver { return .over }
        if call.options.isAtMostOnce {
            let reply = try await store.begin(
                run, text: text, carry: number, step: call.id, attempt: attempt, token: worker.nextToken())
            switch reply {
            case .begun: break
            case .lost: return .cancelled
            case .interrupted:
                let failure = StepFailure(
                    step: call.id, attempts: attempt, type: "Interrupted",
                    message:
                        "the worker that executed the body was lost, or gave it back, before it was done; the step is .atMostOnce, so it was not "
                        + "executed again: find out how far it came", cause: .interrupted)
                return .ended(.error(failure), took: 0)
            }
            if worker.isOver { return .over }
        }
        let step = Step(runID: run.id, generation: Int(run.generation) ?? 1, id: call.id, attempt: attempt)
        let begin = ContinuousClock.now
        let task = Task.detached { try await StepScope.$current.withValue(step) { try await call.body(step) } }
        bodies[call.id] = task
        worker.logger.debug(
            "a step's body begins", metadata: ["run": "\(run.id)", "step": "\(step.id)", "attempt": "\(attempt)"])
        let result = await result(of: task, step, within: call.options.timeout)
        bodies[call.id] = nil
        let wasCancelled = cancelledBodies.remove(call.id) != nil
        if worker.isOver { return .over }
        let took = Int((ContinuousClock.now - begin).milliseconds)
        switch result {
        case .success(let json):
            if let problem = worker.configuration.problem(
                withSizeOf: json, what: "the result of step \"\(call.id)\" of run \(run.id)")
            {
                return .ended(.error(StepFailure(step: call.id, attempts: attempt, error: problem)), took: took)
            }
            return .ended(.value(json), took: took)
        case .failure where wasCancelled:
            // This worker's doing is no outcome of the step.
            return .cancelled
        case .failure(let error):
            worker.logger.debug(
                "a step's body failed",
                metadata: ["run": "\(run.id)", "step": "\(step.id)", "attempt": "\(attempt)", "error": "\(error)"])
            let failure = StepFailure(step: call.id, attempts: attempt, error: error)
            let retry = call.options.retry ?? worker.configuration.retry
            guard let delay = retry.delay(afterAttempt: attempt, error: error, chance: .random(in: 0...1)) else {
                return .ended(.error(failure), took: took)
            }
            let note = FailedAttempt.note(attempt: attempt, error: error, worker: worker.name, took: took)
            let again = RunStore.Again(
                failedAttempt: attempt, delay: delay, maximumElapsed: retry.maximumElapsed.map { Int($0.milliseconds) },
                took: took, note: note)
            return .again(again, else: failure)
        }
    }

    /// What a body's task gives; one that is not done in time is cancelled and left to itself.
    private func result(
        of task: Task<[UInt8], any Error>, _ step: Step, within limit: Duration?
    ) async -> Result<[UInt8], any Error> {
        guard let limit else { return await task.result }
        let (ends, end) = AsyncStream<Result<[UInt8], any Error>>.makeStream(bufferingPolicy: .bufferingOldest(1))
        Task { end.yield(await task.result) }
        let timer = Task {
            try await Task.sleep(for: limit)
            end.yield(.failure(StepTimeout(limit: limit)))
        }
        var first: Result<[UInt8], any Error>?
        for await end in ends {
            first = end
            break
        }
        timer.cancel()
        guard let result = first else { return await task.result }
        if case .failure(is StepTimeout) = result {
            task.cancel()
            worker.logger.debug(
                "a step's body ran past its timeout and is cancelled",
                metadata: ["run": "\(run.id)", "step": "\(step.id)", "attempt": "\(step.attempt)"])
        }
        return result
    }

    /// The claim list no longer has this step: its body is for nobody.
    func cancelBody(of step: String) {
        guard let body = bodies[step] else { return }
        cancelledBodies.insert(step)
        body.cancel()
    }
}
