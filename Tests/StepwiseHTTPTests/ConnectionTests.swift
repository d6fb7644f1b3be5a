import AsyncHTTPClient
import Foundation
import NIOSSL
import Stepwise
import StepwiseHTTP
import TestSupport
import Testing

@Suite("HTTP: connections")
struct ConnectionTests {
    /// Files of a key and of a certificate for `shop.test` that it signed itself.
    private func withCertificate(_ body: (_ key: String, _ certificate: String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("stepwise-http-\(UInt32.random(in: .min ... .max))").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=shop.test", "-addext", "subjectAltName=DNS:shop.test",
            "-keyout", folder + "/key.pem", "-out", folder + "/certificate.pem",
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        try await body(folder + "/key.pem", folder + "/certificate.pem")
    }

    @Test
    func `With TLS the server has to prove that it is the host, although it is connected to by its address`()
        async throws
    {
        try await withCertificate { key, certificate in
            let chain = try NIOSSLCertificate.fromPEMFile(certificate)
            let server = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
            var client = TLSConfiguration.makeClientConfiguration()
            client.trustRoots = .certificates(chain)
            let caller = HTTPStepClient(
                policy: local, configuration: .init(tlsConfiguration: client),
                resolve: hosts(["shop.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]]))
            try await TestServer.with(tls: NIOSSLContext(configuration: server)) { _ in
                .answer(200, text: "hello")
            } _: {
                server in
                let answer = try await caller.send(.get("https://shop.test:\(server.port)/"), as: firstTry())
                #expect(answer.text == "hello")
                #expect(server.requests.last?.header("host") == "shop.test:\(server.port)")
                let refused = try await refusal(.get("https://other.test:\(server.port)/"), by: caller)
                #expect(refused.error.code == .connection)
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test
    func `Connections of hosts that were called long ago are closed, and an answer under way arrives all the same`()
        async throws
    {
        let caller = HTTPStepClient(
            policy: local, targets: 1, resolve: hosts(["a.test": ["127.0.0.1"], "b.test": ["127.0.0.1"]]))
        let isFirstThere = Latch()
        try await TestServer.with { request in
            if request.path == "/slow" { await isFirstThere.wait() }
            return .answer(200, text: String(repeating: request.path, count: 100_000))
        } _: { server in
            async let slow = caller.send(.get("http://a.test:\(server.port)/slow"), as: firstTry())
            try await eventually("the slow one is there") { server.requests.count == 1 }
            _ = try await caller.send(.get("http://b.test:\(server.port)/"), as: firstTry())
            isFirstThere.open()
            #expect(try await slow.body.count == 500_000)
            try await eventually("the first host's connection is closed") { server.ended == 1 }
            #expect(server.connections == 2)
        }
    }

    @Test func `A caller that nobody has any more closes its connections`() async throws {
        try await TestServer.with { _ in
            .answer(200)
        } _: { server in
            _ = try await HTTPStepClient(policy: local).send(.get(server.url), as: firstTry())
            try await eventually("its connection is closed") { server.ended == 1 }
        }
    }
}
