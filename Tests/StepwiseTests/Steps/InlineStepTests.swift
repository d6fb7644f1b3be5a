import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// The step that the holder of a run's turn executes is in no hash as long as it has nothing to tell, and is open all the same.
    @Suite("An inline step", .serialized) struct OwnSteps {
        private func written(_ server: RedisServer, _ run: String) async throws -> (open: [String], join: String?) {
            let prefix = "stepwise:{default}:"
            let open = try await server.command("HKEYS", .init(prefix + "open:" + run)).array ?? []
            return (open.compactMap(\.string), try await server.command("GET", .init(prefix + "join:" + run)).string)
        }

        @Test(arguments: Memory.allCases)
        func `It is shown while it is executed, counts as open, and nothing is written of it`(_ memory: Memory)
            async throws
        {
            let gates = (first: Latch(), third: Latch())
            let row = Workflow("row") { (context, input: String) async throws -> String in
                try await context.run("first") { await gates.first.wait() }
                try await context.run("second") {}
                try await context.run("third") { await gates.third.wait() }
                return input
            }
            try await withWorker([row], memory: memory) { client, server in
                let run = try await client.enqueue(row, "in")
                for (step, gate) in [("first", gates.first), ("third", gates.third)] {
                    try await eventually("\(step) does not run") {
                        try await client.openSteps(ofRun: run.id).map(\.step) == [step]
                    }
                    let open = try #require(try await client.openSteps(ofRun: run.id).first).state
                    #expect(open.kind == "run" && open.attempt == 1 && open.lost == 0 && open.place == "inline")
                    let (names, join) = try await written(server, run.id)
                    #expect(names.isEmpty && join == "1")
                    let report = try await Doctor(client).examine()
                    #expect(report.openSteps == 1 && report.violations.map(\.line) == [])
                    gate.open()
                }
                #expect(try await run.result(timeout: patience) == "in")
                let (names, join) = try await written(server, run.id)
                #expect(names.isEmpty && join == nil)
            }
        }

        @Test func `Once an attempt has failed it is written, and after the step's end no more`() async throws {
            let gate = Latch()
            let row = Workflow("row") { (context, input: String) async throws -> String in
                let retry = Retry(attempts: 2, initialDelay: .seconds(1))
                try await context.run("flaky", .retry(retry)) { step in
                    if step.attempt == 1 { throw Refused() }
                }
                try await context.run("last") { await gate.wait() }
                return input
            }
            try await withWorker([row]) { client, server in
                let run = try await client.enqueue(row, "in")
                try await eventually("it is not written") { try await written(server, run.id).open == ["flaky"] }
                let open = try #require(try await client.openSteps(ofRun: run.id).first).state
                #expect(open.attempt == 2 && open.failed.count == 1 && open.place == "item")
                try await eventually("last does not run") {
                    try await client.openSteps(ofRun: run.id).map(\.step) == ["last"]
                }
                let (names, join) = try await written(server, run.id)
                #expect(names.isEmpty && join == "1")
                try await expectSound(client)
                gate.open()
                #expect(try await run.result(timeout: patience) == "in")
            }
        }

        private struct Refused: Error {}
    }
}
