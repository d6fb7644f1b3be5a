import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing
import TestWorkflows

/// Redis comes back, with everything or without its newest writes. The ledger is on a server that stays.
extension FleetTests {
    private func withStageBesideLedger(
        appendOnly: Bool = false, extraArguments: [String] = [], _ body: (Stage) async throws -> Void
    ) async throws {
        try await RedisServer.withServer { other in
            try await withStage(
                appendOnly: appendOnly, ledgerURL: other.url, extraArguments: extraArguments, body)
        }
    }

    /// The names in the index of workers, the dead ones too. On a connection of its own, since the stage's may be lost.
    private func names(_ stage: Stage) async throws -> [String] {
        let names = try await stage.server.command("ZRANGE", .init(stage.keys.workers), "0", "-1")
        return names.array?.compactMap(\.string).sorted() ?? []
    }

    /// Waits until a name beats at the server that runs now.
    private func awaitBeat(of name: String, _ stage: Stage) async throws {
        let words = try await stage.server.command("TIME").array?.compactMap(\.integer) ?? []
        let seconds = try #require(words.first)
        try await eventually("worker \(name) beats again") {
            let beat = try await stage.server.command("ZSCORE", .init(stage.keys.workers), .init(name))
            return (beat.integer ?? 0) / 1000 > seconds
        }
    }

    @Test(.scenario(48))
    func `A restart that loses nothing executes no body twice, interrupts no step at most once, and leaves the name`()
        async throws
    {
        try await withStageBesideLedger(appendOnly: true) { stage in
            let gates = (0..<10).map { "body-\($0)" } + ["pay", "beside", "a1", "b1"]
            for gate in gates { try await stage.ledger.addGate(gate) }
            let worker = try stage.worker("first", lease: 10_000, concurrency: 20)
            let patient = try await stage.client.enqueue(
                WorkflowName<String, String>("patient"), each: (0..<10).map { "body-\($0)" })
            let once = try await stage.client.enqueue(WorkflowName<String, String>("once"), "in")
            let branches = try await stage.client.enqueue(WorkflowName<String, String>("branches"), "in")
            try await eventually("an at-most-once body, a run's two branches and ten other bodies run") {
                try await stage.ledger.lines().count == 13
            }
            let before = try await names(stage)
            for _ in 0..<2 {
                try await stage.server.restart()
                try await awaitBeat(of: try #require(before.first), stage)
            }
            for gate in gates { try await stage.ledger.openGate(gate) }
            for (number, run) in patient.enumerated() {
                #expect(try await run.result(timeout: .seconds(60)) == "BODY-\(number)")
            }
            #expect(try await once.result(timeout: .seconds(60)) == "in,PAID,PAID,BESIDE")
            #expect(try await branches.result(timeout: .seconds(60)) == "in,A1A2,B1B2")
            let lines = try await stage.ledger.lines()
            #expect(lines.count == 17 && Set(lines).count == 17)
            #expect(before.count == 1)
            #expect(try await names(stage) == before)
            #expect(!worker.logText.contains("without some of its last writes"))
            for run in patient + [once, branches] {
                #expect(try await run.history().allSatisfy { $0.lost == 0 })
            }
            await worker.terminate()
        }
    }

    @Test(.scenario(48))
    func
        `A worker that redis has forgotten is killed: what it claimed since then is in no list that nobody sweeps`()
        async throws
    {
        try await withStageBesideLedger { stage in
            for gate in 0..<4 { try await stage.ledger.addGate("body-\(gate)") }
            let runs = try await stage.client.enqueue(
                WorkflowName<String, String>("patient"), each: (0..<40).map { "body-\($0)" })
            // What the server comes back with: the runs, and no worker.
            _ = try await stage.server.command("SAVE")
            let first = try stage.worker("first", concurrency: 4)
            try await eventually("the first bodies run") { try await stage.ledger.lines().count == 4 }
            try await stage.server.restart()
            try await eventually("something is claimed again") {
                let claims = try await stage.server.command("KEYS", .init(stage.keys.claimed("*", "default")))
                return claims.array?.isEmpty == false
            }
            first.kill()
            for gate in 0..<4 { try await stage.ledger.openGate("body-\(gate)") }
            let second = try stage.worker("second")
            for (number, run) in runs.enumerated() {
                #expect(try await run.result(timeout: .seconds(60)) == "BODY-\(number)")
            }
            await second.terminate()
        }
    }

    @Test(.scenario(48))
    func `Nothing is claimed from a server that has not said what it has`() async throws {
        let users = FileManager.default.temporaryDirectory
            .appendingPathComponent("stepwise-users-" + String(UInt32.random(in: .min ... .max), radix: 36)).path
        let everything = "user default on nopass ~* &* +@all"
        try everything.write(toFile: users, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: users) }
        try await withStageBesideLedger(extraArguments: ["--aclfile", users]) { stage in
            let run = try await stage.client.enqueue(WorkflowName<String, String>("patient"), "body")
            _ = try await stage.server.command("SAVE")
            let worker = try stage.worker("first", lease: 10_000)
            #expect(try await run.result(timeout: .seconds(60)) == "BODY")
            try await eventually("both claims wait at Redis") { try await stage.blockedClaims() == 2 }
            // It comes back with the run on its queue, without the worker, and refuses to be asked.
            try "\(everything) -evalsha -eval -script".write(toFile: users, atomically: true, encoding: .utf8)
            try await stage.server.restart()
            try await eventually("the worker is connected, and was refused three times") {
                let clients = try await stage.server.command("CLIENT", "LIST").string ?? ""
                let calls = try await stage.server.command("INFO", "commandstats").string ?? ""
                let refused = calls.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_evalsha:") }?
                    .firstMatch(of: #/rejected_calls=(\d+)/#).flatMap { Int($0.1) }
                return clients.split(separator: "\n").count { $0.contains(":claim-") } == 2 && refused ?? 0 >= 3
            }
            let waiting = try await stage.server.command("LLEN", .init(stage.keys.queue("default")))
            #expect(waiting == .integer(1))
            let claims = try await stage.server.command("KEYS", .init(stage.keys.claimed("*", "default")))
            #expect(claims.array?.isEmpty == true)
            _ = try await stage.server.command("ACL", "SETUSER", "default", "+@all")
            try await eventually("the run is executed again") { try await stage.ledger.lines().count == 2 }
            #expect(try await run.result(timeout: .seconds(60)) == "BODY")
            await worker.terminate()
        }
    }

    @Test(.scenario(48))
    func
        `A name that redis has forgotten is given up, entry first: what it had claimed is taken up under the next one`()
        async throws
    {
        try await withStageBesideLedger { stage in
            try await stage.ledger.addGate("body-0")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("patient"), "body-0")
            let first = try stage.worker("first", lease: 10_000)
            #expect(try await stage.hasLine("first", "body-0"))
            let name = try #require(try await names(stage).first)
            // As it comes back, its claims are there and its entry is not.
            first.freeze()
            _ = try await stage.server.command("DEL", .init(stage.keys.worker(name)), .init(stage.keys.workers))
            _ = try await stage.server.command("SAVE")
            try await stage.server.restart()
            first.thaw()
            try await eventually("the body is executed again, under another name") {
                try await stage.ledger.lines().count == 2
            }
            let entry = try await stage.server.command("HMGET", .init(stage.keys.worker(name)), "state", "queues")
            #expect(entry.array?.map(\.string) == ["dead", "default"])
            let score = try await stage.server.command("ZSCORE", .init(stage.keys.workers), .init(name))
            #expect(score.string?.hasPrefix("-") == true)
            try await stage.ledger.openGate("body-0")
            #expect(try await run.result(timeout: .seconds(60)) == "BODY-0")
            await first.terminate()
        }
    }

