import Stepwise
import TestSupport
import Testing

extension Scenarios {
    @Suite("Races and withdrawn steps")
    struct Races {
        @Test(.scenario(24), .rule(2), arguments: Memory.allCases)
        func `The winner of a race stays the winner on every replay, and the losers are withdrawn`(_ memory: Memory)
            async throws
        {
            let losers = Latch()
            let workflow = Workflow("race") { (context, _: Int) async throws -> [String] in
                let winner = try await withThrowingTaskGroup(of: String.self) { group in
                    for name in ["slow", "fast", "late"] {
                        group.addTask {
                            try await context.run(name) {
                                if name != "fast" { await losers.wait() }
                                return name
                            }
                        }
                    }
                    let first = try await group.next() ?? "nobody"
                    group.cancelAll()
                    return first
                }
                async let a = context.run("after") { "after \(winner)" }
                async let b = context.run("beside") { "beside \(winner)" }
                return try await [winner, a, b]
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                let completed = try await complete(run, of: workflow)
                #expect(completed.output == ["fast", "after fast", "beside fast"])
                losers.open()
                #expect(Set(completed.history.map(\.step)) == ["fast", "after", "beside"])
            }
        }

        @Test(arguments: Memory.allCases)
        func `A loser that is recorded after the winner, before it is withdrawn, changes nothing`(_ memory: Memory)
            async throws
        {
            let workflow = Workflow("photo-finish") { (context, _: Int) async throws -> [String] in
                var winners: [String] = []
                for round in 0..<10 {
                    winners.append(
                        try await withThrowingTaskGroup(of: String.self) { group in
                            for lane in ["a", "b", "c"] {
                                group.addTask { try await context.run(lane) { "\(lane)\(round)" } }
                            }
                            let first = try await group.next() ?? ""
                            group.cancelAll()
                            return first
                        })
                }
                return winners
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output.enumerated().allSatisfy { $1.hasSuffix("\($0)") })
        }

        @Test(arguments: Memory.allCases)
        func `A step that is started and never awaited does not keep the run, and replay agrees`(_ memory: Memory)
            async throws
        {
            let gate = Latch()
            let ends = Tally()
            let workflow = Workflow("unused") { (context, _: Int) async throws -> String in
                async let _ = context.run("never") {
                    await gate.wait()
                    ends.add(Task.isCancelled ? "cancelled" : "done")
                }
                return try await context.run("used") { "done" }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let completed = try await complete(client.enqueue(workflow, 0), of: workflow)
                #expect(completed.output == "done")
                #expect(completed.history.map(\.step) == ["used"])
                // The body has either never begun or is told to stop: nobody opens the gate.
                try await eventually("the body is not cancelled") {
                    ends.all != ["done"] && (ends["cancelled"] == 1 || memory == .cold)
                }
                gate.open()
            }
        }

        @Test(arguments: Memory.allCases)
        func `A step that is cancelled before it was opened opens nothing, and its name counts`(_ memory: Memory)
            async throws
        {
            let workflow = Workflow("at-once") { (context, _: Int) async throws -> [String] in
                let kind = await withTaskGroup(of: String.self) { group in
                    group.addTask {
                        do {
                            try await context.run("work") { 1 }
                            return "ran"
                        } catch is CancellationError {
                            return "cancelled"
                        } catch {
                            return "\(error)"
                        }
                    }
                    group.cancelAll()
                    return await group.next() ?? ""
                }
                let id = try await context.run("work") { step in step.id }
                return [kind, id]
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output.first == "cancelled")
            #expect(run.history.count == 1)
        }

        @Test(.scenario(27), arguments: Memory.allCases)
        func `Hundreds of races and fan-outs in one run, without a divergence`(_ memory: Memory) async throws {
            let rounds = memory == .hot ? 200 : 40
            let workflow = Workflow("stress") { (context, rounds: Int) async throws -> Int in
                var total = 0
                for round in 0..<rounds {
                    total += try await withThrowingTaskGroup(of: Int.self) { group in
                        for lane in 0..<2 { group.addTask { try await context.run("lane") { lane } } }
                        defer { group.cancelAll() }
                        return try await group.next() ?? 0
                    }
                    async let a = context.run("a") { round }
                    async let b = context.run("b") { 1 }
                    total += try await a + b
                }
                return total
            }
            let run = try await complete(workflow, rounds, memory: memory)
            #expect(run.output >= rounds * (rounds - 1) / 2 + rounds)
            #expect(run.details.warning == nil)
        }
    }
}
