import NIOCore
import StepwiseRedis
import Testing

@Suite("Commands and their replies", .serialized)
struct CommandTests {
    @Test func `A value comes back byte for byte, zero bytes and all`() async throws {
        try await withServerAndClient { _, client in
            let value: [UInt8] = Array(0...255) + [13, 10, 0, 0]
            let replies = [
                try await client.send(["SET", "key", .bytes(value)]),
                try await client.send(["GET", "key"]),
                try await client.send(["GET", "absent"]),
                try await client.send(["ECHO", ""]),
                try await client.send(["STRLEN", "key"]),
            ]
            #expect(replies == [.string(Array("OK".utf8)), .string(value), .null, .string([]), .integer(260)])
        }
    }

    @Test func `A megabyte and a list of a thousand come back whole`() async throws {
        try await withServerAndClient { _, client in
            let value = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) }
            _ = try await client.send(["SET", "key", .bytes(value)])
            #expect(try await client.send(["GET", "key"]).bytes == value)
            let elements = (0..<1_000).map { RedisArgument($0) }
            _ = try await client.send(["RPUSH", "list"] + elements)
            let list = try await client.send(["LRANGE", "list", "0", "-1"])
            #expect(list.array?.compactMap(\.integer) == Array(0..<1_000))
        }
    }

    @Test func `10,000 commands at once are executed in the order in which they were handed over`() async throws {
        try await withServerAndClient { _, client in
            let futures = (0..<10_000).map { client.submit(["RPUSH", "order", RedisArgument($0)]) }
            for (index, future) in futures.enumerated() {
                #expect(try await future.get() == .integer(index + 1))
            }
            let order = try await client.send(["LRANGE", "order", "0", "-1"])
            #expect(order.array?.compactMap(\.integer) == Array(0..<10_000))
        }
    }

    @Test func `256 callers each get their own reply`() async throws {
        try await withServerAndClient { _, client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<256 {
                    group.addTask {
                        for call in 0..<20 {
                            let text = "\(caller)/\(call)"
                            let echo = try await client.send(["ECHO", .string(text)])
                            #expect(echo.string == text)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `A pipeline answers for each command, also for those that fail`() async throws {
        try await withServerAndClient { _, client in
            let replies = try await client.pipeline([["SET", "a", "1"], ["LPUSH", "a", "2"], ["INCR", "a"]])
            #expect(replies.count == 3)
            #expect(try replies[0].get().string == "OK")
            #expect(throws: RedisError.self) { try replies[1].get() }
            #expect(try replies[2].get() == .integer(2))
            #expect(try await client.pipeline([]).isEmpty)
        }
    }

    @Test func `An error reply is thrown with the server's words; inside an array it is a value`() async throws {
        try await withServerAndClient { _, client in
            _ = try await client.send(["SET", "text", "x"])
            let wrongType = await redisError { () throws(RedisError) in try await client.send(["LPOP", "text"]) }
            #expect(wrongType?.kind == .refused)
            #expect(wrongType?.message.hasPrefix("WRONGTYPE") == true)
            _ = try await client.pipeline([["MULTI"], ["LPOP", "text"], ["GET", "text"]])
            let replies = try await client.send(["EXEC"])
            #expect(replies.array?.count == 2)
            #expect(replies.array?.last == .string(Array("x".utf8)))
            guard case .error(let text)? = replies.array?.first else {
                Issue.record("no error in \(replies)")
                return
            }
            #expect(text.hasPrefix("WRONGTYPE"))
        }
    }
}
