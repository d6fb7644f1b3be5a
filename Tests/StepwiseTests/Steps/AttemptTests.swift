import Foundation
import Stepwise
import Synchronization
import TestSupport
import Testing

private struct Declined: Error, Codable, Hashable {
    var amount: Int
    var hints: [String]
}

/// Where the step is executed: inline, or as a claimed work item beside another.
enum StepPlace: String, CaseIterable, Sendable {
    case serial
    case parallel
}

extension Scenarios {
    @Suite("Attempts at a step")
    struct Attempts {
        /// A run whose step "work" is the only open one, or one of two.
        private func workflow<Value: Codable & Sendable>(
            _ place: StepPlace, _ options: WorkflowOption...,
            body: @escaping @Sendable (WorkflowContext) async throws -> Value
        ) -> Workflow<Int, Value> {
            let retry = options.first ?? .retry(soon)
            return Workflow("attempts", retry) { (context, _: Int) async throws -> Value in
                if place == .serial { return try await body(context) }
                async let beside = context.run("beside") { 1 }
                async let value = body(context)
                _ = try await beside
                return try await value
            }
        }

        @Test(.scenario(4), arguments: StepPlace.allCases)
        func `An error that is Codable comes back as itself, and NonRetryable is tried once`(_ place: StepPlace)
            async throws
        {
            let tries = Tally()
            let workflow = workflow(place) { context -> Declined? in
                do {
                    try await context.run("charge") {
                        tries.add("try")
                        throw NonRetryable(Declined(amount: 30, hints: ["a \"b\"", "\u{1F600}\n"]))
                    }
                    return nil
                } catch let failure as StepFailure {
                    return failure.type == "Declined" && failure.cause == .failed
                        ? failure.error(as: Declined.self) : nil
                }
            }
            let run = try await complete(workflow, 0, memory: .cold)
            #expect(run.output == Declined(amount: 30, hints: ["a \"b\"", "\u{1F600}\n"]))
            #expect(tries["try"] == 1)
            #expect(run.recorded("charge")?.attempts == 1)
        }

        @Test(arguments: StepPlace.allCases)
        func `Every failed attempt is in the history, with its error and the wait after it`(_ place: StepPlace)
            async throws
        {
            let workflow = workflow(place) { context -> Int in
                try await context.run("flaky") { step in
                    switch step.attempt {
                    case 1: throw Hiccup()
                    case 2: throw RetryAfter(.milliseconds(30), because: Declined(amount: 1, hints: ["line\none"]))
                    default: return step.attempt
                    }
                }
            }
            let run = try await complete(workflow, 0, memory: .cold)
            #expect(run.output == 3)
            let step = try #require(run.recorded("flaky"))
            #expect(step.attempts == 3 && step.lost == 0)
            #expect(step.failed.map(\.attempt) == [1, 2])
            #expect(step.failed.map(\.type) == ["Hiccup", "Declined"])
            #expect(step.failed[1].delay == .milliseconds(30))
            #expect(step.failed[1].message.contains("line"))
            #expect(step.failed.allSatisfy { $0.at > Date(milliseconds: 0) && !$0.worker.isEmpty })
        }

        @Test(arguments: StepPlace.allCases)
        func `Of many failed attempts the last 20 are kept`(_ place: StepPlace) async throws {
            let workflow = workflow(place, .retry(.fixed(.zero, attempts: 24))) { context -> [Int] in
                do { try await context.run("hopeless") { throw Hiccup() } } catch let failure as StepFailure {
                    return [failure.attempts]
                }
                return []
            }
            // A short lease makes for frequent beats, which bring what is due.
            let run = try await withWorker([workflow], configuration: .init(lease: .seconds(1))) { client, _ in
                try await complete(client.enqueue(workflow, 0), of: workflow)
            }
            #expect(run.output == [24])
            #expect(run.recorded("hopeless")?.failed.map(\.attempt) == Array(4...23))
        }

        @Test(arguments: StepPlace.allCases)
        func `While a step waits for its next attempt, its failures can be read`(_ place: StepPlace) async throws {
            let workflow = workflow(place, .retry(.fixed(.seconds(3600)))) { context -> Int in
                try await context.run("later") { throw Declined(amount: 2, hints: []) }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the first attempt has failed") {
                    try await client.openSteps(ofRun: run.id).contains { $0.step == "later" && $0.state.attempt == 2 }
                }
                let open = try #require(try await client.openSteps(ofRun: run.id).first { $0.step == "later" }).state
                #expect(open.failed.map(\.type) == ["Declined"])
                #expect(open.failed.first?.delay == .seconds(3600))
                #expect(open.place == "item" && open.of == 4)
                // When it is due.
                let failed = try #require(open.failed.first)
                #expect(open.called == failed.at.wholeMilliseconds + 3_600_000)
                try await expectSound(client)
            }
        }

