internal import Logging
import Synchronization

/// A run's function parked in a worker's memory: outcomes go in; step calls, abandoned steps and the function's end come out.
///
/// Pure: no Redis, no clock, no thread of its own. Outcomes are delivered one at a time in the order in which they were
/// recorded, and the function comes to rest after each, so the first execution and every replay see the same order (rule 3).
/// `start`, `deliver`, `resume` and `evict` must not run at the same time; their caller serializes them.
package final class RunCopy: Sendable {
    package typealias Function = @Sendable (WorkflowContext) async throws -> [UInt8]

    enum Standing {
        case called
        case waiting(UnsafeContinuation<Outcome.Result, any Error>)
        case delivered
        case abandoned
    }

    /// An outcome on its way to the call that waits for it.
    struct Delivery {
        let continuation: UnsafeContinuation<Outcome.Result, any Error>
        let result: Outcome.Result

        func make() { continuation.resume(returning: result) }
    }

    struct State {
        var calls: [StepCall?] = []
        var standings: [Standing] = []
        var numbers: [String: Int] = [:]
        /// Of names that were used more than once: how often.
        var uses: [String: Int] = [:]
        var waiting = 0
        /// Of groups whose steps are all waited for: how many of each are.
        var joining: [Int: Int] = [:]
        /// What such groups have got and are not told yet, by the calls' numbers.
        var held: [Int: [Int: Delivery]] = [:]
        var groups = 0
        var delivered = 0
        /// Abandoned calls whose closing the store has not confirmed.
        var unclosed: Set<Int> = []
        /// Calls with something outside the run that is to end when nobody waits for it.
        var attached: Set<Int> = []
        var listens = false
        var finished: Result<[UInt8], any Error>?
        /// The error with which the run ends although the function has not.
        var overLimit: StepwiseError?
        var stuck: Obstacle?
        var patches = PatchBook()
        var suspended: [CheckedContinuation<Void, any Error>] = []
        var misuses: [String] = []
        var onMisuse: (@Sendable () -> Void)?
        var lastStep: String?
        var root: Task<Void, Never>?
        /// Tasks that the root task's cancellation does not reach.
        var shielded: [Int: @Sendable () -> Void] = [:]
        var shields = 0
        var isSilent = true
        var isEvicted = false
        /// Why the run was cancelled, once the function knows.
        var cancelReason: String?
        var hasTimedOut = false
        var callsAfterEviction = 0
        /// Since the last outcome.
        var cancelledCalls = 0
        /// How many random generators were asked for since the call before.
        var draws = (calls: 0, uses: 0)
        /// Branches that want the run to begin anew; the first of them counts.
        var renewals: [Renewal] = []
        var renewalCount = 0

        /// Whether everything that is waited for belongs to one group whose steps are all waited for.
        var joinsAll: Bool { joining.count == 1 && joining.values.first == waiting }

        /// Who waits for all of a group learns nothing before the last outcome, unless one is a failure; then the calls get theirs in the order
        /// in which they were made: a task group looks for each child that ends among those that are left, from the first.
        mutating func take(_ delivery: Delivery, to number: Int, of group: Int?) -> [Delivery] {
            guard let group else { return [delivery] }
            if case .value = delivery.result {
                if joining[group] == nil, held[group] == nil { return [delivery] }
                held[group, default: [:]][number] = delivery
                return joining[group] == nil ? takeHeld(group) : []
            }
            return takeHeld(group) + [delivery]
        }

        mutating func takeHeld(_ group: Int) -> [Delivery] {
            (held.removeValue(forKey: group) ?? [:]).sorted { $0.key < $1.key }.map(\.value)
        }

        /// What a call would have got with the rest of its group.
        mutating func takeHeld(call number: Int) -> [Delivery] {
            for group in held.keys {
                if let delivery = held[group]?.removeValue(forKey: number) { return [delivery] }
            }
            return []
        }

        mutating func endWait(_ group: Int?) {
            waiting -= 1
            guard let group, let count = joining[group] else { return }
            joining[group] = count > 1 ? count - 1 : nil
        }
    }

    let state = Mutex(State())

    /// A number for a group whose steps are all waited for.
    func nextGroup() -> Int {
        state.withLock { state in
            state.groups += 1
            return state.groups
        }
    }
    package let executor = ReplayExecutor()

    /// The most steps that the function may call.
    private let maximumSteps: Int

    package init(maximumSteps: Int = .max) {
        self.maximumSteps = maximumSteps
    }

    // MARK: The owner's side

    /// Starts the function and lets it run to rest.
    ///
    /// - Parameter silent: whether what the function logs was logged before, by an earlier copy.
    package func start(_ context: WorkflowContext, silent: Bool = false, function: @escaping Function) {
        state.withLock { $0.isSilent = silent }
        executor.drain {
            // Detached and unstructured: a worker's own shutdown never cancels the function (rule 3).
            let root = Task.detached(executorPreference: executor) { [weak self] in
                let result: Result<[UInt8], any Error>
                do {
                    result = .success(
                        try await RunScope.$current.withValue(context.copy) { try await function(context) })
                } catch { result = .failure(error) }
                self?.finish(result)
            }
            state.withLock { $0.root = root }
        }
    }

    /// Delivers the next outcome of the history and lets the function run to rest.
    ///
    /// - Parameter call: the one that it is for, if the caller has it.
    package func deliver(_ outcome: Outcome, to call: StepCall? = nil, silent: Bool = false) {
        state.withLock { $0.checkPatches() }
        switch outcome.result {
        case .cancel(let reason): return cancel(reason, isTimeout: false, silent: silent)
        case .timeout(let reason): return cancel(reason, isTimeout: true, silent: silent)
        case .value, .error: break
        }
        let deliveries: [Delivery] = state.withLock { state in
            state.isSilent = silent
            state.cancelledCalls = 0
            state.delivered += 1
            guard let number = call?.number ?? state.numbers[outcome.step] else {
                if state.stuck == nil {
                    state.stuck = .divergence(
                        state.divergence(
                            .recorded, at: state.delivered, expected: .init(outcome.step, kind: outcome.kind)))
                }
                return []
            }
            if let call = state.calls[number], !outcome.fits(kind: call.kind) {
                if state.stuck == nil {
                    state.stuck = .divergence(
                        Divergence(
                            position: state.delivered, standing: .recorded,
                            expected: .init(outcome.step, kind: outcome.kind),
                            asked: [.init(outcome.step, kind: call.kind)]))
                }
                return []
            }
            if let stored = outcome.key, let asked = state.calls[number]?.key, stored != asked {
                if state.stuck == nil {
                    state.stuck = .divergence(
                        Divergence(
                            position: state.delivered, standing: .recorded, expected: .init(outcome.step, key: stored),
                            asked: [.init(outcome.step, key: asked)]))
                }
                return []
            }
            let group = state.calls[number]?.group
            state.calls[number] = nil
            state.attached.remove(number)
            state.unclosed.remove(number)
            state.lastStep = outcome.step
            guard case .waiting(let continuation) = state.standings[number] else { return [] }
            state.standings[number] = .delivered
            state.endWait(group)
            return state.take(Delivery(continuation: continuation, result: outcome.result), to: number, of: group)
        }
        if !deliveries.isEmpty {
            executor.drain { for delivery in deliveries { delivery.make() } }
        }
    }

    /// The run was cancelled: the function's task is, and what it waits for throws `CancellationError`.
    private func cancel(_ reason: String, isTimeout: Bool, silent: Bool) {
        let (root, renewals) = state.withLock { state in
            state.isSilent = silent
            state.cancelledCalls = 0
            state.delivered += 1
            // Whoever asked first gave the reason.
            if state.cancelReason == nil { (state.cancelReason, state.hasTimedOut) = (reason, isTimeout) }
            defer { state.renewals = [] }
            return (state.root, state.renewals)
        }
        executor.drain {
            // A run that is to end does not begin anew, whoever wants it.
            for renewal in renewals { renewal.continuation?.resume(throwing: CancellationError()) }
            root?.cancel()
        }
    }

    /// Why the run was cancelled, once the function knows.
    package var cancelReason: String? { state.withLock { $0.cancelReason } }
    /// Whether it was because the run's time was up.
    package var hasTimedOut: Bool { state.withLock { $0.hasTimedOut } }
    package var isEvicted: Bool { state.withLock { $0.isEvicted } }

    /// The history cannot be delivered: the copy is stuck, with a reason that is kept on the run.
    package func halt(_ obstacle: Obstacle) {
        state.withLock { state in
            if state.stuck == nil { state.stuck = obstacle }
        }
    }

    /// Runs what arrived from outside since the last drain.
    package func resume() {
        executor.drainIfIdle()
    }

    /// Ends the copy: every wait throws ``Evicted``, the function's task is cancelled, and nothing durable can happen after it.
    ///
    /// - Returns: whether the function came to its end; if not, it is leaked, or out of its executor: what comes back from there
    ///   is run to its end by itself.
    package func evict() -> Bool {
        let (continuations, suspended, renewals, shielded, root) = state.withLock { state in
            state.isEvicted = true
            state.isSilent = true
            defer { (state.suspended, state.renewals) = ([], []) }
            return (Self.takeWaiting(&state), state.suspended, state.renewals, state.shielded.values, state.root)
        }
        executor.drain {
            for continuation in continuations { continuation.resume(throwing: Evicted()) }
            for continuation in suspended { continuation.resume(throwing: Evicted()) }
            for renewal in renewals { renewal.continuation?.resume(throwing: Evicted()) }
            for cancel in shielded { cancel() }
            root?.cancel()
        }
        if state.withLock({ $0.finished != nil }) { return true }
        // The function retains its executor until it ends; nobody else drains it any more.
        executor.onForeignJob { [weak executor] in
            guard let executor else { return }
            Task.detached { executor.drainIfIdle() }
        }
        executor.drainIfIdle()
        return state.withLock { $0.finished != nil }
    }

    private static func takeWaiting(_ state: inout State) -> [UnsafeContinuation<Outcome.Result, any Error>] {
        var continuations: [UnsafeContinuation<Outcome.Result, any Error>] = []
        for number in state.standings.indices {
            if case .waiting(let continuation) = state.standings[number] {
                continuations.append(continuation)
                state.standings[number] = .abandoned
            }
        }
        continuations += state.held.values.flatMap { $0.values.map(\.continuation) }
        state.waiting = 0
        (state.joining, state.held) = ([:], [:])
        return continuations
    }

    /// How many outcomes were delivered.
    package var delivered: Int { state.withLock { $0.delivered } }
    package var waitingSteps: Int { state.withLock { $0.waiting } }
    /// Whether everything that the function waits for comes from outside: nobody needs the copy for a body.
    package var isDormant: Bool {
        state.withLock { state in
            guard state.waiting > 0, state.waiting <= 100 else { return false }
            return state.standings.indices.reversed().lazy.filter(state.isWaiting).prefix(state.waiting).allSatisfy {
                state.calls[$0]?.isMovedFromOutside == true
            }
        }
    }
    /// Whether everything that it waits for belongs to one group whose steps are all waited for.
    package var joinsAll: Bool { state.withLock { $0.joinsAll } }
    package var callCount: Int { state.withLock { $0.calls.count } }
    package var isSilent: Bool { state.withLock { $0.isSilent } }
    /// The last step whose outcome was delivered.
    package var lastStep: String? { state.withLock { $0.lastStep } }

    package var progress: Progress {
        state.withLock { state in
            if let stuck = state.stuck { return .stuck(stuck) }
            if let error = state.overLimit { return .finished(.failure(error)) }
            if let result = state.finished { return .finished(result) }
            if let renewal = state.renewals.first { return .continued(renewal.payload) }
            return state.waiting > 0 ? .waiting : .escaped
        }
    }

    /// Whether the function itself has come to its end.
    package var hasReturned: Bool { state.withLock { $0.finished != nil } }

    package func isWaiting(for step: String) -> Bool {
        state.withLock { state in
            guard let number = state.numbers[step], case .waiting = state.standings[number] else { return false }
            return true
        }
    }

    /// Whether the function waits for the outcome of this call of its.
    package func isWaiting(for call: StepCall) -> Bool {
        state.withLock { state in
            if case .waiting = state.standings[call.number] { true } else { false }
        }
    }

    /// The call of a step for whose outcome the function waits.
    package func waitingCall(_ step: String) -> StepCall? {
        state.withLock { state in
            guard let number = state.numbers[step], case .waiting = state.standings[number] else { return nil }
            return state.calls[number]
        }
    }

    /// Whether the step was called and its outcome delivered, be it to nobody.
    package func isDelivered(_ step: String) -> Bool {
        state.withLock { state in state.numbers[step].map { state.calls[$0] == nil } ?? false }
    }

    /// The call of a step whose outcome was not delivered, also if it was abandoned since.
    package func call(_ step: String) -> StepCall? {
        state.withLock { state in state.numbers[step].flatMap { state.calls[$0] } }
    }

    /// The calls that the function has made and Redis has not opened, and what it no longer waits for.
    ///
    /// - Parameters:
    ///   - opened: how many calls Redis has opened.
    ///   - limit: the most openings and the most closings of one page.
    package func plan(opened: Int, limit: Int = 1000) -> Plan {
        state.withLock { state in
            // The run ends, or begins anew: nothing is opened for it any more.
            if state.overLimit != nil || (state.finished == nil && !state.renewals.isEmpty) {
                return Plan(
                    openings: [], closings: [], unlimited: Self.limited(state), patches: state.patches.marksToWrite,
                    orphans: Self.orphans(state, opened: opened), isComplete: true)
            }
            let end = min(state.calls.count, opened + limit)
            let openings = (min(opened, end)..<end).map { number in
                let isWaiting = if case .waiting = state.standings[number] { true } else { false }
                let call = state.calls[number]
                return Plan.Opening(
                    number: number, step: call?.id ?? "", withdrawn: !isWaiting,
                    limits: isWaiting ? call?.limits ?? "" : "", wait: call?.wait)
            }
            let closings = state.unclosed.filter { $0 < opened }.sorted()
            let closed = closings.prefix(limit).compactMap { state.calls[$0] }
            return Plan(
                openings: openings, closings: closed.map(\.id),
                unlimited: state.finished != nil
                    ? Self.limited(state) : closed.filter { !$0.limits.isEmpty }.map(\.id),
                patches: state.patches.marksToWrite,
                orphans: state.finished != nil
                    ? Self.orphans(state, opened: opened)
                    : Self.orphans(state, among: closings.prefix(limit)),
                listens: state.listens, joins: state.joinsAll,
                isComplete: end == state.calls.count && closings.count <= limit
            )
        }
    }

    /// The steps with limits in time of which no outcome was delivered.
    private static func limited(_ state: State) -> [String] {
        state.calls.compactMap { call in call.flatMap { $0.limits.isEmpty ? nil : $0.id } }
    }

    private static func orphans(_ state: State, opened: Int) -> [Plan.Orphan] {
        orphans(state, among: state.attached.filter { $0 < opened }.sorted())
    }

    private static func orphans(_ state: State, among numbers: some Sequence<Int>) -> [Plan.Orphan] {
        if state.attached.isEmpty { return [] }
        return numbers.compactMap { number in
            guard state.attached.contains(number), let call = state.calls[number] else { return nil }
            if let order = call.child { return Plan.Orphan(number: number, step: call.id, left: .child(order)) }
            return call.wait?.event.map { Plan.Orphan(number: number, step: call.id, left: .event($0)) }
        }
    }

    /// The store has carried out `plan`: its closings need not be asked for again.
    package func confirm(_ plan: Plan) {
        state.withLock { state in
            state.patches.confirm(plan.patches)
            for step in plan.closings {
                guard let number = state.numbers[step] else { continue }
                state.unclosed.remove(number)
                state.attached.remove(number)
            }
            for opening in plan.openings where opening.withdrawn {
                state.unclosed.remove(opening.number)
                state.attached.remove(opening.number)
            }
        }
    }

    /// Takes the sentences about misuse (a step in `Task {}`, say) that were noted since the last call.
    package func takeMisuses() -> [String] {
        state.withLock { state in
            defer { state.misuses = [] }
            return state.misuses
        }
    }

    package func noteMisuse(_ sentence: String) {
        let report = state.withLock { state in
            state.misuses.append(sentence)
            return state.onMisuse
        }
        report?()
    }

    /// Called, on whichever thread, when a misuse was noted.
    package func onMisuse(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.onMisuse = body }
    }

    private func finish(_ result: Result<[UInt8], any Error>) {
        state.withLock { state in
            state.finished = result
            // `input(as:)` cannot wait for other code; what it throws is no end of the run.
            if case .failure(let error as StepwiseError) = result, error.code == .notDecodable, state.stuck == nil {
                state.stuck = .undecodable(error.message)
            }
        }
    }

    // MARK: The function's side

    /// Registers a call and waits for its outcome. Always suspends, also when the outcome is already recorded (rule 3).
    ///
    /// - Parameters:
    ///   - isDerived: whether the name was made of another step's id; then it may end in `#` and digits.
    /// - Throws: ``Evicted``, `CancellationError`, the step's recorded ``StepFailure``, or a ``StepwiseError`` about the name.
    nonisolated(nonsending) package func call(
        name: String, isDerived: Bool = false, options: StepOptions, group: Int? = nil, child: ChildOrder? = nil,
        notice: Notice? = nil, wait: StepWait? = nil, body: @escaping @Sendable (Step) async throws -> [UInt8]
    ) async throws -> StepResult {
        if let obstruction = try begin(call: "step \"\(name)\"") { try await meet(obstruction) }
        if !isDerived { try StepName.check(name) }
        let made = try register(name: name, options: options) { number, id, key in
            StepCall(
                number: number, id: id, name: name, key: key, options: options, child: child, notice: notice,
                group: group,
                wait: wait, body: body)
        }
        guard let (number, id) = made else {
            try await suspendUntilEviction()
        }
        let result = try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                park(number, continuation)
            }
        } onCancel: {
            abandon(number)
        }
        switch result {
        case .value(let bytes): return StepResult(step: id, json: bytes)
        case .error(let failure): throw failure
        case .cancel, .timeout: throw CancellationError()
        }
    }

    /// Why a call never returns.
    enum Obstruction {
        case leaked
        case stopped(Obstacle)
    }

    /// What a call of the function begins with.
    ///
    /// - Parameter call: what is called, in words.
    /// - Returns: `nil`, or what to ``meet(_:)``.
    /// - Throws: ``Evicted``; `CancellationError` in a cancelled task.
    func begin(call: @autoclosure () -> String) throws -> Obstruction? {
        if let leaked = evictedCall() {
            if leaked { return .leaked }
            throw Evicted()
        }
        guard Task.isCancelled else { return nil }
        guard isOneCancelledCallTooMany() else { throw CancellationError() }
        return .stopped(
            .other(
                "\(call()) was called \(Self.cancelledCallLimit) times in a cancelled task, in which no step begins; end the loop when "
                    + "CancellationError is thrown"))
    }

    nonisolated(nonsending) func meet(_ obstruction: Obstruction) async throws {
        switch obstruction {
        case .leaked:
            await Self.suspendForGood()
            throw Evicted()
        case .stopped(let obstacle): try await stop(obstacle)
        }
    }

    /// The place of a use of random numbers: how many calls were made before it, and which use since the last of them it is.
    func nextDraw() -> (calls: Int, use: Int) {
        state.withLock { state in
            let calls = state.calls.count
            state.draws = (calls, state.draws.calls == calls ? state.draws.uses + 1 : 1)
            return (calls, state.draws.uses)
        }
    }

    /// Runs `body` in a task of its own on the run's executor, which the cancellation of the calling task does not reach, and waits for its
    /// end. Swift's child tasks are born cancelled if their parent is; this one is not, and what it starts behaves as ever.
    package func shield<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
        let task = Task(executorPreference: executor, operation: body)
        let number = state.withLock { state in
            state.shields += 1
            state.shielded[state.shields] = { task.cancel() }
            return state.shields
        }
        defer { state.withLock { $0.shielded[number] = nil } }
        return try await task.value
    }

    /// In a cancelled task a loop that ignores errors would never come to rest, and block its thread.
    private static let cancelledCallLimit = 10_000

    private func isOneCancelledCallTooMany() -> Bool {
        state.withLock { state in
            state.cancelledCalls += 1
            return state.cancelledCalls >= Self.cancelledCallLimit
        }
    }

    /// Stops the function for good with a reason that is kept on the run: its code cannot use what is recorded.
    nonisolated(nonsending) package func stop(_ obstacle: Obstacle) async throws -> Never {
        state.withLock { state in
            if !state.isEvicted, state.stuck == nil { state.stuck = obstacle }
        }
        try await suspendUntilEviction()
    }

    nonisolated(nonsending) private func suspendUntilEviction() async throws -> Never {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let isEvicted = state.withLock { state in
                if !state.isEvicted { state.suspended.append(continuation) }
                return state.isEvicted
            }
            if isEvicted { continuation.resume(throwing: Evicted()) }
        }
        throw Evicted()
    }

    /// - Returns: the call's number and id; `nil` if it is one too many, with which the run ends.
    private func register(
        name: String, options: StepOptions, _ make: (_ number: Int, _ id: String, _ key: String?) -> StepCall
    ) throws -> (number: Int, id: String)? {
        let key = try options.key?.get().json
        return state.withLock { state in
            if state.calls.count >= maximumSteps {
                state.overLimit = StepwiseError(
                    .tooManySteps,
                    "step \"\(name)\" would be number \(maximumSteps + 1) of the run, and the limit is \(maximumSteps) (maximumSteps of the "
                        + "worker's configuration): give parts of the work to runs of their own, or raise the limit and resume the run"
                )
                return nil
            }
            var id = name
            // "undo charge#2" may be the undo of "charge#2".
            while state.numbers[id] != nil {
                let uses = state.uses[name, default: 1] + 1
                state.uses[name] = uses
                id = "\(name)#\(uses)"
            }
            let number = state.calls.count
            let call = make(number, id, key)
            state.calls.append(call)
            if call.isAttached { state.attached.insert(number) }
            if call.wait?.event != nil { state.listens = true }
            state.standings.append(.called)
            state.numbers[id] = number
            return (number, id)
        }
    }

    private func park(_ number: Int, _ continuation: UnsafeContinuation<Outcome.Result, any Error>) {
        let error: (any Error)? = state.withLock { state in
            if state.isEvicted { return Evicted() }
            if case .abandoned = state.standings[number] { return CancellationError() }
            state.standings[number] = .waiting(continuation)
            state.waiting += 1
            if let group = state.calls[number]?.group { state.joining[group, default: 0] += 1 }
            return nil
        }
        if let error { continuation.resume(throwing: error) }
        executor.noteActivity()
    }

    /// The task that waits for this call was cancelled: the call throws in this drain and its outcome is for nobody.
    private func abandon(_ number: Int) {
        let (held, continuation) = state.withLock { state in
            var held: [Delivery] = []
            var continuation: UnsafeContinuation<Outcome.Result, any Error>?
            switch state.standings[number] {
            case .abandoned: break
            // What it has got and was not told.
            case .delivered: held = state.takeHeld(call: number)
            case .called:
                state.standings[number] = .abandoned
                state.unclosed.insert(number)
            case .waiting(let itsContinuation):
                state.standings[number] = .abandoned
                state.unclosed.insert(number)
                let group = state.calls[number]?.group
                state.endWait(group)
                if let group, state.joining[group] == nil { held = state.takeHeld(group) }
                continuation = itsContinuation
            }
            return (held, continuation)
        }
        for delivery in held { delivery.make() }
        continuation?.resume(throwing: CancellationError())
    }

    /// `nil` while the copy lives; then whether this call is one too many.
    private func evictedCall() -> Bool? {
        state.withLock { state in
            guard state.isEvicted else { return nil }
            state.callsAfterEviction += 1
            return state.callsAfterEviction > 100
        }
    }

    /// A function that goes on calling steps after its eviction (a `while true` that ignores every error) is leaked.
    nonisolated(nonsending) private static func suspendForGood() async {
        await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
    }
}

/// The one error that is thrown through user code without its doing: the copy was given up, another worker has the run.
package struct Evicted: Error {}
