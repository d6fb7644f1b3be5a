import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// A client's call is cut off on its way to Redis, or its reply is. What may arrive twice is sent again by the client itself.
@Suite("Replies that a client does not get", .serialized)
struct LostReplyTests {
    private static let name: WorkflowName<String, Void> = "nobody-has-it"
    private static let marker = "the-marker"

    /// Calls `body` with a client whose connection is cut at one of its requests with the marker in it, and with one that nothing happens to.
    private func struck(
        at event: Int = 1, _ moment: RedisProxy.Moment, appendOnly: Bool = false,
        onStrike: @escaping @Sendable (RedisServer) -> Void = { _ in },
        _ body: (_ client: StepwiseClient, _ direct: StepwiseClient, _ server: RedisServer) async throws -> Void
    ) async throws {
        try await RedisServer.withServer(appendOnly: appendOnly) { server in
            let direct = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
            // The server learns the script.
            _ = try await direct.enqueue(Self.name, "first", id: "first")
            let proxy = try RedisProxy(
                folder: server.folder, upstream: server.folder + "/redis.sock", marker: Self.marker,
                plan: .init(event: event, moment: moment, strike: .cut)
            ) { onStrike(server) }
            defer { proxy.close() }
            let client = try StepwiseClient(redis: RedisEndpoint(proxy.url), logger: .silent)
            let result: Result<Void, any Error>
            do { result = .success(try await body(client, direct, server)) } catch { result = .failure(error) }
            #expect(proxy.hasStruck)
            await client.close()
            await direct.close()
            try result.get()
        }
    }

    private func ids(_ client: StepwiseClient) async throws -> [String] {
        try await client.runs(limit: 10_000).map(\.id).filter { $0 != "first" }
    }

    @Test(.rule(6), .scenario(51), arguments: [RedisProxy.Moment.before, .after])
    func `An enqueuing whose id was made up is sent again with it, and makes one run, which is new`(
        _ moment: RedisProxy.Moment
    ) async throws {
        try await struck(moment) { client, direct, _ in
            let run = try await client.enqueue(Self.name, Self.marker)
            #expect(run.isNew)
            #expect(try await ids(direct) == [run.id])
        }
    }

    @Test(.rule(6), .scenario(51), arguments: [RedisProxy.Moment.before, .after])
    func `Of many that are enqueued those whose replies were lost are sent again, and each makes one run`(
        _ moment: RedisProxy.Moment
    ) async throws {
        try await struck(moment) { client, direct, _ in
            let inputs = (0..<2500).map { $0 == 1500 ? Self.marker : "\($0)" }
            let runs = try await client.enqueue(Self.name, each: inputs)
            #expect(runs.count == 2500 && runs.allSatisfy(\.isNew))
            #expect(try await ids(direct).sorted() == runs.map(\.id).sorted())
        }
    }

