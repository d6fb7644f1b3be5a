import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private struct Reading: Codable, Sendable {
    var sensors: [Sensor]
    struct Sensor: Codable, Sendable { var value: Double }
}

/// Writes what it cannot read.
private struct Lopsided: Codable, Sendable {
    struct Item: Codable, Sendable {
        var price: Int
        init(price: Int) { self.price = price }
        enum Keys: CodingKey { case price }
        init(from decoder: any Decoder) throws {
            price = try decoder.container(keyedBy: Keys.self).decode(Int.self, forKey: .price)
        }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode("\(price) EUR", forKey: .price)
        }
    }
    var items: [Item]
}

private struct Stubborn: Codable, Sendable {
    struct No: Error, CustomStringConvertible { var description: String { "I will not be written" } }
    init() {}
    init(from decoder: any Decoder) throws {}
    func encode(to encoder: any Encoder) throws { throw No() }
}

/// As many arrays in each other as wanted.
private struct Nested: Codable, Sendable {
    var depth: Int
    init(_ depth: Int) { self.depth = depth }
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        depth = container.isAtEnd ? 1 : try container.decode(Nested.self).depth + 1
    }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        if depth > 1 { try container.encode(Nested(depth - 1)) }
    }
}

extension Scenarios {
    @Suite("Results that cannot be stored")
    struct UnstorableResults {
        @Test(.scenario(58))
        func `What is nested too deep fails its step at once, or its run, and is refused as an input`() async throws {
            let bodies = Tally()
            let workflow = Workflow("nested", .retry(soon)) { (context, input: Nested) async throws -> Nested in
                let deep = try await context.run("deep") { Nested(511) }
                do {
                    try await context.run("deeper") {
                        bodies.add("deeper")
                        return Nested(512)
                    }
                } catch let failure as StepFailure {
                    bodies.add("\(failure)")
                    return Nested(deep.depth + 1)
                }
                return input
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, Nested(1))
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                #expect(bodies.all.count == 2 && bodies.all.last?.contains("nested deeper than 511 levels") == true)
                #expect(try await run.details().error?.contains("nested deeper than 511 levels") == true)
                #expect(await errorCode { _ = try await client.enqueue(workflow, Nested(512)) } == .notStorable)
            }
        }

        @Test(.scenario(10))
        func `NaN and infinity fail the step at once, with a sentence that says what to return instead`() async throws {
            let bodies = Tally()
            let workflow = Workflow("nan", .retry(soon)) { (context, _: Int) async throws -> [String] in
                var messages: [String] = []
                do {
                    try await context.run("nan") {
                        bodies.add("nan")
                        return Double.nan
                    }
                } catch let failure as StepFailure { messages.append("\(failure)") }
                do {
                    try await context.run("deep") {
                        bodies.add("deep")
                        return Reading(sensors: [.init(value: 1), .init(value: -.infinity)])
                    }
                } catch let failure as StepFailure { messages.append("\(failure)") }
                return messages
            }
            let run = try await complete(workflow, 0)
            #expect(run.output.count == 2)
            for message in run.output {
                #expect(message.contains("cannot be stored as JSON") && message.contains("optional or a string"))
            }
            #expect(run.output.last?.contains("sensors[1].value") == true, "\(run.output)")
            #expect(bodies.all == ["nan", "deep"])
            #expect(run.history.map(\.attempts) == [1, 1])
            #expect(run.history.allSatisfy { $0.error?.type == "StepwiseError" })
        }

        @Test
        func `An encode(to:) that throws and a date without a value fail the step in the same way`() async throws {
            let workflow = Workflow("stubborn", .retry(soon)) { (context, _: Int) async throws -> [String] in
                var messages: [String] = []
                do { try await context.run("stubborn") { Stubborn() } } catch { messages.append("\(error)") }
                do {
                    try await context.run("date") { Date(timeIntervalSince1970: .nan) }
                } catch { messages.append("\(error)") }
                do {
                    try await context.run("far") { Date(timeIntervalSince1970: 1e15) }
                } catch { messages.append("\(error)") }
                return messages
            }
            let run = try await complete(workflow, 0)
            #expect(run.output.count == 3)
            #expect(run.output.first?.contains("I will not be written") == true)
            #expect(run.output.first?.contains("NaN") == false, "the advice about NaN is for numbers")
            #expect(run.output.dropFirst().allSatisfy { $0.contains("date") }, "\(run.output)")
        }

