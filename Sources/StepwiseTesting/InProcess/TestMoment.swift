import Stepwise
import Synchronization

/// A moment of a tested run, for what happens from outside: see ``WorkflowTest/at(_:_:)`` and ``WorkflowTest/after(_:_:)``.
public struct TestMoment: Sendable {
    let script: TestScript
    /// The virtual time since the run began.
    public let elapsed: Duration

    /// Sends an event to the tested run, or to one of its children.
    ///
    /// - Parameter run: the run's id; `nil`: the tested one.
    public func notify(_ event: String, _ value: some Encodable & Sendable, run: String? = nil) {
        script.send(event, value, run.map { .run($0) })
    }

    /// Sends an event without a value.
    public func notify(_ event: String, run: String? = nil) {
        script.send(event, Int?.none, run.map { .run($0) })
    }

    /// Sends an event to everybody who waits for it.
    ///
    /// - Parameter keep: for how long those get it who come later; `nil`, zero and less: nobody.
    public func notifyEverybody(_ event: String, _ value: some Encodable & Sendable, keep: Duration? = nil) {
        script.send(event, value, .everybody(keep: Notice.keep(keep)))
    }

    /// Answers a callback of the tested run, as whoever has its token does.
    ///
    /// - Parameter callback: the name that `context.callback` was given.
    public func answer(_ callback: String, _ value: some Encodable & Sendable) {
        script.answer(callback, value)
    }

    /// Asks for the run's end, as ``WorkflowRun/cancel(reason:)`` does.
    public func cancel(reason: String = "a client asked for it") {
        script.settings.withLock { $0.signals.append(.cancel(reason)) }
    }
}

extension WorkflowTest {
    /// Sends an event to the tested run as soon as it has begun, before it asks: it is kept until it does.
    public func notify(_ event: String, _ value: some Encodable & Sendable) {
        at(.zero) { $0.notify(event, value) }
    }

    /// Sends an event without a value to the tested run as soon as it has begun.
    public func notify(_ event: String) {
        at(.zero) { $0.notify(event) }
    }

    /// Answers a callback of the tested run as soon as it has made the token.
    ///
    /// - Parameter callback: the name that `context.callback` was given.
    public func answer(_ callback: String, _ value: some Encodable & Sendable) {
        at(.zero) { $0.answer(callback, value) }
    }

    /// The events that steps of the last run sent, in their order.
    public var sent: [TestedEvent] { script.outcome.withLock { $0.sent } }
}

extension TestScript {
    func send(_ event: String, _ value: some Encodable & Sendable, _ target: Notice.Target?) {
        let json = json(value, "the value of event \"\(event)\"")
        settings.withLock { $0.signals.append(.event(event, json, target)) }
    }

    func answer(_ callback: String, _ value: some Encodable & Sendable) {
        let json = json(value, "the answer to callback \"\(callback)\"")
        settings.withLock { $0.signals.append(.answer(callback: callback, json)) }
    }

    /// What cannot be stored fails the run's test, which can throw.
    private func json(_ value: some Encodable & Sendable, _ what: String) -> [UInt8] {
        do { return try JSON.encode(value, what: what) } catch {
            settings.withLock { $0.problem = $0.problem ?? error.message }
            return JSON.null
        }
    }
}
