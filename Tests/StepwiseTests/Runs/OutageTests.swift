import Logging
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// Who awaits a run's end only asks, and asks again.
    @Suite("Waiting through an outage", .serialized) struct OutageTests {
        private let name: WorkflowName<Int, String> = "nobody-has-it"

        private func withClient(
            appendOnly: Bool = false, _ body: (RedisServer, StepwiseClient) async throws -> Void
        ) async throws {
            try await RedisServer.withServer(appendOnly: appendOnly) { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let result: Result<Void, any Error>
                do { result = .success(try await body(server, client)) } catch { result = .failure(error) }
                await client.close()
                try result.get()
            }
        }

        @Test(.rule(6), .scenario(48), arguments: [nil, Duration.seconds(60)])
        func `Redis dies while a client asks for a result, and the client asks again until it knows`(
            _ timeout: Duration?
        ) async throws {
            try await withClient(appendOnly: true) { server, client in
                let run = try await client.enqueue(name, 1)
                let handle = client.handle(run.id, as: String.self)
                // It has looked at the namespace.
                #expect(await errorCode { _ = try await handle.result(timeout: .zero) } == .timedOut)
                server.pause()
                let waiter = Task { await errorCode { _ = try await handle.result(timeout: timeout) } }
                // The question goes without a subscription after half a second: it has been sent, and its reply will be lost.
                try await Task.sleep(for: .milliseconds(1200))
                server.kill()
                let late = Task { await errorCode { _ = try await handle.result(timeout: timeout) } }
                try await Task.sleep(for: .milliseconds(500))
                try await server.restart()
                try await eventually("the run is cancelled") { (try? await run.cancel()) != nil }
                #expect(await waiter.value == .runCancelled)
                #expect(await late.value == .runCancelled)
            }
        }

        @Test func `While Redis is away a wait ends when its own time is over`() async throws {
            try await withClient { server, client in
                let run = try await client.enqueue(name, 1)
                #expect(await errorCode { _ = try await run.result(timeout: .milliseconds(1)) } == .timedOut)
                let elsewhere = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                server.kill()
                for client in [client, elsewhere] {
                    let start = ContinuousClock.now
                    let error = await #expect(throws: StepwiseError.self) {
                        try await client.handle(run.id, as: String.self).result(timeout: .seconds(1))
                    }
                    #expect(error?.code == .timedOut)
                    #expect(error?.message.contains("Connection refused") == true, "\(error?.message ?? "")")
                    // Without that limit a question waits for 10 s for a connection.
                    #expect(ContinuousClock.now - start < .seconds(8))
                }
                await elsewhere.close()
            }
        }

        @Test(.rule(6))
        func `A subscription that does not come about keeps no end back: after a moment a client asks without it`()
            async throws
        {
            try await withClient { server, client in
                // It has its connection for commands, and gets no other one.
                let run = try await client.enqueue(name, 1)
                _ = try await server.command("CONFIG", "SET", "maxclients", "1")
                let start = ContinuousClock.now
                let waiter = Task { await errorCode { _ = try await run.result(timeout: patience) } }
                try await Task.sleep(for: .milliseconds(200))
                _ = try await run.cancel()
                #expect(await waiter.value == .runCancelled)
                // It was 10 s.
                #expect(ContinuousClock.now - start < .seconds(8))
            }
        }

        @Test func `Who has its subscription in time asks once, and not again for five seconds`() async throws {
            try await withClient { server, client in
                func asked() async throws -> Int {
                    let info = try await server.command("INFO", "commandstats").string ?? ""
                    let calls = RedisHandshake.field("cmdstat_evalsha", of: info).split(separator: ",").first
                    return calls.flatMap { Int($0.dropFirst("calls=".count)) } ?? 0
                }
                // Now the scripts are there.
                let first = try await client.enqueue(name, 1)
                #expect(await errorCode { _ = try await first.result(timeout: .zero) } == .timedOut)
                let run = try await client.enqueue(name, 2)
                let before = try await asked()
                #expect(await errorCode { _ = try await run.result(timeout: .milliseconds(1500)) } == .timedOut)
                #expect(try await asked() - before == 1)
            }
        }

        @Test func `Who waits without a limit for a Redis that was never there is told once what for, and waits on`()
            async throws
        {
            try await withClient(appendOnly: true) { server, client in
                let run = try await client.enqueue(name, 1)
                _ = try await run.cancel()
                server.kill()
                // Too long for a name, so that no name server is asked.
                let host = String(repeating: "a", count: 64) + ".invalid"
                var waiters: [(StepwiseClient, Task<StepwiseError.Code?, Never>)] = []
                for (url, cause) in [(server.url, "Connection refused"), ("redis://\(host)", "has no address")] {
                    let log = CollectedLog()
                    let elsewhere = try StepwiseClient(redis: RedisEndpoint(url), logger: log.logger)
                    let handle = elsewhere.handle(run.id, as: String.self)
                    waiters.append((elsewhere, Task { await errorCode { _ = try await handle.result() } }))
                    func told() -> [CollectedLog.Line] { log.lines("redis cannot be used; trying again") }
                    try await eventually("nobody tries again") { told().count >= 4 }
                    let warnings = told().filter { $0.level == .warning }
                    #expect(warnings.count == 1)
                    #expect(warnings.first?.metadata["cause"]?.contains(cause) == true, "\(warnings)")
                    #expect(warnings.first?.metadata["redis"]?.hasPrefix(url) == true, "\(warnings)")
                }
                try await server.restart()
                #expect(await waiters[0].1.value == .runCancelled)
                await waiters[1].0.close()
                #expect(await waiters[1].1.value == .closed)
                await waiters[0].0.close()
            }
        }

        @Test(.rule(6), arguments: ["resetchannels", "-subscribe"])
        func `A client that may not subscribe gets its result by asking`(_ right: String) async throws {
            let workflow = Workflow("slow") { (context, number: Int) async throws -> Int in
                try await context.sleep(for: .milliseconds(300))
                return 2 * number
            }
            try await withWorker([workflow]) { _, server in
                _ = try await server.command(
                    "ACL", "SETUSER", "deaf", "on", ">pw", "~*", "&*", "+@all", .init(right))
                let log = CollectedLog()
                let client = try StepwiseClient(
                    redis: RedisEndpoint(server.url.replacing("unix://", with: "unix://deaf:pw@")), logger: log.logger)
                let start = ContinuousClock.now
                for _ in 0..<3 {
                    let run = try await client.enqueue(workflow, 21)
                    #expect(try await run.result(timeout: patience) == 42)
                    #expect(try await client.handle(run.id, as: Int.self).result() == 42)
                }
                // It does not wait for the look that who is told of the end takes every five seconds.
                #expect(ContinuousClock.now - start < .seconds(12))
                #expect(log.lines("redis refused a subscription").count == 1)
                await client.close()
            }
        }

        @Test func `Redis forgets its scripts, and a client that may not load them asks until a worker has`()
            async throws
        {
            try await withClient { server, client in
                _ = try await server.command(
                    "ACL", "SETUSER", "plain", "on", ">pw", "~*", "resetchannels", "+@all", "-script")
                let plain = try StepwiseClient(
                    redis: RedisEndpoint(server.url.replacing("unix://", with: "unix://plain:pw@")), logger: .silent)
                let run = try await client.enqueue(name, 1)
                let handle = plain.handle(run.id, as: String.self)
                // Nobody has loaded it.
                #expect(await errorCode { _ = try await handle.result(timeout: patience) } == .redisDenied)
                #expect(await errorCode { _ = try await run.result(timeout: .zero) } == .timedOut)
                let waiter = Task { await errorCode { _ = try await handle.result() } }
                // Without a right to subscribe it asks every moment.
                try await Task.sleep(for: .milliseconds(300))
                _ = try await server.command("SCRIPT", "FLUSH")
                try await Task.sleep(for: .seconds(2))
                _ = try await run.cancel()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                #expect(await waiter.value == .runCancelled)
                await plain.close()
            }
        }

        @Test func `FLUSHALL takes everything, and workers go on with what comes afterwards`() async throws {
            let double = Workflow("double") { (context, number: Int) async throws -> Int in
                try await context.run("times two") { 2 * number }
            }
            try await withWorker([double]) { client, server in
                var output = try await client.enqueue(double, 1).result(timeout: patience)
                #expect(output == 2)
                let old = try await client.enqueue(double, 2, .after(.seconds(3600)))
                _ = try await server.command("FLUSHALL")
                output = try await client.enqueue(double, 3).result(timeout: patience)
                #expect(output == 6)
                #expect(await errorCode { _ = try await client.handle(old.id).details() } == .noSuchRun)
                try await expectSound(client, within: patience)
            }
        }

        @Test func `A wrong password is no outage: who waits is told at once`() async throws {
            try await RedisServer.withServer(extraArguments: ["--requirepass", "right"]) { server in
                let url = server.url.replacing("unix://", with: "unix://default:wrong@")
                let client = try StepwiseClient(redis: RedisEndpoint(url), logger: .silent)
                let run = client.handle("some", as: String.self)
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .redisDenied)
                await client.close()
            }
        }
    }
}
