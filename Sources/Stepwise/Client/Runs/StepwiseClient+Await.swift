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
    fileprivate static let askEvery = Duration.seconds(5)
    /// How long who begins to wait goes without an answer for a subscription that does not come about.
    fileprivate static let askWithoutSubscription = Duration.milliseconds(500)
    /// Before the next question, where Redis has just given no answer.
    private static let pauseInOutage = Duration.milliseconds(500)
    /// How long an answer may take although the time is up: somebody who does not wait at all gets one, too.
    private static let lastAnswer = Duration.seconds(1)

    /// Waits for a run's end: told by publication, asking only now and then. `nil` if there is no such run.
    ///
    /// Goes on asking while Redis is away, and where it may not subscribe.
    ///
    /// - Parameter isNew: whether it has begun just now, and will hardly have ended.
    /// - Throws: ``StepwiseError`` with code `timedOut`, `closed` and others.
    package func awaitEnd(ofRun id: String, isNew: Bool, timeout: Duration?) async throws -> RunEnd? {
        let watch = EndWatch(of: id, client: self)
        defer { watch.end() }
        let deadline = timeout.map { ContinuousClock.now + $0.bounded }
        var subscribes = isNew
        var wasAnswered = false
        while true {
            let left = deadline.map { max(.zero, $0 - ContinuousClock.now) }
            let answerWithin = left.map { max($0, Self.lastAnswer) }
            var outage: StepwiseError?
            do {
                if !isPrepared { try await answer(within: answerWithin) { try await self.prepare() } }
                // What may have ended long ago is asked for first.
                let limit = subscribes ? min(left ?? Self.askEvery, Self.askEvery) : .zero
                let sight: EndWatch.Sight =
                    await isPrepared
                    ? watch.look(atMost: limit, answerWithin: answerWithin, subscribes: subscribes) : .live
                switch sight {
                case .missing: return nil
                case .ended(let end): return end
                case .live: (subscribes, wasAnswered) = (true, true)
                case .failed(let error):
                    let failure = StepwiseError(error, doing: "asking for run \(id)", of: keys)
                    // A script that was there once is loaded again by the workers.
                    let isForgotten = wasAnswered && error.isForWantOfScript
                    if !error.mayPass && !isForgotten { throw failure }
                    outage = failure
                }
            } catch let error as StepwiseError where error.isOutage {
                outage = error
            }
            try Task.checkCancellation()
            guard let deadline, ContinuousClock.now >= deadline else {
                if outage != nil { try await Task.sleep(atMost: min(left ?? Self.pauseInOutage, Self.pauseInOutage)) }
                continue
            }
            var prospect = outage?.message ?? "redis did not answer"
            if outage == nil {
                do {
                    let last = try await answer(within: Self.lastAnswer) { try await self.details(ofRun: id) }
                    if let last {
                        guard let details = last else { return nil }
                        if details.status.isEnded { continue }
                        prospect = "it is \(Self.prospect(details))"
                    } else if let trouble = await connectionTrouble() {
                        prospect += ": \(trouble)"
                    }
                } catch let error as StepwiseError where error.isOutage {
                    prospect = error.message
                }
            }
            throw StepwiseError(.timedOut, "run \(id) had not ended after \(timeout ?? .zero): \(prospect)")
        }
    }

    /// What a question comes to that heeds its cancellation; `nil` if it takes longer.
    @discardableResult
    private func answer<Answer: Sendable>(
        within limit: Duration?, _ question: @escaping @Sendable () async throws -> Answer
    ) async throws -> Answer? {
        guard let limit else { return try await question() }
        return try await withThrowingTaskGroup(of: Answer?.self) { group in
            group.addTask { try await question() }
            group.addTask {
                try? await Task.sleep(atMost: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { return nil }
            return first
        }
    }

    /// A live run's status, and what would take it on.
    private static func prospect(_ run: RunDetails) -> String {
        switch run.status {
        case .parked: "parked; its status says why, resume it"
        case .paused: "paused; resume it"
        case .noWorker where run.reason == Obstacle.pausedWorkflow:
            "unserved; when a worker last looked its workflow was paused: resume that"
        case .noWorker:
            "unserved; no worker that claims from queue \"\(run.queue)\" has workflow \"\(run.workflow)\": start one that has it"
        case .ending:
            "ending; its end is decided (\(run.ending ?? "")), and its open steps are withdrawn first: wait again for its result"
        case .queued:
            "queued; no worker has claimed it from queue \"\(run.queue)\" yet: check that one runs that claims from it"
        default: "\(run.status); it goes on, wait again for its result"
        }
    }
}

extension StepwiseError {
    /// Whether Redis gives no answer now and may give one later.
    package var isOutage: Bool { code == .redisUnavailable || code == .redisAmbiguous }
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
        case failed(RedisError)
    }

    private struct State {
        var waiter: CheckedContinuation<Sight, Never>?
        var timers: [Scheduled<Void>] = []
        var subscription: RedisSubscriber.Subscription?
        var isSubscribing = false
        /// Whether Redis has refused a subscription: another one is not tried.
        var isRefused = false
        /// Whether nothing would be heard of an end.
        var isDeaf = false
        /// How soon who is deaf asks again.
        var pause = Duration.milliseconds(100)
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

    /// Subscribes, asks, and waits for what is published. Returns early in a cancelled task.
    ///
    /// - Parameters:
    ///   - limit: how long it waits after the answer; zero: not at all.
    ///   - answerWithin: how long it looks altogether if no answer comes; `nil`: until Redis' client gives up.
    ///   - subscribes: else it only asks.
    func look(atMost limit: Duration, answerWithin: Duration?, subscribes: Bool) async -> Sight {
        // A client that is closed hears of no end any more: whoever waits looks once more and is told.
        let closing = client.isClosed.whenOpen { self.finish(.live) }
        defer { client.isClosed.forget(closing) }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                state.withLock { $0.waiter = waiter }
                if Task.isCancelled { return finish(.live) }
                client.eventLoop.execute {
                    if let answerWithin { self.finishLive(in: answerWithin) }
                    self.begin(limit, subscribes: subscribes)
                }
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

    private func begin(_ limit: Duration, subscribes: Bool) {
        let (isToSubscribe, isToAsk) = state.withLock { state in
            guard subscribes, state.subscription == nil, !state.isSubscribing, !state.isRefused else {
                return (false, true)
            }
            state.isSubscribing = true
            // Who could not subscribe before does not wait for it again.
            return (true, state.isDeaf)
        }
        if isToSubscribe { subscribe(limit) }
        if isToAsk { ask(limit) }
    }

    /// Asks when it is there, is not to be had, or takes long; again if somebody has asked without it.
    private func subscribe(_ limit: Duration) {
        schedule(in: StepwiseClient.askWithoutSubscription) {
            let isLate = self.state.withLock { state in
                guard state.isSubscribing, !state.isDeaf else { return false }
                state.isDeaf = true
                return true
            }
            if isLate { self.ask(limit) }
        }
        client.subscriber.subscribe(client.keys.ended(id)) { _ in
            self.receive()
        } onEnd: { result in
            let subscription = try? result.get()
            let (wasDeaf, isOver) = self.state.withLock { state in
                defer { state.isDeaf = subscription == nil }
                state.isSubscribing = false
                state.subscription = subscription
                if case .failure(let error) = result { state.isRefused = !error.mayPass }
                return (state.isDeaf, state.isOver)
            }
            switch (subscription, wasDeaf) {
            case (let subscription?, _) where isOver: self.client.subscriber.unsubscribe(subscription)
            case (_, false): self.ask(limit)
            case (_?, true): self.finish(.live)
            case (nil, true): break
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
            case .failure(let error): self.finish(.failed(error))
            }
        }
    }

    private func wait(_ limit: Duration) {
        if limit <= .zero { return finish(.live) }
        let pause = state.withLock { state in
            guard state.isDeaf else { return limit }
            defer { state.pause = min(state.pause * 2, StepwiseClient.askEvery) }
            return min(limit, state.pause)
        }
        finishLive(in: pause)
    }

    private func finishLive(in time: Duration) { schedule(in: time) { self.finish(.live) } }

    /// Has `body` called then, if this look still goes on.
    private func schedule(in time: Duration, _ body: @escaping @Sendable () -> Void) {
        let timer = client.eventLoop.scheduleTask(in: TimeAmount(atMost: time), body)
        let isWaitedFor = state.withLock { state in
            if state.waiter != nil { state.timers.append(timer) }
            return state.waiter != nil
        }
        if !isWaitedFor { timer.cancel() }
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
        let (waiter, timers) = state.withLock { state in
            defer { (state.waiter, state.timers, state.isLive, state.isTold) = (nil, [], false, false) }
            return (state.waiter, state.timers)
        }
        for timer in timers { timer.cancel() }
        waiter?.resume(returning: sight)
    }
}
