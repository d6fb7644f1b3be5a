import Foundation
import NIOCore
import NIOPosix
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

@Suite("TLS", .serialized)
struct TLSTests {
    /// A server with a certificate for `localhost` and 127.0.0.1 that its own authority signed.
    private func withTLSServer(_ body: (_ port: Int, _ authority: String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("stepwise-tls-\(UInt32.random(in: .min ... .max))").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (key, certificate) = (folder + "/key.pem", folder + "/certificate.pem")
        try openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", key, "-out", certificate,
        ])
        let port = try await RedisServer.freePort()
        let arguments = [
            "--tls-port", "\(port)", "--tls-cert-file", certificate, "--tls-key-file", key,
            "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no",
        ]
        try await RedisServer.withServer(extraArguments: arguments) { _ in try await body(port, certificate) }
    }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test func `With its authority's file a server is trusted, by name and by address`() async throws {
        try await withTLSServer { port, authority in
            for host in ["localhost", "127.0.0.1"] {
                let options = RedisOptions(commandTimeout: patience, trustedCertificatesFile: authority)
                try await withClient("rediss://\(host):\(port)", options: options) { client in
                    let value = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
                    _ = try await client.send(["SET", "key", .bytes(value)])
                    let read = try await client.send(["GET", "key"])
                    #expect(read.bytes == value)
                }
            }
        }
    }

    @Test
    func `A server that nobody trusted vouches for is not talked to, and the message says what to do`() async throws {
        try await withTLSServer { port, _ in
            try await withClient("rediss://localhost:\(port)") { client in
                let error = await redisError { () throws(RedisError) in
                    try await client.send(["PING"], timeout: .milliseconds(500))
                }
                #expect(error?.kind == .unavailable)
                #expect(error?.message.contains("certificate is not trusted") == true)
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
        try await withTLSServer { port, _ in
            try await withClient("redis://localhost:\(port)", options: options) { client in
                let error = await redisError { () throws(RedisError) in
                    try await client.send(["PING"], timeout: .seconds(1))
                }
                #expect(error?.kind == .unavailable)
                #expect(error?.message.contains("use rediss://") == true, "\(error?.message ?? "")")
            }
        }
    }

    @Test func `A file of authorities that cannot be read is said at once`() async throws {
        let options = RedisOptions(commandTimeout: patience, trustedCertificatesFile: "/nowhere/authority.pem")
        try await withClient("rediss://localhost:1", options: options) { client in
            let error = await redisError { () throws(RedisError) in try await client.send(["PING"]) }
            #expect(error?.kind == .denied)
            #expect(error?.message.contains("certificates") == true)
        }
    }
}
