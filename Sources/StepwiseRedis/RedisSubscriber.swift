package import Logging
package import NIOCore

/// A connection of its own for `SUBSCRIBE`. It reconnects and subscribes again by itself; what is published meanwhile is
/// lost, as always with Redis.
package final class RedisSubscriber: Sendable {
    /// One call of ``RedisSubscriber/subscribe(_:_:)``.
    package struct Subscription: Sendable, Hashable {
        package let channel: String
        let id: Int
    }

    private let eventLoop: any EventLoop
    private let timeout: TimeAmount
    private let core: NIOLoopBoundBox<RedisSubscriberCore>

    package init(address: RedisAddress, options: RedisOptions = .init(), eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        timeout = options.commandTimeout
        let core = RedisSubscriberCore(address: address, options: options, eventLoop: eventLoop, logger: logger)
        self.core = .makeBoxSendingValue(core, eventLoop: eventLoop)
    }

    /// Subscribes to a channel; several subscriptions to one channel each get every message.
    /// - Parameter onMessage: called on the event loop, with the message's bytes.
    /// - Returns: when the server has confirmed: what is published from now on arrives.
    /// - Throws: ``RedisError``: `unavailable` when the client's command timeout passes first, `denied` when the user may
    ///   not, `cancelled`, `closed`. There is no subscription then.
    package func subscribe(
        _ channel: String,
        _ onMessage: @escaping @Sendable ([UInt8]) -> Void
    ) async throws(RedisError) -> Subscription {
        if Task.isCancelled { throw .cancelled }
        let request = RedisCommand(["SUBSCRIBE", .string(channel)], timeout: timeout)
        let reply = await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Result<RedisValue, RedisError>, Never>) in
                request.onCompletion { continuation.resume(returning: $0) }
                eventLoop.execute { [core] in core.value.subscribe(request, to: channel, onMessage) }
            }
        } onCancel: {
            eventLoop.execute { [core] in core.value.cancel(request) }
        }
        let id = try reply.get().integer ?? 0
        return Subscription(channel: channel, id: id)
    }

    /// The same without a wait.
    ///
    /// - Parameter onEnd: called on the event loop once it is there, or is not to be had.
    package func subscribe(
        _ channel: String, _ onMessage: @escaping @Sendable ([UInt8]) -> Void,
        onEnd: @escaping @Sendable (Result<Subscription, RedisError>) -> Void
    ) {
        let request = RedisCommand(["SUBSCRIBE", .string(channel)], timeout: timeout)
        request.onCompletion { reply in onEnd(reply.map { Subscription(channel: channel, id: $0.integer ?? 0) }) }
        eventLoop.execute { [core] in core.value.subscribe(request, to: channel, onMessage) }
    }

    /// Ends a subscription; the server hears of it when it was the channel's last one. Twice is fine.
    package func unsubscribe(_ subscription: Subscription) {
        eventLoop.execute { [core] in core.value.remove(subscription.id, from: subscription.channel) }
    }

    /// Ends the connection and all subscriptions. Closing twice is fine.
    package func close() async {
        await withCheckedContinuation { continuation in
            eventLoop.execute { [core] in
                core.value.close()
                continuation.resume()
            }
        }
    }
}
