import Foundation
public import Stepwise
import Synchronization

extension RecordingClient {
    /// Records a run; the calls with typed inputs come here.
    public func enqueue(_ order: RunOrder) async throws -> EnqueuedRun {
        try order.check(maximumPayloadSize: 1_048_576)
        let id = order.id ?? Identifier.random(milliseconds: wallClockMilliseconds())
        let run = RecordedOrder(id: id, workflow: order.workflow, payload: order.payload, options: order.options)
        let (other, end, waiters) = state.withLock { state in
            let other = state.runs.first { $0.id == id }
            if other == nil { state.runs.append(run) }
            return (other, state.ends[order.workflow], other == nil ? Self.takeWaiters(&state) : [])
        }
        for waiter in waiters { waiter.resume() }
        if let other, other.workflow != order.workflow {
            throw StepwiseError(
                .invalidIdentifier,
                "run id \(id) belongs to a run of workflow \"\(other.workflow)\", not \"\(order.workflow)\"; choose another id"
            )
        }
        if other == nil, let end { self.end(id, await Result { try await end(order.payload) }) }
        return EnqueuedRun(id: id, isNew: other == nil, source: self)
    }
}

extension RecordingClient: RunSource {
    package func details(ofRun id: String) async throws -> RunDetails? {
        guard let run = order(id) else { return nil }
        var details = RunDetails(
            id: id, workflow: run.workflow, status: run.end?.status ?? (run.isPaused ? .paused : .queued),
            queue: run.options.queue, payload: String(decoding: run.payload, as: UTF8.self))
        details.labels = run.options.labels.values
        if let end = run.end, end.status == .completed { details.output = String(decoding: end.output, as: UTF8.self) }
        if let end = run.end, end.status != .completed { details.error = String(decoding: end.error, as: UTF8.self) }
        return details
    }

    package func history(ofRun id: String) async throws -> [RecordedStep] { [] }

    package func explain(_ id: String) async throws -> Explanation {
        var picture = RunPicture(id: id, now: wallClockMilliseconds())
        if let details = try await details(ofRun: id) {
            var run = SeenRun()
            (run.workflow, run.status, run.queue, run.error) = (
                details.workflow, details.status, details.queue, details.error
            )
            run.turn = run.status == .queued ? "queue" : ""
            (picture.run, picture.isShallow) = (run, true)
        }
        return Explanation(picture, keys: try Keys(namespace: "default"))
    }

    package func awaitEnd(ofRun id: String, isNew: Bool, timeout: Duration?) async throws -> RunEnd? {
        guard order(id) != nil else { return nil }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.wait { self.order(id)?.end != nil } }
                if let timeout {
                    group.addTask {
                        try await Task.sleep(atMost: timeout)
                        throw StepwiseError(
                            .timedOut,
                            "run \(id) had not ended after \(timeout): the test has neither finished nor failed it")
                    }
                }
                try await group.next()
                group.cancelAll()
            }
        } catch let error as StepwiseError where order(id)?.end == nil { throw error }
        return order(id)?.end
    }

    package func cancel(_ id: String, reason: String) async throws -> Cancellation {
        if end(id, .failure(CancellationError()), cancelReason: reason) { return .cancelled }
        guard let end = order(id)?.end else { throw noSuchRun(id) }
        return .alreadyEnded(end.status)
    }

    package func pause(_ id: String, reason: String, by: String?) async throws -> Bool {
        try change(id) { run in
            defer { run.isPaused = true }
            return !run.isPaused
        }
    }

    package func resume(_ id: String, from step: String?) async throws {
        try change(id) { $0.isPaused = false }
    }

    package func retry(_ id: String, step: String) async throws -> Int {
        if order(id) == nil { throw noSuchRun(id) }
        throw StepwiseError(
            .wrongStatus, "run \(id) has no steps that could be retried: a RecordingClient executes nothing")
    }

    package func notify(
        _ event: String, json: [UInt8], run: String, id: String?
    ) async throws -> EventDelivery {
        try Identifier.check(runID: run)
        if let end = order(run)?.end {
            throw StepwiseError(.wrongStatus, "run \(run) is \(end.status): event \"\(event)\" cannot reach it")
        }
        state.withLock { $0.events.append(TestedEvent(event: event, run: run, value: json)) }
        return .kept
    }

    package func noSuchRun(_ id: String) -> StepwiseError {
        StepwiseError(.noSuchRun, "no run \(id) was enqueued with this RecordingClient")
    }

    private func order(_ id: String) -> RecordedOrder? { state.withLock { $0.runs.first { $0.id == id } } }

    private func change<T>(_ id: String, _ body: (inout RecordedOrder) -> T) throws -> T {
        let result: T? = state.withLock { state in
            guard let index = state.runs.firstIndex(where: { $0.id == id }), state.runs[index].end == nil else {
                return nil
            }
            return body(&state.runs[index])
        }
        if let result { return result }
        guard let end = order(id)?.end else { throw noSuchRun(id) }
        throw StepwiseError(.wrongStatus, "run \(id) is \(end.status)")
    }
}
