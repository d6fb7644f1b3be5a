internal import Logging
import NIOCore

/// Takes one run forward on one worker: the live side of the turn protocol.
///
/// Its methods interleave at every call to Redis, as the tasks of a worker do in the protocol's model. What keeps that safe is in
/// the scripts; here it is enough that outcomes reach the instance in their order, and that only the turn's holder opens steps.
actor RunDriver {
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let executor: ActorExecutor
    let session: WorkerSession
    let store: RunStore
    let run: RunStore.Run
    private let ownNumber: UInt
    /// Tells it from every other driver of the session.
    nonisolated var number: UInt { ownNumber }
    private(set) lazy var paces = session.paces(of: about?.workflow ?? "")
    private(set) lazy var generation = Generation.number(of: run.generation)
    var about: RunAbout?
    var instance: RunInstance?
    // Three are not checked for exclusive access, which costs more than the access for each step: what changes one of them calls nobody.
    @exclusivity(unchecked) var bodies: [String: RunningBody] = [:]
    /// The step whose body is executed inline.
    var inline: String?
    private var returnWaiters: [Int: CheckedContinuation<Bool, Never>] = [:]
    private var waits = 0
    /// The numbers of the turns that are being driven here. One that ends in Redis may still have its answer on the way.
    var turnsDriven: Set<Int> = []
    var holdsTurn: Bool { !turnsDriven.isEmpty }
    /// Whether nothing else of this worker is executed until the function is at rest.
    private var isAlone = false
    /// Claimed steps that are about to be asked for together.
    var parts: [QuickStep] = []
    @exclusivity(unchecked) private var known = KnownRun()
    private var attemptNotes: [String: AttemptNote] = [:]
    /// How many of the instance's calls are known to be those that Redis has opened.
    var agreed = 0
    /// What the run has noted about the code that may take it forward, when this worker last asked.
    var code = CodeMarks()
    /// Outcomes that the instance has had and that the observer was not told of, in their order.
    var unreported: [ObservedStep] = []
    /// What the scripts that are on their way will have made certain, in the order in which they were sent; and up to which outcome a script was
    /// sent that takes this instance's function past it.
    @exclusivity(unchecked) var pendingReports: (waiting: [PendingReport], count: Int, upto: Int) = ([], 0, 0)
    /// What dropped instances had to report.
    var misuses: [String] = []

    init(session: WorkerSession, run: RunStore.Run) {
        self.session = session
        self.run = run
        ownNumber = session.occupancy.nextNumber()
        executor = session.connections.executor.actors
        store = session.store
    }

    // MARK: What Redis is known to have

    /// Of what the instance has lived; `nil` without an instance.
    var knownRun: KnownRun? { instance == nil ? nil : known }

    /// How many outcomes Redis is known to have.
    var knownOutcomes: Int { known.recorded }

    /// Notes what an answer has told.
    func know(_ note: (inout KnownRun) -> Void) { note(&known) }

    /// The bodies that have begun, of steps whose beginning Redis notes.
    var begunAttempts: [String: AttemptNote] { attemptNotes }

    func note(_ attempt: AttemptNote, of step: String) { attemptNotes[step] = attempt }

    /// A body goes on under another claim.
    func noteClaim(_ text: String, turn number: Int?, of step: String) {
        attemptNotes[step]?.text = text
        attemptNotes[step]?.number = number
    }

    func forgetAttempt(of step: String) {
        if !attemptNotes.isEmpty { attemptNotes[step] = nil }
    }

    /// Whether nothing of the run's workflow may begin.
    var isWorkflowPaused: Bool { about.map { session.isPaused(workflow: $0.workflow) } ?? false }

    // MARK: A claimed work item

    /// Does what a work item asks for, from the first check to the last script.
    func handle(_ text: String, _ workItem: WorkItem, _ claim: Claim) async {
        await guarding {
            switch workItem {
            case .turn: return try await self.load(text, step: nil, claim)
            case .step(_, _, let attempt, let id): return try await self.take(text, step: (id, attempt), claim)
            case .ended, .cancel, .broadcast, .withdraw, .end: return nil
            }
        }
        claim.end()
    }

    /// Once a turn is taken, the claim list holds it under the turn's own text.
    func exchange(_ claim: Claim, of text: String) -> Claim {
        if text == run.turnText { return claim }
        let turn = session.ledger.hold(Array(run.turnText.utf8))
        claim.end()
        return turn
    }

    /// Begins a run whose first turn the caller has just got from a pushed item.
    func begin(_ about: RunAbout, _ claim: Claim) async {
        self.about = about
        await guarding {
            guard try await self.prepareInstance(run.turnText, isTurn: true, delivered: -1) else { return nil }
            return try await self.drive(number: 1, opened: 0, claim)
        }
        claim.end()
    }

    /// A step that `advance` left with this worker.
    struct Kept: Sendable {
        var text: String
        /// Whether it is known that it was opened just now. The first may be one that was open inline.
        var isNew: Bool
        var claim: Claim
    }

    /// Handles a work item, and then, one after the other, what it leaves for this task: a branch's next step, and the next.
    func guarding(_ body: () async throws -> Kept?) async {
        do {
            var kept = try await body()
            while let next = kept {
                defer { next.claim.end() }
                guard case .step(_, _, let attempt, let id)? = WorkItem(next.text) else { break }
                kept = try await execute(next.text, id, attempt, lost: next.isNew ? 0 : nil, next.claim)
            }
        } catch is SessionEnded {
            // Everything that this name held is others' now.
        } catch {
            session.logger.error(
                "a work item could not be handled; it stays claimed and is taken up again",
                metadata: ["run": "\(run.id)", "error": "\(error)"])
        }
        await reportMisuses()
    }

    func take(_ text: String, step: (id: String, attempt: Int), _ claim: Claim) async throws -> Kept? {
        // A suspended instance that waits for the step needs no history: a plain read tells whether the step is still wanted.
        if let instance, instance.isWaiting(for: step.id), !instance.isProvisional, !isWorkflowPaused,
            let open = try await session.open(run, step: step.id, attempt: step.attempt, evenIfPaused: false)
        {
            return try await execute(text, step.id, step.attempt, lost: open.lost, claim)
        } else {
            return try await load(text, step: step, claim)
        }
    }

    /// - Parameter looks: how often it was looked for the step before, one time after the other.
    func load(
        _ text: String, step: (id: String, attempt: Int)?, _ claim: Claim, token: String? = nil, looks: Int = 0
    ) async throws -> Kept? {
        let reply = try await store.takeTurn(
            run, text: text, step: step, seen: instance?.delivered ?? 0, token: token ?? session.nextToken(),
            cold: about == nil)
        switch reply {
        case .obsolete, .stale:
            // What was begun before Redis was asked.
            if step == nil, !holdsTurn, bodies.isEmpty, instance?.delivered == 0 {
                dropInstance()
                about = nil
            }
            return nil
        case .reset:
            session.end(.historyLost(run.id))
            return nil
        case .loaded(let number, let opened, let page, let lost, let code, let about):
            let claim = step == nil ? exchange(claim, of: text) : claim
            defer { claim.end() }
            let text = step == nil ? run.turnText : text
            if let about { self.about = about }
            self.code = code
            if step == nil, session.isLastDelivery(lost: lost) {
                guard try await session.beginAlone("the function", run: run.id, text: text, lost: lost) else {
                    try await session.release(Array(text.utf8), to: .queue(run.queue))
                    return nil
                }
                isAlone = true
            }
            defer { if step == nil { endAlone() } }
            guard try await prepareInstance(text, isTurn: step == nil, delivered: page.delivered) else { return nil }
            known.note(opened: opened)
            try await synchronize(with: page, holdsTurn: step == nil)
            if let step {
                return try await execute(text, step.id, step.attempt, lost: lost, claim, looks: looks)
            } else {
                return try await drive(number: number, opened: opened, claim)
            }
        }
    }

    /// The function is at rest, or its run is parked: if it is the function that ends the process, it has had its chance.
    func endAlone() {
        guard isAlone else { return }
        isAlone = false
        session.endAlone()
    }

    /// Starts the function, unless an instance is there. `false` if this worker cannot take the run forward; then its claim waits for one that can.
    ///
    /// - Parameter delivered: up to which outcome a turn has taken the function before; -1 if none has.
    func prepareInstance(_ text: String, isTurn: Bool, delivered: Int) async throws -> Bool {
        if session.isOver { throw SessionEnded() }
        let workflow = about?.workflow ?? ""
        if let reason = session.reasonToWait(workflow, incompatibleVersions: code.incompatibleVersions) {
            let reply = try await store.setUnserved(
                run, text: text, workflow: workflow, isTurn: isTurn, reason: reason,
                isPaused: session.isPaused(workflow: workflow), mostWaiting: session.mostPushedWaiting)
            switch reply {
            case .done: session.noteUnserved(workflow: workflow, run: run.id, reason: reason)
            case .crowded(let share): try await session.refuse(run, text: text, share)
            }
            return false
        }
        agreeOnPatches()
        if instance != nil, !isTurn { return true }
        guard let about, let function = session.functions[workflow] else { return false }
        if instance == nil, isTurn, let limit = function.options.runTimeout {
            try await store.setDeadline(run, timeout: max(0, limit.wholeMilliseconds))
            if session.isOver { throw SessionEnded() }
        }
        if instance == nil { makeInstance(about, function, silent: !isTurn || delivered >= 0) }
        return true
    }

    /// Starts the function.
    func makeInstance(_ about: RunAbout, _ function: WorkflowFunction, silent: Bool) {
        let instance = RunInstance(maximumSteps: session.configuration.maximumSteps)
        self.instance = instance
        agreed = 0
        known = KnownRun()
        pendingReports.upto = 0
        instance.executor.onForeignJob { [weak self] in
            guard let self else { return }
            session.spawn { await self.foreignJob() }
        }
        instance.onMisuse { [weak self] in
            guard let self else { return }
            session.spawn { await self.reportMisuses() }
        }
        let context = WorkflowContext(
            workflow: about.workflow, runID: run.id, payload: about.payload, options: function.options,
            logger: session.logger, instance: instance, created: about.created, continued: about.continued,
            clock: { [weak session] in
                guard let session else { throw SessionEnded() }
                return try await session.redisMicroseconds()
            })
        _ = instance.learn(marks: code.patches, delivered: code.delivered, opened: code.opened)
        entering(instance) { instance.start(context, silent: silent, function: function.body) }
    }

    /// An instance that has answered otherwise about a patch than the run was told has lived what never was.
    private func agreeOnPatches() {
        guard let instance, !instance.learn(marks: code.patches, delivered: code.delivered, opened: code.opened) else {
            return
        }
        dropInstance()
    }

    // MARK: Outcomes

    /// Delivers what the instance has not had, in order, up to the history's length at the time of the reply.
    func synchronize(with page: HistoryPage, holdsTurn: Bool) async throws {
        var page = page
        known.note(page)
        forgetReported(upto: page.delivered)
        while let instance, instance.delivered < page.recorded {
            guard await isAtRest(instance) else { return }
            if case .stuck = instance.progress { return }
            guard instance === self.instance else { continue }
            let next = instance.delivered - page.from
            if next >= 0, next < page.records.count {
                let record: OutcomeRecord
                do { record = try OutcomeRecord(page.records[next]) } catch {
                    return instance.halt(
                        .other("outcome \(instance.delivered + 1) of the history cannot be read: \(error.message)"))
                }
                let isSilent = !holdsTurn || instance.delivered < page.delivered
                entering(instance) { instance.deliver(record.outcome, silent: isSilent) }
                note(record, number: instance.delivered, delivered: page.delivered)
                // It may have come from outside, its time being up, while the body runs here.
                cancelBody(of: record.outcome.step)
            } else {
                let from = instance.delivered
                let records = try await store.history(run, from: from)
                // Given up meanwhile: another server has less of it.
                guard instance === self.instance else { continue }
                page.records = records
                page.from = from
                known.note(page)
                if page.records.isEmpty {
                    // Either retention has removed the run meanwhile, or it has begun anew, or Redis knows less than it told.
                    if try await session.isCurrent(run) { session.end(.historyLost(run.id)) }
                    throw SessionEnded()
                }
            }
        }
    }

    /// Waits until a function that has left its executor is back. `false` if it does not come back in time.
    func isAtRest(_ instance: RunInstance) async -> Bool {
        while case .escaped = instance.progress {
            session.warnOfEscape(workflow: about?.workflow ?? "", run: run.id, lastStep: instance.lastStep)
            if instance.executor.hasJobs {
                entering(instance) { instance.resume() }
                continue
            }
            let limit = session.configuration.offExecutorLimit
            waits += 1
            let wait = waits
            let isBack = await withCheckedContinuation { continuation in
                returnWaiters[wait] = continuation
                // The function may be back, and the run over, long before: the timer keeps nothing.
                session.connections.executor.eventLoop.scheduleTask(in: TimeAmount(atMost: limit)) {
                    [executor, weak self] in
                    guard let self else { return }
                    executor.execute { self.assumeIsolated { $0.endReturnWait(wait) } }
                }
            }
            if !isBack || session.isOver { return false }
            entering(instance) { instance.resume() }
        }
        return true
    }

    private func endReturnWait(_ wait: Int) {
        returnWaiters.removeValue(forKey: wait)?.resume(returning: false)
    }

    func endReturnWaits(isBack: Bool) {
        let waiters = returnWaiters.values
        returnWaiters = [:]
        for waiter in waiters { waiter.resume(returning: isBack) }
    }

    /// A job or a step call came from outside the executor.
    func foreignJob() async {
        guard let instance else { return }
        session.warnOfEscape(workflow: about?.workflow ?? "", run: run.id, lastStep: instance.lastStep)
        if !returnWaiters.isEmpty {
            endReturnWaits(isBack: true)
        } else {
            entering(instance) { instance.resume() }
            if !holdsTurn { await wake() }
        }
        await reportMisuses()
    }

    func wake() async {
        await guarding {
            try await self.store.wake(self.run)
            return nil
        }
    }

    func reportMisuses() async {
        let sentences = misuses + (instance?.takeMisuses() ?? [])
        misuses = []
        for sentence in sentences {
            session.logger.warning(
                "a step was called from the wrong place",
                metadata: ["run": "\(run.id)", "workflow": "\(about?.workflow ?? "")", "error": "\(sentence)"])
            try? await store.note(run.id, sentence)
        }
    }

    // MARK: Memory

    /// How much this run's instance takes of the worker's memory.
    var weight: InstanceWeight {
        guard let size = instance?.size else { return InstanceWeight() }
        return InstanceWeight(
            steps: 1 + size.waitingSteps + (about?.payload.count ?? 0) / 1024, bytes: size.outcomeBytes)
    }

    /// Whether nothing but what comes from outside takes the instance further.
    var isDormant: Bool { instance?.isDormant ?? false }

    /// Gives the instance up. Nobody uses this driver any more.
    func evict() {
        dropInstance()
    }

    func dropInstance() {
        guard let instance else { return }
        self.instance = nil
        unreported = []
        misuses += instance.takeMisuses()
        let hasEnded = entering(instance) { instance.evict() }
        if !hasEnded {
            session.logger.warning(
                "a function did not end when its instance was evicted; its memory is lost until this process ends",
                metadata: ["workflow": "\(about?.workflow ?? "")", "run": "\(run.id)"])
        }
        let unnoted = instance.unnotedMisuses
        if unnoted > 0 {
            session.logger.warning(
                "steps were called from the wrong place more often than is noted",
                metadata: ["run": "\(run.id)", "workflow": "\(about?.workflow ?? "")", "count": "\(unnoted)"])
        }
    }

    /// The run is over here: nothing of it stays.
    func discard() {
        if let inline { cancelBody(of: inline) }
        dropInstance()
        session.forget(self)
    }

    /// The worker's name is done for.
    func abandonAll() {
        for body in bodies.values { entering(bodyOf: nil) { body.cancel() } }
        endReturnWaits(isBack: false)
        dropInstance()
    }
}
