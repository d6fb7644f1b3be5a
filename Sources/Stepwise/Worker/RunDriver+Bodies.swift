internal import Logging
internal import StepwiseRedis

/// Executing one step's body, and what comes of it.
extension RunDriver {
    enum BodyEnd {
        /// It was cancelled here because its claim seemed gone, or because nobody wants its outcome.
        case cancelled
        case ended(Outcome.Result, took: Int)
        case retry(delay: Int)
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
            let reply: RecordReply
            do {
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
    }

    /// Executes a body once, in a task of its own, and says what comes of it.
    func perform(_ call: StepCall, attempt: Int) async -> BodyEnd {
        if worker.isOver { return .over }
        let step = Step(runID: run.id, generation: Int(run.generation) ?? 1, id: call.id, attempt: attempt)
        let begin = ContinuousClock.now
        let task = Task.detached { try await StepScope.$current.withValue(step) { try await call.body(step) } }
        bodies[call.id] = task
        worker.logger.debug(
            "a step's body begins", metadata: ["run": "\(run.id)", "step": "\(step.id)", "attempt": "\(attempt)"])
        let result = await task.result
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
        guard let body = bodies[step] else { return }
        cancelledBodies.insert(step)
        body.cancel()
    }
}
