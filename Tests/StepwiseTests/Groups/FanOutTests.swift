import Stepwise
import TestSupport
import Testing

/// Executes a step for each element, side by side; the results are in the elements' order.
private func each<T: Codable & Sendable>(
    _ context: WorkflowContext, _ name: String, _ count: Int, _ body: @escaping @Sendable (Int) async throws -> T
) async throws -> [T] {
    try await withThrowingTaskGroup(of: (Int, T).self) { group in
        for index in 0..<count { group.addTask { (index, try await context.run(name) { try await body(index) }) } }
        var results = [T?](repeating: nil, count: count)
        for try await (index, value) in group { results[index] = value }
        return results.compactMap { $0 }
    }
}

extension Scenarios {
    @Suite("Fan-out")
    struct FanOut {
        @Test(.scenario(15), arguments: Memory.allCases)
        func `Results are in the branches' order, whatever the order of completion`(_ memory: Memory) async throws {
            let gates = (0..<4).map { _ in Latch() }
            let ends = Tally()
            gates[3].open()
            let workflow = Workflow("order") { (context, _: Int) async throws -> [Int] in
                try await each(context, "branch", 4) { index in
                    await gates[index].wait()
                    ends.add("\(index)")
                    if index > 0 { gates[index - 1].open() }
                    return index
                }
            }
            #expect(try await complete(workflow, 0, memory: memory).output == [0, 1, 2, 3])
            #expect(ends.all == ["3", "2", "1", "0"])
        }

        @Test(.scenario(16)) func `An empty group returns at once`() async throws {
            let workflow = Workflow("empty") { (context, _: Int) async throws -> [Int] in
                try await each(context, "none", 0) { $0 }
            }
            let run = try await complete(workflow, 0)
            #expect(run.output == [])
            #expect(run.history.isEmpty)
        }

        @Test(.scenario(22), arguments: Memory.allCases)
        func `Three branches, together again, two branches, together again: each body runs once`(_ memory: Memory)
            async throws
        {
            let bodies = Tally()
            let workflow = Workflow("diamonds") { (context, _: Int) async throws -> Int in
                let three = try await each(context, "three", 3) { bodies.add("three \($0)") + $0 }.reduce(0, +)
                let middle = try await context.run("middle") { bodies.add("middle") + three }
                let two = try await each(context, "two", 2) { bodies.add("two \($0)") + $0 + middle }.reduce(0, +)
                return try await context.run("end") { bodies.add("end") + two }
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == 18)
            #expect(bodies.all.sorted() == ["end", "middle", "three 0", "three 1", "three 2", "two 0", "two 1"])
            #expect(run.history.count == 7)
        }

        @Test(.scenario(21), arguments: Memory.allCases)
        func `Groups inside branches of groups`(_ memory: Memory) async throws {
            let workflow = Workflow("nested-groups") { (context, _: Int) async throws -> [[String]] in
                try await withThrowingTaskGroup(of: (Int, [String]).self) { group in
                    for branch in 0..<3 {
                        group.addTask {
                            async let label = context.run("label") { "branch \(branch)" }
                            let leaves = try await each(context, "leaf", branch + 1) { "\(branch).\($0)" }
                            return (branch, try await [label] + leaves)
                        }
                    }
                    var results = [[String]](repeating: [], count: 3)
                    for try await (branch, texts) in group { results[branch] = texts }
                    return results
                }
            }
            #expect(
                try await complete(workflow, 0, memory: memory).output
                    == [["branch 0", "0.0"], ["branch 1", "1.0", "1.1"], ["branch 2", "2.0", "2.1", "2.2"]])
        }

        @Test(.scenario(29)) func `A thousand steps side by side, each once`() async throws {
            let bodies = Tally()
            let workflow = Workflow("thousand") { (context, count: Int) async throws -> Int in
                try await each(context, "item", count) { index in
                    bodies.add("item")
                    return index
                }.reduce(0, +)
            }
            let run = try await complete(workflow, 1000)
            #expect(run.output == 499_500)
            #expect(bodies["item"] == 1000)
        }

        @Test func `A hundred steps side by side by workers that keep nothing`() async throws {
            let bodies = Tally()
            let workflow = Workflow("hundred") { (context, count: Int) async throws -> Int in
                try await each(context, "item", count) { index in
                    bodies.add("item")
                    return index
                }.reduce(0, +)
            }
            #expect(try await complete(workflow, 100, memory: .cold).output == 4950)
            #expect(bodies["item"] == 100)
        }
    }
}
