import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// Whoever refuses an item writes the same entry.
    @Suite("Entries of malformed") struct RefusedEntryTests {
        private static let prefix = "stepwise:{default}:"
        private static let secret = "00112233445566778899aabbccddeeff"

        private func key(_ name: String) -> RedisArgument { .init(Self.prefix + name) }

        /// Has a script of the library refuse an item that is claimed.
        private func refuse(
            by name: String, _ item: [UInt8], keys: [String], arguments: [RedisArgument], _ redis: RedisClient
        ) async throws -> JSONMembers? {
            _ = try await redis.send(["LPUSH", key("accepting:w:default"), .init(item)])
            let script = try #require(ScriptLibrary.all.first { $0.name == name })
            _ = try await redis.evaluate(
                script.redis, keys: keys.map { Self.prefix + $0 }, arguments: arguments)
            #expect(try await redis.send(["EXISTS", key("accepting:w:default")]).integer == 0)
            return JSONMembers(try await redis.send(["LINDEX", key("malformed"), "0"]).bytes ?? [])
        }

        /// The entry, as a worker writes it that rejects the item, and as one does that finds that workers died with it.
        private func entries(of item: [UInt8], _ redis: RedisClient) async throws -> [JSONMembers?] {
            // Of a long one the worker has the beginning.
            let isLong = item.count > 5000
            let rejected = try await refuse(
                by: "reject", item, keys: ["accepting:w:default", "malformed"],
                arguments: [
                    .init(isLong ? Array(item.prefix(5000)) : item), .init(isLong ? String(item.count) : ""),
                    #"{"queue":"default""#, "why", "1000", "0",
                ], redis)
            let released = try await refuse(
                by: "release_pushed", item,
                keys: ["accepting:w:default", "inbox:default", "redelivered", "malformed"],
                arguments: ["1", .init(item), "w", "1", "0", "1000000", #"{"queue":"default""#, "1000"], redis)
            return [rejected, released]
        }

        private func withRedis(_ body: (RedisClient) async throws -> Void) async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                try await body(redis)
                await redis.close()
                await client.close()
            }
        }

        @Test(.rule(8))
        func `An item stands there the same whoever refuses it: as text, as bytes, or by its beginning and a digest`()
            async throws
        {
            try await withRedis { redis in
                let items: [[UInt8]] = [
                    Array("junk /x \"q\" \u{1}".utf8), Array("\u{e9} \u{fc} \u{20ac} \u{1f600}".utf8), [0xff, 0xfe],
                    [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe0, 0x80, 0x80],
                    Array(repeating: UInt8(ascii: "x"), count: 4097),
                    Array(String(repeating: "\u{e9}", count: 3000).utf8),
                    Array(("a" + String(repeating: "\u{e9}", count: 3000)).utf8),
                    Array(("a" + String(repeating: "\u{20ac}", count: 3000)).utf8),
                    Array(("abc" + String(repeating: "\u{1f600}", count: 3000)).utf8),
                    Array("a\u{e9}".utf8) + Array(repeating: UInt8(ascii: "y"), count: 20_000),
                ]
                for item in items {
                    let entries = try await entries(of: item, redis)
                    let shown = item.prefix(4096)
                    // A long one is cut where a character ends.
                    let cuts = item.count > 4096 ? [0, 1, 2, 3] : [0]
                    let text = cuts.lazy.compactMap { String(validating: shown.dropLast($0), as: UTF8.self) }.first
                    for entry in entries {
                        if let text {
                            #expect(entry?.string("item") == text)
                        } else {
                            #expect(entry?.string("itemHex")?.utf8.count == 2 * shown.count)
                        }
                        #expect(entry?.integer("length") == (item.count > 4096 ? item.count : nil))
                        #expect(entry?.string("sha1")?.utf8.count == (item.count > 4096 ? 40 : nil))
                    }
                    for member in ["item", "itemHex", "length", "sha1"] {
                        #expect(entries[0]?.values[member] == entries[1]?.values[member])
                    }
                }
            }
        }

        @Test func `Where an item is shown, a digest stands for what may be a secret, and a cut one is left out`()
            async throws
        {
            let (secret, digest) = (Self.secret, SHA1.hex(Self.secret))
            let filling = String(repeating: "-", count: 4096)
            let cut = String(filling.dropLast(10))
            let cases: [(item: String, shown: String)] = [
                ("{\"event\":\"callback:\(secret)\"}", "{\"event\":\"callback:\(digest)\"}"),
                ("a:b:\(secret):\(secret)", "a:b:\(digest):\(digest)"), ("a:", "a:"), ("a:0123", "a:0123"),
                ("\(secret) \(secret)", "\(secret) \(secret)"), (cut + "a:" + secret, cut + "a:"),
                ("a:\(secret)" + filling, "a:\(digest)" + String(filling.prefix(4096 - 2 - 32))),
            ]
            try await withRedis { redis in
                for (item, shown) in cases {
                    for entry in try await entries(of: Array(item.utf8), redis) {
                        #expect(entry?.string("item") == shown)
                    }
                }
            }
        }
    }
}
