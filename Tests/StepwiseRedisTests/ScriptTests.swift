import NIOCore
import StepwiseRedis
import StepwiseTesting
import Testing

@Suite("Lua scripts", .serialized)
struct ScriptTests {
    private let count = RedisScript(name: "count", source: "return redis.call('INCRBY', KEYS[1], ARGV[1])")

    @Test func `A script is called by its SHA, and loaded at the first call if the server does not have it`()
        async throws
    {
        try await withServerAndClient { _, client in
            for expected in 1...5 {
                let reply = try await client.evaluate(count, keys: ["key"], arguments: ["1"])
                #expect(reply == .integer(expected))
            }
            let reply = try await client.submit(count, keys: ["key"], arguments: ["5"]).get()
            #expect(reply == .integer(10))
            let statistics = try await client.send(["INFO", "commandstats"]).string ?? ""
            #expect(statistics.contains("cmdstat_evalsha:calls=7,"))
            #expect(statistics.contains("cmdstat_script|load:calls=1,"))
        }
    }

    @Test func `What a script may not call is named, by Redis or by the line of the script`() async throws {
        let script = RedisScript(name: "set", source: "local key = KEYS[1]\nreturn redis.call('HSET', key, 'a', 'b')")
        try await withServerAndClient { server, owner in
            _ = try await owner.send(["ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-hset"])
            try await withClient(server.url.replacing("unix://", with: "unix://app:pw@")) { client in
                let error = await redisError { () throws(RedisError) in
                    try await client.evaluate(script, keys: ["key"], arguments: [])
                }
                #expect(error?.kind == .denied)
                #expect(error?.message.lowercased().contains("hset") == true, "\(error as Any)")
                let other = await #expect(throws: RedisError.self) {
                    try await client.submit(script, keys: ["key"], arguments: []).get()
                }
                #expect(other == error)
            }
        }
    }

    @Test func `A server that has forgotten a script is told it again, and the script is executed once`() async throws {
        try await withServerAndClient { _, client in
            _ = try await client.evaluate(count, keys: ["key"], arguments: ["1"])
            _ = try await client.send(["SCRIPT", "FLUSH"])
            let second = try await client.evaluate(count, keys: ["key"], arguments: ["1"])
            #expect(second == .integer(2))
            _ = try await client.send(["SCRIPT", "FLUSH"])
            let third = try await client.submit(count, keys: ["key"], arguments: ["1"]).get()
            #expect(third == .integer(3))
        }
    }

    @Test func `A client that may not load calls what others have loaded, and is told so while nobody has`()
        async throws
    {
        try await withServerAndClient { server, administrator in
            let rules: [RedisArgument] = ["on", "nopass", "~*", "+@all", "-script"]
            _ = try await administrator.send(["ACL", "SETUSER", "reader"] + rules)
            let url = server.url.replacing("unix://", with: "unix://reader:any@")
            try await withClient(url) { reader in
                let error = await redisError { () throws(RedisError) in
                    try await reader.evaluate(count, keys: ["key"], arguments: ["1"])
                }
                #expect(error?.kind == .denied && error?.message.contains("+script|load") == true)
                let several = try await reader.evaluate(count, calls: [(["key"], ["1"]), (["key"], ["1"])])
                #expect(several.count == 2)
                for case .success(let reply) in several { Issue.record("it was answered: \(reply)") }
                let loaded = try await administrator.load([count])
                #expect(try loaded.map { try $0.get().string } == [count.sha])
                // As if no server had told the SHA.
                let own = RedisScript(name: "own", source: count.source)
                _ = try await administrator.send(["CONFIG", "RESETSTAT"])
                #expect(try await reader.evaluate(own, keys: ["key"], arguments: ["1"]) == .integer(1))
                #expect(try await reader.submit(own, keys: ["key"], arguments: ["1"]).get() == .integer(2))
                let more = try await reader.evaluate(own, calls: [(["key"], ["1"]), (["key"], ["1"])])
                #expect(try more.map { try $0.get().integer } == [3, 4])
                let statistics = try await administrator.send(["INFO", "commandstats"]).string ?? ""
                #expect(statistics.contains("cmdstat_evalsha:calls=4,"))
                #expect(!statistics.contains("cmdstat_script|load"))
            }
        }
    }

    @Test
    func `Many calls in one write are each executed once, in order, also if the server has to be told the script`()
        async throws
    {
        try await withServerAndClient { _, client in
            for round in 0..<2 {
                let calls: [(keys: [String], arguments: [RedisArgument])] = (0..<50).map { _ in (["key"], ["1"]) }
                let replies = try await client.evaluate(count, calls: calls)
                let expected: [Result<RedisValue, RedisError>] = (1...50).map { .success(.integer(round * 50 + $0)) }
                #expect(replies == expected)
                _ = try await client.send(["SCRIPT", "FLUSH"])
            }
            let statistics = try await client.send(["INFO", "commandstats"]).string ?? ""
            #expect(statistics.contains("cmdstat_evalsha:calls=200,"))
            #expect(statistics.contains("cmdstat_script|load:calls=2,"))
        }
    }

    @Test func `What a script's user may not do is denied, not refused`() async throws {
        try await withServerAndClient { server, administrator in
            let rules: [RedisArgument] = ["on", "nopass", "~key", "+@all", "-incrby", "resetchannels"]
            _ = try await administrator.send(["ACL", "SETUSER", "reader"] + rules)
            try await withClient(server.url.replacing("unix://", with: "unix://reader:any@")) { reader in
                let publish = RedisScript(name: "publish", source: "return redis.call('PUBLISH', 'channel', '')")
                let other = RedisScript(name: "other", source: "return redis.call('GET', 'oth' .. 'er')")
                for script in [count, publish, other] {
                    let error = await redisError { () throws(RedisError) in
                        try await reader.evaluate(script, keys: ["key"], arguments: ["1"])
                    }
                    #expect(error?.kind == .denied, "\(error?.message ?? "")")
                }
            }
        }
    }

    @Test func `The SHA-1 that is counted here is the server's, for texts of every length round a block`() async throws
    {
        func sha(_ text: String) -> String { RedisScript(name: "text", source: text).sha }
        #expect(sha("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        #expect(sha("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(
            sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
        try await withServerAndClient { _, client in
            let told = RedisScript(name: "sha1hex", source: "return redis.sha1hex(ARGV[1])")
            let texts = (0...200).map { String(repeating: "é~", count: $0 / 3) + String(repeating: "x", count: $0 % 3) }
            let replies = try await client.evaluate(told, calls: texts.map { ([], [.init($0)]) })
            for (text, reply) in zip(texts, replies) {
                #expect(try reply.get().string == sha(text), "\(text.utf8.count)")
            }
        }
    }

    @Test func `An error inside a script, and a source that is no Lua, are refused`() async throws {
        try await withServerAndClient { _, client in
            _ = try await client.send(["SET", "text", "x"])
            let failing = await redisError { () throws(RedisError) in
                try await client.evaluate(count, keys: ["text"], arguments: ["1"])
            }
            #expect(failing?.kind == .refused)
            let broken = RedisScript(name: "broken", source: "return (")
            let error = await #expect(throws: RedisError.self) {
                try await client.submit(broken, keys: [], arguments: []).get()
            }
            #expect(error?.kind == .refused)
        }
    }
}
