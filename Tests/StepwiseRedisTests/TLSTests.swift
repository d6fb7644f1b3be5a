import Foundation
import NIOCore
import NIOPosix
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

@Suite("TLS", .serialized)
struct TLSTests {
    private func using(_ tls: [RedisTLS.Part: String]) -> RedisOptions {
        RedisOptions(commandTimeout: patience, tls: RedisTLS(tls))
    }

    /// What is known without waiting: after a timeout it would be `unavailable`.
    private func denial(_ url: String, _ tls: [RedisTLS.Part: String]) async throws -> String {
        try await withClient(url, options: using(tls)) { client in
            let error = await redisError { () throws(RedisError) in try await client.send(["PING"]) }
            #expect(error?.kind == .denied, "\(error?.message ?? "")")
            return error?.message ?? ""
        }
    }

    @Test func `With its authority's file a server is trusted, by name and by address`() async throws {
        try await TLSFiles.with { files in
            try files.make("server", for: "DNS:localhost,IP:127.0.0.1")
            try await files.withServer("server") { _, port in
                for host in ["localhost", "127.0.0.1"] {
                    let options = using([.authorities: files.path("authority.pem")])
                    try await withClient("rediss://\(host):\(port)", options: options) { client in
                        let value = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
                        _ = try await client.send(["SET", "key", .bytes(value)])
                        let read = try await client.send(["GET", "key"])
                        #expect(read.bytes == value)
                    }
                }
            }
        }
    }

    @Test
    func `Expired, unknown, of another name: what is wrong with a certificate is said after one attempt`()
        async throws
    {
        try await TLSFiles.with { files in
            try files.makeAuthority("stranger")
            try files.make("expired", for: "DNS:localhost", days: -1)
            try files.make("strange", for: "DNS:localhost", by: "stranger")
            try files.make("other", for: "DNS:redis.internal,IP:10.0.0.1")
            let tls: [RedisTLS.Part: String] = [.authorities: files.path("authority.pem")]
            try await files.withServer("expired") { _, port in
                let text = try await denial("rediss://localhost:\(port)", tls)
                #expect(text.contains("has expired: it was valid until "), "\(text)")
            }
            try await files.withServer("strange") { _, port in
                let text = try await denial("rediss://localhost:\(port)", tls)
                let file = files.path("authority.pem")
                #expect(text.contains("is not trusted: it does not lead to an authority in \(file), or"), "\(text)")
                let command = "`openssl s_client -connect localhost:\(port) -CAfile \(file)`"
                #expect(text.contains(command + " says what is missing"), "\(text)")
                let unsaid = try await denial("rediss://localhost:\(port)", [:])
                #expect(unsaid.contains("it does not lead to an authority that this system knows, or"), "\(unsaid)")
                #expect(unsaid.contains("--redis-ca, STEPWISE_REDIS_CA, or trustedCertificatesFile in Swift"))
            }
            try await files.withServer("other") { _, port in
                for host in ["localhost", "127.0.0.1"] {
                    let text = try await denial("rediss://\(host):\(port)", tls)
                    #expect(text.contains("is not for \(host), but for redis.internal, 10.0.0.1;"), "\(text)")
                    #expect(text.contains("--redis-server-name"))
                }
            }
        }
    }

    @Test func `The server's certificate may have another name than the address, if that name is given`() async throws {
        try await TLSFiles.with { files in
            try files.make("server", for: "DNS:redis.internal")
            try await files.withServer("server") { _, port in
                let authority = files.path("authority.pem")
                for host in ["localhost", "127.0.0.1"] {
                    let options = using([.authorities: authority, .serverName: "redis.internal"])
                    try await withClient("rediss://\(host):\(port)", options: options) { client in
                        let pong = try await client.send(["PING"])
                        #expect(pong.string == "PONG")
                    }
                }
                let text = try await denial(
                    "rediss://localhost:\(port)", [.authorities: authority, .serverName: "redis.example"])
                #expect(text.contains("is not for redis.example, but for redis.internal;"), "\(text)")
            }
        }
    }

