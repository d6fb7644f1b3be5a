import Foundation
import Stepwise
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
}
