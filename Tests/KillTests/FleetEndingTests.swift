import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing
import TestWorkflows

/// The end of a run with thousands of open steps is written in pages. Between two of them its worker dies, freezes or leaves, or Redis does.
extension FleetTests {
    private static let crowd = WorkflowName<String, String>("crowd")
    private static let open = 3000
    private static let id = "crowd"

    struct Page: Sendable, CustomTestStringConvertible {
        var number: Int
        var moment: RedisProxy.Moment
        /// What the run's function does: `completes`, `fails` or `continues`.
        var end: String

        /// What Redis has noted of that.
        var decided: String { ["completes": "completed", "fails": "failed"][end] ?? "continued" }
        var testDescription: String { "\(end), \(moment) page \(number)" }
    }

    private struct Struck {
        var worker: WorkerProcess
        var proxy: RedisProxy
        var run: WorkflowRun<String>
    }

    /// A run, and the worker that writes its end, struck at a page; nobody else works.
    private func strike(_ stage: Stage, at page: Page, _ strike: RedisProxy.Strike = .hold) async throws -> Struck {
        // Each page names the work item that its worker holds.
        let proxy = try RedisProxy(
            folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "end \(Self.id) ",
            plan: .init(event: page.number, moment: page.moment, strike: strike)
        ) {}
        let worker = try stage.worker("first", redis: proxy.url)
        let run = try await stage.client.enqueue(Self.crowd, "\(Self.open) \(page.end)", id: Self.id)
        try await eventually("everything is open") { try await left(stage) == Self.open + 1 }
        try await run.notify("go")
        try await eventually("a page is struck") { proxy.hasStruck }
        return Struck(worker: worker, proxy: proxy, run: run)
    }

    /// How many of its steps are open.
    private func left(_ stage: Stage) async throws -> Int { try await stage.client.openStepCount(ofRun: Self.id) }

    private func expectBetween(_ page: Page, _ stage: Stage) async throws {
        let open = try await left(stage)
        let isUntouched = page.number == 1 && page.moment == .before
        #expect(isUntouched ? open == Self.open : open > 0 && open < Self.open, "\(open) steps are open")
        let details = try await stage.client.handle(Self.id).details()
        #expect(details.status == .ending && details.ending == page.decided && details.ended == nil)
        try await expectSound(stage.client, within: patience)
    }

    /// It ends as was decided, and nothing of what it had open is left.
    private func expectEnd(of struck: Struck, as page: Page, _ stage: Stage) async throws {
        let run = struck.run
        if page.end == "continues" {
            try await eventually("it begins anew", within: .seconds(60)) { try await run.details().continued == 1 }
            try await eventually("it waits again") { try await left(stage) == 1 }
            try await run.notify("go")
        }
        if page.end == "fails" {
            let error = await #expect(throws: StepwiseError.self) { try await run.result(timeout: .seconds(60)) }
            #expect(error?.code == .runFailed)
        } else {
            let output = try await run.result(timeout: .seconds(60))
            #expect(output == (page.end == "continues" ? "0 completes" : "\(Self.open) \(page.end)"))
        }
        try await expectNothingLeft(stage)
    }

    private func expectNothingLeft(_ stage: Stage) async throws {
        let open = try await left(stage)
        let waiters = try await stage.redis("ZCARD", .init(stage.keys.event("never"))).integer
        let mail = try await stage.redis("ZCARD", .init(stage.keys.mail(Self.id))).integer
        let limits = try await stage.redis("ZCARD", .init(stage.keys.delayed)).integer
        let ending = try await stage.redis("ZCARD", .init(stage.keys.runs(.ending))).integer
        #expect([open, waiters, mail, limits, ending] == [0, 0, 0, 0, 0])
    }

    @Test(
        .rule(1),
        arguments: [
            Page(number: 1, moment: .before, end: "completes"), Page(number: 3, moment: .after, end: "completes"),
            Page(number: 2, moment: .after, end: "fails"), Page(number: 2, moment: .before, end: "continues"),
            Page(number: 1, moment: .after, end: "continues"),
        ])
    func `A worker is killed between two pages of a run's end: another goes on, and the run ends as was decided`(
        _ page: Page
    ) async throws {
        try await withStage { stage in
            let struck = try await strike(stage, at: page)
            defer { struck.proxy.close() }
            struck.worker.kill()
            try await expectBetween(page, stage)
            let second = try stage.worker("second")
            try await expectEnd(of: struck, as: page, stage)
            let before = try await stage.picture(ofRun: Self.id)
            // What the dead one had sent arrives, late.
            struck.proxy.release()
            await second.terminate()
            let after = try await stage.picture(ofRun: Self.id)
            #expect(before == after)
        }
    }

