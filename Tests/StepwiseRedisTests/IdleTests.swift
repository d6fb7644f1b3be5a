import Foundation
import NIOCore
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

@Suite("Connections on which nothing happens", .serialized)
struct IdleTests {
    private func options(probeAfter: TimeAmount) -> RedisOptions {
        var options = RedisOptions(commandTimeout: patience)
        options.probeAfter = probeAfter
        return options
    }

    /// How often a client asks for a sign of life while `body` is executed.
    private func probes(_ server: RedisServer, _ body: () async throws -> Void) async throws -> Int {
        func count() async throws -> Int {
            let reply = try await withClient(server.url) { try await $0.send(["INFO", "commandstats"]) }
            let statistics = reply.string ?? ""
            let line = statistics.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_ping:calls=") } ?? ""
            return Int(line.dropFirst("cmdstat_ping:calls=".count).prefix { $0 != "," }) ?? 0
        }
        let before = try await count()
        try await body()
        // Who counts has just made a connection, and begun it with a PING.
        return try await count() - before - 1
    }

    @Test(.scenario(48))
    func `What is sent on an idle connection that a device between has forgotten goes out on a new one`()
        async throws
    {
        try await RedisServer.withServer { forgotten in
            try await RedisServer.withServer { server in
                let link = server.folder + "/l"
                func point(to server: RedisServer) throws {
                    try? FileManager.default.removeItem(atPath: link)
                    try FileManager.default.createSymbolicLink(
                        atPath: link, withDestinationPath: server.folder + "/redis.sock")
                }
                try point(to: forgotten)
                try await withClient("unix://\(link)", options: options(probeAfter: .milliseconds(50))) { client in
                    _ = try await client.send(["ECHO", "first"])
                    // What is sent there from now on is swallowed. A new connection comes through.
                    forgotten.pause()
                    try point(to: server)
                    try await Task.sleep(for: .milliseconds(200))
                    let futures = (0..<10).map { client.submit(["RPUSH", "list", RedisArgument($0)]) }
                    for (index, future) in futures.enumerated() {
                        let length = try await future.get()
                        #expect(length == .integer(index + 1))
                    }
                }
                forgotten.resume()
                #expect(try await forgotten.command("EXISTS", "list") == .integer(0))
            }
        }
    }

    @Test func `An idle connection is asked once before it is used, and one in use never`() async throws {
        #expect(RedisOptions().probeAfter == .seconds(30))
        try await withServerAndClient(options: options(probeAfter: .seconds(2))) { server, client in
            _ = try await client.send(["ECHO", "first"])
            let inUse = try await probes(server) {
                for _ in 0..<100 { _ = try await client.send(["ECHO", "next"]) }
            }
            #expect(inUse == 0)
            let idle = try await probes(server) {
                try await Task.sleep(for: .milliseconds(2300))
                let futures = (0..<10).map { client.submit(["RPUSH", "list", RedisArgument($0)]) }
                for (index, future) in futures.enumerated() {
                    let length = try await future.get()
                    #expect(length == .integer(index + 1))
                }
            }
            #expect(idle == 1)
            // Nothing comes while it waits, and a PING would wait behind it.
            let blocked = try await probes(server) {
                let item = client.submit(["BLPOP", "empty", "0"])
                try await Task.sleep(for: .milliseconds(2300))
                let behind = client.submit(["ECHO", "behind"])
                _ = try await withClient(server.url) { try await $0.send(["RPUSH", "empty", "item"]) }
                let pushed = try await item.get()
                #expect(pushed.array?.last?.string == "item")
                let reply = try await behind.get()
                #expect(reply.string == "behind")
            }
            // That of the client that pushed.
            #expect(blocked == 1)
        }
    }

    @Test func `A server that says no to the sign of life is alive`() async throws {
        try await RedisServer.withServer { server in
            _ = try await server.command("ACL", "SETUSER", "mute", "on", ">pw", "~*", "+@all", "-ping")
            let url = server.url.replacing("unix://", with: "unix://mute:pw@")
            try await withClient(url, options: options(probeAfter: .milliseconds(50))) { client in
                _ = try await client.send(["ECHO", "first"])
                let id = client.session?.clientID
                try await Task.sleep(for: .milliseconds(200))
                #expect(try await client.send(["ECHO", "next"]).string == "next")
                #expect(client.session?.clientID == id)
            }
        }
    }

    @Test func `While an idle connection gives no sign of life, an impatient command fails as unavailable`()
        async throws
    {
        try await withServerAndClient(options: options(probeAfter: .milliseconds(50))) { server, client in
            _ = try await client.send(["ECHO", "first"])
            server.pause()
            try await Task.sleep(for: .milliseconds(200))
            let error = await redisError { () throws(RedisError) in
                try await client.send(["INCR", "count"], timeout: .milliseconds(200))
            }
            #expect(error?.kind == .unavailable)
            #expect(error?.message.contains("has not given a sign of life") == true)
            server.resume()
            // It was never sent.
            #expect(try await client.send(["INCR", "count"]) == .integer(1))
        }
    }

    @Test(.enabled(if: FileManager.default.isReadableFile(atPath: "/proc/net/tcp")))
    func `The system asks for a sign of life within a minute on a TCP connection that is idle`() async throws {
        try await RedisServer.withServer(tcp: true) { server in
            try await withClient(server.url) { client in
                _ = try await client.send(["PING"])
                let port = try #require(server.url.split(separator: ":").last.flatMap { UInt16($0) })
                let hex = String(port, radix: 16, uppercase: true)
                let end = ":" + String(repeating: "0", count: 4 - hex.count) + hex
                var timers: [String] = []
                let isSet = try await comesTrue(within: .seconds(10)) {
                    // To its end: the system gives a long table in parts, and tells no size.
                    let file = try #require(FileHandle(forReadingAtPath: "/proc/net/tcp"))
                    let table = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
                    timers = []
                    for line in table.split(separator: "\n") {
                        let fields: [Substring] = line.split(separator: " ")
                        if fields.count > 5, fields[2].hasSuffix(end) { timers.append(String(fields[5])) }
                    }
                    // The system's timer for this, and when it fires, in hundredths of a second.
                    return timers.contains { timer in
                        timer.hasPrefix("02:") && (UInt32(timer.dropFirst(3), radix: 16) ?? .max) <= 6_000
                    }
                }
                #expect(isSet, "\(timers)")
            }
        }
    }
}
