import NIOCore
import NIOPosix
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

@Suite("A server with strings that are too long", .serialized)
struct ExcerptTests {
    private static let megabyte = 1024 * 1024
    /// A script makes it, so that this process never has the whole.
    private static let pushOrder = RedisScript(
        name: "push", source: "return redis.call('LPUSH', KEYS[1], string.rep('x', tonumber(ARGV[1])))")

    private static func push(_ length: Int, to list: String, over client: RedisClient) async throws {
        _ = try await client.evaluate(pushOrder, keys: [list], arguments: [RedisArgument(length)])
    }

    private static func excerpt(of length: Int) -> RedisValue {
        .excerpt(prefix: [UInt8](repeating: UInt8(ascii: "x"), count: 4096), length: length)
    }

    private static func whole(_ length: Int) -> RedisValue {
        .string([UInt8](repeating: UInt8(ascii: "x"), count: length))
    }

    /// Does not print the values: they may be large.
    private static func expect(_ value: RedisValue, is expected: RedisValue, _ comment: Comment? = nil) {
        let isSame = value == expected
        #expect(isSame, comment)
    }

    @Test func `Of 50 MB a command gets 4 KiB and the length, and no more than its limit is held`() async throws {
        let (limit, large) = (Self.megabyte, 50 * Self.megabyte)
        try await withServerAndClient { server, client in
            let id = try await client.send(["CLIENT", "ID"])
            try await Self.push(large, to: "list", over: client)
            _ = try await client.send(["RPUSH", "list", "small", ""])
            let list = try await client.send(["LRANGE", "list", "0", "-1"], maximumBulk: limit)
            Self.expect(list, is: .array([Self.excerpt(of: large), .string(Array("small".utf8)), .string([])]))
            let moved = try await client.send(["LMOVE", "list", "other", "LEFT", "LEFT"], maximumBulk: limit)
            Self.expect(moved, is: Self.excerpt(of: large))
            // A command that waits for what is pushed later.
            let waits = client.submit(["BLMOVE", "later", "other", "RIGHT", "LEFT", "0"], maximumBulk: limit)
            try await withClient(server.url) { second in
                try await waitForBlockedClients(1, of: second)
                try await Self.push(large, to: "later", over: second)
            }
            Self.expect(try await waits.get(), is: Self.excerpt(of: large))
            // Nothing was lost, and the connection is the one that it was.
            #expect(try await client.send(["LLEN", "other"]) == .integer(2))
            #expect(try await client.send(["CLIENT", "ID"]) == id)
            #expect(try await client.mostHeld() <= limit + 256 * 1024)
        }
    }

    @Test func `Commands that leave in one write each have their own limit`() async throws {
        try await withServerAndClient { _, client in
            let lengths = [20 * Self.megabyte, 1_000, 1_001, 0, 5_000_000, 100_000, 100_001]
            for (index, length) in lengths.enumerated() { try await Self.push(length, to: "\(index)", over: client) }
            // Without a limit of its own; with one below, at and above the length.
            let asked: [(list: Int, limit: Int?)] = [
                (4, nil), (0, 1_000_000), (0, 4_096), (1, 1_000), (2, 1_000), (9, 1_000), (3, 0),
                (5, 100_000), (6, 100_000), (6, nil), (4, 4_999_999), (4, 5_000_000), (9, nil), (1, nil),
            ]
            let replies = asked.map { client.submit(["LINDEX", .string("\($0.list)"), "0"], maximumBulk: $0.limit) }
            for ((list, limit), reply) in zip(asked, replies) {
                let value = try await reply.get()
                let comment: Comment = "list \(list), limit \(limit ?? -1)"
                if list >= lengths.count {
                    Self.expect(value, is: .null, comment)
                } else if lengths[list] <= limit ?? .max {
                    Self.expect(value, is: Self.whole(lengths[list]), comment)
                } else {
                    let prefix = [UInt8](repeating: UInt8(ascii: "x"), count: min(4096, limit ?? 0))
                    Self.expect(value, is: .excerpt(prefix: prefix, length: lengths[list]), comment)
                }
            }
            let batch: [[RedisArgument]] = [["LINDEX", "0", "0"], ["PING"], ["LINDEX", "1", "0"]]
            let piped = try await client.pipeline(batch, maximumBulk: 1_000)
            let cut = piped.map { (try? $0.get())?.excerpt?.length }
            #expect(cut == [20 * Self.megabyte, nil, nil])
            Self.expect(try piped[2].get(), is: Self.whole(1_000))
        }
    }

    @Test func `A script's reply has the limit that its call asks for, also when it has to be loaded first`()
        async throws
    {
        try await withServerAndClient { _, client in
            let script = RedisScript(name: "two", source: "return {ARGV[1], string.rep('x', 2000000)}")
            let expected = RedisValue.array([.string([97]), Self.excerpt(of: 2_000_000)])
            for _ in 0..<2 {
                let reply = try await client.evaluate(script, keys: [], arguments: ["a"], maximumBulk: Self.megabyte)
                Self.expect(reply, is: expected)
                _ = try await client.send(["SCRIPT", "FLUSH"])
                let future = client.submit(script, keys: [], arguments: ["a"], maximumBulk: Self.megabyte)
                Self.expect(try await future.get(), is: expected)
            }
        }
    }

    @Test func `A command that has not asked for excerpts fails where its reply would have one`() async throws {
        let options = RedisOptions(commandTimeout: patience, maximumBulk: Self.megabyte)
        try await withServerAndClient(options: options) { _, client in
            let id = try await client.send(["CLIENT", "ID"])
            try await Self.push(3 * Self.megabyte, to: "list", over: client)
            try await Self.push(5, to: "list", over: client)
            let replies = try await client.pipeline([["LRANGE", "list", "0", "-1"], ["LINDEX", "list", "0"]])
            let error = await redisError { () throws(RedisError) in try replies[0].get().excerpt?.length }
            #expect(error?.kind == .refused)
            #expect(error?.message.contains("LRANGE, which was executed, has a string of 3145728 bytes") == true)
            Self.expect(try replies[1].get(), is: Self.whole(5))
            // A command's own limit may also be above the client's.
            let whole = try await client.send(["LINDEX", "list", "1"], maximumBulk: 4 * Self.megabyte)
            Self.expect(whole, is: Self.whole(3 * Self.megabyte))
            #expect(try await client.send(["CLIENT", "ID"]) == id)
        }
    }

    @Test func `A published message that is too long arrives as an empty one, and the next one is right`() async throws
    {
        try await withServerAndClient { server, client in
            let subscriber = RedisSubscriber(
                address: try RedisAddress(url: server.url),
                options: RedisOptions(commandTimeout: patience, maximumBulk: 10_000),
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: .silent
            )
            let messages = AsyncStream.makeStream(of: [UInt8].self)
            do {
                _ = try await subscriber.subscribe("news") { _ = messages.continuation.yield($0) }
                _ = try await client.send(["EVAL", "redis.call('PUBLISH', 'news', string.rep('x', 3000000))", "0"])
                _ = try await client.send(["PUBLISH", "news", "next"])
                var iterator = messages.stream.makeAsyncIterator()
                let first = await iterator.next()
                let second = await iterator.next()
                #expect(first == [])
                #expect(second == Array("next".utf8))
                await subscriber.close()
            } catch {
                await subscriber.close()
                throw error
            }
        }
    }
}
