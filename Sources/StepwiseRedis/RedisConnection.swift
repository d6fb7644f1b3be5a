import NIOCore
import NIOSSL

/// One connection: writes commands, gives each reply to the oldest command that has none, and notices a dead peer.
///
/// Lives and dies with its channel and never reconnects; all of it happens on the channel's event loop.
final class RedisConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let parser = ReplyParser()
    private let encoder = CommandEncoder()
    private let timer: DeadlineTimer
    private let maximumBulk: Int
    private let peer: TLSPeer?
    private let authorities: [UInt8]?
    private var context: ChannelHandlerContext?
    // Not checked: everything is on the event loop, and what changes one of them calls nobody who could come back to it. A check costs as
    // much as the rest of the access, for every command.
    @exclusivity(unchecked) private var outgoing = ByteBuffer()
    @exclusivity(unchecked) private var pending = CircularBuffer<RedisCommand>()
    private(set) var lastRead = NIODeadline.now()
    private(set) var hasAnswered = false
    /// Whether the server has shown a certificate: it speaks TLS.
    private(set) var hasMetTLS = false
    /// See ``ReplyParser/mostHeld``.
    var mostHeld: Int { parser.mostHeld }
    /// Why the connection is of no more use; set once.
    private(set) var failure: RedisError?
    /// A replica's answer to a write: whoever connects anew may meet the master.
    private var refusal: RedisError?
    /// Takes every reply that no command waits for. Without it such a reply is an error.
    var onPush: ((RedisValue) -> Void)?
    /// Called once, before the pending commands learn that they failed.
    var onFailure: ((RedisError) -> Void)?

    /// - Parameters:
    ///   - maximumBulk: the most bytes of a string in a reply, for commands that have no limit of their own.
    ///   - peer: `nil` without TLS.
    ///   - authorities: what the file of those that the server is checked against held.
    init(eventLoop: any EventLoop, maximumBulk: Int, peer: TLSPeer?, authorities: [UInt8]?) {
        self.maximumBulk = maximumBulk
        self.peer = peer
        self.authorities = authorities
        timer = DeadlineTimer(eventLoop: eventLoop)
        timer.onDue = { [unowned self] now in sweep(now) }
    }

    // MARK: Commands

    /// Queues a command for the next ``flush()``.
    func write(_ command: RedisCommand) {
        if let failure {
            return command.complete(.failure(failure.lostReply(of: command)))
        }
        encoder.encode(command.arguments, into: &outgoing)
        pending.append(command)
        timer.ensure(by: command.deadline)
    }

    /// Whether nothing had come for longer than `limit` at that moment, and nothing is on its way.
    func isIdle(at moment: NIODeadline, for limit: TimeAmount) -> Bool { moment > lastRead + limit && pending.isEmpty }

    /// Queues a command whose answer, if any, goes to ``onPush``: a subscriber's.
    func writeUnanswered(_ arguments: [RedisArgument]) {
        guard failure == nil else { return }
        encoder.encode(arguments, into: &outgoing)
    }

    private static let mostKept = 256 * 1024

    /// Sends all that was queued, in one piece.
    func flush() {
        guard let context, failure == nil, outgoing.readableBytes > 0 else { return }
        var bytes = outgoing
        outgoing = ByteBuffer()
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        // Its memory is used again, unless that would be a lot to keep. If the socket took only a part of it, this is a new, small one.
        guard bytes.storageCapacity <= Self.mostKept, outgoing.readableBytes == 0 else { return }
        bytes.clear(minimumCapacity: 1024)
        outgoing = bytes
    }

    /// Gives the connection up. Its owner hears of it first, then the commands that have no reply.
    func abort(_ cause: RedisError) {
        guard failure == nil else { return }
        failure = cause
        if peer != nil, let context {
            let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
            hasMetTLS = certificate != nil
        }
        timer.stop()
        onFailure?(cause)
        onFailure = nil
        onPush = nil
        let lost = pending
        pending.removeAll()
        for command in lost { command.complete(.failure(cause.lostReply(of: command))) }
        context?.close(promise: nil)
    }

    // MARK: Time

    /// One impatient command behind somebody's slow script must not cost its neighbours their replies.
    private static let shortestSilence = TimeAmount.seconds(1)

    /// Fails what waited too long and returns when to look again.
    private func sweep(_ now: NIODeadline) -> NIODeadline? {
        guard let oldest = pending.first else { return nil }
        // A peer that sends nothing for longer than the oldest command allows is gone. The command keeps its place when it
        // has timed out, so a slow neighbour behind it does not hide the silence.
        let patience = max(oldest.timeout, Self.shortestSilence)
        let silentUntil = max(lastRead, oldest.deadline - oldest.timeout) + patience
        guard now < silentUntil else {
            abort(RedisError(.ambiguous, "the server has been silent for \(patience.text)"))
            return nil
        }
        for command in pending where command.deadline <= now {
            let text = "no reply to \(command.name) within \(command.timeout.text); it may have been executed"
            command.complete(.failure(RedisError(.ambiguous, text)))
        }
        return pending.lazy.filter { !$0.isComplete }.map(\.deadline).reduce(silentUntil, min)
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        abort(RedisError(.ambiguous, "the connection was closed"))
        self.context = nil
    }

    /// What some servers say in TLS to a client that does not speak it.
    private static let alert: [UInt8] = [0x15, 0x03]

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard failure == nil else { return }
        lastRead = .now()
        let bytes = unwrapInboundIn(data)
        if !hasAnswered, peer == nil, bytes.readableBytesView.starts(with: Self.alert) {
            return abort(.otherScheme(tls: false))
        }
        hasAnswered = true
        do throws(RedisError) {
            try parser.feed(bytes)
            while failure == nil, let reply = try parser.next(maximumBulk: nextMaximumBulk) { try deliver(reply) }
            if let refusal { abort(refusal) }
        } catch {
            abort(error)
        }
    }

    /// Replies come in the order of their commands.
    private var nextMaximumBulk: Int { pending.first?.maximumBulk ?? maximumBulk }

    private func deliver(_ reply: RedisValue) throws(RedisError) {
        guard let command = pending.popFirst() else {
            guard let onPush else { throw RedisError(.ambiguous, "the server sent a reply that nothing asked for") }
            return onPush(reply)
        }
        if case .error(let text) = reply {
            let error = RedisError(reply: text)
            if error.isFromReplica { refusal = error }
            command.complete(.failure(error))
        } else if let length = parser.longestCut, command.maximumBulk == nil {
            command.complete(.failure(tooLong(length, in: command)))
        } else {
            command.complete(.success(reply))
        }
    }

    private func tooLong(_ length: Int, in command: RedisCommand) -> RedisError {
        RedisError(
            .refused,
            """
            the reply to \(command.name), which was executed, has a string of \(length) bytes, and at most \(maximumBulk) are \
            read; `redis-cli --memkeys` finds the largest keys
            """
        )
    }

    func channelInactive(context: ChannelHandlerContext) {
        abort(RedisError(.ambiguous, "the server closed the connection"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let denial = peer?.denial(
            error, shown: { try? context.pipeline.syncOperations.nioSSL_peerCertificate() }, authorities: authorities)
        abort(
            denial ?? (isNoTLS(error) ? .otherScheme(tls: true) : RedisError(.ambiguous, networkErrorText(error))))
    }
}

extension RedisError {
    /// What a command gets that was written to a connection which failed so.
    fileprivate func lostReply(of command: RedisCommand) -> RedisError {
        guard kind != .closed else { return self }
        return RedisError(
            .ambiguous,
            "the connection to redis was lost before the reply to \(command.name), which may have been executed: \(message)"
        )
    }
}
