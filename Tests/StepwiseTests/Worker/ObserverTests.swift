import NIOPosix
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

extension Scenarios {
    @Suite("What an observer is told", .scenario(62))
    struct Observers {
        /// Parallel steps of several rounds, some of which fail and are tried again.
        private static let busy = Workflow("busy", .retry(soon)) { (context, rounds: Int) async throws -> Int in
            for round in 0..<rounds {
                try await context.run("alone") { (step: Step) in if step.attempt == 1, round == 0 { throw Hiccup() } }
                async let child = context.map(0..<4, "part") { $0 }
                async let time = context.now
                try await context.sleep(for: .milliseconds(1))
                _ = try await (child, time)
            }
            do { try await context.run("hopeless", .retry(.never)) { throw Hiccup() } } catch is StepFailure {}
            return rounds
        }

        @Test(.scenario(62))
        func `Every outcome once, in the order of the history, and then the run's end, whatever kind it is`()
            async throws
        {
            let watcher = Watcher()
            try await withWorker([Self.busy], configuration: .init(observer: watcher.observer)) { client, server in
                let run = try await client.enqueue(Self.busy, 3)
                let completed = try await complete(run, of: Self.busy)
                try await eventually("the end is told") { !watcher.ends(of: run.id).isEmpty }
                let told = watcher.steps(of: run.id)
                #expect(told.map(\.number) == Array(1...completed.history.count))
                #expect(told.map(\.step) == completed.history.map(\.step))
                #expect(told.map(\.kind) == completed.history.map(\.kind))
                #expect(told.map(\.attempts) == completed.history.map(\.attempts))
                #expect(told.map(\.error) == completed.history.map(\.error))
                #expect(told.first?.attempts == 2 && told.last?.error?.step == "hopeless")
                let stored = try await server.command("HGET", .init("stepwise:{default}:run:\(run.id)"), "generation")
                let generation = try #require(stored.string)
                #expect(told.allSatisfy { $0.workflow == "busy" && String($0.generation) == generation })
                #expect(watcher.ends(of: run.id) == [.completed])
                if case .ended? = watcher.all.last {} else { Issue.record("\(watcher.all)") }
            }
        }

        @Test(.scenario(62))
        func `In a fleet of two each outcome is told by one worker, and each worker tells in order`() async throws {
            let watchers = [Watcher(), Watcher()]
            try await RedisServer.withServer { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                let workers = try watchers.map { watcher in
                    let worker = try StepwiseWorker(
                        redis: redis, workflows: [Self.busy],
                        configuration: .init(
                            concurrency: 2, shutdownGrace: .seconds(5), cachedStepLimit: 0, observer: watcher.observer),
                        logger: .silent)
                    return RunningWorker(worker)
                }
                var runs: [WorkflowRun<Int>] = []
                for _ in 0..<6 { runs.append(try await client.enqueue(Self.busy, 4)) }
                for run in runs {
                    _ = try await run.result(timeout: patience)
                    try await eventually("the end is told") { watchers.contains { !$0.ends(of: run.id).isEmpty } }
                    let history = try await run.history()
                    let each = watchers.map { $0.steps(of: run.id).map(\.number) }
                    for numbers in each { #expect(numbers == numbers.sorted()) }
                    #expect(each.joined().sorted() == Array(1...history.count), "\(each)")
                    #expect(watchers.flatMap { $0.ends(of: run.id) } == [.completed])
                }
                try await workers.end()
                #expect(watchers.allSatisfy { !$0.all.isEmpty }, "both have worked")
                await client.close()
            }
        }

        @Test(.scenario(62))
        func `A cancellation is told, a failure, a new generation, and an end that came without the function`()
            async throws
        {
            let watcher = Watcher()
            let gate = Latch()
            let workflow = Workflow("others") { (context, turn: Int) async throws -> Int in
                if turn == 0 { try await context.continueAsNew(1) }
                try await context.run("work") { await gate.wait() }
                throw Hiccup()
            }
            let child = Workflow("child") { (_, _: Int) async throws -> Int in 1 }
            let parent = Workflow("parent") { (context, _: Int) async throws -> Int in
                async let _ = context.invoke(child, 1, id: "unserved", .queue("nowhere"))
                try await context.run("wait") { try await Task.sleep(for: .milliseconds(300)) }
                return 1
            }
            try await withWorker([workflow, parent], configuration: .init(observer: watcher.observer)) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("it has begun anew") { try await run.details().continued == 1 }
                try await run.cancel(reason: "enough")
                gate.open()
                try await eventually("its end is told") { watcher.ends(of: run.id) == [.cancelled] }
                let steps = watcher.steps(of: run.id)
                #expect(steps.first?.cancel == "enough" && steps.first?.step == "")
                let renewals = watcher.all.filter {
                    if case .continued(let its) = $0 { its.run == run.id } else { false }
                }
                #expect(renewals.count == 1)
                let failing = try await client.enqueue(workflow, 1)
                try await eventually("its end is told") { watcher.ends(of: failing.id) == [.failed] }
                #expect(watcher.steps(of: failing.id).map(\.step) == ["work"])
                _ = try await client.enqueue(parent, 1).result(timeout: patience)
                try await eventually("the child's end is told") { watcher.ends(of: "unserved") == [.cancelled] }
            }
        }