    @Test func `An enqueuing under an id of the caller's is the caller's to repeat`() async throws {
        try await struck(.after) { client, direct, _ in
            let error = await #expect(throws: StepwiseError.self) {
                try await client.enqueue(Self.name, Self.marker, id: "mine")
            }
            #expect(error?.code == .redisAmbiguous)
            let again = try await client.enqueue(Self.name, Self.marker, id: "mine")
            #expect(!again.isNew)
            #expect(try await ids(direct) == ["mine"])
        }
    }

    @Test(.rule(6), arguments: 1...4)
    func `A schedule that is triggered without an id starts one run, whichever reply is lost`(_ event: Int) async throws
    {
        try await struck(at: event, .after) { client, direct, _ in
            try await direct.schedules.create(Schedule(Self.marker, .every(.hours(1)), Self.name, "x"))
            let run = try await client.schedules.trigger(Self.marker)
            #expect(run.isNew)
            #expect(try await ids(direct) == [run.id])
            #expect(try await direct.schedules.details(Self.marker).triggered == 1)
        }
    }

    @Test(.rule(6), .scenario(52), arguments: 1...3)
    func `A restart without an id begins one run, which is new, whichever reply is lost`(_ event: Int) async throws {
        try await struck(at: event, .after) { client, direct, server in
            let failing = Workflow("failing") { (_: WorkflowContext, _: String) async throws -> Void in
                throw CocoaError(.coderInvalidValue)
            }
            try await withWorkers(server, failing, configuration: .init(queues: ["elsewhere"])) {
                let run = try await direct.enqueue(failing, "x", id: Self.marker, .queue("elsewhere"))
                let error = await #expect(throws: StepwiseError.self) { try await run.result(timeout: patience) }
                #expect(error?.code == .runFailed)
            }
            let run = try await client.restart(Self.marker)
            #expect(run.isNew)
            #expect(Set(try await ids(direct)) == [Self.marker, run.id])
            #expect(try await direct.handle(Self.marker).details().restarted == run.id)
            #expect(try await direct.deadRuns().runs.isEmpty)
        }
    }

    @Test(.rule(6))
    func `Where the enqueuing of many fails, its error says which runs are made and which may be`()
        async throws
    {
        try await struck(.before, appendOnly: true, onStrike: { $0.kill() }) { client, direct, server in
            let inputs = (0..<3000).map { $0 == 1500 ? Self.marker : "\($0)" }
            let error = await #expect(throws: StepwiseError.self) {
                try await client.enqueue(Self.name, each: inputs)
            }
            let part = try #require(error?.enqueued)
            #expect(error?.code == .redisAmbiguous)
            #expect((0..<1000).allSatisfy { part.made[$0] != nil })
            #expect(part.made.count + part.uncertain.count == 2000 && part.uncertain[1500] != nil)
            try await server.restart()
            try await eventually("redis answers") { (try? await direct.details(ofRun: "first")) != nil }
            let there = Set(try await ids(direct))
            #expect(there.isSuperset(of: part.made.values))
            #expect(there.isSubset(of: Set(part.made.values).union(part.uncertain.values)))
            for (position, id) in part.uncertain { try await direct.enqueue(Self.name, inputs[position], id: id) }
            #expect(Set(try await ids(direct)) == Set(part.made.values).union(part.uncertain.values))
        }
    }

    /// Makes a call, and calls `body` while one of its requests with the marker in it is held; then lets it go on.
    private func held<Value: Sendable>(
        _ marker: String, at event: Int = 1, _ server: RedisServer,
        _ call: @escaping @Sendable (StepwiseClient) async throws -> Value,
        meanwhile body: (Task<Value, any Error>) async throws -> Void
    ) async throws -> Result<Value, any Error> {
        let proxy = try RedisProxy(
            folder: server.folder, upstream: server.folder + "/redis.sock", marker: marker,
            plan: .init(event: event, moment: .before, strike: .hold)
        ) {}
        defer { proxy.close() }
        let client = try StepwiseClient(redis: RedisEndpoint(proxy.url), logger: .silent)
        let task = Task { try await call(client) }
        let outcome: Result<Void, any Error>
        do {
            try await eventually("nothing is held") { proxy.hasStruck }
            try await body(task)
            outcome = .success(())
        } catch { outcome = .failure(error) }
        proxy.release()
        let result = await task.result
        await client.close()
        try outcome.get()
        return result
    }

    @Test(.rule(5))
    func `Where the enqueuing of many is cancelled, its error says which runs are made and which may be`()
        async throws
    {
        try await RedisServer.withServer { server in
            let direct = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
            _ = try await direct.enqueue(Self.name, "first", id: Self.marker)
            let orders = (0..<3000).map { number in
                RunOrder(
                    workflow: Self.name.rawValue, payload: Array("\"\(number)\"".utf8),
                    id: number == 1500 ? Self.marker : "run-\(number)", options: .init())
            }
            // One id of the second page is there already, and is asked for once more.
            let result = try await held(Self.marker, at: 2, server) { client in
                try await client.enqueue(orders)
            } meanwhile: { task in
                task.cancel()
                _ = await task.result
            }
            let error = #expect(throws: StepwiseError.self) { _ = try result.get() }
            #expect(error?.code == .closed)
            let part = try #require(error?.enqueued)
            #expect((0..<2000).allSatisfy { $0 == 1500 || part.made[$0] == "run-\($0)" } && part.made.count == 1999)
            #expect(part.uncertain == [1500: Self.marker])
            #expect(error?.message.contains("of 3000 runs 1999 are made, and 1 may be") == true)
            let there = Set(try await direct.runs(limit: 10_000).map(\.id))
            #expect(there == Set(part.made.values).union([Self.marker]))
            let others = ["x", "y"].map {
                RunOrder(workflow: Self.name.rawValue, payload: Array("1".utf8), id: $0, options: .init())
            }
            let cancelled = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await direct.enqueue(others)
            }
            cancelled.cancel()
            let end = await cancelled.result
            let early = #expect(throws: StepwiseError.self) { _ = try end.get() }
            let none = try #require(early?.enqueued)
            #expect(early?.code == .closed && none.made.isEmpty && none.uncertain.isEmpty)
            await direct.close()
        }
    }

    @Test(
        .rule(6),
        arguments: [
            ("parent", "the-parent 6 the-step", "run the-parent, its parent, has still to read its end"),
            ("status", "running", "run the-child is running: only runs that have ended can be deleted"),
        ])
    func `What changes while it is deleted is looked at again, and the error says how it stands`(
        _ field: String, _ value: String, _ words: String
    ) async throws {
        try await RedisServer.withServer { server in
            let prefix = "stepwise:{default}:"
            let parent = "the-parent 5 the-step"
            _ = try await server.command(
                "HSET", .init(prefix + "run:the-child"), "workflow", "w", "queue", "default", "payload", "1", "status",
                "completed", "generation", "7", "created", "1", "ended", "1", "parent", .init(parent), "parentQueue",
                "default")
            _ = try await server.command("ZADD", .init(prefix + "runs:completed"), "1", "the-child")
            let result = try await held(parent, server) {
                try await $0.delete("the-child")
            } meanwhile: { _ in
                _ = try await server.command(
                    "HSET", .init(prefix + "run:the-parent"), "status", "running", "generation", "6", "inline",
                    "the-step")
                _ = try await server.command("HSET", .init(prefix + "run:the-child"), .init(field), .init(value))
            }
            let error = #expect(throws: StepwiseError.self) { try result.get() }
            #expect(error?.code == .wrongStatus)
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
            #expect(try await server.command("EXISTS", .init(prefix + "run:the-child")).integer == 1)
        }
    }
}
