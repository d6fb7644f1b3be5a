import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// What comes while a namespace is being deleted, and what is left of a deletion that was interrupted.
extension Scenarios.NamespaceTests {
    @Test func `Where keys keep coming the deletion ends with an error, and nobody can open what is left`()
        async throws
    {
        try await withClient { server, client, keys in
            _ = try await plantAllKinds(server, "a")
            await expectRefused("keys keep coming, such as \(keys.inbox("late"))") {
                try await deleteAtOnce(client) { _ in
                    _ = try await server.command("LPUSH", .init(keys.inbox("late")), "1")
                }
            }
            let late = try self.client(server, "a")
            #expect(await errorCode { _ = try await late.enqueue(pay, 1) } == .otherDataFormat)
            await late.close()
            let worker = try StepwiseWorker(
                redis: RedisEndpoint(server.url), workflows: [pay], configuration: .init(namespace: "a"),
                logger: .silent)
            #expect(await errorCode { try await worker.run() } == .otherDataFormat)
            #expect(try await client.namespaceSummary().deletingSince != nil)

            #expect(try await deleteAtOnce(client) > 0)
            #expect(try await names(server, "*") == [])
            let next = try self.client(server, "a")
            #expect(try await next.enqueue(pay, 1, id: "new").isNew)
            await next.close()
        }
    }

    @Test func `What a client adds that had opened the namespace before goes as well`() async throws {
        try await withClient { server, client, _ in
            _ = try await client.enqueue(pay, 1, id: "first")
            let owner = try self.client(server, "a")
            var isAdded = false
            _ = try await deleteAtOnce(owner) { deletion in
                guard deletion.removed > 0, !isAdded else { return }
                isAdded = true
                _ = try await client.enqueue(pay, 2, id: "second")
            }
            #expect(isAdded)
            #expect(try await names(server, "*") == [])
            await owner.close()
        }
    }

    @Test func `A deletion that was interrupted is seen, keeps its time, and is ended by a second one`()
        async throws
    {
        struct Interruption: Error {}
        try await withClient { server, client, keys in
            _ = try await client.enqueue(pay, 1)
            try await plantRuns(server, "a", 3000)
            await #expect(throws: Interruption.self) {
                _ = try await deleteAtOnce(client) { if $0.removed > 0 { throw Interruption() } }
            }
            let left = try await names(server, keys.pattern(""))
            #expect(left.contains(keys.meta) && left.count > 1000 && left.count < 3000)
            let summary = try await client.namespaceSummary()
            #expect(summary.format == DeletionMark.format && !summary.isReadable)
            let meta = try await server.command("HGETALL", .init(keys.meta))
            await #expect(throws: Interruption.self) {
                _ = try await deleteAtOnce(client) { _ in throw Interruption() }
            }
            #expect(try await server.command("HGETALL", .init(keys.meta)) == meta)
            #expect(try await deleteAtOnce(client) == left.count)
            #expect(try await names(server, "*") == [])
        }
    }

    @Test func `A deletion that another one has overtaken takes nothing of the namespace that is there now`()
        async throws
    {
        try await withClient { server, client, keys in
            try await plantRuns(server, "a", 3000)
            let other = try self.client(server, "a")
            var isOvertaken = false
            await expectRefused("somebody else has ended the deletion") {
                try await deleteAtOnce(client) { deletion in
                    guard deletion.removed > 0, !isOvertaken else { return }
                    isOvertaken = true
                    _ = try await deleteAtOnce(other)
                    try await plantRuns(server, "a", 3000)
                    _ = try await other.enqueue(pay, 1, id: "new")
                }
            }
            #expect(isOvertaken)
            #expect(try await names(server, keys.run("r") + "*").count == 3000)
            #expect(try await server.command("EXISTS", .init(keys.run("new"))).integer == 1)
            await other.close()
        }
    }
}
