import Stepwise
import Synchronization

/// A tested run and the runs that it makes, in one virtual time. What is due happens in the order of its time, and at one time in the order in
/// which it was asked for; nothing happens at once with something else.
actor TestWorld {
    let script: TestScript
    /// Milliseconds since the run's begin.
    var clock = 0
    var runs: [TestedRun] = []
    /// What runs were before they began anew.
    private var past: [TestedRun] = []
    var children: [TestedChild] = []
    var kept: [String: KeptEvent] = [:]
    /// What was sent to runs, also to such as do not exist yet, and nobody has asked for.
    var mail: [String: [(event: String, value: [UInt8])]] = [:]
    /// Answers to callbacks whose tokens are not there yet.
    var answers: [(callback: String, value: [UInt8])] = []
    var sent: [TestedEvent] = []
    private var agenda: [(at: Int, event: TestEvent)] = []

    /// A function that never comes to an end is found by this.
    private static let eventLimit = 100_000

    init(_ script: TestScript) {
        self.script = script
    }

    var outcome: TestScript.Outcome {
        var outcome = TestScript.Outcome()
        outcome.history = runs.first?.history ?? []
        outcome.children = children
        outcome.sent = sent
        outcome.elapsed = clock
        outcome.generations = (past + runs.prefix(1)).filter { $0.id == script.runID }.map(\.history)
        outcome.traces = (runs + past).filter(\.hasBegun).map(\.trace)
        return outcome
    }

    var now: Int { script.start + clock }

    /// - Returns: the output's JSON.
    func run(_ workflow: any AnyWorkflow, _ payload: [UInt8]) async throws -> [UInt8] {
        let settings = script.settings.withLock { $0 }
        let root = TestedRun(id: script.runID, workflow: workflow, payload: payload, created: now)
        runs.append(root)
        root.crashes = settings.crashes
        schedule(.start(root), at: 0)
        for time in settings.times { schedule(.action(time.action), at: time.at) }
        defer { for run in runs { _ = run.instance.evict() } }
        script.clock.withLock { $0 = 0 }
        try deliverSignals()
        var count = 0
        while runs[0].end == nil {
            try Task.checkCancellation()
            guard let next = takeNext() else { throw idle(runs[0]) }
            count += 1
            if count > Self.eventLimit {
                throw WorkflowTestFailure(
                    "run \(root.id) has not ended after \(count - 1) steps and waits, \(Duration.milliseconds(clock)) after its begin: if it is to go "
                        + "on for ever, end it with test.at(…) { $0.cancel() }")
            }
            try await handle(next)
            try deliverSignals()
        }
        for run in past + runs where run.hasBegun { try run.trace.check(run.workflow, script) }
        return try runs[0].end!.get()
    }

    private func idle(_ root: TestedRun) -> WorkflowTestFailure {
        return WorkflowTestFailure(
            "run \(root.id) waits for \(waits(of: root)), \(Duration.milliseconds(clock)) after its begin, and nothing is to come: send an event with "
                + "test.notify(…), test.at(…) or test.after(…), answer a callback with test.answer(…)")
    }

    // MARK: What is due

    func schedule(_ event: TestEvent, at time: Int) {
        // Behind what is due at the same time.
        let index = agenda.firstIndex { $0.at > time } ?? agenda.endIndex
        agenda.insert((time, event), at: index)
    }

    private func takeNext() -> TestEvent? {
        if agenda.isEmpty { return nil }
        let next = agenda.removeFirst()
        clock = max(clock, next.at)
        script.clock.withLock { $0 = clock }
        return next.event
    }

    private func handle(_ event: TestEvent) async throws {
        switch event {
        case .start(let run):
            // A child that was cancelled before its time never begins.
            if run.end == nil { try begin(run) }
        case .body(let run, let step, let attempt): try await begin(run, step, attempt)
        case .bodyEnd(let run, let step, let attempt, let result):
            guard let open = run.open[step], open.attempt == attempt else { return }
            try judge(run, step, open, result)
        case .child(let run, let step, let payload, let taking, let body):
            try await executeChild(run, step, payload, taking, body)
        case .outcome(let run, let step, let result): try deliver(run, step, result)
        case .timerFired(let run, let step):
            try deliver(
                run, step,
                .error(
                    StepFailure(
                        step: step, attempts: run.open[step]?.attempt ?? 1, type: "StepTimeout",
                        message: "the step was not done within its totalTimeout", cause: .timedOut)))
        case .interrupt(let run, let result): try interrupt(run, result)
        case .mail(let run): try deliverMail(to: run)
        case .action(let action):
            action(TestMoment(script: script, elapsed: .milliseconds(clock)))
        }
    }

    // MARK: Runs

    private func begin(_ run: TestedRun) throws {
        run.hasBegun = true
        let limit = run.timeout ?? run.workflow.function.options.runTimeout?.wholeMilliseconds
        if let limit {
            schedule(
                .interrupt(run, .timeout("the run was not done within its runTimeout")),
                at: max(clock, run.created - script.start + limit))
        }
        run.instance.start(
            run.trace.context(for: run.instance, of: run.workflow, script), function: run.workflow.function.body)
        try comeToRest(run)
    }

    /// A cancellation, or the end of a run's time.
    func interrupt(_ run: TestedRun, _ result: Outcome.Result) throws {
        guard run.end == nil else { return }
        guard run.hasBegun else {
            // It begins anew at this time.
            if run.continued > 0 { return schedule(.interrupt(run, result), at: clock) }
            if case .cancel(let reason) = result { end(run, .failure(CancellationError()), reason) }
            return
        }
        try record(run, "", result, nil, nil)
    }

    /// The outcome of an open step; of one that was closed meanwhile it is for nobody.
    func deliver(_ run: TestedRun, _ step: String, _ result: Outcome.Result, took: Int = 0) throws {
        guard run.end == nil, let open = run.open.removeValue(forKey: step), let call = run.instance.call(step) else {
            return
        }
        try record(run, step, result, open, call, took: took)
        if run === runs[0] { try deliverAnswers() }
        for action in script.settings.withLock({ $0.afters[step] ?? $0.afters[TestScript.name(of: step)] }) ?? [] {
            action(TestMoment(script: script, elapsed: .milliseconds(clock)))
        }
    }

    private func record(
        _ run: TestedRun, _ step: String, _ result: Outcome.Result, _ open: TestedRun.OpenStep?, _ call: StepCall?,
        took: Int = 0
    ) throws {
        let head = OutcomeRecord.head(
            step: step, kind: call?.kind, child: open?.child, key: call?.key, attempts: open?.attempt ?? 1, took: took,
            claim: "test/\(run.history.count + 1)")
        var text = String(decoding: head, as: UTF8.self)
        text += ",\"at\":\(now)"
        if let open, open.lost > 0 { text += ",\"lost\":\(open.lost)" }
        if let open, !open.failed.isEmpty { text += ",\"failed\":[\(open.failed.suffix(20).joined(separator: ","))]" }
        text += "," + String(decoding: OutcomeRecord.tail(result), as: UTF8.self) + "}"
        let record = try OutcomeRecord(Array(text.utf8))
        run.trace.records.append(text)
        run.history.append(RecordedStep(number: run.history.count + 1, record))
        run.instance.deliver(record.outcome)
        try comeToRest(run)
    }

    /// The function has come to rest: what it asks for now is done, what it no longer waits for is dropped.
    private func comeToRest(_ run: TestedRun) throws {
        try ReplayTrace.check(run.instance, run.id)
        let plan = run.instance.plan(opened: run.opened, limit: 1_000_000)
        run.trace.patches.merge(plan.patches) { old, _ in old }
        run.trace.note(run.instance)
        run.instance.confirm(plan)
        for step in plan.closings { run.open[step] = nil }
        run.listeners.removeAll { run.open[$0.step] == nil }
        for orphan in plan.orphans {
            guard let child = runs.first(where: { $0.parent?.run === run && $0.parent?.step == orphan.step }) else {
                continue
            }
            try interrupt(child, .cancel("run \(run.id), its parent, no longer waits for it"))
        }
        switch run.instance.progress {
        case .finished(let result): return end(run, result, run.instance.cancelReason)
        case .continued(let payload): return beginAnew(run, payload)
        case .waiting, .escaped, .stuck: break
        }
        run.opened += plan.openings.count
        for opening in plan.openings where !opening.withdrawn {
            guard let call = run.instance.call(opening.step) else { continue }
            run.open[call.id] = TestedRun.OpenStep()
            open(run, call)
        }
    }

    /// The same id, the next generation, without a history.
    private func beginAnew(_ run: TestedRun, _ payload: [UInt8]) {
        guard let index = runs.firstIndex(where: { $0 === run }) else { return }
        let next = TestedRun(
            id: run.id, workflow: run.workflow, payload: payload, created: run.created, parent: run.parent,
            timeout: run.timeout, continued: run.continued + 1)
        next.crashes = run.crashes
        // What is still to come for this generation is for nobody.
        run.end = .failure(CancellationError())
        (run.open, run.listeners) = ([:], [])
        _ = run.instance.evict()
        past.append(run)
        runs[index] = next
        schedule(.start(next), at: clock)
    }

    /// What moves a step from now on.
    private func open(_ run: TestedRun, _ call: StepCall) {
        if let wait = call.wait { return begin(wait, call.id, of: run) }
        if let limit = call.options.totalTimeout {
            schedule(.timerFired(run, call.id), at: clock + limit.wholeMilliseconds)
        }
        schedule(.body(run, call.id, 1), at: clock)
    }

    private func end(_ run: TestedRun, _ result: Result<[UInt8], any Error>, _ cancelReason: String?) {
        run.end = result
        (run.open, run.listeners) = ([:], [])
        guard let (parent, step) = run.parent.map({ ($0.run, $0.step) }) else { return }
        let outcome: Outcome.Result
        switch result {
        case .success(let json): outcome = .value(json)
        case .failure(let error):
            let isCancelled = cancelReason != nil && !run.instance.hasTimedOut
            let words = ErrorWords(error)
            outcome = .error(
                StepFailure(
                    step: step, attempts: 1, type: words.type,
                    message: isCancelled && error is CancellationError ? cancelReason ?? "" : words.message,
                    cause: isCancelled ? .childCancelled : .childFailed, child: run.id,
                    value: isCancelled ? nil : words.value))
        }
        schedule(.outcome(parent, step, outcome), at: clock)
    }
}
