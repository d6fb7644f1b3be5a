import Stepwise
import TestSupport
import Testing

private struct Declined: Error, CustomStringConvertible {
    var amount: Int
    var description: String { "declined \(amount) EUR" }
}

extension Scenarios {
    @Suite("Steps that fail")
    struct Failures {
        @Test(arguments: Memory.allCases)
        func `A failure is caught as StepFailure, at once and on every replay, and the run compensates`(
            _ memory: Memory
        ) async throws {
            let bodies = Tally()
            let workflow = Workflow("payment") { (context, _: Int) async throws -> StepFailure? in
                do {
                    try await context.run("charge", .retry(.never)) {
                        bodies.add("charge")
                        throw Declined(amount: 30)
                    }
                    return nil
                } catch let failure as StepFailure {
                    async let a = context.run("apologise") { _ = bodies.add("apologise") }
                    async let b = context.run("restock") { _ = bodies.add("restock") }
                    _ = try await (a, b)
                    return failure
                }
            }
            let run = try await complete(workflow, 0, memory: memory)
            let failure = try #require(run.output)
            #expect(failure.step == "charge" && failure.attempts == 1)
            #expect(failure.type == "Declined" && failure.message == "declined 30 EUR")
            #expect(bodies.all.sorted() == ["apologise", "charge", "restock"])
            #expect(run.recorded("charge")?.error == failure)
        }

        @Test func `A body that cancels its own task and throws has failed, like any other`() async throws {
            let bodies = Tally()
            let workflow = Workflow("suicidal", .retry(.never)) { (context, _: Int) async throws -> String in
                do {
                    try await context.run("work") {
                        bodies.add("work")
                        withUnsafeCurrentTask { $0?.cancel() }
                        try Task.checkCancellation()
                    }
                    return ""
                } catch let failure as StepFailure {
                    return failure.type
                }
            }
            #expect(try await complete(workflow, 0).output == "CancellationError")
            #expect(bodies["work"] == 1)
        }

        @Test(.scenario(3), arguments: Memory.allCases)
        func `A body that fails twice and then succeeds has three attempts, one key, and one outcome`(_ memory: Memory)
            async throws
        {
            let tries = Tally()
            let keys = Tally()
            let workflow = Workflow("flaky", .retry(soon)) { (context, _: Int) async throws -> Int in
                try await context.run("before") {}
                return try await context.run("flaky") { step in
                    keys.add(step.idempotencyKey)
                    if tries.add("try") < 3 { throw Hiccup() }
                    return step.attempt
                }
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == 3)
            #expect(run.recorded("flaky")?.attempts == 3)
            #expect(keys.all.count == 3 && Set(keys.all).count == 1)
            #expect(keys.all[0].hasPrefix("\(run.details.id)/") && keys.all[0].hasSuffix("/flaky"))
            #expect(run.history.map(\.step) == ["before", "flaky"])
        }

        @Test(.rule(1)) func `A retry that has had its time is nowhere any more`() async throws {
            let tries = Tally()
            let workflow = Workflow("flaky", .retry(soon)) { (context, _: Int) async throws -> Int in
                try await context.run("flaky") { step in
                    if tries.add("try") < 3 { throw Hiccup() }
                    return step.attempt
                }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                #expect(try await run.result(timeout: patience) == 3)
                #expect(try await client.queueTotals().delayed == 0)
            }
        }

        @Test(.scenario(2), arguments: Memory.allCases)
        func `Attempts that run out are thrown with their number and the last error`(_ memory: Memory) async throws {
            let tries = Tally()
            let workflow = Workflow("hopeless") { (context, _: Int) async throws -> [String] in
                do {
                    try await context.run("hopeless", .retry(Retry(attempts: 2, initialDelay: .milliseconds(1)))) {
                        throw Declined(amount: tries.add("try"))
                    }
                    return []
                } catch let failure as StepFailure {
                    return ["\(failure.attempts)", failure.message]
                }
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == ["2", "declined 2 EUR"])
            #expect(tries["try"] == 2)
        }

        @Test func `An error of Stepwise's own client in a body is retried like any other`() async throws {
            let tries = Tally()
            let workflow = Workflow("parent", .retry(soon)) { (context, _: Int) async throws -> Int in
                try await context.run("enqueue another") { step in
                    tries.add("try")
                    if step.attempt == 1 {
                        let nowhere = try StepwiseClient(
                            redis: RedisEndpoint("unix:///nowhere/redis.sock"), logger: .silent)
                        do {
                            try await nowhere.enqueue(WorkflowName<Int, Int>("other"), 1)
                        } catch {
                            await nowhere.close()
                            throw error
                        }
                    }
                    return step.attempt
                }
            }
            #expect(try await complete(workflow, 0).output == 2)
            #expect(tries["try"] == 2)
        }

        @Test(arguments: Memory.allCases)
        func `One branch's failure reaches the function while its siblings keep their results`(_ memory: Memory)
            async throws
        {
            let workflow = Workflow("branches", .retry(.never)) { (context, _: Int) async throws -> [String] in
                async let good = context.run("good") { "good" }
                async let bad: String = context.run("bad") { throw Hiccup() }
                var texts: [String] = []
                do { texts.append(try await bad) } catch let failure as StepFailure { texts.append(failure.step) }
                texts.append(try await good)
                return texts
            }
            #expect(try await complete(workflow, 0, memory: memory).output == ["bad", "good"])
        }

        @Test(arguments: Memory.allCases)
        func `A failure that nobody catches fails the run, with type, message and step`(_ memory: Memory) async throws {
            let workflow = Workflow("uncaught", .retry(.never)) { (context, _: Int) async throws -> Int in
                try await context.run("charge") { throw Declined(amount: 5) }
                return 1
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                do {
                    _ = try await run.result(timeout: patience)
                    Issue.record("the run did not fail")
                } catch let error as StepwiseError {
                    #expect(error.code == .runFailed)
                    for part in ["\"charge\"", "Declined", "declined 5 EUR"] {
                        #expect(error.message.contains(part), "\(error)")
                    }
                }
                expectReplay(of: try await run.details(), try await run.history(), by: workflow)
            }
        }

        @Test func `What the function itself throws fails the run, with type and message`() async throws {
            let workflow = Workflow("thrower") { (context, amount: Int) async throws -> Int in
                try await context.run("before") {}
                throw Declined(amount: amount)
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 8)
                do {
                    _ = try await run.result(timeout: patience)
                    Issue.record("the run did not fail")
                } catch let error as StepwiseError {
                    #expect(error.code == .runFailed)
                    #expect(error.message.contains("Declined") && error.message.contains("declined 8 EUR"))
                }
                #expect(try await run.details().status == .failed)
                expectReplay(of: try await run.details(), try await run.history(), by: workflow)
            }
        }
    }
}
