import Stepwise
import TestSupport
import Testing

extension Scenarios {
    @Suite("Steps from the wrong place")
    struct Misuse {
        @Test(.scenario(14), arguments: Memory.allCases)
        func `A step inside a step's body fails that step at once, names both, and the run goes on`(_ memory: Memory)
            async throws
        {
            let log = CollectedLog()
            let workflow = Workflow("nested", .retry(soon)) { (context, _: Int) async throws -> [String] in
                do {
                    try await context.run("outer") { try await context.run("inner") { 1 } }
                    return []
                } catch let failure as StepFailure {
                    let after = try await context.run("after") { "went on" }
                    return [failure.step, failure.type, failure.message, after]
                }
            }
            let run = try await complete(workflow, 0, memory: memory, logger: log.logger)
            #expect(run.output.count == 4)
            #expect(run.output.first == "outer" && run.output.last == "went on")
            #expect(run.output[2].contains("\"inner\"") && run.output[2].contains("\"outer\""))
            #expect(run.history.map(\.step) == ["outer", "after"])
            #expect(run.history.first?.attempts == 1)
            #expect(run.details.warning?.contains("\"inner\"") == true)
            #expect(log.lines("a step was called from the wrong place").count == 1)
            #expect(log.lines("a workflow's function awaits something").isEmpty)
        }

        @Test func `The error of a nested step has code nestedStep inside the body`() async throws {
            let workflow = Workflow("nested-code") { (context, _: Int) async throws -> String in
                try await context.run("outer") {
                    do {
                        try await context.run("inner") {}
                        return "none"
                    } catch let error as StepwiseError {
                        return "\(error.code)"
                    }
                }
            }
            #expect(try await complete(workflow, 0).output == "nestedStep")
        }

        @Test func `A step from Task { } is an error, is logged, and stays on the run as its warning`() async throws {
            let log = CollectedLog()
            let codes = Tally()
            let gate = Latch()
            let workflow = Workflow("unstructured") { (context, _: Int) async throws -> Int in
                Task {
                    do { try await context.run("loose") { 1 } } catch {
                        codes.add((error as? StepwiseError)?.code.description ?? "\(error)")
                    }
                    gate.open()
                }
                return try await context.run("proper") {
                    await gate.wait()
                    return 1
                }
            }
            try await withWorker([workflow], logger: log.logger) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                #expect(try await run.result(timeout: patience) == 1)
                #expect(codes.all == ["stepOutsideFunction"])
                try await eventually("no warning") { try await run.details().warning?.contains("\"loose\"") == true }
                #expect(try await run.history().map(\.step) == ["proper"])
                try await eventually("no line") { log.lines("a step was called from the wrong place").count == 1 }
            }
        }

        @Test(arguments: Memory.allCases)
        func `A step from Task.detached inside a body is an error too`(_ memory: Memory) async throws {
            let workflow = Workflow("detached", .retry(soon)) { (context, _: Int) async throws -> String in
                do {
                    return try await context.run("outer") {
                        try await Task.detached { try await context.run("loose") { "ran" } }.value
                    }
                } catch let failure as StepFailure {
                    return failure.message
                }
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output.contains("unstructured task"))
            #expect(run.history.count == 1)
        }

        @Test(.scenario(14)) func `Misuse without end is told of twenty times, and the rest is counted`() async throws {
            let log = CollectedLog()
            let gate = Latch()
            let workflow = Workflow("flood") { (context, _: Int) async throws -> Int in
                Task.detached {
                    for number in 0..<5000 { try? await context.run("loose-\(number % 50)") {} }
                    gate.open()
                }
                return try await context.run("proper") {
                    await gate.wait()
                    return 1
                }
            }
            try await withWorker([workflow], logger: log.logger) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                #expect(try await run.result(timeout: patience) == 1)
                try await eventually("no line on the rest") {
                    let rest = log.lines("steps were called from the wrong place more often than is noted")
                    return rest.map { $0.metadata["count"] } == ["4980"]
                }
                try await eventually("no warning") { try await run.details().warning?.contains("\"loose-") == true }
                try await eventually("no twenty lines") {
                    log.lines("a step was called from the wrong place").count == 20
                }
            }
        }

        @Test func `Misuse after the function has returned is logged once`() async throws {
            let log = CollectedLog()
            let gate = Latch()
            let done = Latch()
            let workflow = Workflow("flood-afterwards") { (context, _: Int) async throws -> Int in
                Task.detached {
                    await gate.wait()
                    for _ in 0..<1000 { try? await context.run("late") {} }
                    done.open()
                }
                return try await context.run("only") { 1 }
            }
            try await withWorker([workflow], logger: log.logger) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                #expect(try await run.result(timeout: patience) == 1)
                gate.open()
                await done.wait()
                #expect(log.lines("a step was called from the wrong place").count == 1)
            }
        }

        @Test func `A step after the function has returned is an error and is logged`() async throws {
            let codes = Tally()
            let log = CollectedLog()
            let gate = Latch()
            let done = Latch()
            let workflow = Workflow("afterwards") { (context, _: Int) async throws -> Int in
                Task {
                    await gate.wait()
                    do { try await context.run("late") { 1 } } catch {
                        codes.add((error as? StepwiseError)?.code.description ?? "\(error)")
                    }
                    done.open()
                }
                return try await context.run("only") { 1 }
            }
            try await withWorker([workflow], logger: log.logger) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                #expect(try await run.result(timeout: patience) == 1)
                gate.open()
                await done.wait()
                #expect(codes.all == ["stepOutsideFunction"])
                #expect(log.lines("a step was called from the wrong place").count == 1)
                #expect(try await run.history().map(\.step) == ["only"])
                #expect(try await run.details().status == .completed)
            }
        }
    }
}
