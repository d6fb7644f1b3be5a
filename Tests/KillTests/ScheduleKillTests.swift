import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing
import TestWorkflows

/// A schedule whose workers die, at random and at each request that is about it.
@Suite(.serialized) struct ScheduleKillTests {
    private func worker(_ redis: String, _ server: RedisServer, _ namespace: String, _ author: String) throws
        -> WorkerProcess
    {
        try WorkerProcess(
            redis: redis, ledgerRedis: server.url, ledger: namespace, author: author, namespace: namespace,
            folder: server.folder)
    }

    /// Every tick from the first that was started to the last has its run, in the order of the ticks. On a busy machine a worker may come to two
    /// ticks at once; of these a schedule that replaces its run starts the last, and counts the other as skipped.
    private func expectNoGap(_ details: ScheduleDetails, _ ids: [String], _ place: String = "") throws {
        let last = try #require(details.lastTick).wholeMilliseconds
        let ticks = max(1, ids.count) + details.skipped
        let expected = (0..<ticks).reversed().map { details.schedule.runID(ofTick: last - $0 * 1000) }
        #expect(ids.first == expected.first && ids.last == expected.last, "\(place): \(ids)")
        #expect(Set(ids).isSubset(of: expected) && ids == ids.sorted(), "\(place): \(ids)")
        #expect(details.started == ids.count && details.missed == 0, "\(place)")
        if details.schedule.overlap != .replace { #expect(details.skipped == 0, "\(place)") }
    }

    @Test(.scenario(61))
    func `Workers are killed at random beside a schedule that ticks every second: each tick has exactly one run`()
        async throws
    {
        try await RedisServer.withServer { server in
            let client = try StepwiseClient(redis: RedisEndpoint(server.url), namespace: "often", logger: .silent)
            try await client.schedules.create(
                Schedule("often", .every(.seconds(1)), WorkflowName<String, String>("sequential"), "x"))
            var workers = try (0..<3).map { try worker(server.url, server, "often", "w\($0)") }
            defer { for worker in workers { worker.kill() } }
            for round in 3..<10 {
                // The first by name leads: it is the likeliest to be at a tick.
                let victim = round.isMultiple(of: 2) ? 0 : Int.random(in: 0..<3)
                try await eventually("it ticks") { try await client.schedules.details("often").started > 0 }
                workers.remove(at: victim).kill()
                workers.append(try worker(server.url, server, "often", "w\(round)"))
                try await Task.sleep(for: .milliseconds(Int.random(in: 300...900)))
            }
            try await eventually("it goes on ticking") { try await client.schedules.details("often").started >= 4 }
            try await client.schedules.pause("often")
            var runs = try await client.runs(limit: 1000)
            try await eventually("all runs complete") {
                runs = try await client.runs(limit: 1000)
                return runs.allSatisfy { $0.status == .completed }
            }
            try expectNoGap(try await client.schedules.details("often"), runs.map(\.id).sorted())
            #expect(runs.count >= 4)
            try await expectSound(client)
            await client.close()
        }
    }

    private struct Ending: Sendable {
        var events: Int
        var hasStruck: Bool
    }

    /// A worker that is killed, or cut off, as planned at one of the requests about a schedule, and another that joins it.
    private func tick(_ server: RedisServer, _ plan: RedisProxy.Plan?) async throws -> Ending {
        let namespace = "t" + String(UInt64.random(in: .min ... .max), radix: 36)
        let place = plan.map { "\($0.strike) \($0.moment) request \($0.event)" } ?? "without a strike"
        let victim = VictimBox()
        let struck = AsyncStream<Void>.makeStream()
        let proxy = try RedisProxy(
            folder: server.folder, upstream: server.folder + "/redis.sock", marker: "schedule the-schedule", plan: plan
        ) {
            if plan?.strike == .hold { victim.process?.kill() }
            struck.continuation.yield()
        }
        defer { proxy.close() }
        let client = try StepwiseClient(redis: RedisEndpoint(server.url), namespace: namespace, logger: .silent)
        // Each run is cancelled for the next: nobody ever opens the gate.
        let ledger = try Ledger(url: server.url, name: namespace, author: "test")
        try await ledger.addGate("one")
        try await client.schedules.create(
            Schedule(
                "the-schedule", .every(.seconds(1)), WorkflowName<String, String>("sequential"), "x", overlap: .replace)
        )
        let first = try worker(proxy.url, server, namespace, "first")
        victim.process = first
        defer { first.kill() }
        func hasTicked(_ count: Int) async throws -> Bool {
            try await client.schedules.details("the-schedule").started >= count
        }
        if plan == nil {
            try await eventually("it has ticked twice") { try await hasTicked(2) }
        } else {
            for await _ in struck.stream { break }
        }
        let events = proxy.events
        let count = try await client.schedules.details("the-schedule").started
        let second = try worker(server.url, server, namespace, "second")
        defer { second.kill() }
        try await eventually("it ticks once more; \(place)") { try await hasTicked(count + 1) }
        try await client.schedules.pause("the-schedule")
        var runs: [RunListing] = []
        try await eventually("all runs but the last are cancelled; \(place)") {
            runs = try await client.runs(limit: 100).sorted { $0.id < $1.id }
            return runs.dropLast().allSatisfy { $0.status == .cancelled }
        }
        try expectNoGap(try await client.schedules.details("the-schedule"), runs.map(\.id), place)
        #expect(runs.last?.status.isEnded == false, "\(place)")
        try await expectSound(client, "\(place)")
        await ledger.client.close()
        await client.close()
        return Ending(events: events, hasStruck: proxy.hasStruck)
    }

    @Test(.scenario(61))
    func
        `A worker that is killed or cut off at any request about a tick loses none and starts none twice; the run before is cancelled`()
        async throws
    {
        try await RedisServer.withServer { server in
            let calm = try await tick(server, nil)
            let plans = (1...min(calm.events, 6)).flatMap { event in
                [
                    RedisProxy.Plan(event: event, moment: .before, strike: .hold),
                    RedisProxy.Plan(event: event, moment: .after, strike: .hold),
                    // The answer is lost, and the worker sends it again.
                    RedisProxy.Plan(event: event, moment: .after, strike: .cut),
                ]
            }
            // Two ticks, the cancelling of the first one's run between them, and the look at the timers when a worker begins to lead.
            #expect(plans.count >= 12)
            try await withThrowingTaskGroup(of: Ending.self) { group in
                for (index, plan) in plans.enumerated() {
                    if index >= 12 { _ = try await group.next() }
                    group.addTask { try await tick(server, plan) }
                }
                for try await ending in group { #expect(ending.hasStruck) }
            }
        }
    }
}