    @Test(.rule(4)) func `A worker that was frozen between two pages changes nothing once it is back`() async throws {
        let page = Page(number: 2, moment: .before, end: "completes")
        try await withStage { stage in
            let struck = try await strike(stage, at: page)
            defer { struck.proxy.close() }
            struck.worker.freeze()
            try await expectBetween(page, stage)
            let second = try stage.worker("second")
            try await expectEnd(of: struck, as: page, stage)
            let before = try await stage.picture(ofRun: Self.id)
            struck.worker.thaw()
            struck.proxy.release()
            try await eventually("it has a new name, beside its old one and the second worker's") {
                try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 3
            }
            let after = try await stage.picture(ofRun: Self.id)
            #expect(before == after)
            for worker in [struck.worker, second] { await worker.terminate() }
        }
    }

    @Test(.rule(6), arguments: [RedisProxy.Moment.before, .after])
    func `A connection is cut at a page: the same worker sends it again and goes on`(_ moment: RedisProxy.Moment)
        async throws
    {
        let page = Page(number: 2, moment: moment, end: "completes")
        try await withStage { stage in
            let struck = try await strike(stage, at: page, .cut)
            defer { struck.proxy.close() }
            try await expectEnd(of: struck, as: page, stage)
            await struck.worker.terminate()
        }
    }

    @Test(.rule(6), arguments: ["completes", "continues"])
    func `Redis is killed and restarted between two pages: the run ends as was decided`(_ end: String) async throws {
        let page = Page(number: 2, moment: .before, end: end)
        try await withStage(appendOnly: true) { stage in
            let struck = try await strike(stage, at: page)
            defer { struck.proxy.close() }
            try await expectBetween(page, stage)
            try await stage.server.restart()
            struck.proxy.release()
            try await expectEnd(of: struck, as: page, stage)
            await struck.worker.terminate()
        }
    }

    @Test(.rule(1)) func `A cancel between two generations is the run's end: it does not begin anew`() async throws {
        let page = Page(number: 2, moment: .before, end: "continues")
        try await withStage { stage in
            let struck = try await strike(stage, at: page)
            defer { struck.proxy.close() }
            struck.worker.kill()
            let generation = try await stage.redis("HGET", .init(stage.keys.run(Self.id)), "generation")
            let answer = try await struck.run.cancel(reason: "enough")
            #expect(answer == .cancelled)
            let again = try await struck.run.cancel(reason: "more than enough")
            #expect(again == .alreadyEnded(.cancelled))
            let ending = try await struck.run.details()
            #expect(ending.status == .ending && ending.ending == "cancelled" && ending.cancelled == "enough")
            try await expectSound(stage.client, within: patience)
            let second = try stage.worker("second")
            let error = await #expect(throws: StepwiseError.self) {
                try await struck.run.result(timeout: .seconds(60))
            }
            #expect(error?.code == .runCancelled)
            try await expectNothingLeft(stage)
            let details = try await struck.run.details()
            #expect(details.continued == 0 && details.ending == nil && details.cancelled == "enough")
            #expect(try await stage.redis("HGET", .init(stage.keys.run(Self.id)), "generation") == generation)
            await second.terminate()
        }
    }

    @Test(.scenario(49), .rule(1))
    func `A worker that is asked to leave stops after a page, and another goes on`() async throws {
        let page = Page(number: 2, moment: .before, end: "completes")
        try await withStage { stage in
            let struck = try await strike(stage, at: page)
            defer { struck.proxy.close() }
            let before = try await left(stage)
            struck.worker.signal(SIGTERM)
            try await eventually("it claims nothing more") { try await stage.blockedClaims() == 0 }
            struck.proxy.release()
            await struck.worker.terminate()
            let after = try await left(stage)
            #expect(after > 0 && after < before)
            let queue = try await stage.redis("LRANGE", .init(stage.keys.queue("default")), "0", "-1").array
            let movers = (queue ?? []).compactMap(\.string).filter { $0.hasPrefix("end \(Self.id) ") }
            #expect(movers.count == 1)
            try await expectSound(stage.client)
            let second = try stage.worker("second")
            try await expectEnd(of: struck, as: page, stage)
            await second.terminate()
        }
    }
}
