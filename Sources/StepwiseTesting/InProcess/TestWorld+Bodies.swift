import Stepwise
import Synchronization

/// Executing bodies, and what comes of them.
extension TestWorld {
    func begin(_ run: TestedRun, _ step: String, _ attempt: Int) async throws {
        guard var open = run.open[step], open.attempt == attempt, let call = run.instance.call(step) else { return }
        if open.since == nil { open.since = clock }
        run.open[step] = open
        let replacement = script.settings.withLock { TestScript.entry(of: step, in: $0.replacements) }
        let scope = Step(runID: run.id, generation: Generation.number(of: run.generation), id: step, attempt: attempt)
        guard let body = replacement?.body ?? call.body else { return }
        var result = try await perform(step, call.options.timeout) {
            try await StepScope.$current.withValue(scope) { try await body(scope) }
        }
        if takeCrash(of: step, run) { return try crash(run, call, open) }
        var took = replacement?.taking ?? 0
        if let limit = call.options.timeout, took > limit.wholeMilliseconds {
            (result, took) = (.failure(StepTimeout(limit: limit)), limit.wholeMilliseconds)
        }
        schedule(.bodyEnd(run, step, attempt, result), at: clock + took)
    }

    /// - Parameter timeout: of the step, by the real clock.
    private func perform(
        _ step: String, _ timeout: Duration?, _ body: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> Result<[UInt8], any Error> {
        let limit = min(timeout ?? script.bodyLimit, script.bodyLimit)
        let bodyLimit = script.bodyLimit
        let first = FirstOf<Result<[UInt8], any Error>>()
        let work = Task { first.set(await Result { try await body() }) }
        let timer = Task {
            guard (try? await Task.sleep(atMost: limit)) != nil else { return }
            let error: any Error =
                limit < bodyLimit
                ? StepTimeout(limit: limit)
                : WorkflowTestFailure(
                    "the body of step \"\(step)\" was not done within \(bodyLimit) of real time: replace the step, or give WorkflowTest a larger "
                        + "bodyLimit")
            first.set(.failure(error))
            work.cancel()
        }
        defer { timer.cancel() }
        let result = await withTaskCancellationHandler {
            await first.value
        } onCancel: {
            work.cancel()
        }
        if case .failure(let error as WorkflowTestFailure) = result { throw error }
        return result
    }

    /// What a body's end means for its step.
    func judge(
        _ run: TestedRun, _ step: String, _ open: TestedRun.OpenStep, _ result: Result<[UInt8], any Error>
    ) throws {
        guard let call = run.instance.call(step) else { return }
        switch result {
        case .success(let json):
            if let notice = call.notice { return try send(notice, json, of: call, run) }
            if let order = call.child { return try makeChild(order, of: call, run, payload: json) }
            try deliver(run, step, .value(json))
        case .failure(let error):
            let failure = StepFailure(step: step, attempts: open.attempt, error: error)
            let retry = call.options.retry ?? Retry()
            guard let delay = retry.delay(afterAttempt: open.attempt, error: error, chance: 0),
                clock + delay - (open.since ?? clock) <= retry.maximumElapsed?.wholeMilliseconds ?? .max
            else { return try deliver(run, step, .error(failure)) }
            var open = open
            open.failed.append(
                FailedAttempt.note(attempt: open.attempt, error: error, worker: "test", took: 0)
                    + ",\"at\":\(now),\"delay\":\(delay)}")
            open.attempt += 1
            run.open[step] = open
            schedule(.body(run, step, open.attempt), at: clock + delay)
        }
    }

    // MARK: Crashes

    private func takeCrash(of step: String, _ run: TestedRun) -> Bool {
        let key = run.crashes[step] != nil ? step : TestScript.name(of: step)
        guard let left = run.crashes[key], left > 0 else { return false }
        run.crashes[key] = left - 1
        return true
    }

    /// The worker has died with a body. Another one Makes an instance of the function from the history.
    private func crash(_ run: TestedRun, _ call: StepCall, _ open: TestedRun.OpenStep) throws {
        _ = run.instance.evict()
        run.instance = try run.trace.replay(run.trace.records.count, by: run.workflow, script)
        var open = open
        open.lost += 1
        run.open[call.id] = open
        if call.options.isAtMostOnce {
            let failure = StepFailure(
                step: call.id, attempts: open.attempt, type: "Interrupted",
                message: "the worker that executed the body was lost before it was done; the step is .atMostOnce",
                cause: .interrupted)
            try deliver(run, call.id, .error(failure))
        } else if open.lost >= 3 {
            let failure = StepFailure(
                step: call.id, attempts: open.attempt, type: "WorkersLost",
                message: "\(open.lost) workers were lost while they executed the step's body", cause: .workersLost)
            try deliver(run, call.id, .error(failure))
        } else {
            schedule(.body(run, call.id, open.attempt), at: clock)
        }
    }

    // MARK: Children

    private func makeChild(_ order: ChildOrder, of call: StepCall, _ run: TestedRun, payload: [UInt8]) throws {
        let options = EnqueueOptions(order.options)
        let id = order.id ?? Identifier.child(of: run.id, generation: run.generation, step: call.id)
        run.open[call.id]?.child = id
        if children.contains(where: { $0.id == id }) {
            let error = StepwiseError(
                .invalidIdentifier,
                "step \"\(call.id)\" of run \(run.id) cannot make its child: there is a run \(id) already; choose another id"
            )
            return try deliver(run, call.id, .error(StepFailure(step: call.id, attempts: 1, error: error)))
        }
        children.append(TestedChild(id: id, workflow: order.workflow, step: call.id, payload: payload))
        let begin = clock + (options.start.map { $0.delay(from: now) } ?? 0)
        switch script.settings.withLock({ $0.children[order.workflow] }) {
        case .workflow(let workflow):
            let child = TestedRun(
                id: id, workflow: workflow, payload: payload, created: now,
                parent: order.isAwaited ? (run, call.id) : nil, timeout: options.timeout)
            runs.append(child)
            schedule(.start(child), at: begin)
        case .closure(let taking, let body):
            guard order.isAwaited else { break }
            schedule(.child(run, call.id, payload, taking, body), at: begin)
        case nil:
            if order.isAwaited {
                throw WorkflowTestFailure(
                    "step \"\(call.id)\" of run \(run.id) invokes workflow \"\(order.workflow)\", and the test does not say what that does: "
                        + "test.child(\"\(order.workflow)\") { input in … }, or test.child(theWorkflow)")
            }
        }
        if !order.isAwaited { try deliver(run, call.id, .value(Array(JSON.string(id).utf8))) }
    }

    /// Executes the closure that stands for a child.
    func executeChild(
        _ run: TestedRun, _ step: String, _ payload: [UInt8], _ taking: Int,
        _ body: @escaping @Sendable ([UInt8]) async throws -> [UInt8]
    ) async throws {
        guard let open = run.open[step] else { return }
        let outcome: Outcome.Result
        switch try await perform(step, nil, { try await body(payload) }) {
        case .success(let json): outcome = .value(json)
        case .failure(let error):
            let words = ErrorWords(error)
            outcome = .error(
                StepFailure(
                    step: step, attempts: 1, type: words.type, message: words.message,
                    cause: error is CancellationError ? .childCancelled : .childFailed, child: open.child,
                    value: error is CancellationError ? nil : words.value))
        }
        schedule(.outcome(run, step, outcome), at: clock + taking)
    }
}

/// A value that is set once, and for which one task waits.
private final class FirstOf<Value: Sendable>: Sendable {
    private let state = Mutex<(value: Value?, waiter: CheckedContinuation<Value, Never>?)>((nil, nil))

    func set(_ value: Value) {
        let waiter = state.withLock { state -> CheckedContinuation<Value, Never>? in
            guard state.value == nil else { return nil }
            state.value = value
            return state.waiter
        }
        waiter?.resume(returning: value)
    }

    var value: Value {
        get async {
            await withCheckedContinuation { continuation in
                let value = state.withLock { state -> Value? in
                    if state.value == nil { state.waiter = continuation }
                    return state.value
                }
                if let value { continuation.resume(returning: value) }
            }
        }
    }
}
