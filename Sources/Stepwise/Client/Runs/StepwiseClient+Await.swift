internal import NIOCore
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
        try await prepare()
        let watch = EndWatch(of: id, client: self)
        defer { watch.end() }
        let deadline = timeout.map { ContinuousClock.now + $0.bounded }
        while true {
            let left = deadline.map { $0 - ContinuousClock.now }
            switch await watch.look(atMost: max(.zero, min(left ?? Self.askEvery, Self.askEvery))) {
            case .missing: return nil
            case .ended(let end): return end
            case .failed(let error, let what): throw StepwiseError(error, doing: what)
            case .live:
                try Task.checkCancellation()
                guard let deadline, ContinuousClock.now >= deadline else { continue }
                guard let details = try await details(ofRun: id) else { return nil }
                if details.status.isEnded { continue }
                throw StepwiseError(
                    .timedOut, "run \(id) had not ended after \(timeout ?? .zero): it is \(Self.prospect(details))")
            }
        }
    }

    /// A live run's status, and what would take it on.
    private static func prospect(_ run: RunDetails) -> String {
        switch run.status {
        case .parked: "parked; its status says why, resume it"
        case .paused: "paused; resume it"
        case .noWorker:
            "unserved; no worker that claims from queue \"\(run.queue)\" has workflow \"\(run.workflow)\": start one that has it"
        case .ending:
            "ending; its end is decided (\(run.ending ?? "")), and its open steps are withdrawn first: wait again for its result"
        case .queued:
            "queued; no worker has claimed it from queue \"\(run.queue)\" yet: check that one runs that claims from it"
        default: "\(run.status); it goes on, wait again for its result"
        }
    }

    private func end(ofRun id: String) async throws -> Standing {
        Standing(try await evaluate(.await(keys, id), doing: "asking for run \(id)").reply)
    }
}

private enum Standing: Sendable {
    case missing
    case live
    case ended(RunEnd)

    /// - Parameter reply: of the script `await`.
    init(_ reply: RedisValue) {
        guard let items = reply.array, items.count == 3, let status = items[0].string.map(RunStatus.init(rawValue:))
        else {
            self = .missing
            return
        }
        self =
            status.isEnded
            ? .ended(RunEnd(status: status, output: items[1].bytes ?? [], error: items[2].bytes ?? [])) : .live
    }
}

/// Looks out for one run's end. All of it happens on the client's event loop, so that the task that waits is woken once.
private final class EndWatch: Sendable {
    enum Sight: Sendable {
        case missing
        case ended(RunEnd)
        /// Nothing was told in time, or something that leaves it open: look again.
        case live
        case failed(RedisError, doing: String)
    }

    private struct State {
        var waiter: CheckedContinuation<Sight, Never>?
        var timer: Scheduled<Void>?
        var subscription: RedisSubscriber.Subscription?
        /// Whether the run was live when it was last asked for.
        var isLive = false
        /// Whether an end was published since the last look began.
        var isTold = false
        var isOver = false
    }

    private let id: String
    private let client: StepwiseClient
    private let state = Mutex(State())

    init(of id: String, client: StepwiseClient) {
        self.id = id
        self.client = client
    }

    /// Subscribes, asks, and waits for what is published, not longer than `limit` after the answer. Returns early in a cancelled task.
    func look(atMost limit: Duration) async -> Sight {
        // A client that is closed hears of no end any more: whoever waits looks once more and is told.
        let closing = client.isClosed.whenOpen { self.finish(.live) }
        defer { client.isClosed.forget(closing) }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                state.withLock { $0.waiter = waiter }
                if Task.isCancelled { return finish(.live) }
                client.eventLoop.execute { self.begin(limit) }
            }
        } onCancel: {
            finish(.live)
        }
    }

    /// Nobody looks any more.
    func end() {
        let subscription = state.withLock { state in
            state.isOver = true
            return state.subscription
        }
        if let subscription { client.subscriber.unsubscribe(subscription) }
    }

    private func begin(_ limit: Duration) {
        if state.withLock({ $0.subscription != nil }) { return ask(limit) }
        client.subscriber.subscribe(client.keys.ended(id)) { _ in
            self.receive()
        } onEnd: { result in
            switch result {
            case .success(let subscription):
                let isOver = self.state.withLock { state in
                    state.subscription = subscription
                    return state.isOver
                }
                if isOver { self.client.subscriber.unsubscribe(subscription) } else { self.ask(limit) }
            case .failure(let error): self.finish(.failed(error, doing: "waiting for run \(self.id)"))
            }
        }
    }

    private func ask(_ limit: Duration) {
        let call = ScriptCall.await(client.keys, id)
        client.commands.send(call) { reply in
            switch reply.map(Standing.init) {
            case .success(.missing): self.finish(.missing)
            case .success(.ended(let end)): self.finish(.ended(end))
            case .success(.live):
                let isTold = self.state.withLock { state in
                    state.isLive = true
                    return state.isTold
                }
                if isTold { self.finish(.live) } else { self.wait(limit) }
            case .failure(let error): self.finish(.failed(error, doing: "asking for run \(self.id)"))
            }
        }
    }

    private func wait(_ limit: Duration) {
        let timer = client.eventLoop.scheduleTask(in: TimeAmount(atMost: limit)) { self.finish(.live) }
        state.withLock { $0.timer = timer }
    }

    /// Whoever may publish can say anything: it is a hint to ask again, never a result.
    private func receive() {
        let isLive = state.withLock { state in
            state.isTold = true
            return state.isLive
        }
        if isLive { finish(.live) }
    }

    /// The first counts.
    private func finish(_ sight: Sight) {
        let (waiter, timer) = state.withLock { state in
            defer { (state.waiter, state.timer, state.isLive, state.isTold) = (nil, nil, false, false) }
            return (state.waiter, state.timer)
        }
        timer?.cancel()
        waiter?.resume(returning: sight)
    }
}
