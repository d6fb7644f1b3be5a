import Foundation
import StepwiseTesting
import TestSupport
import Testing

@Suite("The command line and TLS", .serialized)
struct TLSCommandTests {
    /// A server that wants a certificate, and has one for redis.internal; what it takes to talk to it, as options and as variables.
    private func withServer(
        _ body: (_ fixture: Fixture, _ options: [String], _ variables: [String: String], TLSFiles) async throws -> Void
    ) async throws {
        try await TLSFiles.with { files in
            try files.make("server", for: "DNS:redis.internal")
            try files.make("client", for: "DNS:client")
            try await files.withServer("server", wantsClients: true) { server, port in
                let url = "rediss://localhost:\(port)"
                let values = [
                    ("ca", files.path("authority.pem")), ("cert", files.path("client.pem")),
                    ("key", files.path("client.key")), ("server-name", "redis.internal"),
                ]
                var options = ["--redis", url]
                var variables = ["STEPWISE_REDIS_URL": url]
                for (name, value) in values {
                    options += ["--redis-\(name)", value]
                    variables["STEPWISE_REDIS_\(name.uppercased().replacing("-", with: "_"))"] = value
                }
                try await Fixture.with(server) { fixture in try await body(fixture, options, variables, files) }
            }
        }
    }

    @Test func `Options, or the environment, have all that TLS takes`() async throws {
        try await withServer { fixture, options, variables, _ in
            let byOptions = try await fixture.run(["enqueue", "double", "1", "--id", "r1"] + options, [:])
            #expect(byOptions.output == "r1\n", "\(byOptions.complaint)")
            let byVariables = try await fixture.run(["enqueue", "double", "1", "--id", "r2"], variables)
            #expect(byVariables.output == "r2\n", "\(byVariables.complaint)")
            // An option wins over its variable, and each counts by itself.
            let both = try await fixture.run(
                ["enqueue", "double", "1", "--id", "r3", "--redis-server-name", "redis.internal"],
                variables.merging(["STEPWISE_REDIS_SERVER_NAME": "redis.example"]) { $1 })
            #expect(both.output == "r3\n", "\(both.complaint)")
        }
    }

    @Test func `What the environment has for TLS is not for a server without it that an option names`() async throws {
        try await withServer { fixture, _, variables, _ in
            let plain = try await fixture.run(["runs", "--redis", fixture.server.url], variables)
            #expect(plain.code == 0, "\(plain.complaint)")
            let mixed = try await fixture.run(
                ["runs"], variables.merging(["STEPWISE_REDIS_URL": fixture.server.url]) { $1 })
            #expect(mixed.code == 2)
            #expect(
                mixed.complaint.contains(
                    "the environment variable STEPWISE_REDIS_CA: \(fixture.server.url) does not use TLS"),
                "\(mixed.complaint)")
        }
    }

    @Test
    func `A bad option, and what the server's certificate lacks, is one sentence that says what to do`() async throws {
        try await withServer { fixture, _, variables, files in
            let gone = try await fixture.run(["runs", "--redis-ca", "/nowhere.pem"], variables)
            #expect(gone.code == 2)
            #expect(gone.complaint.contains("the option --redis-ca: /nowhere.pem does not exist"), "\(gone.complaint)")
            let keyless = try await fixture.run(
                ["runs", "--redis", "rediss://localhost", "--redis-cert", files.path("client.pem")], [:])
            #expect(keyless.code == 2)
            #expect(keyless.complaint.contains("give the option --redis-key as well"), "\(keyless.complaint)")
            let unfit = try await fixture.run(
                ["runs"], variables.merging(["STEPWISE_REDIS_KEY": files.path("server.key")]) { $1 })
            #expect(unfit.code == 2)
            #expect(
                unfit.complaint.contains(
                    "the environment variable STEPWISE_REDIS_KEY: \(files.path("server.key")) is not the key"),
                "\(unfit.complaint)")
            let unnamed = try await fixture.run(
                ["runs"], variables.merging(["STEPWISE_REDIS_SERVER_NAME": ""]) { $1 })
            #expect(unnamed.code == 2)
            #expect(unnamed.complaint.contains("is not for localhost, but for redis.internal;"), "\(unnamed.complaint)")
            #expect(!unnamed.complaint.contains("within 10 s"))
        }
    }
}