    @Test func `A name that is given has to be the certificate's, even if that has the address too`() async throws {
        try await TLSFiles.with { files in
            try files.make("server", for: "DNS:redis.internal,DNS:*.example.org,IP:127.0.0.1")
            try await files.withServer("server") { _, port in
                let url = "rediss://127.0.0.1:\(port)"
                let authority = files.path("authority.pem")
                for name in ["redis.internal", "REDIS.Internal.", "a.example.org"] {
                    let options = using([.authorities: authority, .serverName: name])
                    try await withClient(url, options: options) { client in
                        let pong = try await client.send(["PING"])
                        #expect(pong.string == "PONG")
                    }
                }
                for name in ["redis.example", "internal", "example.org", "a.b.example.org"] {
                    let text = try await denial(url, [.authorities: authority, .serverName: name])
                    #expect(text.contains("is not for \(name), but for redis.internal, *.example.org"), "\(text)")
                }
            }
        }
    }

    @Test func `A name may have an underscore`() async throws {
        try await TLSFiles.with { files in
            try files.makeAuthority("stranger")
            try files.make("server", for: "DNS:my_redis,DNS:*.my_net,IP:127.0.0.1")
            try await files.withServer("server") { _, port in
                let url = "rediss://127.0.0.1:\(port)"
                let authority = files.path("authority.pem")
                for name in ["my_redis", "redis.my_net"] {
                    let options = using([.authorities: authority, .serverName: name])
                    try await withClient(url, options: options) { client in
                        let pong = try await client.send(["PING"])
                        #expect(pong.string == "PONG")
                    }
                }
                let other = try await denial(url, [.authorities: authority, .serverName: "your_redis"])
                #expect(other.contains("is not for your_redis, but for my_redis, *.my_net, 127.0.0.1;"), "\(other)")
                let strange = try await denial(
                    url, [.authorities: files.path("stranger.pem"), .serverName: "my_redis"])
                #expect(strange.contains("is not trusted"), "\(strange)")
            }
        }
    }

