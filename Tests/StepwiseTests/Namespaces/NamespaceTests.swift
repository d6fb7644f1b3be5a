import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// The deletion of a whole namespace, and what is told of it.
    @Suite("Whole namespaces", .serialized) struct NamespaceTests {
        let pay = Workflow("pay") { (context, amount: Int) async throws -> Int in
            try await context.run("charge") { amount }
        }

        // MARK: What stands in Redis

        func client(_ server: RedisServer, _ namespace: String) throws -> StepwiseClient {
            try StepwiseClient(redis: RedisEndpoint(server.url), namespace: namespace, logger: .silent)
        }

        /// A client of namespace `default` with a user of the page "Permissions".
        func client(_ server: RedisServer, as user: String, and more: String...) async throws -> StepwiseClient {
            let rules = try PermissionsPage.rules(of: user) + more
            let administrator = try self.client(server, "default")
            let redis = RedisClient(
                address: try RedisAddress(url: server.url), eventLoop: administrator.eventLoop, logger: .silent)
            _ = try await redis.send(["ACL", "SETUSER", .init(user)] + rules.map { .init($0) })
            await redis.close()
            await administrator.close()
            let login = "unix://\(user):\(PermissionsPage.password)@"
            let url = server.url.replacing("unix://", with: login)
            return try StepwiseClient(redis: RedisEndpoint(url), namespace: "default", logger: .silent)
        }

        /// Calls `body` with a server and a client of namespace `a` there.
        func withClient(_ body: (RedisServer, StepwiseClient, Keys) async throws -> Void) async throws {
            try await RedisServer.withServer { server in
                let client = try self.client(server, "a")
                let result: Result<Void, any Error>
                do { result = .success(try await body(server, client, Keys(namespace: "a"))) } catch {
                    result = .failure(error)
                }
                await client.close()
                try result.get()
            }
        }

        /// Every key, with its dump.
        func dumps(_ server: RedisServer, _ pattern: String) async throws -> [String: RedisValue] {
            var dumps: [String: RedisValue] = [:]
            for name in try await names(server, pattern) {
                dumps[name] = try await server.command("DUMP", .init(name))
            }
            return dumps
        }

        func names(_ server: RedisServer, _ pattern: String) async throws -> [String] {
            (try await server.command("KEYS", .init(pattern)).array ?? []).compactMap(\.string).sorted()
        }

        func time(_ server: RedisServer) async throws -> Int {
            (try await server.command("TIME").array?.first?.integer ?? 0) * 1000
        }

        /// Plants a key of each kind that there is, of the type that it has to have.
        ///
        /// - Returns: how many.
        func plantAllKinds(_ server: RedisServer, _ namespace: String) async throws -> Int {
            let keys = try Keys(namespace: namespace)
            let kinds = keys.kinds(queues: ["default"]).map {
                $0.replacing("stats:*", with: "stats:1").replacing("*", with: "x")
            }
            for key in kinds {
                let name = String(key.dropFirst(keys.prefix.count))
                switch NamespaceKey(name)?.type {
                case "zset": _ = try await server.command("ZADD", .init(key), "1", "member")
                case "hash": _ = try await server.command("HSET", .init(key), "field", "value")
                case "list": _ = try await server.command("LPUSH", .init(key), "item")
                case "string": _ = try await server.command("SET", .init(key), "1")
                default: Issue.record("\(name) has no type")
                }
            }
            return kinds.count
        }

        /// Plants runs that have nothing but a HASH.
        func plantRuns(_ server: RedisServer, _ namespace: String, _ count: Int) async throws {
            let plant = "for n = 1, ARGV[1] do redis.call('HSET', KEYS[1] .. n, 'status', 'completed') end"
            _ = try await server.command(
                "EVAL", .init(plant), "1", .init(try Keys(namespace: namespace).run("r")), .init(count))
        }

        /// How often a command was called since the last `CONFIG RESETSTAT`.
        func calls(of command: String, _ server: RedisServer) async throws -> Int {
            let info = try await server.command("INFO", "commandstats").string ?? ""
            for line in info.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_\(command):calls=") {
                return Int(line.dropFirst("cmdstat_\(command):calls=".count).prefix { $0.isNumber }) ?? 0
            }
            return 0
        }

        /// Expects that it is refused with these words.
        func expectRefused(
            _ words: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Int
        ) async {
            do {
                let removed = try await body()
                Issue.record("\(removed) keys were removed", sourceLocation: sourceLocation)
            } catch let error as StepwiseError {
                #expect(error.code == .wrongStatus, sourceLocation: sourceLocation)
                #expect(error.message.contains(words), "\(error.message)", sourceLocation: sourceLocation)
            } catch {
                Issue.record("\(error) was thrown", sourceLocation: sourceLocation)
            }
        }

        func deleteAtOnce(
            _ client: StepwiseClient, progress: (NamespaceDeletion) async throws -> Void = { _ in }
        ) async throws -> Int {
            try await client.deleteNamespace(pause: {}, progress: progress)
        }

        // MARK: What goes

        @Test(arguments: [true, false])
        func `Every kind of key goes, and meta as the last, whatever its type; keys of other names stay as they are`(
            _ isMetaSound: Bool
        ) async throws {
            try await withClient { server, client, keys in
                let others = ["a-b", "ab", "A", "default"]
                for other in others { _ = try await plantAllKinds(server, other) }
                for name in ["stepwise:{a}", "stepwise:{a}x:run:1", "x-stepwise:{a}:run:1", "stepwise:a:run:1", "run"] {
                    _ = try await server.command("SET", .init(name), "1")
                }
                let before = try await dumps(server, "*")
                var planted = try await plantAllKinds(server, "a")
                _ = try await server.command("SET", .init(keys.prefix + "nobody:knows"), "1")
                // No name of Stepwise's, and no text: only somebody else can have made it.
                _ = try await server.command("SET", .init(Array(keys.prefix.utf8) + [0xFF]), "1")
                planted += 2
                if !isMetaSound {
                    _ = try await server.command("DEL", .init(keys.meta))
                    _ = try await server.command("SET", .init(keys.meta), "oops")
                }
                var steps = 0
                let removed = try await deleteAtOnce(client) { deletion in
                    steps += 1
                    #expect(deletion.found == planted)
                    let isMarked = try await server.command("EXISTS", .init(keys.meta)).integer == 1
                    #expect(isMarked)
                }
                #expect(removed == planted)
                #expect(steps > 1)
                #expect(try await dumps(server, "*") == before)
                #expect(try await deleteAtOnce(client) == 0)
            }
        }

        @Test func `A namespace of another data format goes as well`() async throws {
            try await withClient { server, client, keys in
                let count = try await plantAllKinds(server, "a")
                _ = try await server.command("HSET", .init(keys.meta), "format", "1-of-another-time")
                #expect(await errorCode { _ = try await client.paused() } == .otherDataFormat)
                #expect(try await client.namespaceSummary().isReadable == false)
                #expect(try await deleteAtOnce(client) == count)
            }
        }

        @Test func `100,000 keys go in pages of at most 1,000`() async throws {
            try await withClient { server, client, keys in
                try await plantRuns(server, "a", 100_000)
                try await plantRuns(server, "other", 20_000)
                _ = try await server.command("CONFIG", "RESETSTAT")
                var last = 0
                let removed = try await deleteAtOnce(client) { deletion in
                    // A page may have a few more than was asked for.
                    #expect(deletion.removed - last <= 2000)
                    last = deletion.removed
                }
                #expect(removed == 100_001)
                let pages = try await calls(of: "unlink", server)
                #expect((100...250).contains(pages), "\(pages) pages were removed")
                let looks = try await calls(of: "scan", server)
                #expect(looks <= 600, "the keys were looked at \(looks) times")
                #expect(try await names(server, keys.pattern("")) == [])
                #expect(try await server.command("DBSIZE").integer == 20_000)
            }
        }

        // MARK: What is refused

        @Test func `While a worker lives nothing is changed, and it works on`() async throws {
            try await RedisServer.withServer { server in
                try await withWorkers(server, pay, configuration: .init(namespace: "a")) {
                    let client = try self.client(server, "a")
                    let run = try await client.enqueue(pay, 1)
                    #expect(try await run.result(timeout: patience) == 1)
                    let format = try await server.command("HGETALL", .init(client.keys.meta))
                    await expectRefused("has beaten 0 s ago; end all of its workers") { try await deleteAtOnce(client) }
                    #expect(try await server.command("HGETALL", .init(client.keys.meta)) == format)
                    let again = try await client.enqueue(pay, 2)
                    #expect(try await again.result(timeout: patience) == 2)
                    await client.close()
                }
                let client = try self.client(server, "a")
                #expect(try await deleteAtOnce(client) > 0)
                #expect(try await names(server, "*") == [])
                await client.close()
            }
        }

        @Test func `A silent worker counts as alive until its lease is over; a dead one does not count`() async throws {
            try await withClient { server, client, keys in
                _ = try await plantAllKinds(server, "a")
                let beat = try await time(server) - 20_000
                _ = try await server.command("ZADD", .init(keys.workers), .init(beat), "slow-1-a")
                _ = try await server.command("HSET", .init(keys.worker("slow-1-a")), "state", "alive", "lease", "90000")
                // Its beat is younger, and its lease shorter.
                _ = try await server.command("ZADD", .init(keys.workers), .init(beat + 1000), "quick-1-a")
                let before = try await dumps(server, "*")
                await expectRefused("worker slow-1-a has beaten") { try await deleteAtOnce(client) }
                #expect(try await dumps(server, "*") == before)
                let death = "-" + String(try await time(server))
                _ = try await server.command("ZADD", .init(keys.workers), .init(death), "slow-1-a")
                #expect(try await deleteAtOnce(client) > 0)
                #expect(try await names(server, "*") == [])
            }
        }

        @Test func `A worker that registers after the first look is seen by the script that closes the namespace`()
            async throws
        {
            try await withClient { server, client, keys in
                _ = try await plantAllKinds(server, "a")
                await expectRefused("worker late-1-a has beaten 0 s ago") {
                    try await client.deleteNamespace(pause: {
                        let now = try await time(server) + 1000
                        _ = try await server.command("ZADD", .init(keys.workers), .init(now), "late-1-a")
                    })
                }
                #expect(try await server.command("HGET", .init(keys.meta), "format") == .null)
                #expect(try await server.command("EXISTS", .init(keys.run("x"))).integer == 1)
            }
        }

        @Test func `While items are pushed or runs are enqueued nothing is changed`() async throws {
            try await withClient { server, client, keys in
                _ = try await client.enqueue(pay, 1, id: "first")
                let format = try await server.command("HGETALL", .init(keys.meta))
                _ = try await server.command("LPUSH", .init(keys.inbox("default")), "1")
                await expectRefused("items are being pushed to \(keys.inbox("default"))") {
                    try await client.deleteNamespace(pause: {
                        _ = try await server.command("LPUSH", .init(keys.inbox("default")), "2")
                    })
                }
                await expectRefused("runs are being enqueued") {
                    try await client.deleteNamespace(pause: { _ = try await client.enqueue(pay, 2) })
                }
                #expect(try await server.command("HGETALL", .init(keys.meta)) == format)
                #expect(try await server.command("EXISTS", .init(keys.run("first"))).integer == 1)
            }
        }
    }
}
