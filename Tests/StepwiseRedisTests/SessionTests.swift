import NIOCore
import StepwiseRedis
import StepwiseTesting
import Synchronization
import Testing

@Suite("The handshake with a server", .serialized)
struct SessionTests {
    @Test func `A user with the right password gets in`() async throws {
        let user = ["--user", "worker", "on", ">hunter2", "~*", "&*", "+@all", "--requirepass", "other"]
        try await RedisServer.withServer(extraArguments: user) { server in
            let path = server.url.dropFirst("unix://".count)
            let names = try await withClient("unix://worker:hunter2@\(path)") { client in
                try await client.send(["ACL", "WHOAMI"]).string
            }
            #expect(names == "worker")
            let name = try await withClient("unix://:other@\(path)") { client in
                try await client.send(["ACL", "WHOAMI"]).string
            }
            #expect(name == "default")
        }
    }

    @Test(arguments: [
        ("wrong:hunter2@", "check the user \"wrong\" and the password"), (":hunter2@", "check"), ("", "in the URL"),
    ])
    func `A wrong or missing password fails the waiting command at once, with what to do and without the password`(
        login: String, advice: String
    ) async throws {
        try await RedisServer.withServer(extraArguments: ["--requirepass", "right"]) { server in
            let url = "unix://\(login)\(server.url.dropFirst("unix://".count))"
            try await withClient(url) { client in
                let error = await redisError { () throws(RedisError) in try await client.send(["PING"]) }
                #expect(error?.kind == .denied)
                #expect(error?.message.contains(advice) == true)
                #expect(error?.message.contains("hunter2") == false)
                #expect(client.session == nil)
            }
        }
    }

    @Test func `A client that was denied gets in when the server's password is mended`() async throws {
        try await RedisServer.withServer { server in
            let path = server.url.dropFirst("unix://".count)
            try await withClient("unix://:secret@\(path)") { client in
                let error = await redisError { () throws(RedisError) in try await client.send(["PING"]) }
                #expect(error?.kind == .denied)
                _ = try await withClient(server.url) { try await $0.send(["CONFIG", "SET", "requirepass", "secret"]) }
                // An attempt may have been on its way already and fail this command too.
                while (try? await client.send(["PING"])) == nil { await Task.yield() }
                #expect(client.session != nil)
            }
        }
    }

    @Test
    func `The database of the URL is the one that commands act on, and one that is not there is said`() async throws {
        try await RedisServer.withServer { server in
            _ = try await withClient("\(server.url)?db=3") { try await $0.send(["SET", "key", "three"]) }
            try await withClient(server.url) { client in
                _ = try await client.send(["SELECT", "3"])
                let value = try await client.send(["GET", "key"])
                #expect(value.string == "three")
            }
            try await withClient("\(server.url)?db=99") { client in
                let error = await redisError { () throws(RedisError) in try await client.send(["PING"]) }
                #expect(error?.kind == .refused)
                #expect(error?.message.contains("database number") == true)
            }
        }
    }

    @Test
    func `CLIENT LIST shows the connection's name, with a dash for each character that Redis forbids`() async throws {
        let options = RedisOptions(connectionName: "stepwise worker\n1")
        try await withServerAndClient(options: options) { _, client in
            let list = try await client.send(["CLIENT", "LIST"]).string
            #expect(list?.contains(" name=stepwise-worker-1 ") == true)
        }
    }

    @Test func `The session tells what the server said of itself`() async throws {
        try await withServerAndClient { _, client in
            let told = Mutex<RedisSession?>(nil)
            client.onConnect { session in told.withLock { $0 = session } }
            #expect(client.session == nil)
            let id = try await client.send(["CLIENT", "ID"]).integer
            let session = try #require(client.session)
            #expect(session.clientID == id)
            #expect(session.runID.count == 40)
            #expect(session.role == "master")
            #expect(session.version.split(separator: ".").count == 3)
            #expect(session.evictionPolicy == "noeviction")
            #expect(told.withLock { $0 } == session)
        }
    }

    @Test func `A user who may use neither CLIENT nor INFO can work`() async throws {
        let user = ["--user", "worker", "on", ">pw", "~*", "&*", "+@all", "-client", "-info", "-ping"]
        try await RedisServer.withServer(extraArguments: user) { server in
            let url = "unix://worker:pw@\(server.url.dropFirst("unix://".count))"
            try await withClient(url, options: RedisOptions(connectionName: "name")) { client in
                let reply = try await client.send(["SET", "key", "1"])
                #expect(reply.string == "OK")
                let nothing = RedisSession(clientID: 0, runID: "", role: "", version: "", evictionPolicy: "")
                #expect(client.session == nothing)
            }
        }
    }
}
