import ExampleSupport
import Foundation
import OrderFulfilment
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

/// The order-fulfilment example, whose worker is killed at each request of an order that cannot be shipped.
@Suite(.serialized) struct SagaKillTests {
    private struct Ending: Sendable {
        var events: Int
        var hasStruck: Bool
        var history: [RecordedStep]
        var error: String
        /// What was entered in the books, by account.
        var books: [String: Int]
        var violations: [String]
    }

    private static let orderID = "the-order"

    /// One order, a worker that is killed as planned, and another that takes over.
    private func fulfil(_ server: RedisServer, _ plan: RedisProxy.Plan?) async throws -> Ending {
        let namespace = "s" + String(UInt64.random(in: .min ... .max), radix: 36)
        let folder = server.folder + "/" + namespace
        let struck = AsyncStream<Void>.makeStream()
        let victim = VictimBox()
        let proxy = try RedisProxy(
            folder: server.folder, upstream: server.folder + "/redis.sock", marker: Self.orderID, plan: plan
        ) {
            victim.process?.kill()
            struck.continuation.yield()
        }
        defer { proxy.close() }
        func worker(_ redis: String, log: String) throws -> WorkerProcess {
            try WorkerProcess(
                program: "OrderFulfilment",
                ["worker", "--redis", redis, "--namespace", namespace, "--books", folder, "--lease", "1"],
                log: folder + log)
        }
        let first = try worker(proxy.url, log: "-first.log")
        victim.process = first
        defer { first.kill() }
        let client = try StepwiseClient(redis: RedisEndpoint(server.url), namespace: namespace, logger: .silent)
        defer { Task { await client.close() } }
        let run = try await client.enqueue(
            .fulfilOrder, Order(sku: "A1", quantity: 2, destination: "nowhere"), id: Self.orderID)
        let ended = Task {
            defer { struck.continuation.yield() }
            do { return try await run.result(timeout: .seconds(60)).parcel } catch { return "\(error)" }
        }
        for await _ in struck.stream { break }
        let second = proxy.hasStruck ? try worker(server.url, log: "-second.log") : nil
        defer { second?.kill() }
        let error = await ended.value
        let accounts = ["charged", "refunded", "reserved", "released", "shipped", "recalled"]
        let books = try accounts.map { ($0, try Books(folder: folder).entries(in: $0).count) }
        return Ending(
            events: proxy.events, hasStruck: proxy.hasStruck, history: try await run.history(), error: error,
            books: Dictionary(uniqueKeysWithValues: books),
            violations: try await Doctor(client).examine().violations.map(\.line))
    }

    private func check(_ ending: Ending, _ place: String) {
        #expect(
            ending.history.map(\.step) == ["charge", "reserve", "ship", "undo reserve", "undo charge"], "\(place)")
        #expect(ending.history.filter { $0.error != nil }.map(\.step) == ["ship"], "\(place)")
        #expect(ending.error.contains("NoCourier"), "\(place): \(ending.error)")
        #expect(
            ending.books == [
                "charged": 1, "refunded": 1, "reserved": 1, "released": 1, "shipped": 0, "recalled": 0,
            ], "\(place)")
        #expect(ending.violations.isEmpty, "\(place): \(ending.violations)")
    }

    @Test(.scenario(54))
    func `A worker killed at any point of an order that cannot be shipped: every undo is recorded once, in order`()
        async throws
    {
        try await RedisServer.withServer { server in
            let calm = try await fulfil(server, nil)
            check(calm, "without a strike")
            #expect(calm.events >= 7, "one request a step and the end")
            let plans = (1...calm.events).flatMap { event in
                [RedisProxy.Moment.before, .after].map { RedisProxy.Plan(event: event, moment: $0, strike: .hold) }
            }
            try await withThrowingTaskGroup(of: Bool.self) { group in
                var struck = 0
                for (index, plan) in plans.enumerated() {
                    if index >= 8, try await group.next() == true { struck += 1 }
                    group.addTask {
                        let ending = try await fulfil(server, plan)
                        check(ending, "killed \(plan.moment) request \(plan.event)")
                        return ending.hasStruck
                    }
                }
                for try await hasStruck in group where hasStruck { struck += 1 }
                #expect(struck * 4 >= plans.count * 3, "only \(struck) of \(plans.count) strikes hit")
            }
        }
    }
}
