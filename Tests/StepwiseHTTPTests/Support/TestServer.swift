import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A request as it was on the wire.
struct Received: Sendable {
    /// Everything before the body, byte for byte.
    var head: String
    var body: [UInt8]

    var line: String { String(head.prefix { $0 != "\r\n" }) }
    var path: String { String(line.split(separator: " ")[1]) }
    var headers: [String] { head.split(separator: "\r\n").dropFirst().map(String.init) }

    func header(_ name: String) -> String? {
        headers.first { $0.lowercased().hasPrefix(name.lowercased() + ": ") }
            .map { String($0.dropFirst(name.count + 2)) }
    }
}

/// What the server does about a request.
enum Reply: Sendable {
    case answer(Int, headers: [String] = [], [UInt8] = [])
    /// These bytes, and then nothing more; the connection stays open.
    case stall([UInt8])
    /// Closes the connection.
    case hangUp

    static func answer(_ status: Int, headers: [String] = [], text: String) -> Reply {
        .answer(status, headers: headers, Array(text.utf8))
    }
}

/// An HTTP server that keeps what it was sent, byte for byte. It understands Content-Length and no more.
final class TestServer: Sendable {
    private let channel: any Channel
    private let state = Mutex((requests: [Received](), connections: 0, ended: 0))

    var port: Int { channel.localAddress?.port ?? 0 }
    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [Received] { state.withLock { $0.requests } }
    /// How many connections were made, and how many of them have ended.
    var connections: Int { state.withLock { $0.connections } }
    var ended: Int { state.withLock { $0.ended } }

    private init(channel: any Channel) {
        self.channel = channel
    }

    /// Calls `body` with a server on a free port of 127.0.0.1.
    static func with(
        tls: NIOSSLContext? = nil, _ reply: @escaping @Sendable (Received) async -> Reply,
        _ body: @Sendable (TestServer) async throws -> Void
    ) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let server = TestServer(channel: listener.channel)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await listener.executeThenClose { connections in
                    await withTaskGroup(of: Void.self) { group in
                        do {
                            for try await connection in connections {
                                group.addTask { try? await server.serve(connection, reply) }
                            }
                        } catch {}
                        group.cancelAll()
                    }
                }
            }
            defer { group.cancelAll() }
            try await body(server)
        }
    }

    private func serve(
        _ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ reply: @Sendable (Received) async -> Reply
    ) async throws {
        state.withLock { $0.connections += 1 }
        defer { state.withLock { $0.ended += 1 } }
        try await connection.executeThenClose { inbound, outbound in
            var unread: [UInt8] = []
            for try await part in inbound {
                unread.append(contentsOf: part.readableBytesView)
                guard let request = Self.take(from: &unread) else { continue }
                state.withLock { $0.requests.append(request) }
                switch await reply(request) {
                case .answer(let status, let headers, let body):
                    let lines = ["HTTP/1.1 \(status) Whatever"] + headers + ["Content-Length: \(body.count)", "", ""]
                    try await outbound.write(ByteBuffer(bytes: Array(lines.joined(separator: "\r\n").utf8) + body))
                case .stall(let bytes):
                    try await outbound.write(ByteBuffer(bytes: bytes))
                case .hangUp:
                    return
                }
            }
        }
    }

    private static func take(from bytes: inout [UInt8]) -> Received? {
        let end = Array("\r\n\r\n".utf8)
        guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else { return nil }
        let head = String(decoding: bytes[..<start], as: UTF8.self) + "\r\n"
        var request = Received(head: head, body: [])
        let length = request.header("content-length").flatMap(Int.init) ?? 0
        guard bytes.count >= start + 4 + length else { return nil }
        request.body = Array(bytes[(start + 4)..<(start + 4 + length)])
        bytes.removeFirst(start + 4 + length)
        return request
    }
}
