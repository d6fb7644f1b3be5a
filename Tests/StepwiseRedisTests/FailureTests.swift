import Foundation
import NIOCore
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

@Suite("When the server or the caller goes away", .serialized)
struct FailureTests {
    @Test func `After a crash and a restart the client works again, and its observers heard of both`() async throws {
        try await withServerAndClient { server, client in
            let events = Mutex<[String]>([])
            client.onConnect { session in events.withLock { $0.append(session.runID) } }
            client.onDisconnect { events.withLock { $0.append("gone") } }
            _ = try await client.send(["PING"])
            let first = client.session?.runID
            server.kill()
            try await server.restart()
            // The first try may still meet the old connection's end.
            while (try? await client.send(["PING"])) == nil { await Task.yield() }
            let second = client.session?.runID
            #expect(events.withLock { $0 } == [first ?? "", "gone", second ?? ""])
            #expect(first != second)
        }
    }

    @Test func `A command that waits while the server is down is sent when it is back, in its order`() async throws {
        try await withServerAndClient { server, client in
            _ = try await client.send(["PING"])
            let gone = AsyncStream.makeStream(of: Void.self)
            client.onDisconnect { gone.continuation.yield() }
            server.kill()
            for await _ in gone.stream { break }
            let futures = (0..<100).map { client.submit(["RPUSH", "order", RedisArgument($0)]) }
            try await server.restart()
            for (index, future) in futures.enumerated() {
                let length = try await future.get()
                #expect(length == .integer(index + 1))
            }
        }
    }

    @Test
    func `Without a server a command fails as unavailable when its time is over, and says where it looked and why`()
        async throws
    {
        let server = try await RedisServer.start(tcp: true)
        server.stop()
        try await withClient(server.url) { client in
            let error = await redisError { () throws(RedisError) in
                try await client.send(["PING"], timeout: .milliseconds(300))
            }
            #expect(error?.kind == .unavailable)
            #expect(error?.message.contains("could not reach redis at \(server.url)") == true)
            #expect(error?.message.contains(": Connection refused (errno \(ECONNREFUSED)); check") == true)
            #expect(error?.message.contains("check that the server runs") == true)
        }
    }

    @Test
    func `Where nobody listens, a command fails after the time for refusals; once there was a connection it waits on`()
        async throws
    {
        var options = RedisOptions(commandTimeout: patience)
        options.refusalTimeout = .milliseconds(300)
        for tcp in [true, false] {
            let server = try await RedisServer.start(tcp: tcp)
            let url = server.url
            server.stop()
            try await withClient(url, options: options) { client in
                let start = ContinuousClock.now
                let error = await redisError { () throws(RedisError) in try await client.send(["PING"]) }
                #expect(error?.kind == .unavailable)
                #expect(error?.message.contains("could not reach redis at \(url) within 300 ms: ") == true)
                #expect(ContinuousClock.now - start < .seconds(10))
            }
        }
        try await withServerAndClient(options: options) { server, client in
            _ = try await client.send(["PING"])
            let gone = AsyncStream.makeStream(of: Void.self)
            client.onDisconnect { gone.continuation.yield() }
            server.kill()
            for await _ in gone.stream { break }
            let later = client.submit(["PING"])
            try await Task.sleep(for: .milliseconds(800))
            try await server.restart()
            let reply = try await later.get()
            #expect(reply.string == "PONG")
        }
    }

    @Test func `Of a server that answers nobody says that it does not run`() async throws {
        let options = RedisOptions(connectTimeout: .milliseconds(300), commandTimeout: patience)
        try await withServerAndClient { server, owner in
            _ = try await owner.send(["CONFIG", "SET", "maxclients", "1"])
            try await withClient(server.url, options: options) { client in
                var error: RedisError?
                // An attempt may end before it has read the reason.
                for _ in 0..<20 where error?.fault != .connections {
                    error = await redisError { () throws(RedisError) in
                        try await client.send(["PING"], timeout: .milliseconds(500))
                    }
                }
                #expect(error?.message.hasSuffix(": ERR max number of clients reached") == true, "\(error as Any)")
                #expect(error?.advice.contains("raise its maxclients") == true)
            }
        }
    }

    @Test func `Of a server that has answered before nobody guesses that it speaks TLS`() async throws {
        let options = RedisOptions(connectTimeout: .milliseconds(300), commandTimeout: patience)
        try await RedisServer.withServer(tcp: true) { server in
            try await withClient(server.url, options: options) { client in
                _ = try await client.send(["PING"])
                server.pause()
                // The connection is given up, and then an attempt to make another.
                var error: RedisError?
                for time in [1500, 3000] {
                    error = await redisError { () throws(RedisError) in
                        try await client.send(["PING"], timeout: .milliseconds(Int64(time)))
                    }
                }
                server.resume()
                #expect(error?.message.contains("it has answered before") == true, "\(error as Any)")
                #expect(error?.message.contains("rediss://") == false, "\(error as Any)")
            }
        }
    }

    @Test func `A command that was sent when the server crashed is ambiguous; no later command is`() async throws {
        try await withServerAndClient { server, client in
            let blocked = client.submit(["BLPOP", "empty", "0"])
            try await withClient(server.url) { try await waitForBlockedClients(1, of: $0) }
            server.kill()
            let error = await #expect(throws: RedisError.self) { try await blocked.get() }
            #expect(error?.kind == .ambiguous)
            #expect(error?.message.contains("BLPOP") == true)
            let later = client.submit(["PING"])
            try await server.restart()
            let reply = try await later.get()
            #expect(reply.string == "PONG")
        }
    }

