import NIOCore
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

@Suite("Which server process a client is for", .serialized)
struct GateTests {
    private static func options(_ gate: ServerGate, timeout: TimeAmount = patience) -> RedisOptions {
        var options = RedisOptions(commandTimeout: timeout)
        options.gate = gate
        return options
    }

    @Test func `Nothing but what passes the gate is sent to another process than the admitted one`() async throws {
        let gate = ServerGate()
        try await withServerAndClient(options: Self.options(gate)) { server, client in
            let calls = Mutex(0)
            gate.onApart { calls.withLock { $0 += 1 } }
            _ = try await client.send(["PING"])
            gate.admit(try #require(client.session).runID)
            _ = try await client.send(["SET", "key", "admitted"])
            #expect(!gate.isShut)
            try await server.restart()
            // The first try may still meet the old connection's end.
            while !gate.isShut {
                _ = try? await client.send(["PING"])
                await Task.yield()
            }
            let error = await redisError { () throws(RedisError) in try await client.send(["SET", "key", "late"]) }
            #expect(error?.kind == .unavailable)
            #expect(error?.message.contains("another server process") == true)
            #expect(client.session == nil)
            #expect(calls.withLock { $0 } == 1)

            // The new process does not know the script: its source passes as well.
            let script = RedisScript(name: "look", source: "return redis.call('EXISTS', KEYS[1])")
            let isThere = try await client.evaluate(script, keys: ["key"], arguments: [], passesGate: true)
            #expect(isThere == .integer(0))
            let closed = await redisError { () throws(RedisError) in
                try await client.evaluate(script, keys: ["key"], arguments: [])
            }
            #expect(closed?.kind == .unavailable)

            gate.admit(try #require(gate.apart).runID)
            #expect(!gate.isShut)
            _ = try await client.send(["SET", "key", "now"])
            #expect(client.session != nil)
        }
    }

    @Test func `What waited for a connection fails, executed in no part, if that leads to another process`()
        async throws
    {
        let gate = ServerGate()
        try await withServerAndClient(options: Self.options(gate)) { server, client in
            _ = try await client.send(["PING"])
            gate.admit(try #require(client.session).runID)
            let gone = AsyncStream.makeStream(of: Void.self)
            client.onDisconnect { gone.continuation.yield() }
            server.kill()
            for await _ in gone.stream { break }
            let futures = (0..<10).map { client.submit(["RPUSH", "order", RedisArgument($0)]) }
            try await server.restart()
            for future in futures {
                let error = await #expect(throws: RedisError.self) { _ = try await future.get() }
                #expect(error?.kind == .unavailable)
            }
            let length = try await client.send(["LLEN", "order"], passesGate: true)
            #expect(length == .integer(0))
        }
    }

    @Test func `A gate that is shut ends what is open, and one that admits everything opens what is apart`()
        async throws
    {
        let gate = ServerGate()
        try await withServerAndClient(options: Self.options(gate)) { _, client in
            _ = try await client.send(["PING"])
            let server = try #require(client.session)
            for done in gate.shut() { try await done.get() }
            #expect(client.session == nil)
            #expect(gate.isShut)
            let pong = try await client.send(["PING"], passesGate: true)
            #expect(pong.string == "PONG")
            #expect(gate.apart?.runID == server.runID)
            #expect(gate.apart?.clientID != server.clientID)
            for done in gate.admitAll() { try await done.get() }
            _ = try await client.send(["PING"])
            #expect(client.session?.runID == server.runID)
        }
    }

    @Test func `Once a server is admitted, a replica is waited out`() async throws {
        let gate = ServerGate()
        try await withServerAndClient(options: Self.options(gate)) { server, client in
            _ = try await client.send(["PING"])
            gate.admit(try #require(client.session).runID)
            _ = try await server.command("REPLICAOF", "127.0.0.1", "1")
            client.reconnect()
            let error = await redisError { () throws(RedisError) in
                try await client.send(["PING"], timeout: .seconds(1))
            }
            #expect(error?.kind == .unavailable)
            #expect(error?.message.contains("replica") == true)
            _ = try await server.command("REPLICAOF", "NO", "ONE")
            let pong = try await client.send(["PING"])
            #expect(pong.string == "PONG")
        }
    }

    @Test func `Who waits for an open gate goes on when it is opened, or let go`() async throws {
        let gate = ServerGate()
        await gate.waitUntilOpen()
        gate.shut()
        let first = Task { await gate.waitUntilOpen() }
        gate.admit("a server")
        await first.value
        gate.shut()
        let second = Task { await gate.waitUntilOpen() }
        gate.letGo()
        await second.value
        await gate.waitUntilOpen()
    }
}
