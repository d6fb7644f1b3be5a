import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Enqueuing many", .serialized) struct EnqueueManyTests {
        private let name: WorkflowName<String, Void> = "nobody-has-it"

        private func pages(_ bytes: [Int]) -> [Range<Int>] {
            let orders = bytes.map { count in
                RunOrder(workflow: "w", payload: Array(repeating: 0, count: count), id: nil, options: .init())
            }
            return StepwiseClient.pages(of: orders)
        }

        @Test func `A page has up to 1,000 runs and 4 MiB of inputs, and at least one run`() {
            #expect(pages([1]) == [0..<1])
            #expect(pages(Array(repeating: 1, count: 1000)) == [0..<1000])
            #expect(pages(Array(repeating: 1, count: 2001)) == [0..<1000, 1000..<2000, 2000..<2001])
            let megabyte = 1 << 20
            #expect(pages(Array(repeating: megabyte, count: 9)) == [0..<4, 4..<8, 8..<9])
            #expect(pages([5 * megabyte, 5 * megabyte, 1, 1]) == [0..<1, 1..<2, 2..<4])
        }

        @Test(.rule(5))
        func `Where Redis' memory is full in the middle, the error says which runs are made, and no page follows`()
            async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                _ = try await client.enqueue(name, "first", id: "first")
                let used = RedisMemory(info: try await server.command("INFO", "memory").string ?? "").counted
                _ = try await server.command("CONFIG", "SET", "maxmemory", .init(used + 6_000_000))
                let inputs = (0..<8000).map { "\($0) " + String(repeating: "x", count: 2000) }
                let error = await #expect(throws: StepwiseError.self) { try await client.enqueue(name, each: inputs) }
                _ = try await server.command("CONFIG", "SET", "maxmemory", "0")
                #expect(error?.code == .redisRefused)
                let part = try #require(error?.enqueued)
                #expect(part.uncertain.isEmpty)
                #expect(!part.made.isEmpty && part.made.count < 4000, "\(part.made.count)")
                #expect(error?.message.contains("of 8000 runs \(part.made.count) are made, and 0 may be") == true)
                let there = try await client.runs(limit: 10_000).map(\.id).filter { $0 != "first" }
                #expect(Set(there) == Set(part.made.values) && there.count == part.made.count)
                for (position, id) in part.made.prefix(20) {
                    let payload = try await server.command("HGET", .init("stepwise:{default}:run:\(id)"), "payload")
                    #expect(payload.string?.hasPrefix("\"\(position) ") == true)
                }
                let asked = try await server.command("INFO", "commandstats").string ?? ""
                let line = asked.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_evalsha:calls=") } ?? ""
                let calls = Int(line.dropFirst("cmdstat_evalsha:calls=".count).prefix { $0 != "," }) ?? 0
                #expect((part.made.count...part.made.count + 1200).contains(calls), "\(line)")
                await client.close()
            }
        }

        @Test func `Another run's id among many fails the call, which says which runs are made`() async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                _ = try await client.enqueue(name, "first", id: "taken")
                let orders = ["a", "taken", "b"].map {
                    RunOrder(workflow: "other", payload: JSON.null, id: $0, options: .init())
                }
                let error = await #expect(throws: StepwiseError.self) { try await client.enqueue(orders) }
                #expect(error?.code == .invalidIdentifier)
                #expect(error?.enqueued?.made == [0: "a", 2: "b"] && error?.enqueued?.uncertain == [:])
                await client.close()
            }
        }
    }
}