        @Test(arguments: StepPlace.allCases)
        func `No attempt begins after the longest time for all of them`(_ place: StepPlace) async throws {
            // Redis' clock decides: the third would begin more than an hour after the first.
            let retry = Retry.custom(attempts: 100, maximumElapsed: .seconds(3600)) { attempt, _ in
                attempt == 1 ? .milliseconds(1) : .seconds(3600)
            }
            let workflow = workflow(place, .retry(retry)) { context -> Int in
                do { try await context.run("hopeless") { throw Hiccup() } } catch let failure as StepFailure {
                    return failure.attempts
                }
                return 0
            }
            let run = try await complete(workflow, 0)
            #expect(run.output == 2)
            #expect(run.recorded("hopeless")?.failed.map(\.attempt) == [1])
        }

        @Test(.scenario(4), arguments: StepPlace.allCases)
        func `An error that the policy's filter turns down ends the step at its attempt, and any other is retried`(
            _ place: StepPlace
        ) async throws {
            let retry = Retry.fixed(.milliseconds(1), attempts: 9).when { $0 is Hiccup }
            let workflow = workflow(place, .retry(retry)) { context -> String in
                do {
                    try await context.run("work") { step in
                        if step.attempt < 3 { throw Hiccup() }
                        throw Declined(amount: 1, hints: [])
                    }
                    return ""
                } catch let failure as StepFailure { return "\(failure.type) \(failure.attempts)" }
            }
            #expect(try await complete(workflow, 0, memory: .cold).output == "Declined 3")
        }

        @Test(.scenario(5, 6), arguments: StepPlace.allCases, Memory.allCases)
        func
            `The policy is asked after each attempt but the last, with its number and error, and nothing waits after the last`(
                _ place: StepPlace, _ memory: Memory
            ) async throws
        {
            let asked = Tally()
            // A wait after the third attempt would end no test.
            let retry = Retry.custom(attempts: 3) { attempt, error in
                asked.add("\(attempt) \(error)")
                return attempt < 3 ? .milliseconds(1) : .seconds(3600)
            }
            let workflow = workflow(place, .retry(retry)) { context -> Int in
                do {
                    try await context.run("work") { step in throw Declined(amount: step.attempt, hints: []) }
                    return 0
                } catch let failure as StepFailure { return failure.attempts }
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == 3)
            let work = try #require(run.recorded("work"))
            #expect(work.error?.error(as: Declined.self)?.amount == 3 && work.failed.count == 2)
            #expect(asked.all == [1, 2].map { "\($0) \(Declined(amount: $0, hints: []))" })
        }

        @Test func `Where neither step nor workflow says how often, the worker's setting does`() async throws {
            let workflow = Workflow("plain") { (context, _: Int) async throws -> Int in
                do { try await context.run("hopeless") { throw Hiccup() } } catch let failure as StepFailure {
                    return failure.attempts
                }
                return 0
            }
            let attempts = try await withWorker(
                [workflow], configuration: .init(retry: .fixed(.milliseconds(1), attempts: 7))
            ) { client, _ in try await client.enqueue(workflow, 0).result(timeout: patience) }
            #expect(attempts == 7)
        }

        @Test(arguments: StepPlace.allCases)
        func `A body that runs past its timeout is cancelled, and the attempt after it may succeed`(_ place: StepPlace)
            async throws
        {
            let cancelled = Tally()
            let workflow = workflow(place) { context -> Int in
                try await context.run("slow", .timeout(.milliseconds(50))) { step in
                    if step.attempt == 1 {
                        do { try await Task.sleep(for: .seconds(3600)) } catch {
                            cancelled.add("cancelled")
                            throw error
                        }
                    }
                    return step.attempt
                }
            }
            let run = try await complete(workflow, 0)
            #expect(run.output == 2)
            #expect(run.recorded("slow")?.failed.map(\.type) == ["StepTimeout"])
            try await eventually("the body was cancelled") { cancelled["cancelled"] == 1 }
        }

        @Test(.scenario(44), arguments: StepPlace.allCases)
        func `What a body returns after its timeout is refused: the function sees a timeout`(_ place: StepPlace)
            async throws
        {
            let gate = Latch()
            let late = Tally()
            let workflow = workflow(place) { context -> String in
                do {
                    // Neither the gate nor this body cares about a cancellation.
                    return try await context.run("stubborn", .timeout(.milliseconds(50)), .retry(.never)) {
                        await Task.detached { await gate.wait() }.value
                        late.add("returned")
                        return "late"
                    }
                } catch let failure as StepFailure {
                    gate.open()
                    return "\(failure.cause)"
                }
            }
            let run = try await complete(workflow, 0)
            #expect(run.output == "timedOut")
            try await eventually("the body has returned") { late["returned"] == 1 }
        }

        @Test(arguments: StepPlace.allCases)
        func `An .atMostOnce step is executed, recorded and retried like any other`(_ place: StepPlace) async throws {
            let tries = Tally()
            let workflow = workflow(place) { context -> Int in
                try await context.run("pay", .atMostOnce) { step in
                    if tries.add("try") < 3 { throw Hiccup() }
                    return step.attempt
                }
            }
            let run = try await complete(workflow, 0, memory: .cold)
            #expect(run.output == 3)
            #expect(tries["try"] == 3)
        }
    }
}
