import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing
import TestWorkflows

/// What several worker processes do together when one of them dies, freezes or leaves, and when Redis does.
@Suite(.serialized) struct FleetTests {
    /// A server, a namespace, its ledger and a client.
    final class Stage: Sendable {
        let server: RedisServer
        let ledger: Ledger
        let client: StepwiseClient
        let keys: Keys
        /// Where the ledger is.
        let ledgerURL: String
        private let raw: RedisClient
        private let workers = Mutex<[WorkerProcess]>([])

        init(server: RedisServer, ledgerURL: String, client: StepwiseClient) throws {
            self.server = server
            self.ledgerURL = ledgerURL
            ledger = try Ledger(url: ledgerURL, name: "fleet", author: "test")
            keys = try Keys(namespace: "fleet")
            raw = try Ledger(url: server.url, name: "fleet", author: "test").client
            self.client = client
        }

        func end() async {
            for worker in workers.withLock({ $0 }) { worker.kill() }
            await raw.close()
            await ledger.client.close()
            await client.close()
        }

        func worker(
            _ author: String, redis: String? = nil, lease: Int = 1000, concurrency: Int = 10, grace: Int = 5000
        ) throws
            -> WorkerProcess
        {
            let worker = try WorkerProcess(
                redis: redis ?? server.url, ledgerRedis: ledgerURL, ledger: keys.namespace, author: author,
                namespace: keys.namespace,
                lease: lease, concurrency: concurrency, grace: grace, folder: server.folder)
            workers.withLock { $0.append(worker) }
            return worker
        }

        func redis(_ words: RedisArgument...) async throws -> RedisValue { try await raw.send(words) }

        /// How many workers wait in a blocking claim.
        func blockedClaims() async throws -> Int {
            let clients = try await redis("CLIENT", "LIST").string ?? ""
            return clients.split(separator: "\n").count { $0.contains(":claim-") && $0.contains(" flags=b") }
        }

        /// Everything about a run that a worker could change, and what waits on the queue.
        func picture(ofRun id: String) async throws -> [RedisValue] {
            var picture = [try await redis("LRANGE", .init(keys.queue("default")), "0", "-1")]
            for key in [keys.run(id), keys.steps(id), keys.open(id)] {
                picture.append(try await redis("HGETALL", .init(key)))
            }
            return picture
        }

        func hasLine(_ author: String, _ step: String) async throws -> Bool {
            try await eventually { try await ledger.lines().contains { $0[0] == author && $0[1] == step } }
        }
    }