    @Test func `Of a certificate with many names a few are told`() async throws {
        try await TLSFiles.with { files in
            try files.make("server", for: (1...400).map { "DNS:r\($0).internal" }.joined(separator: ","))
            try await files.withServer("server") { _, port in
                let text = try await denial(
                    "rediss://localhost:\(port)", [.authorities: files.path("authority.pem")])
                #expect(
                    text.contains(
                        "but for r1.internal, r2.internal, r3.internal, r4.internal, r5.internal and 395 more;"),
                    "\(text)")
            }
        }
    }

    @Test func `A certificate that is missing between, or one for clients, is not said to be signed by nobody`()
        async throws
    {
        try await TLSFiles.with { files in
            try files.make("between", for: "DNS:between", extensions: ["basicConstraints=critical,CA:TRUE"])
            try files.make("server", for: "DNS:localhost", by: "between")
            try files.make("client", for: "DNS:localhost", extensions: ["extendedKeyUsage=clientAuth"])
            let tls: [RedisTLS.Part: String] = [.authorities: files.path("authority.pem")]
            for name in ["server", "client"] {
                try await files.withServer(name) { _, port in
                    let text = try await denial("rediss://localhost:\(port)", tls)
                    #expect(text.contains("does not lead to an authority in"), "\(text)")
                    #expect(text.contains("or is not one for a server; give"), "\(text)")
                    #expect(text.contains("have the server send the certificates between"), "\(text)")
                }
            }
            let both = try ["server", "between"].map { name in
                try Data(contentsOf: URL(fileURLWithPath: files.path("\(name).pem")))
            }
            try Data(both.joined()).write(to: URL(fileURLWithPath: files.path("server.pem")))
            try await files.withServer("server") { _, port in
                try await withClient("rediss://localhost:\(port)", options: using(tls)) { client in
                    let pong = try await client.send(["PING"])
                    #expect(pong.string == "PONG")
                }
            }
        }
    }

    @Test func `A pipe, a folder and a large file are told at once, and no more is read of them`() async throws {
        try await TLSFiles.with { files in
            let (pipe, large) = (files.path("pipe"), files.path("large.pem"))
            #expect(mkfifo(pipe, 0o600) == 0)
            try Data(count: 1024 * 1024 + 1).write(to: URL(fileURLWithPath: large))
            let kind = "is not a regular file, but a folder, a pipe or a device; give the path of a PEM file"
            for (path, reason) in [(pipe, kind), (files.path(""), kind), (large, "has more than 1 MiB")] {
                let text = try await denial("rediss://localhost:1", [.authorities: path])
                #expect(text.contains("\(path) \(reason)"), "\(text)")
                let error = #expect(throws: RedisError.self) { try RedisPassword.file(path).check() }
                #expect(error?.message.hasPrefix("\(path) \(reason.prefix(18))") == true, "\(error?.message ?? "")")
            }
        }
    }

    @Test
    func `A server that answers no TLS, or nothing else, is asked which of them it speaks, and told soon`()
        async throws
    {
        let options = RedisOptions(connectTimeout: .seconds(20), commandTimeout: patience)
        func refusal(_ url: String) async throws -> String {
            let start = ContinuousClock.now
            return try await withClient(url, options: options) { client in
                let error = await redisError { () throws(RedisError) in try await client.send(["PING"]) }
                #expect(error?.kind == .unavailable && error?.fault == .scheme, "\(error?.message ?? "")")
                #expect(ContinuousClock.now - start < .seconds(10))
                return error?.message ?? ""
            }
        }
        for arguments in [[], ["--requirepass", "secret"]] {
            try await RedisServer.withServer(tcp: true, extraArguments: arguments) { server in
                let url = server.url.replacing("redis://", with: "rediss://")
                let text = try await refusal(url)
                let told = "the server does not speak TLS on this port; use redis:// instead of rediss://"
                #expect(text == "could not use redis at \(url): \(told)")
            }
        }
        try await TLSFiles.with { files in
            try files.make("server", for: "DNS:localhost")
            for wantsClients in [false, true] {
                try await files.withServer("server", wantsClients: wantsClients) { _, port in
                    let url = "redis://127.0.0.1:\(port)"
                    let text = try await refusal(url)
                    let told = "the server speaks TLS on this port; use rediss:// instead of redis://"
                    #expect(text == "could not use redis at \(url): \(told)")
                }
            }
        }
        // Others than Redis answer with an alert.
        try await withListener(saying: [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]) { port in
            let text = try await refusal("redis://127.0.0.1:\(port)")
            #expect(text.contains("the server speaks TLS on this port"), "\(text)")
        }
    }

    @Test func `Of a server that says nothing at all, the time is waited for, and the message names the possibility`()
        async throws
    {
        let options = RedisOptions(connectTimeout: .milliseconds(300))
        try await withListener(saying: []) { port in
            for (url, hint) in [
                ("rediss://127.0.0.1:\(port)", "; if it does not speak TLS on this port, use redis://"),
                ("redis://127.0.0.1:\(port)", "; if it speaks TLS on this port, use rediss://"),
            ] {
                try await withClient(url, options: options) { client in
                    let error = await redisError { () throws(RedisError) in
                        try await client.send(["PING"], timeout: .seconds(4))
                    }
                    #expect(error?.kind == .unavailable && error?.fault == nil)
                    let text = error?.message ?? ""
                    #expect(text.hasPrefix("could not reach redis at \(url) within 4 s: "), "\(text)")
                    #expect(text.contains(hint), "\(text)")
                }
            }
        }
    }

    /// What is said to whoever connects, and whether the connection is ended at once.
    private static let strangers: [(bytes: [UInt8], closes: Bool)] = [
        (Array("HTTP/1.0 400 Bad request syntax\r\n\r\n".utf8), false), ([0, 1, 2, 13, 10], false), ([], true),
    ]

    @Test(arguments: strangers)
    func `What answers and is no Redis, or ends each connection at once, counts like a refused connection`(
        bytes: [UInt8], closes: Bool
    ) async throws {
        var options = RedisOptions(commandTimeout: patience)
        options.refusalTimeout = .milliseconds(500)
        try await withListener(saying: bytes, closing: closes) { port in
            let url = "redis://127.0.0.1:\(port)"
            try await withClient(url, options: options) { client in
                let start = ContinuousClock.now
                let error = await redisError { () throws(RedisError) in try await client.send(["PING"]) }
                #expect(ContinuousClock.now - start < .seconds(10))
                #expect(error?.kind == .unavailable)
                let text = error?.message ?? ""
                let told =
                    closes
                    ? "could not reach redis at \(url) within 500 ms: "
                    : "the server at \(url) is not a Redis: the server's answer is not the Redis protocol"
                #expect(text.hasPrefix(told), "\(text)")
            }
        }
    }

    @Test func `Of a server that speaks TLS and is no Redis it is not said that it may speak none`() async throws {
        try await TLSFiles.with { files in
            try files.make("server", for: "DNS:localhost")
            let port = try await RedisServer.freePort()
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [
                "openssl", "s_server", "-www", "-accept", "\(port)", "-cert", files.path("server.pem"), "-key",
                files.path("server.key"),
            ]
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            defer { process.terminate() }
            let options = RedisOptions(
                connectTimeout: .seconds(1), tls: RedisTLS([.authorities: files.path("authority.pem")]))
            let url = "rediss://localhost:\(port)"
            var text = ""
            // Until it listens.
            for _ in 0..<20 {
                text = try await withClient(url, options: options) { client in
                    let error = await redisError { () throws(RedisError) in
                        try await client.send(["PING"], timeout: .seconds(3))
                    }
                    return error?.message ?? ""
                }
                if !text.contains("refused") { break }
            }
            #expect(!text.contains("does not speak TLS"), "\(text)")
            #expect(text.contains("; it speaks TLS: check that it is a Redis server"), "\(text)")
        }
    }

    /// Something that listens, and says this to whoever connects, or ends the connection at once.
    private func withListener(
        saying bytes: [UInt8], closing: Bool = false, _ body: (_ port: Int) async throws -> Void
    ) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Greeting(bytes, closes: closing))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        try await body(try #require(listener.localAddress?.port))
        try await listener.close()
    }

    @Test
    func `A server that wants a certificate of its clients gets it, and what it refuses is said at once`()
        async throws
    {
        try await TLSFiles.with { files in
            try files.makeAuthority("stranger")
            try files.make("server", for: "DNS:localhost")
            try files.make("client", for: "DNS:client")
            try files.make("expired", for: "DNS:client", days: -1)
            try files.make("strange", for: "DNS:client", by: "stranger")
            func tls(_ name: String) -> [RedisTLS.Part: String] {
                [
                    .authorities: files.path("authority.pem"), .certificate: files.path("\(name).pem"),
                    .key: files.path("\(name).key"),
                ]
            }
            try await files.withServer("server", wantsClients: true) { _, port in
                let url = "rediss://localhost:\(port)"
                try await withClient(url, options: using(tls("client"))) { client in
                    let pong = try await client.send(["PING"])
                    #expect(pong.string == "PONG")
                }
                let none = try await denial(url, [.authorities: files.path("authority.pem")])
                #expect(none.contains("wants a client's TLS certificate"), "\(none)")
                #expect(none.contains("--redis-cert") && none.contains("--redis-key"))
                let expired = try await denial(url, tls("expired"))
                #expect(expired.contains("\(files.path("expired.pem")) has expired"), "\(expired)")
                let strange = try await denial(url, tls("strange"))
                #expect(strange.contains("does not trust the client's TLS certificate"), "\(strange)")
            }
        }
    }

    @Test
    func `Who renews certificates, keys and the authority needs no restart: a new connection reads the files`()
        async throws
    {
        try await TLSFiles.with { files in
            try files.makeAuthority("next-authority")
            for name in ["server", "client"] {
                try files.make(name, for: "DNS:localhost")
                try files.make("next-\(name)", for: "DNS:localhost", by: "next-authority")
            }
            try await files.withServer("server", wantsClients: true) { server, port in
                try await withClient("rediss://localhost:\(port)", options: using(mutual(files))) { client in
                    _ = try await client.send(["PING"])
                    server.kill()
                    for name in ["authority", "server", "client"] { try files.replace(name, with: "next-\(name)") }
                    try await server.restart()
                    let pong = try await client.send(["PING"])
                    #expect(pong.string == "PONG")
                }
            }
        }
    }

    /// Checks the server's certificate and shows the client's.
    private func mutual(_ files: TLSFiles) -> [RedisTLS.Part: String] {
        [
            .authorities: files.path("authority.pem"), .certificate: files.path("client.pem"),
            .key: files.path("client.key"),
        ]
    }

    @Test func `While a file cannot be used, what it held before is used`() async throws {
        try await TLSFiles.with { files in
            for name in ["server", "client"] { try files.make(name, for: "DNS:localhost") }
            try await files.withServer("server", wantsClients: true) { server, port in
                try await withClient("rediss://localhost:\(port)", options: using(mutual(files))) { client in
                    _ = try await client.send(["PING"])
                    // The key of the one, and not yet the certificate.
                    try Data(contentsOf: URL(fileURLWithPath: files.path("server.key"))).write(
                        to: URL(fileURLWithPath: files.path("client.key")))
                    try await server.restart()
                    let pong = try await client.send(["PING"])
                    #expect(pong.string == "PONG")
                }
            }
        }
    }

    @Test
    func `TLS towards a plain port, and plain towards a TLS port: the message says which URL to try`() async throws {
        let options = RedisOptions(connectTimeout: .milliseconds(200))
        try await RedisServer.withServer(tcp: true) { server in
            try await withClient("rediss" + server.url.dropFirst("redis".count), options: options) { client in
                let error = await redisError { () throws(RedisError) in
                    try await client.send(["PING"], timeout: .seconds(1))
                }
                #expect(error?.kind == .unavailable)
                #expect(error?.message.contains("use redis://") == true, "\(error?.message ?? "")")
            }
        }
        try await TLSFiles.with { files in
            try files.make("server", for: "DNS:localhost")
            try await files.withServer("server") { _, port in
                try await withClient("redis://localhost:\(port)", options: options) { client in
                    let error = await redisError { () throws(RedisError) in
                        try await client.send(["PING"], timeout: .seconds(1))
                    }
                    #expect(error?.kind == .unavailable)
                    #expect(error?.message.contains("use rediss://") == true, "\(error?.message ?? "")")
                }
            }
        }
    }

    @Test func `A file that is gone when the first connection is made is said at once`() async throws {
        let text = try await denial("rediss://localhost:1", [.authorities: "/nowhere/authority.pem"])
        #expect(text.contains("/nowhere/authority.pem does not exist"), "\(text)")
        #expect(text.contains("--redis-ca"))
    }
}

private final class Greeting: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let bytes: [UInt8]
    private let closes: Bool

    init(_ bytes: [UInt8], closes: Bool = false) { (self.bytes, self.closes) = (bytes, closes) }

    func channelActive(context: ChannelHandlerContext) {
        if closes { return context.close(promise: nil) }
        if !bytes.isEmpty { context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil) }
    }
}
