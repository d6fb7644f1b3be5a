import NIOCore
import NIOPosix

/// Looks whether a server that does not answer speaks TLS where the URL does not say so, or the other way round.
///
/// A Redis without TLS waits for the rest of what TLS begins with; one with TLS closes a connection that begins otherwise, and says nothing. So it is
/// asked on a connection of its own, with what only the other kind answers and with no secret: a `PING`, or the beginning of TLS.
enum SchemeProbe {
    private static let limit = TimeAmount.seconds(1)

    /// A `ClientHello` without any extension: a server takes it, or refuses it with an alert.
    private static let hello: [UInt8] =
        [0x16, 0x03, 0x01, 0x00, 0x2D, 0x01, 0x00, 0x00, 0x29, 0x03, 0x03] + Array(repeating: 0, count: 33)
        + [0x00, 0x02, 0xC0, 0x2F, 0x01, 0x00]

    /// - Parameter tls: whether TLS is looked for, or a Redis without it.
    static func finds(tls: Bool, at server: SocketAddress, on eventLoop: any EventLoop) -> EventLoopFuture<Bool> {
        let first = eventLoop.makePromise(of: UInt8?.self)
        let question = ByteBuffer(bytes: tls ? hello : Array("PING\r\n".utf8))
        ClientBootstrap(group: eventLoop)
            .connectTimeout(limit)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FirstByte(question, first))
                }
            }
            .connect(to: server)
            .whenComplete { result in
                switch result {
                case .success(let channel): _ = eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
                case .failure: first.succeed(nil)
                }
            }
        let signs = tls ? ofTLS : ofRedis
        return first.futureResult.map { byte in byte.map { signs.contains($0) } ?? false }
    }

    /// A record of the handshake, or an alert.
    private static let ofTLS: [UInt8] = [0x16, 0x15]
    /// A reply, or an error: it wants a password, or has no connection left.
    private static let ofRedis: [UInt8] = [UInt8(ascii: "+"), UInt8(ascii: "-")]
}

/// Sends a question and keeps the first byte of the answer; `nil` if the connection ends without any.
private final class FirstByte: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let question: ByteBuffer
    private let answer: EventLoopPromise<UInt8?>

    init(_ question: ByteBuffer, _ answer: EventLoopPromise<UInt8?>) {
        self.question = question
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(question), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        answer.succeed(unwrapInboundIn(data).readableBytesView.first)
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        answer.succeed(nil)
    }
}

extension RedisError {
    /// - Parameter tls: whether the URL says TLS.
    static func otherScheme(tls: Bool) -> RedisError {
        RedisError(
            .unavailable,
            tls
                ? "the server does not speak TLS on this port; use redis:// instead of rediss://"
                : "the server speaks TLS on this port; use rediss:// instead of redis://", fault: .scheme)
    }
}
