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
                #expect(
                    text.contains("is not trusted: no authority in \(files.path("authority.pem")) has signed it"),
                    "\(text)")
                let unsaid = try await denial("rediss://localhost:\(port)", [:])
                #expect(unsaid.contains("is not trusted: no authority that this system knows"), "\(unsaid)")
                #expect(unsaid.contains("--redis-ca, STEPWISE_REDIS_CA, or trustedCertificatesFile in Swift"))
            }
            try await files.withServer("other") { _, port in
                for host in ["localhost", "127.0.0.1"] {
                    let text = try await denial("rediss://\(host):\(port)", tls)
                    #expect(text.contains("is not for \(host), but for redis.internal,10.0.0.1;"), "\(text)")
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
