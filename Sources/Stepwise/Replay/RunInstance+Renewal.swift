internal import Synchronization

/// A branch of the function that wants the run to begin anew.
struct Renewal: Sendable {
    let number: Int
    let payload: [UInt8]
    var continuation: CheckedContinuation<Void, any Error>?
}

/// The same id, the next generation, no history: what `continueAsNew` asks for.
extension RunInstance {
    /// Waits for good, like a step without an outcome: the function's owner has the run begin anew, with this input, once the function is at
    /// rest and has had every outcome that is recorded. If one of those cancels the task that waits here, the run goes on as it is.
    ///
    /// - Throws: ``Evicted``; `CancellationError` in a cancelled task and in a run that is to end.
    package func renew(_ payload: [UInt8]) async throws -> Never {
        if let obstruction = try begin(call: "context.continueAsNew") { try await meet(obstruction) }
        if cancelReason != nil { throw CancellationError() }
        let number = state.withLock { state in
            state.renewalCount += 1
            state.renewals.append(Renewal(number: state.renewalCount, payload: payload))
            return state.renewalCount
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let error: (any Error)? = state.withLock { state in
                    if state.isEvicted { return Evicted() }
                    guard let index = state.renewals.firstIndex(where: { $0.number == number }) else {
                        return CancellationError()
                    }
                    state.renewals[index].continuation = continuation
                    return nil
                }
                if let error { continuation.resume(throwing: error) }
                executor.noteActivity()
            }
        } onCancel: {
            let renewal = state.withLock { state in
                state.renewals.firstIndex { $0.number == number }.map { state.renewals.remove(at: $0) }
            }
            renewal?.continuation?.resume(throwing: CancellationError())
        }
        throw CancellationError()
    }
}
