import Stepwise
import TestSupport
import Testing

private func someWork(_ input: String) -> Int { input.count }

extension Scenarios {
    @Suite("Steps one after the other")
    struct Sequential {
        @Test(arguments: Memory.allCases)
        func `The second step gets the first one's result, and each body runs once`(_ memory: Memory) async throws {
            let work = Tally()
            let serve = Workflow("example") { (context, input: String) async throws -> Void in
                let result1 = try await context.run("step-1") {
                    work.add("step-1")
                    return someWork(input)
                }
                try await context.run("step-2") { _ = work.add("step-2 of \(result1)") }
            }
            try await withWorker([serve], memory: memory) { client, _ in
                let run = try await client.enqueue(serve, "hello")
                try await run.result(timeout: patience)
                #expect(work.all == ["step-1", "step-2 of 5"])
                expectReplay(of: try await run.details(), try await run.history(), by: serve)
            }
        }

        @Test(arguments: Memory.allCases)
        func `A step's function is passed by name, sync or async, global, local or a method`(_ memory: Memory)
            async throws
        {
            struct Shop: Sendable {
                let name: String
                func open() -> String { "\(name) is open" }
                func close(_ step: Step) async throws -> String { "\(name) is closed by \(step.id)" }
            }
            let shop = Shop(name: "Corner")
            let serve = Workflow("by-name") { (context, input: String) async throws -> [String] in
                @Sendable func step1() async -> Int { someWork(input) }
                @Sendable func step2() -> Int { someWork(input) * 2 }
                let one = try await context.run("step-1", body: step1)
                let two = try await context.run("step-2", body: step2)
                let open = try await context.run("open", body: shop.open)
                let closed = try await context.run("close", body: shop.close)
                return ["\(one)", "\(two)", open, closed]
            }
            let run = try await complete(serve, "hello", memory: memory)
            #expect(run.output == ["5", "10", "Corner is open", "Corner is closed by close"])
        }

        @Test func `A helper reads the run's input from the context`() async throws {
            @Sendable func length(_ context: WorkflowContext) async throws -> Int {
                let input: String = try context.input()
                return try await context.run("length") { input.count }
            }
            let serve = Workflow("helper") { (context, input: String) async throws -> [Int] in
                [try await length(context), try context.input(as: String.self).count]
            }
            #expect(try await complete(serve, "hello").output == [5, 5])
        }

        @Test(arguments: Memory.allCases)
        func `A method is a workflow, with what it needs in its object`(_ memory: Memory) async throws {
            struct Orders: Sendable {
                let prices: [String: Int]
                func price(_ context: WorkflowContext, _ sku: String) async throws -> Int {
                    try await context.run("look-up") { prices[sku] ?? 0 }
                }
            }
            let workflow = Workflow<String, Int>("price", body: Orders(prices: ["A1": 30]).price)
            #expect(try await complete(workflow, "A1", memory: memory).output == 30)
        }
    }
}
