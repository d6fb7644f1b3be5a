extension WorkflowContext {
    /// Waits for an event that somebody sends to this run, or to everybody: a step, whose outcome is the event's value.
    ///
    /// ```swift
    /// let approval = try await context.waitForEvent("approved", as: Approval.self, timeout: .seconds(86_400))
    /// ```
    ///
    /// Events that were sent to this run before it asked have been kept, in their order. While it waits the run takes no worker. Of an event
    /// and a timeout in the same instant one is recorded, and counts on every replay.
    ///
    /// - Parameters:
    ///   - event: the event's name: 1 to 200 printable ASCII characters without spaces, the first of them no hyphen.
    ///   - type: what its value is decoded as.
    ///   - timeout: how long to wait, by Redis' clock; `nil`: for ever.
    ///   - name: the step's name; `nil`: the event's.
    /// - Returns: the event's value.
    /// - Throws: ``EventTimeout``; `CancellationError` in a cancelled task; ``StepFailure`` with cause `notDecodable` for a value that is none of
    ///   `type`, after which the function may wait again, or with cause `tooLarge` for one with which the run's outcomes would take more than
    ///   they may; ``StepwiseError`` for a bad name, or a call from the wrong place.
    @discardableResult
    public func waitForEvent<T: Codable & Sendable>(
        _ event: String, as type: T.Type = T.self, timeout: Duration? = nil, name: String? = nil
    ) async throws -> T {
        let result = try await self.event(event, timeout, name)
        return try decode(type, ofEvent: EventName.stored(event), from: result)
    }

    /// The value comes from others, and not from this code as it was: to park the run would let whoever sends an event stop all who wait for it.
    private func decode<T: Decodable>(_ type: T.Type, ofEvent event: String, from result: StepResult) throws -> T {
        do {
            return try JSON.decode(
                type, from: result.json,
                what: "the value of event \"\(event)\", which step \"\(result.step)\" of run \(runID) has got,")
        } catch {
            throw StepFailure(
                step: result.step, attempts: 1, type: String(describing: StepwiseError.self),
                message: error.message.prefix(bytes: ErrorWords.limit), cause: .notDecodable)
        }
    }

    /// Waits for an event whose value does not matter.
    public func waitForEvent(_ event: String, timeout: Duration? = nil, name: String? = nil) async throws {
        _ = try await self.event(event, timeout, name)
    }

    func event(_ given: String, _ timeout: Duration?, _ name: String?) async throws -> StepResult {
        let event = EventName.stored(given)
        let step = name ?? event
        try checkPlace(of: "step \"\(step)\"")
        try Identifier.check(event: given)
        let limit = timeout.map { max(.zero, $0).wholeMilliseconds }
        do {
            return try await instance.call(name: step, options: StepOptions(), .wait(.event(event, timeout: limit))) {
                _ in
                JSON.null
            }
        } catch let failure as StepFailure where failure.cause == .timedOut {
            throw EventTimeout(event: event, step: failure.step)
        }
    }

    /// Sends an event to a run: a step. The run gets it once, also if this worker dies meanwhile; if it does not ask for it now, the event is
    /// kept until it does.
    ///
    /// - Parameters:
    ///   - event: the event's name.
    ///   - value: its value, stored as JSON.
    ///   - run: the run's id; it need not exist yet.
    ///   - name: the step's name; `nil`: `notify` and the event's.
    /// - Throws: ``StepFailure`` with the error `wrongStatus` or `mailboxFull` in words if the run has ended, or has too much to ask for.
    public func notify(
        _ event: String, _ value: some Codable & Sendable, run: String, name: String? = nil
    ) async throws {
        try Identifier.check(runID: run)
        try await notify(event, value, .run(run), name)
    }

    /// Sends an event to everybody who waits for it now: a step.
    ///
    /// - Parameters:
    ///   - event: the event's name.
    ///   - value: its value, stored as JSON.
    ///   - keep: for how long those get it who come later; `nil`, zero and less: nobody. While an event of that name is kept, another one that is to be kept
    ///     reaches nobody: the first counts. It replaces one that was pushed.
    ///   - name: the step's name; `nil`: `notify` and the event's.
    /// - Throws: ``StepFailure`` that names `mailboxFull` if the event was to be kept, and another one of its name is kept already: it was not sent.
    public func notify(
        _ event: String, _ value: some Codable & Sendable, keep: Duration? = nil, name: String? = nil
    ) async throws {
        try await notify(event, value, .everybody(keep: Notice.keep(keep)), name)
    }

    private func notify(
        _ given: String, _ value: some Codable & Sendable, _ target: Notice.Target, _ name: String?
    ) async throws {
        let event = EventName.stored(given)
        let step = name ?? "notify \(event)"
        try checkPlace(of: "step \"\(step)\"")
        try Identifier.check(event: given)
        let notice = Notice(event: event, target: target)
        _ = try await instance.call(name: step, options: options, .notice(notice)) { _ in
            try JSON.encode(value, what: "the value of event \"\(event)\"")
        }
    }
}

/// An event did not come in time.
public struct EventTimeout: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    /// The event that was waited for; of a callback as it is stored, without the secret.
    public let event: String
    /// The step that waited.
    public let step: String

    package init(event: String, step: String) {
        (self.event, self.step) = (event, step)
    }

    public var description: String { "no event \"\(event)\" came for step \"\(step)\" in time".printable }
}