    @Test
    func `A frozen server makes a command ambiguous after its timeout, and the client recovers when it thaws`()
        async throws
    {
        try await withServerAndClient(options: RedisOptions(connectTimeout: .milliseconds(500))) { server, client in
            _ = try await client.send(["PING"])
            let gone = AsyncStream.makeStream(of: Void.self)
            client.onDisconnect { gone.continuation.yield() }
            server.pause()
            let error = await redisError { () throws(RedisError) in
                try await client.send(["INCR", "count"], timeout: .milliseconds(200))
            }
            #expect(error?.kind == .ambiguous)
            for await _ in gone.stream { break }
            #expect(client.session == nil)
            let waiting = client.submit(["PING"], timeout: patience)
            server.resume()
            let reply = try await waiting.get()
            #expect(reply.string == "PONG")
        }
    }

    @Test
    func `A client that comes back to the same server ends its old connection there, and nobody's after a restart`()
        async throws
    {
        try await withServerAndClient { server, client in
            func kills() async throws -> String? {
                let statistics = try await client.send(["INFO", "commandstats"]).string ?? ""
                return statistics.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_client|kill:") }
                    .map { String($0.prefix { $0 != "," }) }
            }
            _ = try await client.send(["PING"])
            let id = try #require(client.session?.clientID)
            _ = try await withClient(server.url) { try await $0.send(["CLIENT", "KILL", "ID", RedisArgument(id)]) }
            while client.session == nil || client.session?.clientID == id { await Task.yield() }
            #expect(try await kills() == "cmdstat_client|kill:calls=2")
            try await server.restart()
            while (try? await client.send(["PING"])) == nil { await Task.yield() }
            // The new server gives out the same numbers again, to others.
            #expect(try await kills() == nil)
        }
    }

    @Test
    func `A reply that comes after its timeout is dropped, and the command behind it gets its own`() async throws {
        try await withServerAndClient { server, client in
            let blocked = client.submit(["BLPOP", "list", "0"])
            let late = client.submit(["ECHO", "late"], timeout: .milliseconds(50))
            let behind = client.submit(["ECHO", "behind"])
            let error = await #expect(throws: RedisError.self) { try await late.get() }
            #expect(error?.kind == .ambiguous)
            _ = try await withClient(server.url) { try await $0.send(["RPUSH", "list", "item"]) }
            let item = try await blocked.get()
            #expect(item.array?.last?.string == "item")
            let reply = try await behind.get()
            #expect(reply.string == "behind")
        }
    }

    @Test func `A cancelled task stops waiting at once, and its neighbours get their own replies`() async throws {
        try await withServerAndClient { server, client in
            let waiting = Task { try await client.send(["BLPOP", "list", "0"]) }
            try await withClient(server.url) { other in
                try await waitForBlockedClients(1, of: other)
                let neighbour = client.submit(["ECHO", "neighbour"])
                waiting.cancel()
                let error = await #expect(throws: RedisError.self) { try await waiting.value }
                #expect(error?.kind == .cancelled)
                _ = try await other.send(["RPUSH", "list", "item"])
                let reply = try await neighbour.get()
                #expect(reply.string == "neighbour")
            }
            let after = await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await redisError { () throws(RedisError) in try await client.send(["SET", "never", "1"]) }
            }.value
            #expect(after?.kind == .cancelled)
            let exists = try await client.send(["EXISTS", "never"])
            #expect(exists == .integer(0))
        }
    }

    @Test func `Tasks that are cancelled in the very moment of sending end at once, too`() async throws {
        let server = try await RedisServer.start()
        server.stop()
        try await withClient(server.url) { client in
            await withTaskGroup(of: RedisError.Kind?.self) { group in
                for _ in 0..<500 {
                    let task = Task { await redisError { () throws(RedisError) in try await client.send(["PING"]) } }
                    group.addTask { await task.value?.kind }
                    task.cancel()
                }
                for await kind in group { #expect(kind == .cancelled) }
            }
        }
    }

    @Test func `A blocked command that the server itself unblocks was not executed: unavailable`() async throws {
        try await withServerAndClient { server, client in
            _ = try await client.send(["PING"])
            let id = try #require(client.session?.clientID)
            let blocked = client.submit(["BLPOP", "empty", "0"])
            try await withClient(server.url) { other in
                try await waitForBlockedClients(1, of: other)
                _ = try await other.send(["CLIENT", "UNBLOCK", RedisArgument(id), "ERROR"])
            }
            let error = await #expect(throws: RedisError.self) { try await blocked.get() }
            #expect(error?.kind == .unavailable)
        }
    }

    @Test func `Closing fails what waits and what comes later as closed, and can be done twice`() async throws {
        try await withServerAndClient { server, client in
            let blocked = client.submit(["BLPOP", "empty", "0"])
            try await withClient(server.url) { try await waitForBlockedClients(1, of: $0) }
            await client.close()
            await client.close()
            let error = await #expect(throws: RedisError.self) { try await blocked.get() }
            #expect(error?.kind == .closed)
            let later = await redisError { () throws(RedisError) in try await client.send(["PING"]) }
            #expect(later?.kind == .closed)
            #expect(client.session == nil)
        }
        try await RedisServer.withServer { server in
            server.kill()
            try await withClient(server.url) { client in
                let waiting = client.submit(["PING"])
                await client.close()
                let error = await #expect(throws: RedisError.self) { try await waiting.get() }
                #expect(error?.kind == .closed)
            }
        }
    }
}
