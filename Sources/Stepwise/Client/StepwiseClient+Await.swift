internal import StepwiseRedis

/// How a run ended.
struct RunEnd: Sendable {
    var status: RunStatus
    var output: [UInt8]
    var error: [UInt8]
}

extension StepwiseClient {
    /// How often a waiting client asks by itself: an announcement that was lost costs no more than this.
    private static let askEvery = Duration.seconds(5)

    /// Waits for a run's end: told by publication, asking only now and then. `nil` if there is no such run.
    ///
    /// - Throws: ``StepwiseError`` with code `timedOut` and others.
    func awaitEnd(ofRun id: String, timeout: Duration?) async throws -> RunEnd? {
        switch try await end(ofRun: id) {
        case .missing: return nil
        case .ended(let end): return end
        case .live: break
        }
        let bell = Bell()
        let subscription: RedisSubscriber.Subscription
        do {
            subscription = try await subscriber.subscribe(keys.ended(id)) { _ in bell.ring() }
        } catch {
            throw StepwiseError(error, doing: "waiting for run \(id)")
        }
        defer { subscriber.unsubscribe(subscription) }
        let deadline = timeout.map { ContinuousClock.now + $0 }
        while true {
            switch try await end(ofRun: id) {
            case .missing: return nil
            case .ended(let end): return end
            case .live(let status):
                let left = deadline.map { $0 - ContinuousClock.now }
                if let left, left <= .zero {
                    throw StepwiseError(
                        .timedOut,
                        "run \(id) had not ended after \(timeout ?? .zero): it is \(status)"
                            + (status == .parked
                                ? "; its status says why, resume it" : "; it goes on, wait again for its result"))
                }
                await bell.wait(atMost: min(left ?? Self.askEvery, Self.askEvery))
                try Task.checkCancellation()
            }
        }
    }

    private enum Standing {
        case missing
        case live(RunStatus)
        case ended(RunEnd)
    }

    private func end(ofRun id: String) async throws -> Standing {
        let reply = try await evaluate(ScriptLibrary.await, [keys.run(id)], [], doing: "asking for run \(id)")
        guard let items = reply.array, items.count == 3, let status = items[0].string.map(RunStatus.init(rawValue:))
        else {
            return .missing
        }
        guard status.isEnded else { return .live(status) }
        return .ended(RunEnd(status: status, output: items[1].bytes ?? [], error: items[2].bytes ?? []))
    }
}

/// Rings any number of times; a wait ends at the next ring, or at once if it rang since the last wait.
private actor Bell {
    private var hasRung = false
    private var waiter: CheckedContinuation<Void, Never>?

    nonisolated func ring() { Task { await self.rang() } }

    private func rang() {
        if let waiter {
            self.waiter = nil
            waiter.resume()
        } else {
            hasRung = true
        }
    }

    func wait(atMost limit: Duration) async {
        if hasRung {
            hasRung = false
            return
        }
        let timer = Task {
            try? await Task.sleep(for: limit)
            if !Task.isCancelled { rang() }
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter = $0 }
        } onCancel: {
            ring()
        }
        timer.cancel()
    }
}
