import Stepwise
import TestSupport
import Testing

extension Scenarios {
    @Suite("Names of steps")
    struct StepNames {
        @Test(arguments: Memory.allCases)
        func `A bad name is an error that the function can catch, every time the same`(_ memory: Memory) async throws {
            let tooLong = [String(repeating: "n", count: 201), String(repeating: "ü", count: 101)]
            let bad = ["", "a#2", "#1", "a\u{600}#2", "line\nbreak", "bell\u{7}", "\u{7F}"] + tooLong
            let bodies = Tally()
            let workflow = Workflow("bad-names") { (context, _: Int) async throws -> [String] in
                var codes: [String] = []
                for name in bad {
                    do {
                        try await context.run(name) { _ = bodies.add("bad") }
                    } catch let error as StepwiseError {
                        codes.append("\(error.code)")
                    }
                    try await context.run("good") { _ = bodies.add("good") }
                }
                return codes
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == bad.map { _ in "invalidStepName" })
            #expect(bodies["bad"] == 0)
            #expect(bodies["good"] == bad.count)
            #expect(run.history.map(\.step) == ["good"] + (2...bad.count).map { "good#\($0)" })
        }

        @Test func `A step whose name begins with a combining mark has its time limits as any other`() async throws {
            let workflow = Workflow("combining") { (context, _: Int) async throws -> String in
                do {
                    try await context.run("\u{301}late", .totalTimeout(.milliseconds(100))) {
                        try await Task.sleep(for: .seconds(3600))
                    }
                    return ""
                } catch let failure as StepFailure { return "\(failure.cause)" }
            }
            #expect(try await complete(workflow, 0).output == "timedOut")
        }

        @Test func `A bad name that nobody catches fails the run and says what is wrong with it`() async throws {
            let workflow = Workflow("uncaught-name") { (context, _: Int) async throws -> Int in
                try await context.run("charge#2") { 1 }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                let error = try await run.details().error ?? ""
                #expect(error.contains("charge#2") && error.contains("ends in # and digits"))
            }
        }

        @Test(arguments: Memory.allCases)
        func `Names may be long, hold spaces, quotes and any script`(_ memory: Memory) async throws {
            let good = [
                "a b", "a#", "#", "a#2b", "\"quoted\" \\ {json}", "步骤 🚀", "é", String(repeating: "n", count: 200), "0",
                "run",
            ]
            let workflow = Workflow("good-names") { (context, _: Int) async throws -> [String] in
                try await withThrowingTaskGroup(of: (Int, String).self) { group in
                    for (index, name) in good.enumerated() {
                        group.addTask { (index, try await context.run(name) { step in step.id }) }
                    }
                    var ids = good.map { _ in "" }
                    for try await (index, id) in group { ids[index] = id }
                    return ids
                }
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == good)
            #expect(Set(run.history.map(\.step)) == Set(good))
        }

        @Test(arguments: Memory.allCases)
        func `A name that is used again in sequence and in loops gives each use its own value`(_ memory: Memory)
            async throws
        {
            let workflow = Workflow("again") { (context, _: Int) async throws -> [Int] in
                let first = try await context.run("number") { 1 }
                let second = try await context.run("number") { 2 }
                var numbers = [first, second]
                for number in 3...6 {
                    async let beside = context.run("beside") { number * 10 }
                    numbers.append(try await context.run("number") { number })
                    numbers.append(try await beside)
                }
                return numbers
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == [1, 2, 3, 30, 4, 40, 5, 50, 6, 60])
            #expect(run.history.map(\.step).contains("number#6"))
        }

        @Test(.rule(3), arguments: Memory.allCases)
        func `Parallel branches that use the same names keep their own values, whoever is first`(_ memory: Memory)
            async throws
        {
            let workflow = Workflow("branches") { (context, _: Int) async throws -> [[Int]] in
                try await withThrowingTaskGroup(of: (Int, [Int]).self) { group in
                    for branch in 0..<4 {
                        group.addTask {
                            var values: [Int] = []
                            for round in 0..<3 {
                                values.append(
                                    try await context.run("work") {
                                        // The bodies end in an order of their own.
                                        for _ in 0..<((branch * 7 + round * 3) % 5) { await Task.yield() }
                                        return branch * 100 + round
                                    })
                            }
                            return (branch, values)
                        }
                    }
                    var all = [[Int]](repeating: [], count: 4)
                    for try await (branch, values) in group { all[branch] = values }
                    return all
                }
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == (0..<4).map { branch in (0..<3).map { branch * 100 + $0 } })
        }
    }
}