        @Test(.scenario(62))
        func `A worker whose turn was given to another tells nothing of what it still does`() async throws {
            let (first, second) = (Watcher(), Watcher())
            let gate = Latch()
            let bodies = Tally()
            let workflow = Workflow("fenced") { (context, _: Int) async throws -> String in
                try await context.run("work") {
                    if bodies.add("work") == 1 { await gate.wait() }
                    return "done"
                }
            }
            try await RedisServer.withServer { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                func worker(_ watcher: Watcher) throws -> RunningWorker {
                    // One slot: who executes a body claims nothing.
                    let worker = try StepwiseWorker(
                        redis: redis, workflows: [workflow],
                        configuration: .init(concurrency: 1, shutdownGrace: .seconds(5), observer: watcher.observer),
                        logger: .silent)
                    return RunningWorker(worker)
                }
                let loser = try worker(first)
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the body runs") { bodies["work"] == 1 }
                // What a sweeper does with the claims of the dead.
                let key = "stepwise:{default}:run:\(run.id)"
                let generation = try #require(try await server.command("HGET", .init(key), "generation").string)
                let name = try #require(try await client.workers().first?.name)
                let turn: RedisArgument = .init("turn \(run.id) \(generation)")
                let list: RedisArgument = .init("stepwise:{default}:claimed:\(name):default")
                #expect(try await server.command("LREM", list, "0", turn).integer == 1)
                _ = try await server.command("HSET", .init(key), "turn", "queue")
                _ = try await server.command("RPUSH", "stepwise:{default}:queue:default", turn)
                let winner = try worker(second)
                #expect(try await run.result(timeout: patience) == "done")
                try await eventually("the end is told") { second.ends(of: run.id) == [.completed] }
                gate.open()
                try await [loser, winner].end()
                #expect(first.all.isEmpty)
                #expect(second.steps(of: run.id).map(\.number) == [1])
                await client.close()
            }
        }

        @Test func `An observer that never returns keeps no run and no worker waiting`() async throws {
            let forever = Latch()
            let workflow = Workflow("quick") { (context, number: Int) async throws -> Int in
                try await context.run("step") { number }
            }
            let told = Tally()
            let configuration = StepwiseWorker.Configuration(observer: { _ in
                told.add("told")
                while !Task.isCancelled { await forever.wait() }
            })
            try await withWorker([workflow], configuration: configuration) { client, _ in
                for number in 0..<20 {
                    let result = try await client.enqueue(workflow, number).result(timeout: patience)
                    #expect(result == number)
                }
            }
            #expect(told["told"] >= 1)
            forever.open()
        }

        @Test func `What an observer is too slow for is dropped, counted, and the count is told`() async throws {
            let gate = Latch()
            let watcher = Watcher()
            let begun = Flag()
            let feed = ObserverFeed(limit: 3) { observation in
                begun.set()
                await gate.wait()
                await watcher.observer(observation)
            }
            func run(_ number: Int) -> Observation {
                .ended(ObservedRun(run: "\(number)", workflow: "w", generation: 1, status: .completed))
            }
            feed.report(run(0))
            try await eventually("the first is being told") { begun.isSet }
            for number in 1...10 { feed.report(run(number)) }
            gate.open()
            await feed.end(on: MultiThreadedEventLoopGroup.singleton.next())
            #expect(watcher.all == [run(0), .dropped(7), run(1), run(2), run(3)])
        }
    }
}
