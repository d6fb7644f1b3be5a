import NIOCore
import NIOPosix
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

@Suite("Subscriptions", .serialized)
struct SubscriberTests {
    /// The messages of one subscription, to be awaited.
    private struct Inbox {
        private let stream = AsyncStream.makeStream(of: String.self)

        var receive: @Sendable ([UInt8]) -> Void {
            { [stream] in _ = stream.continuation.yield(String(decoding: $0, as: UTF8.self)) }
        }

        func next() async -> String? {
            var iterator = stream.stream.makeAsyncIterator()
            return await iterator.next()
        }
    }

    private func withSubscriber(
        _ body: (RedisServer, RedisSubscriber, RedisClient) async throws -> Void
    ) async throws {
        try await withServerAndClient { server, client in
            let subscriber = RedisSubscriber(
                address: try RedisAddress(url: server.url),
                options: RedisOptions(commandTimeout: patience),
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: .silent
            )
            do {
                try await body(server, subscriber, client)
                await subscriber.close()
            } catch {
                await subscriber.close()
                throw error
            }
        }
    }

    @Test
    func `What is published after a confirmed subscription arrives, for each of a channel's subscriptions`()
        async throws
    {
        try await withSubscriber { _, subscriber, client in
            let (one, two, other) = (Inbox(), Inbox(), Inbox())
            _ = try await subscriber.subscribe("news", one.receive)
            let second = try await subscriber.subscribe("news", two.receive)
            _ = try await subscriber.subscribe("other", other.receive)
            let listeners = try await client.send(["PUBLISH", "news", "first"])
            #expect(listeners == .integer(1))
            #expect(await one.next() == "first")
            #expect(await two.next() == "first")
            subscriber.unsubscribe(second)
            _ = try await client.send(["PUBLISH", "other", "elsewhere"])
            #expect(await other.next() == "elsewhere")
            _ = try await client.send(["PUBLISH", "news", "second"])
            #expect(await one.next() == "second")
        }
    }

    @Test func `When a channel's last subscription ends, the server is told`() async throws {
        try await withSubscriber { _, subscriber, client in
            let inbox = Inbox()
            let subscription = try await subscriber.subscribe("news", inbox.receive)
            subscriber.unsubscribe(subscription)
            while try await client.send(["PUBSUB", "NUMSUB", "news"]).array?.last?.integer != 0 { await Task.yield() }
            _ = try await subscriber.subscribe("news", inbox.receive)
            _ = try await client.send(["PUBLISH", "news", "again"])
            #expect(await inbox.next() == "again")
        }
    }

    @Test func `A subscription outlives the server's restart`() async throws {
        try await withSubscriber { server, subscriber, client in
            let inbox = Inbox()
            _ = try await subscriber.subscribe("news", inbox.receive)
            try await server.restart()
            while (try? await client.send(["PUBLISH", "news", "after"]).integer) != 1 { await Task.yield() }
            #expect(await inbox.next() == "after")
        }
    }

    @Test
    func `A subscriber notices by itself that the server is frozen, and subscribes anew when it thaws`() async throws {
        try await withServerAndClient { server, client in
            let log = RecordingLog()
            let subscriber = RedisSubscriber(
                address: try RedisAddress(url: server.url),
                options: RedisOptions(commandTimeout: .milliseconds(300)),
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: log.logger
            )
            let inbox = Inbox()
            _ = try await subscriber.subscribe("news", inbox.receive)
            server.pause()
            await log.wait(for: "the connection to redis was lost; reconnecting")
            server.resume()
            await log.wait(for: "redis answers again")
            while try await client.send(["PUBLISH", "news", "thawed"]).integer != 1 { await Task.yield() }
            #expect(await inbox.next() == "thawed")
            await subscriber.close()
        }
    }

    @Test func `A channel that the user may not read is refused, and the others go on`() async throws {
        let user = ["--user", "worker", "on", ">pw", "~*", "&news", "+@all"]
        try await RedisServer.withServer(extraArguments: user) { server in
            let subscriber = RedisSubscriber(
                address: try RedisAddress(url: "unix://worker:pw@\(server.url.dropFirst("unix://".count))"),
                options: RedisOptions(commandTimeout: patience),
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: .silent
            )
            let inbox = Inbox()
            _ = try await subscriber.subscribe("news", inbox.receive)
            let error = await redisError { () throws(RedisError) in
                try await subscriber.subscribe("secret", inbox.receive).channel
            }
            #expect(error?.kind == .denied)
            _ = try await withClient(server.url) { try await $0.send(["PUBLISH", "news", "still"]) }
            #expect(await inbox.next() == "still")
            await subscriber.close()
            let closed = await redisError { () throws(RedisError) in
                try await subscriber.subscribe("news", inbox.receive).channel
            }
            #expect(closed?.kind == .closed)
        }
    }
}
