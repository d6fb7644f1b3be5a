import Stepwise
import TestSupport
import Testing

extension Scenarios {
    @Suite("Steps side by side")
    struct Parallel {
        @Test(arguments: Memory.allCases)
        func `Two steps started with async let run at the same time and both results arrive`(_ memory: Memory)
            async throws
        {
            let first = Latch()
            let second = Latch()
            let serve = Workflow("parallel") { (context, input: String) async throws -> String in
                // Each waits for the other's beginning: one after the other, neither would end.
                async let promise1 = context.run("step-1") {
                    first.open()
                    await second.wait()
                    return input.count
                }
                async let promise2 = context.run("step-2") {
                    second.open()
                    await first.wait()
                    return input.uppercased()
                }
                let (one, two) = try await (promise1, promise2)
                return "\(one) \(two)"
            }
            #expect(try await complete(serve, "hello", memory: memory).output == "5 HELLO")
        }

        @Test(arguments: Memory.allCases)
        func `Branches of different types, started and awaited in another order`(_ memory: Memory) async throws {
            struct Label: Codable, Equatable, Sendable { var text: String }
            let serve = Workflow("mixed") { (context, input: Int) async throws -> [String] in
                async let label = context.run("label") { Label(text: "parcel \(input)") }
                async let sent = context.run("sent") { true }
                async let nothing: Void = context.run("nothing") {}
                async let weight: Double? = context.run("weight") { nil }
                async let list = context.run("list") { [1, 2, 3] }
                let last = try await list.reduce(0, +)
                try await nothing
                return try await ["\(last)", "\(sent)", label.text, weight.map { "\($0)" } ?? "no weight"]
            }
            #expect(try await complete(serve, 7, memory: memory).output == ["6", "true", "parcel 7", "no weight"])
        }

        @Test(.scenario(17), arguments: Memory.allCases)
        func `A branch goes on to its second step while the other's first still runs`(_ memory: Memory) async throws {
            let gate = Latch()
            let serve = Workflow("independent") { (context, _: Int) async throws -> [Int] in
                async let slow = context.run("slow") {
                    await gate.wait()
                    return 1
                }
                async let fast = {
                    let one = try await context.run("fast-1") { 10 }
                    return try await context.run("fast-2") {
                        gate.open()
                        return one + 1
                    }
                }()
                return try await [slow, fast]
            }
            let run = try await complete(serve, 0, memory: memory)
            #expect(run.output == [1, 11])
            // The gate is opened by the second step's body: without it, the first branch would never end.
            #expect(run.history.first?.step == "fast-1")
        }

        @Test(.scenario(26), arguments: Memory.allCases)
        func `An async let that is awaited twice gives the same value twice and runs once`(_ memory: Memory)
            async throws
        {
            let bodies = Tally()
            let serve = Workflow("twice") { (context, _: Int) async throws -> [Int] in
                async let number = context.run("number") { bodies.add("number") * 42 }
                async let other = context.run("other") { 1 }
                let sum = try await number + other
                return [try await number, try await number, sum]
            }
            #expect(try await complete(serve, 0, memory: memory).output == [42, 42, 43])
            #expect(bodies["number"] == 1)
        }

        @Test
        func `Instances that are not kept are replayed: the function starts again and the bodies do not`() async throws
        {
            for memory in Memory.allCases {
                let starts = Tally()
                let serve = Workflow("starts") { (context, _: Int) async throws -> Int in
                    starts.add("start")
                    async let a = context.run("a") { starts.add("a") }
                    async let b = context.run("b") { starts.add("b") }
                    async let c = context.run("c") { starts.add("c") }
                    let sum = try await a + b + c
                    // Whatever came together so far, from here it is woken, or replayed.
                    try await context.sleep(for: .milliseconds(1))
                    return sum
                }
                try await withWorker([serve], memory: memory) { client, _ in
                    let sum = try await client.enqueue(serve, 0).result(timeout: patience)
                    #expect(sum == 3)
                    #expect(
                        memory == .hot ? starts["start"] == 1 : starts["start"] > 1, "\(memory): \(starts["start"])")
                    #expect(["a", "b", "c"].map { starts[$0] } == [1, 1, 1])
                }
            }
        }
    }
}