        @Test(arguments: Memory.allCases)
        func `A value that does not decode parks the run and says which step, type, place and JSON`(_ memory: Memory)
            async throws
        {
            let workflow = Workflow("lopsided") { (context, _: Int) async throws -> Int in
                try await context.run("before") {}
                do {
                    return try await context.run("price") { Lopsided(items: [.init(price: 3)]) }.items.count
                } catch {
                    return -1  // Not reached: what is recorded cannot be used, and no code of the run may act on that.
                }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the run is not parked") { try await run.details().status == .parked }
                let reason = try await run.details().reason ?? ""
                for part in ["\"price\"", "Lopsided", "items[0].price", #"{"items":[{"price":"3 EUR"}]}"#] {
                    #expect(reason.contains(part), "\(part) in \(reason)")
                }
                #expect(try await run.history().map(\.step) == ["before", "price"])
            }
        }

        @Test(.rule(2))
        func
            `Beside a value that does not decode, a body goes on to its end, and nothing is left open or counted as such`()
            async throws
        {
            let gate = Latch()
            let workflow = Workflow("beside") { (context, _: Int) async throws -> Int in
                async let slow: Void = context.run("slow") { await gate.wait() }
                async let price = context.run("price") { Lopsided(items: [.init(price: 3)]) }
                try await slow
                return try await price.items.count
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the run is not parked") { try await run.details().status == .parked }
                gate.open()
                try await eventually("the body is not recorded") {
                    try await run.history().map(\.step) == ["price", "slow"]
                }
                #expect(try await client.openSteps(ofRun: run.id).isEmpty)
                try await expectSound(client)
            }
        }

        @Test(.rule(8)) func `An input that does not decode parks the run, with the JSON and the type`() async throws {
            let workflow = Workflow("reading") { (_: WorkflowContext, input: Reading) async throws -> Int in
                input.sensors.count
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow: "reading", payloadJSON: #"{"sensors":[{"value":"high"}]}"#)
                try await eventually("the run is not parked") { try await run.details().status == .parked }
                let reason = try await run.details().reason ?? ""
                for part in ["Reading", "sensors[0].value", #"{"value":"high"}"#] {
                    #expect(reason.contains(part), "\(reason)")
                }
                // Nobody may have changed any code.
                #expect(!reason.contains("changed code"), "\(reason)")
                #expect(reason.contains("if the run was enqueued with a wrong input, cancel it"), "\(reason)")
            }
        }

        @Test func `An output that cannot be stored fails the run`() async throws {
            let workflow = Workflow("output") { (_: WorkflowContext, _: Int) async throws -> Double in .infinity }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                let code = await errorCode { _ = try await run.result(timeout: patience) }
                #expect(code == .runFailed)
                #expect(try await run.details().error?.contains("cannot be stored as JSON") == true)
            }
        }

        @Test
        func `A result, an output or a pushed item that is too large costs only itself, and is told with both sizes`()
            async throws
        {
            let bodies = Tally()
            let workflow = Workflow("large") { (context, size: Int) async throws -> String in
                do {
                    return try await context.run("large") {
                        bodies.add("large")
                        return String(repeating: "x", count: size)
                    }
                } catch let failure as StepFailure {
                    return failure.message
                }
            }
            let output = Workflow("large-output") { (_: WorkflowContext, size: Int) async throws -> String in
                String(repeating: "x", count: size)
            }
            try await withWorker([workflow, output], configuration: .init(maximumPayloadSize: 2000)) { client, server in
                let message = try await client.enqueue(workflow, 3000).result(timeout: patience)
                #expect(message.contains("step \"large\"") && message.contains("3002") && message.contains("2000"))
                #expect(bodies["large"] == 1)
                let run = try await client.enqueue(output, 3000)
                let code = await errorCode { _ = try await run.result(timeout: patience) }
                #expect(code == .runFailed)
                #expect(try await run.details().error?.contains("is 3002 bytes of JSON") == true)
                let item = #"{"workflow":"large","payload":"\#(String(repeating: "x", count: 3000))"}"#
                _ = try await server.command("LPUSH", "stepwise:{default}:inbox:default", .string(item))
                try await eventually("the item is not rejected") { try await client.queueTotals().malformed == 1 }
            }
        }

        @Test func `An input that cannot be stored is refused before anything is sent`() async throws {
            try await withWorker([]) { client, _ in
                let name: WorkflowName<Double, Int> = "any"
                #expect(await errorCode { try await client.enqueue(name, .nan) } == .notStorable)
                for text in ["{", "01", #"{"n":2,}"#, "\"a\nb\"", String(repeating: "[", count: 513)] {
                    let error = await #expect(throws: StepwiseError.self) {
                        _ = try await client.enqueue(workflow: "any", payloadJSON: text)
                    }
                    #expect(error?.code == .notStorable)
                }
            }
        }
    }
}
