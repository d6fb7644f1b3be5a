import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

private let double = Workflow("double") { (context, amount: Int) async throws -> Int in
    try await context.run("times two") { amount * 2 }
}

@Suite("TLS of a client and a worker", .serialized)
struct TLSEndpointTests {
    /// The error with which an endpoint is refused; an issue if it is not.
    private func refusal(
        _ url: String, authority: String? = nil, certificate: String? = nil, key: String? = nil, name: String? = nil
    ) -> String {
        do {
            _ = try RedisEndpoint(
                url, trustedCertificatesFile: authority, clientCertificateFile: certificate, clientKeyFile: key,
                serverName: name)
            Issue.record("taken")
            return ""
        } catch {
            #expect((error as? StepwiseError)?.code == .invalidConfiguration)
            return "\(error)"
        }
    }

    @Test func `A client and a worker show a certificate, trust one authority, and a run is done`() async throws {
        try await TLSFiles.with { files in
            try files.make("server", for: "DNS:redis.internal")
            try files.make("client", for: "DNS:client")
            try await files.withServer("server", wantsClients: true) { _, port in
                let redis = try RedisEndpoint(
                    "rediss://localhost:\(port)", trustedCertificatesFile: files.path("authority.pem"),
                    clientCertificateFile: files.path("client.pem"), clientKeyFile: files.path("client.key"),
                    serverName: "redis.internal")
                let client = try StepwiseClient(redis: redis, namespace: "default", logger: .silent)
                let worker = try StepwiseWorker(
                    redis: redis, workflows: [double], configuration: .init(namespace: "default"), logger: .silent)
                let output = try await serving([worker]) {
                    try await client.enqueue(double, 21).result(timeout: .seconds(30))
                }
                #expect(output == 42)
                await client.close()
            }
        }
    }

    @Test func `A worker that starts does not wait for a server whose certificate has expired`() async throws {
        try await TLSFiles.with { files in
            try files.make("expired", for: "DNS:localhost", days: -1)
            try await files.withServer("expired") { _, port in
                let redis = try RedisEndpoint(
                    "rediss://localhost:\(port)", trustedCertificatesFile: files.path("authority.pem"))
                let worker = try StepwiseWorker(redis: redis, workflows: [double], logger: .silent)
                let error = await #expect(throws: StepwiseError.self) { try await worker.run() }
                #expect(error?.code == .redisDenied)
                let message = error?.message ?? ""
                #expect(message.contains("has expired"), "\(message)")
                // Where Redis is, it says once.
                #expect(message.components(separatedBy: "rediss://localhost:\(port)").count == 2, "\(message)")
            }
        }
    }

    @Test func `A worker that starts does not wait for a server that speaks TLS where its URL does not`() async throws {
        try await TLSFiles.with { files in
            try files.make("server", for: "DNS:localhost")
            try await files.withServer("server") { _, port in
                let redis = try RedisEndpoint("redis://127.0.0.1:\(port)")
                let worker = try StepwiseWorker(redis: redis, workflows: [double], logger: .silent)
                let error = await #expect(throws: StepwiseError.self) { try await worker.run() }
                #expect(error?.code == .redisUnavailable)
                #expect(error?.message.contains("use rediss:// instead") == true, "\(error?.message ?? "")")
            }
        }
    }

    @Test func `What cannot be used is said at once, by its name`() async throws {
        try await TLSFiles.with { files in
            try files.make("client", for: "DNS:client")
            try files.make("other", for: "DNS:client")
            let (certificate, key) = (files.path("client.pem"), files.path("client.key"))
            let url = "rediss://localhost"

            #expect(
                refusal(url, authority: "/nowhere/ca.pem").hasPrefix(
                    "the parameter trustedCertificatesFile: /nowhere/ca.pem does not exist"))
            #expect(refusal(url, authority: "/tmp").contains("give the path of a PEM file"))
            #expect(refusal(url, authority: key).contains("\(key) is not a PEM file of certificates"))
            #expect(
                refusal(url, certificate: certificate)
                    == "the parameter clientCertificateFile: a certificate is of no use without its key; give the parameter clientKeyFile as well"
            )
            #expect(
                refusal(url, key: key)
                    == "the parameter clientKeyFile: a key is of no use without its certificate; give the parameter clientCertificateFile as well"
            )
            #expect(
                refusal(url, certificate: certificate, key: certificate).hasPrefix(
                    "the parameter clientKeyFile: \(certificate) is not a PEM file of a private key"))
            #expect(
                refusal(url, certificate: certificate, key: files.path("other.key")).contains(
                    "other.key is not the key of the certificate in \(certificate)"))
            for name in ["10.0.0.1", "::1", "redis internal", ""] {
                #expect(refusal(url, name: name).contains("\"\(name)\" is not a host name"))
            }
            for plain in ["redis://localhost:6379", "unix:///tmp/redis.sock"] {
                #expect(
                    refusal(plain, authority: files.path("authority.pem")).hasPrefix(
                        "the parameter trustedCertificatesFile: \(plain) does not use TLS; begin the address with"))
                #expect(refusal(plain, name: "redis.internal").hasPrefix("the parameter serverName: \(plain) does not"))
            }
            _ = try RedisEndpoint(url, clientCertificateFile: certificate, clientKeyFile: key)
            _ = try RedisEndpoint(url, serverName: "my_redis")
        }
    }
}
