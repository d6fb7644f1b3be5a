import Logging
import NIOCore

/// The part of a subscriber that belongs to its event loop.
final class RedisSubscriberCore {
    private let link: RedisLink
    private let logger: Logger
    private let timer: DeadlineTimer
    private let pulse: DeadlineTimer
    private let timeout: TimeAmount
    /// Twice in a timeout, so that one lost answer is not taken for the server's end.
    private var pulseInterval: TimeAmount { .nanoseconds(timeout.nanoseconds / 2) }
    private var connection: RedisConnection?
    private var table = SubscriptionTable()
    private var lastCause: RedisError?
    private var lastRefusal: String?
    private var isClosed = false

    init(address: RedisAddress, options: RedisOptions, eventLoop: any EventLoop, logger: Logger) {
        link = RedisLink(address: address, options: options, eventLoop: eventLoop, logger: logger)
        timer = DeadlineTimer(eventLoop: eventLoop)
        pulse = DeadlineTimer(eventLoop: eventLoop)
        timeout = options.commandTimeout
        self.logger = logger
        timer.onDue = { [weak self] now in self?.sweep(now) }
        pulse.onDue = { [weak self] now in self?.listen(now) }
        link.onEvent = { [weak self] event in self?.handle(event) }
    }

    // MARK: Callers

    func subscribe(_ request: RedisCommand, to channel: String, _ onMessage: @escaping ([UInt8]) -> Void) {
        request.adopt()
        if request.isComplete { return }
        if isClosed { return request.complete(.failure(.closed)) }
        timer.ensure(by: request.deadline)
        perform([table.add(request, to: channel, onMessage)])
        link.want()
    }

    func cancel(_ request: RedisCommand) {
        perform(table.removeRequests { $0 === request })
        request.cancel()
    }

    func remove(_ id: Int, from channel: String) {
        perform([table.remove(id, from: channel)])
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        connection = nil
        timer.stop()
        pulse.stop()
        link.close()
        table.failAll(.closed)
    }

    private func perform(_ changes: [SubscriptionTable.Change]) {
        // Without a connection nothing has to be said: the next one begins with all that is wanted then.
        guard let connection else { return }
        for change in changes {
            switch change {
            case .nothing: break
            case .subscribe(let channel):
                connection.writeUnanswered(["SUBSCRIBE", .string(channel)])
                table.sent(channel)
            case .unsubscribe(let channel):
                connection.writeUnanswered(["UNSUBSCRIBE", .string(channel)])
            }
        }
        connection.flush()
    }

    // MARK: The connection

    private func handle(_ event: RedisLink.Event) {
        switch event {
        case .connected(let connection, _):
            self.connection = connection
            lastRefusal = nil
            connection.onPush = { [weak self] push in self?.receive(push) }
            perform(table.wanted.map { .subscribe($0) })
            pulse.ensure(by: .now() + pulseInterval)
        case .lost(let error):
            connection = nil
            lastCause = error
            table.disconnected()
        case .attemptFailed(let error, let hopeless):
            lastCause = error
            if hopeless { fail(link.hopelessError(error)) { _ in true } }
        }
    }

    private func receive(_ push: RedisValue) {
        if case .error(let text) = push {
            // Once, and not for each of those who go on without.
            if text != lastRefusal {
                logger.warning("redis refused a subscription", metadata: ["cause": "\(text)"])
            }
            lastRefusal = text
            return table.refused(RedisError(reply: text))
        }
        guard let parts = push.array, parts.count == 3, let channel = parts[1].string else { return }
        switch parts[0].string {
        case "message": table.deliver(parts[2].bytes ?? [], on: channel)
        case "subscribe": table.confirmed(channel)
        default: break
        }
    }

    /// Asks for a sign of life, because a subscriber that is told nothing cannot tell silence from death.
    private func listen(_ now: NIODeadline) -> NIODeadline? {
        guard let connection else { return nil }
        guard now - connection.lastRead < timeout else {
            connection.abort(RedisError(.ambiguous, "the server has been silent for \(timeout.text)"))
            return nil
        }
        connection.writeUnanswered(["PING"])
        connection.flush()
        return now + pulseInterval
    }

    private func sweep(_ now: NIODeadline) -> NIODeadline? {
        fail(link.timeoutError(after: timeout, lastCause: lastCause)) { $0.deadline <= now }
        return table.requests.map(\.deadline).min()
    }

    /// Ends the requests that `isOver` picks and the subscriptions that they asked for.
    private func fail(_ error: RedisError, where isOver: (RedisCommand) -> Bool) {
        let failing = table.requests.filter(isOver)
        perform(table.removeRequests(where: isOver))
        for request in failing { request.complete(.failure(error)) }
    }
}