    /// - Parameter ledgerURL: a server for the ledger, if not the stage's own.
    private func withStage(
        appendOnly: Bool = false, ledgerURL: String? = nil, _ body: (Stage) async throws -> Void
    ) async throws {
        let server = try await RedisServer.start(appendOnly: appendOnly)
        defer { server.stop() }
        let client = try StepwiseClient(redis: RedisEndpoint(server.url), namespace: "fleet", logger: .silent)
        let stage = try Stage(server: server, ledgerURL: ledgerURL ?? server.url, client: client)
        let result: Result<Void, any Error>
        do {
            try await body(stage)
            let violations = try await Doctor(client).examine().violations.map(\.line)
            #expect(violations.isEmpty)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await stage.end()
        try result.get()
    }

    @Test(.scenario(17, 18, 46))
    func `A branch ends while the other's body runs on; when the worker dies, only the other is executed again`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("a1")
            try await stage.ledger.addGate("b1")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("branches"), "in")
            #expect(try await stage.hasLine("first", "a1"))
            #expect(try await stage.hasLine("first", "b1"))
            let second = try stage.worker("second")
            try await stage.ledger.openGate("a1")
            // a2 begins and ends beside b1, which does not end.
            #expect(try await eventually { try await run.history().map(\.step).contains("a2") })
            first.kill()
            #expect(try await stage.hasLine("second", "b1"))
            try await stage.ledger.openGate("b1")
            #expect(try await run.result(timeout: .seconds(60)) == "in,A1A2,B1B2")
            #expect(try await stage.ledger.lines().filter { $0[0] == "second" }.map { $0[1] } == ["b1", "b2"])
            await second.terminate()
        }
    }

    /// Starts workers one after the other, each when the one before has died, until `isDone`.
    private func replaceTheDead(
        _ stage: Stage, limit: Int, until isDone: () async throws -> Bool
    ) async throws -> Int {
        var deaths = 0
        while deaths < limit {
            let worker = try stage.worker("w\(deaths)")
            var done = false
            #expect(
                try await eventually {
                    done = try await isDone()
                    return done || !worker.isRunning
                })
            if done {
                await worker.terminate()
                return deaths
            }
            deaths += 1
            if deaths == 2 {
                for gate in 0..<5 { try await stage.ledger.openGate("innocent-\(gate)") }
            }
        }
        Issue.record("more than \(limit) workers died")
        return deaths
    }

    @Test(.scenario(50))
    func `A step that ends its process fails after three deaths, and none of the runs beside it is taken along`()
        async throws
    {
        try await withStage { stage in
            var innocents: [WorkflowRun<String>] = []
            for number in 0..<5 {
                try await stage.ledger.addGate("innocent-\(number)")
                innocents.append(
                    try await stage.client.enqueue(WorkflowName<String, String>("patient"), "innocent-\(number)"))
            }
            let caught = try await stage.client.enqueue(WorkflowName<String, String>("poison"), "catch", id: "poison")
            let deaths = try await replaceTheDead(stage, limit: 6) {
                for run in innocents + [caught] where try await !run.status().status.isEnded { return false }
                return true
            }
            #expect(deaths == 3)
            for (number, run) in innocents.enumerated() {
                #expect(try await run.result(timeout: .seconds(60)) == "INNOCENT-\(number)")
            }
            #expect(try await caught.result(timeout: .seconds(60)) == "workersLost,UNDO")
            let step = try #require(try await caught.history().first)
            #expect(step.step == "trip" && step.lost == 3 && step.attempts == 1)
            #expect(try await stage.ledger.lines().count { $0[1] == "trip" } == 3)
        }
    }

    @Test(.scenario(50))
    func `Two poisoned runs fail by their own steps; uncaught, that is the run's end`() async throws {
        try await withStage { stage in
            let runs = [
                try await stage.client.enqueue(WorkflowName<String, String>("poison"), "in"),
                try await stage.client.enqueue(WorkflowName<String, String>("poison"), "in"),
            ]
            _ = try await replaceTheDead(stage, limit: 7) {
                for run in runs where try await !run.status().status.isEnded { return false }
                return true
            }
            for run in runs {
                let error = try #require(try await run.status().error)
                #expect(error.contains("WorkersLost") && error.contains("\"step\":\"trip\""), "\(error)")
            }
        }
    }

    @Test(.scenario(50))
    func `A function that ends its process between steps fails its run after three deaths`() async throws {
        try await withStage { stage in
            let run = try await stage.client.enqueue(WorkflowName<String, String>("fatal"), "in")
            let deaths = try await replaceTheDead(stage, limit: 5) { try await run.status().status.isEnded }
            #expect(deaths == 3)
            let details = try await run.status()
            #expect(details.status == .failed && details.error?.contains("WorkersLost") == true)
        }
    }

    @Test func `Bodies that block every thread of Swift's pool do not make their worker look dead`() async throws {
        try await withStage { stage in
            let threads = ProcessInfo.processInfo.activeProcessorCount
            let first = try stage.worker("first", concurrency: threads + 1)
            let runs = try await stage.client.enqueue(
                WorkflowName<String, String>("stubborn"), each: (0..<threads).map(String.init))
            #expect(try await eventually { try await stage.ledger.lines().count == threads })
            let second = try stage.worker("second")
            for run in runs { _ = try await run.result(timeout: .seconds(60)) }
            // No body was given to the second worker, which was there for longer than the lease.
            #expect(try await stage.ledger.lines().map { $0[0] } == Array(repeating: "first", count: threads))
            #expect(try await stage.redis("ZCOUNT", .init(stage.keys.workers), "1", "+inf").integer == 2)
            #expect(try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 2)
            for worker in [first, second] { await worker.terminate() }
        }
    }

    @Test func `Drains and restarts of Redis are no losses`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("innocent")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("patient"), "innocent")
            for round in 1...4 {
                let worker = try stage.worker("w\(round)", grace: 10)
                #expect(try await stage.hasLine("w\(round)", "innocent"))
                await worker.terminate()
            }
            let open = try #require(try await stage.client.openSteps(ofRun: run.id).first)
            #expect(open.state.lost == 0 && open.state.attempt == 1)
            let worker = try stage.worker("last")
            try await stage.ledger.openGate("innocent")
            #expect(try await run.result(timeout: .seconds(60)) == "INNOCENT")
            await worker.terminate()
        }
    }

    @Test
    func `Runs that start later outlive the death of their worker and of Redis: each starts once, and none early`()
        async throws
    {
        try await withStage(appendOnly: true) { stage in
            let first = try stage.worker("first")
            let runs = try await stage.client.enqueue(
                WorkflowName<String, String>("patient"), each: (0..<20).map { "later-\($0)" }, .after(.seconds(2)))
            #expect(try await eventually { try await stage.blockedClaims() > 0 })
            first.kill()
            try await stage.server.restart()
            let report = try await Doctor(stage.client).examine()
            #expect(report.violations.isEmpty && report.liveRuns == 20 && report.invocations == 20)
            let second = try stage.worker("second")
            for (number, run) in runs.enumerated() {
                #expect(try await run.result(timeout: .seconds(60)) == "LATER-\(number)")
                let starts = try #require(try await run.status().startsAt)
                #expect(try await run.history()[0].at! >= starts)
            }
            #expect(try await stage.ledger.lines().count == 20)
            await second.terminate()
        }
    }

    @Test(.scenario(8))
    func
        `A worker dies inside the body of an .atMostOnce step: the function learns of it, and the body is not executed again`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("pay-again")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("once"), "in")
            #expect(try await stage.hasLine("first", "pay-again"))
            first.kill()
            let second = try stage.worker("second")
            #expect(try await run.result(timeout: .seconds(60)) == "in,PAID,interrupted,BESIDE")
            #expect(try await stage.ledger.lines().count { $0[1] == "pay-again" } == 1)
            let step = try #require(try await run.history().first { $0.step == "pay-again" })
            #expect(step.error?.cause == .interrupted && step.lost == 1 && step.attempts == 1)
            #expect(step.error?.message.contains("find out how far it came") == true)
            await second.terminate()
        }
    }

    @Test(.scenario(7))
    func `A failed attempt and its wait survive the worker's death, and the death counts as no attempt`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("last")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("retrying"), "in")
            #expect(try await stage.hasLine("first", "last"))
            first.kill()
            let second = try stage.worker("second")
            #expect(try await stage.hasLine("second", "last"))
            try await stage.ledger.openGate("last")
            #expect(try await run.result(timeout: .seconds(60)) == "in,FLAKY,LAST")
            let history = try await run.history()
            #expect(history.map(\.attempts) == [3, 1])
            #expect(history.map(\.lost) == [0, 1])
            #expect(history[0].failed.map(\.type) == ["Declined", "Declined"])
            await second.terminate()
        }
    }

    @Test(.scenario(46))
    func
        `Workers die in a row's first step, twice, and in its second: each death counts with the step that was executed`()
        async throws
    {
        try await withStage { stage in
            for gate in ["one", "two"] { try await stage.ledger.addGate(gate) }
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            var last: WorkerProcess?
            for (author, step, lost) in [("a", "one", 0), ("b", "one", 1), ("c", "one", 2), ("d", "two", 1)] {
                let worker = try stage.worker(author)
                #expect(try await stage.hasLine(author, step))
                let open = try await stage.client.openSteps(ofRun: run.id)
                #expect(open.map(\.step) == [step] && open.map(\.state.lost) == [lost])
                #expect(open.map(\.state.place) == ["carry"])
                if author == "c" {
                    try await stage.ledger.openGate(step)
                    #expect(try await stage.hasLine(author, "two"))
                }
                if author == "d" { last = worker } else { worker.kill() }
            }
            try await stage.ledger.openGate("two")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await run.history().map(\.lost) == [2, 1, 0])
            #expect(try await run.history().map(\.attempts) == [1, 1, 1])
            await last?.terminate()
        }
    }

    @Test
    func `A run is cancelled, and its worker dies before it can do anything about it: another one ends the run`()
        async throws
    {
        try await withStage { stage in
            for gate in ["a1", "b1"] { try await stage.ledger.addGate(gate) }
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("branches"), "in")
            #expect(try await stage.hasLine("first", "a1"))
            #expect(try await stage.hasLine("first", "b1"))
            first.freeze()
            #expect(try await run.cancel(reason: "no longer wanted") == .requested)
            let second = try stage.worker("second")
            do {
                _ = try await run.result(timeout: .seconds(60))
                Issue.record("the run was not cancelled")
            } catch let error as StepwiseError {
                #expect(error.code == .runCancelled)
            }
            first.kill()
            #expect(try await stage.ledger.lines().allSatisfy { ["a1", "b1"].contains($0[1]) })
            #expect(try await run.history().map(\.cancel) == ["no longer wanted"])
            await second.terminate()
        }
    }

    @Test
    func `A worker that executes a body under the carry hears of the cancellation beside it, also by SIGTERM's grace`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("two")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "two"))
            // Drains, and waits for the body, which nobody lets go on.
            first.signal(SIGTERM)
            #expect(try await run.cancel() == .requested)
            do {
                _ = try await run.result(timeout: .seconds(60))
                Issue.record("the run was not cancelled")
            } catch let error as StepwiseError {
                #expect(error.code == .runCancelled)
            }
            await first.terminate()
            #expect(try await run.status().status == .cancelled)
        }
    }

    @Test func `The body of a step that has lost a race is cancelled, on whichever worker it runs`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("left")
            try await stage.ledger.addGate("right")
            let workers = try ["first", "second"].map { try stage.worker($0, concurrency: 1) }
            let run = try await stage.client.enqueue(WorkflowName<String, String>("race"), "in")
            #expect(try await eventually { try await stage.ledger.lines().count == 2 })
            let lines = try await stage.ledger.lines()
            #expect(Set(lines.map { $0[0] }) == ["first", "second"])
            try await stage.ledger.openGate("left")
            #expect(try await run.result(timeout: .seconds(60)) == "in,LEFT,AFTER")
            // Nobody opens the other gate.
            #expect(
                try await eventually {
                    for name in try await stage.redis("ZRANGE", .init(stage.keys.workers), "0", "-1").array ?? [] {
                        let list = stage.keys.claimed(name.string ?? "", "default")
                        if try await stage.redis("LLEN", .init(list)).integer != 0 { return false }
                    }
                    return true
                })
            for worker in workers { await worker.terminate() }
        }
    }

    @Test func `Thousands of dead names neither hide a death nor stay for ever`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("two")
            let time = try await stage.client.redisTime()
            for number in 0..<2100 {
                let name = "gone-\(number)-a"
                _ = try await stage.redis(
                    "HSET", .init(stage.keys.worker(name)), "state", "dead", "queues", "default", "buried",
                    .init(time - 7_200_000))
                _ = try await stage.redis("ZADD", .init(stage.keys.workers), .init(7_200_000 - time), .init(name))
            }
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "two"))
            let second = try stage.worker("second")
            first.kill()
            #expect(try await stage.hasLine("second", "two"))
            try await stage.ledger.openGate("two")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await eventually { try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 2 })
            await second.terminate()
        }
    }

    @Test func `A claim whose reply was lost goes back to its queue when its worker has no slot for it`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("one")
            let first = try stage.worker("first", concurrency: 1)
            let busy = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "busy")
            #expect(try await stage.hasLine("first", "one"))
            let name = try await stage.redis("ZRANGE", .init(stage.keys.workers), "0", "0").array?.first?.string ?? ""
            // As a BLMOVE leaves it whose reply never came.
            _ = try await stage.redis(
                "LPUSH", .init(stage.keys.claimed(name, "default")),
                #"{"workflow":"race","payload":"late","id":"late"}"#)
            let second = try stage.worker("second")
            let late = stage.client.run("late", as: String.self)
            #expect(try await eventually { (try? await late.status().status) == .completed })
            try await stage.ledger.openGate("one")
            #expect(try await busy.result(timeout: .seconds(60)) == "busy,ONE,TWO,THREE")
            for worker in [first, second] { await worker.terminate() }
        }
    }

    @Test
    func `Invocations that only a busy worker, or one of other queues, could execute lie still until it takes them`()
        async throws
    {
        try await withStage { stage in
            let greet = Workflow("greet") { (context: WorkflowContext) async throws -> String in
                try await context.run("say") { "hello" }
            }
            func service(_ queue: String) throws -> Task<Void, any Error> {
                let worker = try StepwiseWorker(
                    redis: RedisEndpoint(stage.server.url), workflows: [greet],
                    configuration: .init(namespace: "fleet", queues: [queue], concurrency: 2), logger: .silent)
                return Task { try await worker.run() }
            }
            let other = try service("other")
            let first = try stage.worker("first")
            var runs: [WorkflowRun<String>] = []
            for _ in 0..<150 { runs.append(try await stage.client.enqueue(WorkflowName<Void, String>("greet"))) }
            let list = RedisArgument(stage.keys.unserved("greet"))
            #expect(try await eventually { try await stage.redis("LLEN", list).integer == 150 })
            // Nobody has claimed anything for a while.
            #expect(
                try await eventually {
                    let last = try await stage.client.workers().compactMap(\.lastClaim).max() ?? .max
                    return try await stage.client.redisTime() - last > 5000
                })
            let able = try service("default")
            for run in runs { #expect(try await run.result(timeout: .seconds(60)) == "hello") }
            for service in [other, able] {
                service.cancel()
                try await service.value
            }
            await first.terminate()
        }
    }

    @Test func `An item whose id belongs to a run of another workflow is rejected, with both names`() async throws {
        try await withStage { stage in
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in", id: "taken")
            _ = try await stage.redis(
                "LPUSH", .init(stage.keys.queue("default")), #"{"workflow":"race","payload":"in","id":"taken"}"#)
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await eventually { try await stage.redis("LLEN", .init(stage.keys.malformed)).integer == 1 })
            let entry = try await stage.redis("LINDEX", .init(stage.keys.malformed), "0").bytes ?? []
            let reason = JSONMembers(entry)?.string("reason") ?? ""
            #expect(reason.contains("taken") && reason.contains("\"sequential\"") && reason.contains("\"race\""))
            await first.terminate()
        }
    }

    @Test(.scenario(28))
    func `A step whose body runs is not handed out again when its run goes on beside it`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("b1")
            let workers = try ["first", "second", "third"].map { try stage.worker($0, concurrency: 1) }
            let run = try await stage.client.enqueue(WorkflowName<String, String>("branches"), "in")
            #expect(try await eventually { try await run.history().map(\.step).contains("a2") })
            try await stage.ledger.openGate("b1")
            #expect(try await run.result(timeout: .seconds(60)) == "in,A1A2,B1B2")
            #expect(try await stage.ledger.lines().map { $0[1] }.sorted() == ["a1", "a2", "b1", "b2"])
            for worker in workers { await worker.terminate() }
        }
    }

    @Test(.scenario(23))
    func `Bodies that end at the same moment on several workers lead to one step after the join`() async throws {
        try await withStage { stage in
            for part in 0..<5 { try await stage.ledger.addGate("part-\(part)") }
            let workers = try ["first", "second", "third"].map { try stage.worker($0, concurrency: 2) }
            let run = try await stage.client.enqueue(WorkflowName<String, String>("fan-out"), "in")
            #expect(try await eventually { try await stage.ledger.lines().count == 5 })
            for part in 0..<5 { try await stage.ledger.openGate("part-\(part)") }
            #expect(try await run.result(timeout: .seconds(60)) == "in,PART-0+PART-1+PART-2+PART-3+PART-4,JOIN")
            #expect(
                try await stage.ledger.lines().map { $0[1] }.sorted() == [
                    "join", "part-0", "part-1", "part-2", "part-3", "part-4",
                ])
            for worker in workers { await worker.terminate() }
        }
    }

    @Test(.scenario(23))
    func `While one worker takes the function past a branch, others end theirs without a carry of their own`()
        async throws
    {
        try await withStage { stage in
            for part in 0..<5 { try await stage.ledger.addGate("part-\(part)") }
            let held = AsyncStream<Void>.makeStream()
            // The sixth request that names the run takes the function past the first branch; below it is seen that it does.
            let proxy = try RedisProxy(
                folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "the-run",
                plan: .init(event: 6, moment: .before, strike: .hold)
            ) { held.continuation.yield() }
            let first = try stage.worker("first", redis: proxy.url, concurrency: 1)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("fan-out"), "in", id: "the-run")
            #expect(try await eventually { try await stage.ledger.lines().count == 1 })
            let own = try await stage.ledger.lines()[0][1]
            let second = try stage.worker("second", concurrency: 4)
            #expect(try await eventually { try await stage.ledger.lines().count == 5 })
            try await stage.ledger.openGate(own)
            for await _ in held.stream { break }
            func field(_ name: String) async throws -> String? {
                try await stage.redis("HGET", .init(stage.keys.run("the-run")), .init(name)).string
            }
            let carrier = try await field("carrier")
            #expect(try await field("recorded") == "1" && carrier?.isEmpty == false)
            for part in 0..<5 { try await stage.ledger.openGate("part-\(part)") }
            #expect(try await eventually { try await field("recorded") == "5" })
            #expect(try await field("carrier") == carrier)
            proxy.release()
            #expect(try await run.result(timeout: .seconds(60)) == "in,PART-0+PART-1+PART-2+PART-3+PART-4,JOIN")
            #expect(try await stage.ledger.lines().map { $0[1] }.filter { $0 == "join" }.count == 1)
            await first.terminate()
            await second.terminate()
            proxy.close()
        }
    }

    @Test(.scenario(12))
    func `No body begins before Redis has answered that the step before it is recorded`() async throws {
        try await withStage { stage in
            let held = AsyncStream<Void>.makeStream()
            // The claim, the first carry; the third request that names the run records step "one".
            let proxy = try RedisProxy(
                folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "the-run",
                plan: .init(event: 3, moment: .after, strike: .hold)
            ) { held.continuation.yield() }
            let worker = try stage.worker("first", redis: proxy.url)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in", id: "the-run")
            for await _ in held.stream { break }
            #expect(try await run.history().map(\.step) == ["one"])
            // Beats go on; the run does not.
            let beat = try await stage.redis("ZRANGE", .init(stage.keys.workers), "0", "-1", "WITHSCORES")
            #expect(
                try await eventually {
                    try await stage.redis("ZRANGE", .init(stage.keys.workers), "0", "-1", "WITHSCORES") != beat
                })
            #expect(try await stage.ledger.lines().map { $0[1] } == ["one"])
            proxy.release()
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            await worker.terminate()
            proxy.close()
        }
    }

    @Test(.scenario(17))
    func
        `A branch's second step starts on another worker while the first branch's body, killed with its worker, waits there again`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("a1")
            try await stage.ledger.addGate("b1")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("branches"), "in")
            #expect(try await stage.hasLine("first", "a1"))
            #expect(try await stage.hasLine("first", "b1"))
            let second = try stage.worker("second")
            #expect(try await eventually { try await stage.client.workers().count == 2 })
            let death = ContinuousClock.now
            first.kill()
            try await stage.ledger.openGate("a1")
            #expect(try await stage.hasLine("second", "a2"))
            // The lease, and a second for two beats and the way back to the queue.
            #expect(ContinuousClock.now - death < .seconds(2))
            #expect(try await stage.hasLine("second", "b1"))
            #expect(try await run.history().map(\.step).contains("b1") == false)
            try await stage.ledger.openGate("b1")
            #expect(try await run.result(timeout: .seconds(60)) == "in,A1A2,B1B2")
            await second.terminate()
        }
    }

    @Test(.scenario(47))
    func `An item that Redis gives to a frozen worker's blocked claim comes back to the queue`() async throws {
        try await withStage { stage in
            let first = try stage.worker("first")
            #expect(try await eventually { try await stage.blockedClaims() == 1 })
            first.freeze()
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(
                try await eventually { try await stage.redis("LLEN", .init(stage.keys.queue("default"))).integer == 0 })
            let second = try stage.worker("second")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await stage.ledger.lines().allSatisfy { $0[0] == "second" })
            first.thaw()
            first.kill()
            await second.terminate()
        }
    }

    @Test(.scenario(47), .rule(4))
    func `What a frozen worker had asked for arrives when another has the run, and changes nothing`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("two")
            let held = AsyncStream<Void>.makeStream()
            // The claim; the second request that names the run would take its first carry and open step "one".
            let proxy = try RedisProxy(
                folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "the-run",
                plan: .init(event: 2, moment: .before, strike: .hold)
            ) { held.continuation.yield() }
            let first = try stage.worker("first", redis: proxy.url)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in", id: "the-run")
            for await _ in held.stream { break }
            first.freeze()
            let second = try stage.worker("second")
            #expect(try await stage.hasLine("second", "two"))
            let before = try await stage.picture(ofRun: "the-run")
            first.thaw()
            proxy.release()
            // It hears that it was declared dead and takes a new name: the old one, this one, and the second worker's.
            #expect(try await eventually { try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 3 })
            #expect(try await stage.picture(ofRun: "the-run") == before)
            try await stage.ledger.openGate("two")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(
                try await stage.ledger.lines().map { $0[0] + " " + $0[1] } == [
                    "second one", "second two", "second three",
                ])
            await first.terminate()
            await second.terminate()
            proxy.close()
        }
    }

    @Test(.scenario(47), .rule(4))
    func `What a frozen worker had recorded of a step arrives while another executes that step, and changes nothing`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("one")
            let held = AsyncStream<Void>.makeStream()
            // The claim, the first carry; the third request that names the run would record step "one".
            let proxy = try RedisProxy(
                folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "the-run",
                plan: .init(event: 3, moment: .before, strike: .hold)
            ) { held.continuation.yield() }
            let first = try stage.worker("first", redis: proxy.url)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in", id: "the-run")
            #expect(try await stage.hasLine("first", "one"))
            try await stage.ledger.openGate("one")
            for await _ in held.stream { break }
            first.freeze()
            _ = try await stage.ledger.client.send(["DEL", "gate:fleet:one"])
            let second = try stage.worker("second")
            #expect(try await stage.hasLine("second", "one"))
            let before = try await stage.picture(ofRun: "the-run")
            first.thaw()
            proxy.release()
            #expect(try await eventually { try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 3 })
            #expect(try await stage.picture(ofRun: "the-run") == before)
            try await stage.ledger.openGate("one")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await run.history().map(\.lost) == [1, 0, 0])
            await first.terminate()
            await second.terminate()
            proxy.close()
        }
    }

    @Test(.rule(6))
    func `A claim whose answer was lost on the way is taken up by the worker that holds it`() async throws {
        try await withStage { stage in
            // The first event is the answer that brings the run.
            let proxy = try RedisProxy(
                folder: stage.server.folder, upstream: stage.server.folder + "/redis.sock", marker: "the-run",
                plan: .init(event: 1, moment: .after, strike: .cut)
            ) {}
            let worker = try stage.worker("first", redis: proxy.url)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in", id: "the-run")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(proxy.hasStruck)
            #expect(try await stage.ledger.lines().map { $0[1] } == ["one", "two", "three"])
            await worker.terminate()
            proxy.close()
        }
    }

    @Test(.scenario(49))
    func `A worker that is asked to leave lets its running body end, begins nothing, and leaves nothing behind`()
        async throws
    {
        try await withStage { stage in
            try await stage.ledger.addGate("two")
            let first = try stage.worker("first", grace: 60_000)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "two"))
            first.signal(SIGTERM)
            // It leaves once its blocking claim is gone.
            #expect(try await eventually { try await stage.blockedClaims() == 0 })
            let late = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "late")
            let second = try stage.worker("second")
            #expect(try await stage.hasLine("second", "two"))
            try await stage.ledger.openGate("two")
            await first.terminate()
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await late.result(timeout: .seconds(60)) == "late,ONE,TWO,THREE")
            let lines = try await stage.ledger.lines()
            #expect(lines.filter { $0[0] == "first" }.map { $0[1] } == ["one", "two"])
            // The other run's three steps, and the last of this one.
            #expect(lines.filter { $0[0] == "second" }.map { $0[1] }.sorted() == ["one", "three", "three", "two"])
            #expect(try await stage.redis("ZCARD", .init(stage.keys.workers)).integer == 1)
            await second.terminate()
        }
    }

    @Test(.scenario(49))
    func `A body that does not end within the grace is given back and executed elsewhere`() async throws {
        try await withStage { stage in
            try await stage.ledger.addGate("two")
            let first = try stage.worker("first", grace: 50)
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "two"))
            await first.terminate()
            let second = try stage.worker("second", lease: 60_000)
            // Long before the lease: it was given back, not swept.
            #expect(try await stage.hasLine("second", "two"))
            try await stage.ledger.openGate("two")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            await second.terminate()
        }
    }

    @Test(.scenario(48))
    func `Redis is killed and restarted in the middle of a run: the run goes on from what was recorded`() async throws {
        try await withStage(appendOnly: true) { stage in
            try await stage.ledger.addGate("two")
            let first = try stage.worker("first")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "two"))
            try await stage.server.restart()
            try await stage.ledger.openGate("two")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await stage.ledger.lines().filter { $0[1] == "one" }.count == 1)
            await first.terminate()
        }
    }

    @Test(.scenario(48))
    func `Redis becomes a replica in the middle of a run: workers wait, and go on when a master is there again`()
        async throws
    {
        try await RedisServer.withServer { other in
            try await withStage(ledgerURL: other.url) { stage in
                try await stage.ledger.addGate("two")
                let first = try stage.worker("first")
                let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
                #expect(try await stage.hasLine("first", "two"))
                // Of a master that nobody can reach: the server keeps its data and takes no writes.
                _ = try await stage.redis("REPLICAOF", "127.0.0.1", "1")
                try await stage.ledger.openGate("two")
                #expect(try await eventually { first.logText.contains("redis is a replica") })
                let code = await #expect(throws: StepwiseError.self) {
                    try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "late")
                }
                #expect(code?.code == .redisUnavailable)
                _ = try await stage.redis("REPLICAOF", "NO", "ONE")
                #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
                #expect(try await stage.ledger.lines().filter { $0[1] == "one" }.count == 1)
                await first.terminate()
            }
        }
    }

    @Test(.scenario(57))
    func
        `A workflow that no worker knows waits, shows as unserved, blocks nothing, and is taken up by a worker that knows it`()
        async throws
    {
        try await withStage { stage in
            let first = try stage.worker("first")
            let unknown = try await stage.client.enqueue(WorkflowName<Void, String>("greet"))
            let known = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await known.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await eventually { try await unknown.status().status == .unserved })
            #expect(try await stage.redis("LLEN", .init(stage.keys.unserved("greet"))).integer == 1)
            let greet = Workflow("greet") { (context: WorkflowContext) async throws -> String in
                try await context.run("say") { "hello" }
            }
            let worker = try StepwiseWorker(
                redis: RedisEndpoint(stage.server.url), workflows: [greet], configuration: .init(namespace: "fleet"),
                logger: .silent)
            let service = Task { try await worker.run() }
            #expect(try await unknown.result(timeout: .seconds(60)) == "hello")
            service.cancel()
            try await service.value
            await first.terminate()
        }
    }

    @Test(.scenario(50))
    func `Malformed items end in malformed with their reason and block nothing behind them`() async throws {
        try await withStage { stage in
            let first = try stage.worker("first")
            let items: [RedisArgument] = [
                "nonsense", "{", "[]", #"{"payload":1}"#, #"{"workflow":"a b"}"#, #"{"workflow":"sequential","id":7}"#,
                #"{"workflow":"sequential","payoad":"typo"}"#, .bytes([0xff, 0xfe]), "step", "carry x",
            ]
            for item in items { _ = try await stage.redis("LPUSH", .init(stage.keys.queue("default")), item) }
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(
                try await eventually {
                    try await stage.redis("LLEN", .init(stage.keys.malformed)).integer == items.count
                })
            let entries = try await stage.redis("LRANGE", .init(stage.keys.malformed), "0", "-1").array ?? []
            for entry in entries {
                let members = JSONMembers(entry.bytes ?? [])
                #expect(members?.string("reason")?.isEmpty == false)
                #expect(members?.values["item"] != nil || members?.values["itemHex"] != nil)
            }
            await first.terminate()
        }
    }

    @Test(
        arguments: [
            (
                #"{"workflow":"echo","id":"r1","payload":{"a":[],"n":12345678901234567890}}"#,
                #"{"a":[],"n":12345678901234567890}"#
            ),
            (
                #"{"workflow":"echo","id":"r1","payload":"text with \"quotes\" and }"}"#,
                #""text with \"quotes\" and }""#
            ),
            (#"{"id":"r1","payload":17.50 ,"workflow":"echo"}"#, "17.50"),
            (#"{"workflow":"echo","id":"r1","payload":null}"#, "null"),
            (#"{"workflow":"echo","id":"r1"}"#, "null"),
        ]
    )
    func `A payload pushed with one LPUSH arrives byte for byte: object, string, number, null, or none`(
        _ item: String, _ payload: String
    ) async throws {
        try await withStage { stage in
            let echo = Workflow("echo") { (context: WorkflowContext) async throws -> Void in
                try await context.run("nothing") {}
            }
            let worker = try StepwiseWorker(
                redis: RedisEndpoint(stage.server.url), workflows: [echo], configuration: .init(namespace: "fleet"),
                logger: .silent)
            let service = Task { try await worker.run() }
            _ = try await stage.redis("LPUSH", .init(stage.keys.queue("default")), .init(item))
            #expect(try await eventually { (try? await stage.client.run("r1").status().status) == .completed })
            #expect(try await stage.client.run("r1").status().payload == payload)
            service.cancel()
            try await service.value
        }
    }
}
