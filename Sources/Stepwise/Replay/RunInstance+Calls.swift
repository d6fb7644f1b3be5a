import Synchronization

/// The function's side of its instance.
extension RunInstance {
    /// Registers a call and waits for its outcome. Always suspends, also when the outcome is already recorded (rule 3).
    ///
    /// - Parameters:
    ///   - isDerived: whether the name was made of another step's id; then it may end in `#` and digits.
    /// - Throws: ``Evicted``, `CancellationError`, the step's recorded ``StepFailure``, or a ``StepwiseError`` about the name.
    nonisolated(nonsending) package func call(
        name: String, isDerived: Bool = false, options: StepOptions, group: Int? = nil, _ special: StepKind? = nil,
        body: @escaping @Sendable (Step) async throws -> [UInt8]
    ) async throws -> StepResult {
        if let obstruction = try begin(call: "step \"\(name)\"") { try await meet(obstruction) }
        if !isDerived { try StepName.check(name) }
        let made = try register(name: name, options: options) { number, id, key in
            StepCall(
                number: number, id: id, name: name, key: key, options: options, special: special, group: group,
                body: body)
        }
        guard let (number, id) = made else {
            try await suspendUntilEviction()
        }
        let result = try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                suspend(number, continuation)
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
        defer { _ = state.withLock { $0.shielded.removeValue(forKey: number) } }
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
    /// - Throws: ``Evicted`` if the instance was given up since the call began, on another thread.
    private func register(
        name: String, options: StepOptions, _ make: (_ number: Int, _ id: String, _ key: String?) -> StepCall
    ) throws -> (number: Int, id: String)? {
        let key = try options.key?.get().json
        return try state.withLock { state in
            if state.isEvicted { throw Evicted() }
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

    private func suspend(_ number: Int, _ continuation: UnsafeContinuation<Outcome.Result, any Error>) {
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

    /// `nil` while the instance lives; then whether this call is one too many.
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
