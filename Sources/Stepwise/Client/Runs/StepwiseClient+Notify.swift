/// What came of an event that was sent to a run.
public enum EventDelivery: Sendable, Hashable {
    /// A step of the run waited for it, and has it now.
    case received
    /// It is kept until the run asks.
    case kept
    /// An event with this id was sent to the run before; nothing was changed.
    case repeated
}

/// What came of an event that was sent to everybody.
public enum EventBroadcast: Sendable, Hashable {
    /// A worker reaches those who wait for it.
    case sent
    /// It was to be kept, and another one of its name is kept already: it was not sent.
    case keptAlready
}

extension StepwiseClient {
    /// Sends an event to a run. The first of its steps that waits for an event of that name gets it; else it is kept until one asks, also if
    /// there is no such run yet. Events of one name are got in the order in which they were sent, each once.
    ///
    /// - Parameters:
    ///   - event: the event's name: 1 to 200 printable ASCII characters without spaces.
    ///   - value: its value, stored as JSON.
    ///   - run: the run's id.
    ///   - id: the event's own id: with it the call may be repeated after any error (the last 1,000 are known).
    /// - Throws: ``StepwiseError``: `wrongStatus` if the run has ended, `mailboxFull`, `invalidIdentifier`, `notStorable`, `tooLarge`, or one of
    ///   the `redis…` codes.
    @discardableResult
    public func notify(
        _ event: String, _ value: some Encodable & Sendable, run: String, id: String? = nil
    ) async throws -> EventDelivery {
        try await notify(event, json: JSON.encode(value, what: "the value of event \"\(event)\""), run: run, id: id)
    }

    /// Sends an event without a value to a run.
    @discardableResult
    public func notify(_ event: String, run: String, id: String? = nil) async throws -> EventDelivery {
        try await notify(event, json: JSON.null, run: run, id: id)
    }

    /// Sends an event to everybody who waits for it now, by way of a queue: a worker reaches them one after the other.
    ///
    /// - Parameters:
    ///   - event: the event's name: 1 to 200 printable ASCII characters without spaces.
    ///   - value: its value, stored as JSON.
    ///   - keep: for how long those get it who come later; `nil`, zero and less: nobody. While an event of that name is kept, another one that is to be kept
    ///     reaches nobody: the first counts. It replaces one that was pushed.
    ///   - queue: whose workers reach the waiting runs, whatever queues these have.
    /// - Returns: whether it was sent.
    /// - Throws: ``StepwiseError``: `invalidIdentifier`, `notStorable`, `tooLarge`, or one of the `redis…` codes.
    @discardableResult
    public func notify(
        _ event: String, _ value: some Encodable & Sendable, keep: Duration? = nil, queue: String = "default"
    ) async throws -> EventBroadcast {
        try await notify(
            event, json: JSON.encode(value, what: "the value of event \"\(event)\""), keep: keep, queue: queue)
    }

    /// Sends an event without a value to everybody who waits for it now.
    @discardableResult
    public func notify(_ event: String, keep: Duration? = nil, queue: String = "default") async throws -> EventBroadcast
    {
        try await notify(event, json: JSON.null, keep: keep, queue: queue)
    }

    package func notify(_ event: String, json: [UInt8], run: String, id: String? = nil) async throws -> EventDelivery {
        let event = try storedName(event, json)
        try Identifier.check(runID: run)
        if let id { try Identifier.check(id, what: "event id") }
        try await prepare(writes: true)
        let message = EventMessage(event: event, value: json, id: id)
        let reply = try await message.send(
            to: run, claim: nil, sender: "client", maximumRunSize: Limits.maximumRunSize,
            keys: keys
        ) { script, keys, arguments in
            try await self.evaluate(script, keys, arguments, doing: "sending event \"\(event)\" to run \(run)")
        }
        if let problem = message.problem(reply, run: run) { throw problem }
        return reply == .received ? .received : reply == .seen ? .repeated : .kept
    }

    package func notify(_ event: String, json: [UInt8], keep: Duration?, queue: String) async throws -> EventBroadcast {
        let event = try storedName(event, json)
        try Identifier.check(queue: queue)
        try await prepare(writes: true)
        let reply = try await EventMessage(event: event, value: json).send(
            queue: queue, keep: Notice.keep(keep), keys: keys
        ) { script, keys, arguments in
            try await self.evaluate(script, keys, arguments, doing: "sending event \"\(event)\"")
        }
        return reply == .keptAlready ? .keptAlready : .sent
    }

    /// The stored name of an event that may be sent.
    private func storedName(_ given: String, _ json: [UInt8]) throws(StepwiseError) -> String {
        try Identifier.check(event: given)
        let event = EventName.stored(given)
        if json.count > maximumPayloadSize {
            throw StepwiseError(
                .tooLarge,
                "the value of event \"\(event)\" is \(json.count) bytes of JSON, and the limit is \(maximumPayloadSize) (maximumPayloadSize of the client): "
                    + "store it elsewhere and send a reference, or raise the limit")
        }
        return event
    }
}

extension WorkflowRun {
    /// Sends an event to the run: see ``StepwiseClient/notify(_:_:run:id:)``.
    @discardableResult
    public func notify(
        _ event: String, _ value: some Encodable & Sendable, id: String? = nil
    ) async throws -> EventDelivery {
        try await source.notify(
            event, json: JSON.encode(value, what: "the value of event \"\(event)\""), run: self.id, id: id)
    }

    /// Sends an event without a value to the run.
    @discardableResult
    public func notify(_ event: String, id: String? = nil) async throws -> EventDelivery {
        try await source.notify(event, json: JSON.null, run: self.id, id: id)
    }
}
