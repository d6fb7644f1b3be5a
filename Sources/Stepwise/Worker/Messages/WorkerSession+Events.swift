internal import Logging
internal import StepwiseRedis

/// Events that travel: to one run, or to everybody who waits for them.
extension WorkerSession {
    /// How many runs are told at once.
    private static let tellPage = 100

    /// Tells an event to whoever waits for it since before a time; page after page, because each that is told leaves the list.
    func tell(_ event: String, since time: Int, _ value: [UInt8], text: String, queue: String) async throws {
        let claim = (list: keys.claimed(name, queue), text: text)
        while true {
            let waiters = try await command(.waiters(keys, of: event, since: time, count: Self.tellPage))
            if waiters.isEmpty { break }
            let isMine = try await withThrowingTaskGroup(of: Bool.self) { group in
                for text in waiters {
                    group.addTask { try await self.tell(EventMessage(event: event, value: value), text, claim) }
                }
                return try await group.reduce(true) { $0 && $1 }
            }
            // Another worker goes on with it.
            guard isMine else { return }
        }
        try await command(.endClaim(text, in: claim.list))
    }

    private func tell(_ message: EventMessage, _ text: String, _ claim: (list: String, text: String)) async throws
        -> Bool
    {
        do {
            guard let waiter = EventWaiter(text) else { throw RedisError(.refused, "\"\(text)\" is not a waiter") }
            return try await store.deliver(
                .init(id: waiter.run, generation: waiter.generation, queue: waiter.queue, keys: keys),
                step: waiter.step, message,
                claim: claim)
        } catch let error as RedisError {
            // One run whose keys are damaged must not keep the event from the others.
            logger.error(
                "an event cannot reach a step; its wait is taken out of the event's list, see the run with \(keys.command("doctor"))",
                metadata: ["event": "\(message.event)", "waiter": "\(text)", "error": "\(error)"])
            try await command(.removeWaiter(keys, of: message.event, text))
            return true
        }
    }

    /// Does what a pushed item asks for.
    func send(_ event: PushedEvent, _ item: [UInt8], from queue: String, _ claim: Claim) async throws {
        let message = EventMessage(event: event.event, value: event.payload, id: event.id)
        let asked = PushedClaim(worker: name, queue: queue, item: item)
        guard let run = event.run else {
            let limit = configuration.waitingLimit
            let keep = event.keep.map { limit > .zero ? min($0, limit.wholeMilliseconds) : $0 }
            let most = configuration.maximumPushedWaiting
            let reply = try await message.send(
                queue: queue, keep: keep, claim: asked, mostKept: most, keys: keys, evaluate)
            if let reason = message.problem(reply, mostKept: most) {
                return try await store.reject(ClaimedItem(item), from: .inbox(queue), reason: reason)
            }
            guard case .sent(let text) = reply, let told = ledger.begin(Array(text.utf8)) else { return }
            claim.end()
            defer { told.end() }
            guard case .broadcast(let name, let time, let value)? = WorkItem(text) else { return }
            // The value was validated with the item.
            return try await tell(name, since: time, value, text: text, queue: queue)
        }
        let reply = try await message.send(
            to: run, claim: asked, sender: name, maximumRunSize: configuration.maximumRunSize,
            mostExpected: mostPushedWaiting, keys: keys, evaluate)
        if case .crowded(let share) = reply { noteCrowded(queue, .events, share) }
        if let problem = message.problem(reply, run: run, mostExpected: mostPushedWaiting) {
            try await store.reject(ClaimedItem(item), from: .inbox(queue), reason: problem.message)
        }
    }

    /// Sends what a step has to send, once.
    ///
    /// - Parameter text: of the step's claim, or of the turn's.
    /// - Returns: why it could not be sent.
    func send(
        _ notice: Notice, value: [UInt8], from run: RunStore.Run, step: Step, text: String
    ) async throws -> StepwiseError? {
        let message = EventMessage(event: notice.event, value: value, id: step.idempotencyKey)
        switch notice.target {
        case .run(let id):
            let reply = try await message.send(
                to: id, claim: nil, sender: name, maximumRunSize: configuration.maximumRunSize, keys: keys
            ) { script, keys, arguments in try await self.evaluate(script, keys, arguments, for: text) }
            return message.problem(reply, run: id)
        case .everybody(let keep):
            return message.problem(
                try await message.send(queue: run.queue, keep: keep, sender: run.id, keys: keys) {
                    script, keys, arguments in try await self.evaluate(script, keys, arguments, for: text)
                })
        }
    }
}