    @Test(.scenario(48))
    func `Redis comes back without an outcome: its run is taken up from what is left, and nothing else is touched`()
        async throws
    {
        try await withStageBesideLedger { stage in
            for gate in ["one", "two", "beside"] { try await stage.ledger.addGate(gate) }
            let worker = try stage.worker("first", lease: 10_000)
            let beside = try await stage.client.enqueue(WorkflowName<String, String>("patient"), "beside")
            let run = try await stage.client.enqueue(WorkflowName<String, String>("sequential"), "in")
            #expect(try await stage.hasLine("first", "one"))
            #expect(try await stage.hasLine("first", "beside"))
            let before = try await names(stage)
            _ = try await stage.server.command("SAVE")
            try await stage.ledger.openGate("one")
            #expect(try await stage.hasLine("first", "two"))
            try await stage.server.restart()
            try await eventually("the lost step and the one behind it are executed again") {
                try await stage.ledger.lines().count { $0[1] == "two" } == 2
            }
            for gate in ["two", "beside"] { try await stage.ledger.openGate(gate) }
            #expect(try await run.result(timeout: .seconds(60)) == "in,ONE,TWO,THREE")
            #expect(try await beside.result(timeout: .seconds(60)) == "BESIDE")
            let steps = try await stage.ledger.lines().map { $0[1] }.sorted()
            #expect(steps == ["beside", "one", "one", "three", "two", "two"])
            #expect(worker.logText.contains("redis has come back without some of its last writes"))
            #expect(try await names(stage) == before)
            await worker.terminate()
        }
    }
}
