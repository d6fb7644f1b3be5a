import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// A run that has more than 1,000 steps open when it ends.
    @Suite("Runs that end in pages")
    struct Ending {
        enum Way: String, CaseIterable, Sendable {
            case completes, fails, continues, cancelled, cancelledWhilePaused, timedOut, timedOutWhilePaused

            var isTimed: Bool { self == .timedOut || self == .timedOutWhilePaused }
            /// What its function does.
            var end: Crowd.End {
                switch self {
                case .fails: .fails
                case .continues: .continues
                default: .completes
                }
            }
        }

        struct Case: Sendable, CustomTestStringConvertible {
            var kind: Crowd.Kind
            var way: Way

            var crowd: Crowd { Crowd(kind: kind, count: kind == .children ? 1500 : 3000, end: way.end) }
            var testDescription: String { "\(kind.rawValue), \(way.rawValue)" }
        }

        /// Each way for one kind of step, and for the others one by the function and one from outside.
        static let cases: [Case] =
            Way.allCases.map { Case(kind: .events, way: $0) }
            + [Crowd.Kind.sleeps, .fewBodies, .children].map { Case(kind: $0, way: .completes) }
            + [Crowd.Kind.sleeps, .bodies, .children].map { Case(kind: $0, way: .cancelledWhilePaused) }

        private func ask(_ run: WorkflowRun<Int>, _ way: Way, _ server: RedisServer) async throws {
            switch way {
            case .completes, .fails, .continues: try await run.notify("go")
            case .cancelled:
                let answer = try await run.cancel()
                #expect(answer == .requested)
            case .cancelledWhilePaused:
                try await run.pause()
                let answer = try await run.cancel()
                #expect(answer == .cancelled)
            case .timedOut: try await server.advance(by: .hours(2))
            case .timedOutWhilePaused:
                try await run.pause()
                try await server.advance(by: .hours(2))
            }
        }

        private func expectEnd(of run: WorkflowRun<Int>, _ way: Way) async throws {
            switch way {
            case .completes, .continues:
                let output = try await run.result(timeout: patience)
                #expect(output == Crowd.output)
            case .cancelled, .cancelledWhilePaused:
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
            case .fails, .timedOut, .timedOutWhilePaused:
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
            }
        }

        /// The next generation begins when nothing of this one is left; it waits for `go` once more.
        private func expectNextGeneration(of run: WorkflowRun<Int>, _ stage: CrowdStage) async throws {
            try await eventually("it begins anew") { try await run.details().continued == 1 }
            let waiters = try await stage.size(ofSet: "event:never")
            let limits = try await stage.size(ofSet: "delayed")
            let ending = try await stage.size(ofSet: "runs:ending")
            #expect(waiters == 0 && limits == 0 && ending == 0)
            try await eventually("it waits again") { try await stage.left == 1 }
            let next = try await stage.field("next")
            #expect(next == nil)
            try await run.notify("go")
        }

        @Test(.rule(1), arguments: cases)
        func `However it ends, who sees its end finds that nothing it had open is left, inside or outside`(
            _ ending: Case
        ) async throws {
            let crowd = ending.crowd
            try await CrowdStage.with(clock: ending.way.isTimed ? .skippable : .system) { stage in
                try await stage.working(configuration: crowd.configuration) {
                    let run = try await stage.begin(crowd, runTimeout: ending.way.isTimed ? .hours(1) : nil)
                    try await ask(run, ending.way, stage.server)
                    if ending.way == .continues { try await expectNextGeneration(of: run, stage) }
                    try await expectEnd(of: run, ending.way)
                    try await stage.expectWithdrawn()
                    if crowd.kind == .children {
                        let others = ending.way == .cancelledWhilePaused ? 1 : 0
                        try await eventually("its children are cancelled") {
                            try await stage.size(ofSet: "runs:cancelled") == crowd.count + others
                        }
                    }
                    try await stage.expectNothingLeft()
                }
            }
        }

        @Test(.rule(5), arguments: [Way.completes, .fails, .continues, .cancelled, .cancelledWhilePaused])
        func `No script ends more than 1,000 steps, and all of them are ended one by one`(_ way: Way) async throws {
            let crowd = Crowd(count: 3000, end: way.end)
            try await CrowdStage.with { stage in
                try await stage.working {
                    let run = try await stage.begin(crowd)
                    let monitor = try await ScriptMonitor(stage.server)
                    defer { monitor.stop() }
                    try await ask(run, way, stage.server)
                    if way == .continues { try await expectNextGeneration(of: run, stage) }
                    try await expectEnd(of: run, way)
                    let scripts = try await monitor.scripts()
                    let ended = scripts.map { $0.entries("HDEL", ofKey: ":open:\(Crowd.id)").reduce(0, +) }
                    #expect(ended.max() ?? 0 <= 1000)
                    #expect(ended.reduce(0, +) >= crowd.count, "they are \(ended.filter { $0 > 0 })")
                    let lines = scripts.map(\.lines).joined()
                    let words = lines.map { $0.split(separator: "\" \"").count }.max() ?? 0
                    #expect(words <= 1002, "a command of a script has \(words) words")
                    // What steps have in one key goes in one command.
                    let commands = scripts.map(\.commands.count).max() ?? 0
                    #expect(commands < 100, "a script has \(commands) commands")
                    // The page takes the waiters away by itself: no step leaves a message.
                    let messages = lines.count {
                        $0.contains("\"withdraw \(Crowd.id) ") && $0.contains(" never ") && $0.contains("PUSH\"")
                    }
                    #expect(messages == 0)
                }
            }
        }

        @Test(.rule(5), arguments: [(1000, false), (1001, true)])
        func `A run with 1,000 open steps ends in one script, and one with more in pages`(
            _ count: Int, _ inPages: Bool
        ) async throws {
            try await CrowdStage.with { stage in
                try await stage.working {
                    let run = try await stage.begin(Crowd(count: count))
                    let monitor = try await ScriptMonitor(stage.server)
                    defer { monitor.stop() }
                    try await run.notify("go")
                    try await expectEnd(of: run, .completes)
                    let decided = try await monitor.scripts().count {
                        !$0.entries("ZADD", ofKey: ":runs:ending").isEmpty
                    }
                    #expect(decided == (inPages ? 1 : 0))
                    try await eventually("nothing is left") {
                        try await stage.keys() == ["stepwise:{default}:run:crowd", "stepwise:{default}:steps:crowd"]
                    }
                    try await stage.expectNothingLeft()
                }
            }
        }

        // MARK: Between two pages

        private func refuses(_ what: Comment, _ body: () async throws -> Void) async {
            do {
                try await body()
                Issue.record(what)
            } catch let error as StepwiseError {
                #expect(error.code == .wrongStatus, what)
                #expect(error.message.contains("run \(Crowd.id)") && error.message.contains("ending"), what)
            } catch {
                Issue.record(error, what)
            }
        }

        @Test(.rule(1))
        func `Until its last page its end is not seen, and nobody can resume, restart, pause or delete it`()
            async throws
        {
            try await CrowdStage.with { stage in
                let client = stage.client
                let crowd = Crowd(count: 1500)
                let run = try await stage.beginAndDecide(crowd)
                let left = try await stage.left
                #expect(left == crowd.count + 1)
                let generation = try await stage.field("generation") ?? ""
                let movers = try await stage.items().filter { $0.hasPrefix("end ") }
                #expect(movers == ["end \(Crowd.id) \(generation)"])
                #expect(try await client.runs(status: .ending, limit: 9).map(\.id) == [Crowd.id])
                for other in RunStatus.all where other != .ending {
                    let listed = try await client.runs(status: other, limit: 9)
                    #expect(listed.isEmpty)
                }
                try await expectSound(client)

                let timeout = await #expect(throws: StepwiseError.self) {
                    try await run.result(timeout: .milliseconds(50))
                }
                #expect(timeout?.code == .timedOut && timeout?.message.contains("ending") == true)
                await refuses("it is resumed") { try await client.resume(Crowd.id) }
                await refuses("it is restarted") { _ = try await client.restart(Crowd.id) }
                await refuses("it is paused") { _ = try await client.pause(Crowd.id) }
                await refuses("it is deleted") { try await client.delete(Crowd.id) }
                // The first end has won.
                #expect(try await client.cancel(Crowd.id) == .alreadyEnded(.cancelled))
                #expect(await errorCode { try await run.notify("go") } == .wrongStatus)
                #expect(try await client.enqueue(Crowd.workflow, crowd, id: Crowd.id).isNew == false)
                let untouched = try await stage.left
                #expect(untouched == left)
                try await expectSound(client)

                try await stage.working {
                    try await expectEnd(of: run, .cancelled)
                    try await stage.expectWithdrawn()
                    let details = try await run.details()
                    #expect(details.status == .cancelled && details.cancelled == "enough" && details.ended != nil)
                    try await stage.expectNothingLeft()
                }
            }
        }

        @Test(.rule(1)) func `A worker that does not have the workflow writes the end`() async throws {
            try await CrowdStage.with { stage in
                let run = try await stage.beginAndDecide(Crowd(count: 1500))
                try await stage.working([Crowd.idle]) {
                    try await expectEnd(of: run, .cancelled)
                    try await stage.expectWithdrawn()
                    try await stage.expectNothingLeft()
                }
            }
        }

        @Test(.rule(1)) func `A parent is told by the last page, and not before`() async throws {
            let parent = Workflow("parent") { (context, crowd: Crowd) async throws -> String in
                do {
                    let output = try await context.invoke(Crowd.workflow, crowd, id: Crowd.id)
                    return "\(output)"
                } catch let failure as StepFailure { return "\(failure.cause)" }
            }
            let workflows: [any AnyWorkflow] = [parent, Crowd.workflow]
            try await CrowdStage.with { stage in
                let crowd = Crowd(count: 1500)
                let run = try await stage.working(workflows) { () async throws -> WorkflowRun<String> in
                    let run = try await stage.client.enqueue(parent, crowd, id: "parent")
                    try await stage.isOpen(crowd)
                    try await stage.client.pause(Crowd.id)
                    return run
                }
                try await stage.decide(stage.client.handle(Crowd.id, as: Int.self))
                let open = try await stage.client.openSteps(ofRun: "parent")
                #expect(open.map(\.state.child) == [Crowd.id])
                let messages = try await stage.items().filter { $0.hasPrefix("ended ") }
                #expect(messages == [])
                try await expectSound(stage.client)
                try await stage.working(workflows) {
                    let output = try await run.result(timeout: patience)
                    #expect(output == "childCancelled")
                    try await stage.expectWithdrawn()
                    try await stage.expectNothingLeft()
                }
            }
        }

        // MARK: Afterwards

        @Test(.rule(1)) func `A run that has failed in pages is resumed: what it opens anew stays open`() async throws {
            let crowd = Crowd(count: 1500)
            try await CrowdStage.with(clock: .skippable) { stage in
                try await stage.working {
                    let run = try await stage.begin(crowd, runTimeout: .hours(1))
                    try await ask(run, .timedOutWhilePaused, stage.server)
                    try await expectEnd(of: run, .timedOutWhilePaused)
                    try await stage.client.resume(Crowd.id)
                    try await stage.isOpen(crowd)
                    try await expectSound(stage.client)
                    let left = try await stage.left
                    #expect(left == crowd.count + 1)
                    try await run.notify("go")
                    try await expectEnd(of: run, .completes)
                    try await stage.expectWithdrawn()
                    try await stage.expectNothingLeft()
                }
            }
        }

        @Test func `With retention nothing is left of it`() async throws {
            try await CrowdStage.with { stage in
                try await stage.working(configuration: .init(completedRetention: .milliseconds(1))) {
                    let run = try await stage.begin(Crowd(count: 1500))
                    try await run.notify("go")
                    try await eventually("its keys are gone") { try await stage.keys() == [] }
                    try await expectSound(stage.client, within: patience)
                }
            }
        }

        @Test(.scenario(41))
        func `A child that was not made yet is cancelled as well: whoever is about to make it finds it`() async throws {
            let crowd = Crowd(kind: .children, count: 1500)
            try await CrowdStage.with { stage in
                try await stage.working(configuration: .init(concurrency: 2)) {
                    let run = try await stage.client.enqueue(Crowd.workflow, crowd, id: Crowd.id)
                    try await eventually("everything is open") { try await stage.left == crowd.count + 1 }
                    try await ask(run, .cancelledWhilePaused, stage.server)
                    try await expectEnd(of: run, .cancelled)
                    try await eventually("each child is there, and cancelled") {
                        let cancelled = try await stage.size(ofSet: "runs:cancelled")
                        let queued = try await stage.size(ofSet: "runs:queued")
                        return cancelled == crowd.count + 1 && queued == 0
                    }
                    try await stage.expectNothingLeft()
                }
            }
        }
    }
}
