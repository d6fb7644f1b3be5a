internal import Logging
import Synchronization

/// A run's function suspended in a worker's memory: outcomes go in; step calls, abandoned steps and the function's end come out.
///
/// Pure: no Redis, no clock, no thread of its own. Outcomes are delivered one at a time in the order in which they were
/// recorded, and the function comes to rest after each, so the first execution and every replay see the same order (rule 3).
/// `start`, `deliver`, `resume` and `evict` must not run at the same time; their caller serializes them.
package final class RunInstance: Sendable {
    /// The workflow's function with everything that it is called with: its context and input.
    package typealias Function = @Sendable () async throws -> [UInt8]

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
        /// How many bytes the outcomes have that were delivered.
        var outcomeBytes = 0
        /// How many outcomes and calls there were when the function had ended in an error and its last word began.
        var lastWord: (delivered: Int, calls: Int)?
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
        var misuses = MisuseNotes()
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
    let maximumSteps: Int

    package init(maximumSteps: Int = .max) {
        self.maximumSteps = maximumSteps
    }

    // MARK: The owner's side

    /// Starts the function and lets it run to rest.
    ///
    /// - Parameter silent: whether what the function logs was logged before, by an earlier instance.
    package func start(silent: Bool = false, function: @escaping Function) {
        state.withLock { $0.isSilent = silent }
        executor.drain {
            // Detached and unstructured: a worker's own shutdown never cancels the function (rule 3).
            let root = Task.detached(executorPreference: executor) { [self] in
                let result: Result<[UInt8], any Error>
                do {
                    result = .success(
                        try await RunScope.$current.withValue(self) { try await function() })
                } catch { result = .failure(error) }
                finish(result)
            }
            state.withLock { $0.root = root }
        }
    }

    /// Delivers the next outcome of the history and lets the function run to rest.
    ///
    /// - Parameter call: the one that it is for, if the caller has it.
    package func deliver(_ outcome: Outcome, to call: StepCall? = nil, silent: Bool = false) {
        state.withLock { $0.checkPatches() }
        let bytes: Int
        switch outcome.result {
        case .cancel(let reason): return cancel(reason, isTimeout: false, silent: silent)
        case .timeout(let reason): return cancel(reason, isTimeout: true, silent: silent)
        case .value(let json): bytes = json.count
        case .error(let failure): bytes = failure.message.utf8.count + (failure.value?.utf8.count ?? 0)
        }
        // Released when the lock is free: what its body captures may have a `deinit` of the user's.
        var ended: StepCall?
        let deliveries: [Delivery] = state.withLock { state in
            state.outcomeBytes += bytes
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
            swap(&ended, &state.calls[number])
            state.attached.remove(number)
            state.unclosed.remove(number)
            state.lastStep = outcome.step
            guard case .waiting(let continuation) = state.standings[number] else { return [] }
            state.standings[number] = .delivered
            state.endWait(group)
            return state.take(Delivery(continuation: continuation, result: outcome.result), to: number, of: group)
        }
        ended?.dropBody()
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

    /// The history cannot be delivered: the instance is stuck, with a reason that is kept on the run.
    package func halt(_ obstacle: Obstacle) {
        state.withLock { state in
            if state.stuck == nil { state.stuck = obstacle }
        }
    }

    /// Runs what arrived from outside since the last drain.
    package func resume() {
        executor.drainIfIdle()
    }

    /// Gives the instance up, whatever the reason: every wait throws ``Evicted``, the function's task is cancelled, nothing durable can
    /// happen after it, and no closure or error of the user's is kept: what they capture mostly keeps this instance.
    ///
    /// - Returns: whether the function came to its end; if not, it is leaked, or out of its executor: what comes back from there
    ///   is run to its end by itself.
    package func evict() -> Bool {
        let hasEnded = hasReturned || endFunction()
        // Returned, so that it is released when the lock is free.
        _ = state.withLock { $0.takeRemains() }
        return hasEnded
    }

    /// - Returns: whether it has come to its end.
    private func endFunction() -> Bool {
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
    /// The function has ended in an error: what it calls from now on is its last word's.
    package func beginLastWord() { state.withLock { $0.lastWord = (delivered: $0.delivered, calls: $0.calls.count) } }
    /// After how many outcomes the function ended in an error, if its last word has called steps since.
    package var endedBeforeLastWord: Int? {
        state.withLock { state in
            guard let last = state.lastWord, state.calls.count > last.calls else { return nil }
            return last.delivered
        }
    }
    package var waitingSteps: Int { state.withLock { $0.waiting } }
    /// What it takes of memory: how many calls wait, and how many bytes the outcomes have that were delivered.
    package var size: (waitingSteps: Int, outcomeBytes: Int) { state.withLock { ($0.waiting, $0.outcomeBytes) } }
    /// Whether everything that the function waits for comes from outside: nobody needs the instance for a body.
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

    package func isWaiting(for step: String) -> Bool { waitingCall(step) != nil }

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

    /// Takes the sentences about misuse (a step in `Task {}`, say) that were noted since the last call.
    package func takeMisuses() -> [String] {
        state.withLock { $0.misuses.take() }
    }

    /// How many misuses were not noted: they said nothing new, or there were too many.
    package var unnotedMisuses: Int { state.withLock { $0.misuses.unnoted } }

    package func noteMisuse(_ sentence: String) {
        let report: (@Sendable () -> Void)? = state.withLock { state in
            state.misuses.note(sentence) ? state.onMisuse : nil
        }
        report?()
    }

    /// Whether a misuse is news, for one that nobody would take the note of.
    func isNews(_ sentence: String) -> Bool { state.withLock { $0.misuses.isNews(sentence) } }

    /// Called, on whichever thread, when a misuse was noted and none was before that is not taken yet.
    package func onMisuse(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.onMisuse = body }
    }

    private func finish(_ result: Result<[UInt8], any Error>) {
        state.withLock { state in
            // Nobody asks for what comes after an eviction, and an error may keep the context that it was made with.
            state.finished = state.isEvicted ? .failure(Evicted()) : result
            // `input(as:)` cannot wait for other code; what it throws is not an end of the run.
            if case .failure(let error as StepwiseError) = result, error.code == .notDecodable, state.stuck == nil {
                state.stuck = .undecodable(error.message)
            }
        }
    }
}

/// The one error that is thrown through user code without its doing: the instance was given up, another worker has the run.
package struct Evicted: Error {}
