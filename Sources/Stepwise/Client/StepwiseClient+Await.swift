internal import StepwiseRedis
import Synchronization

/// How a run ended.
package struct RunEnd: Sendable {
    package var status: RunStatus
    package var output: [UInt8]
    package var error: [UInt8]

    package init(status: RunStatus, output: [UInt8] = [], error: [UInt8] = []) {
        (self.status, self.output, self.error) = (status, output, error)
    }
}

extension StepwiseClient {
    /// How often a waiting client asks by itself: an announcement that was lost costs no more than this.
    private static let askEvery = Duration.seconds(5)

    /// Waits for a run's end: told by publication, asking only now and then. `nil` if there is no such run.
    ///
    /// - Parameter isNew: whether it has begun just now, and will hardly have ended.
    /// - Throws: ``StepwiseError`` with code `timedOut`, `closed` and others.
    package func awaitEnd(ofRun id: String, isNew: Bool, timeout: Duration?) async throws -> RunEnd? {
        if !isNew {
            switch try await end(ofRun: id) {
            case .missing: return nil
            case .ended(let end): return end
            case .live: break
            }
        }
        let bell = Bell()
        let subscription: RedisSubscriber.Subscription
        do {
            subscription = try await subscriber.subscribe(keys.ended(id)) { message in
                bell.ring(AnnouncedEnd(message))
            }
        } catch {
            throw StepwiseError(error, doing: "waiting for run \(id)")
        }
        defer { subscriber.unsubscribe(subscription) }
        // A client that is closed hears of no end any more: whoever waits asks once more and is told.
        let closing = Task { [isClosed] in
            await isClosed.wait()
            bell.ring(nil)
        }
        defer { closing.cancel() }
        let deadline = timeout.map { ContinuousClock.now + $0 }
        while true {
            switch try await end(ofRun: id) {
            case .missing: return nil
            case .ended(let end): return end
            case .live(let generation):
                let left = deadline.map { $0 - ContinuousClock.now }
                if let left, left <= .zero {
                    guard let details = try await details(ofRun: id) else { return nil }
                    if details.status.isEnded { continue }
                    throw StepwiseError(
                        .timedOut, "run \(id) had not ended after \(timeout ?? .zero): it is \(Self.prospect(details))")
                }
                // What is told of another life of the id, or of the run before it was resumed, is no answer: the next question is.
                let announced = await bell.wait(atMost: min(left ?? Self.askEvery, Self.askEvery))
                if let announced, announced.generation == generation { return announced.end }
                try Task.checkCancellation()
            }
        }
    }

    /// A live run's status, and what would take it on.
    private static func prospect(_ run: RunDetails) -> String {
        switch run.status {
        case .parked: "parked; its status says why, resume it"
        case .paused: "paused; resume it"
        case .unserved:
            "unserved; no worker that claims from queue \"\(run.queue)\" has workflow \"\(run.workflow)\": start one that has it"
        case .queued:
            "queued; no worker has claimed it from queue \"\(run.queue)\" yet: check that one runs that claims from it"
        default: "\(run.status); it goes on, wait again for its result"
        }
    }

    private enum Standing {
        case missing
        case live(generation: String)
        case ended(RunEnd)
    }

    private func end(ofRun id: String) async throws -> Standing {
        let reply = try await evaluate(ScriptLibrary.await, [keys.run(id)], [], doing: "asking for run \(id)")
        guard let items = reply.array, items.count == 4, let status = items[0].string.map(RunStatus.init(rawValue:))
        else {
            return .missing
        }
        guard status.isEnded else { return .live(generation: items[3].string ?? "") }
        return .ended(RunEnd(status: status, output: items[1].bytes ?? [], error: items[2].bytes ?? []))
    }
}

/// What a publication tells of a run's end, if it tells more than that there is one: the status, the run's generation, and the output's or
/// the error's JSON.
private struct AnnouncedEnd: Sendable {
    let generation: String
    let end: RunEnd

    init?(_ message: [UInt8]) {
        let parts = message.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        let status = RunStatus(rawValue: String(decoding: parts[0], as: UTF8.self))
        guard status.isEnded else { return nil }
        generation = String(decoding: parts[1], as: UTF8.self)
        let json = Array(parts[2])
        end = RunEnd(status: status, output: status == .completed ? json : [], error: status == .completed ? [] : json)
    }
}

/// Rings any number of times; a wait ends at the next ring, or at once if it rang since the last wait.
private final class Bell: Sendable {
    private struct State {
        var hasRung = false
        var end: AnnouncedEnd?
        var waiter: CheckedContinuation<AnnouncedEnd?, Never>?
    }

    private let state = Mutex(State())

    /// - Parameter end: what the ring tells, if it tells it.
    func ring(_ end: AnnouncedEnd?) {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            if state.waiter == nil { (state.hasRung, state.end) = (true, end ?? state.end) }
            return state.waiter
        }
        waiter?.resume(returning: end)
    }

    /// - Returns: what the ring told.
    func wait(atMost limit: Duration) async -> AnnouncedEnd? {
        let timer = Task {
            try? await Task.sleep(for: limit)
            if !Task.isCancelled { ring(nil) }
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let (isOver, end) = state.withLock { state in
                    defer { (state.hasRung, state.end) = (false, nil) }
                    if !state.hasRung { state.waiter = waiter }
                    return (state.hasRung, state.end)
                }
                if isOver { waiter.resume(returning: end) }
            }
        } onCancel: {
            ring(nil)
        }
    }
}
