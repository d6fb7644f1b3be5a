import Foundation
import Stepwise
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

private struct Busy: Error, CustomStringConvertible {
    var description: String { "the bank is busy" }
}

/// Holds the thread that executes it.
private func hold(_ semaphore: DispatchSemaphore) { semaphore.wait() }

/// The token of a callback, for who answers.
private final class Token: Sendable {
    let text = Mutex("")
}

/// Functions and bodies that are executed, and what they wait for.
@Suite("What explain says of runs under way", .serialized)
struct ExplainMoreRunningTests {
    private let gate = Latch()

    @Test func `A function at work, a body with limits, a failed attempt and a sleep: each goes on, one by a retry`()
        async throws
    {
        let gate = gate
        let semaphore = DispatchSemaphore(value: 0)
        defer { for _ in 1...4 { semaphore.signal() } }
        let nap = Workflow("nap") { (context, _: Int) async throws -> Int in
            try await context.sleep(for: .seconds(5), name: "cool down")
            return 1
        }
        let body = Workflow("body") { (context, _: Int) async throws -> Int in
            try await context.run("slow", .timeout(.seconds(600))) { () async throws -> Int in
                await gate.wait()
                return 2
            }
        }
        let pay = Workflow("pay") { (context, _: Int) async throws -> Int in
            try await context.run("charge", .retry(.fixed(.seconds(3600), attempts: 4))) {
                (step: Step) async throws -> Int in
                if step.attempt == 1 { throw Busy() }
                return 3
            }
        }
        let think = Workflow("think") { (context, number: Int) async throws -> Int in
            hold(semaphore)
            try await context.waitForEvent("go")
            hold(semaphore)
            return number
        }
        try await Fixture.with { fixture in
            try await fixture.withWorker([nap, body, pay]) {
                let sleeper = try await fixture.client.enqueue(nap, 0, id: "nap")
                let asleep = try await fixture.told(.sleeping, "nap", .waiting)
                #expect(asleep.until != nil)
                fixture.expectNothingToDo(asleep)

                let runner = try await fixture.client.enqueue(body, 0, id: "body")
                let running = try await fixture.told(.bodyRunning, "body", .moving) { $0.fact("limit") != nil }
                #expect(running.fact("limit") == "10 min" && running.fact("for") != nil)
                fixture.expectNothingToDo(running)
                gate.open()

                let payment = try await fixture.client.enqueue(pay, 0, id: "pay")
                let failed = try await fixture.told(.backingOff, "pay", .waiting)
                #expect(failed.sentence.hasPrefix("Step charge failed 1 of 4 times and is tried again at "))
                #expect(failed.sentence.contains(". Last: Busy: the bank is busy, on "))
                try await fixture.obey(failed, "stepwise retry")
                for (run, end) in [(sleeper, 1), (runner, 2), (payment, 3)] {
                    let result = try await run.result(timeout: patience)
                    #expect(result == end)
                }
            }
            // It holds the thread that functions of this worker are executed on.
            try await fixture.withWorker([think]) {
                let thinker = try await fixture.client.enqueue(think, 4, id: "think")
                // Redis does not know yet that its function has begun.
                let held = try await fixture.told(.claimedNotBegun, "think", .waiting)
                #expect(held.sentence.contains(" and has not begun, or its function has not come to its first step"))
                semaphore.signal()
                try await fixture.told(.waitsForEvent, "think", .waiting)
                try await thinker.notify("go")
                let working = try await fixture.told(.functionAtWork, "think", .moving)
                #expect(working.sentence.hasSuffix(" takes its function forward, past outcome 1"))
                fixture.expectNothingToDo(working)
                semaphore.signal()
                let result = try await thinker.result(timeout: patience)
                #expect(result == 4)
            }
        }
    }

    /// A worker whose thread a function holds leaves the thread behind: it counts as lost.
    @Test func `Workers that were lost with a function are told as long as it has come no further`() async throws {
        let (gate, isSecond) = (self.gate, Latch())
        let semaphore = DispatchSemaphore(value: 0)
        defer { for _ in 1...4 { semaphore.signal() } }
        let stubborn = Workflow("stubborn") { (context, text: String) async throws -> String in
            if !isSecond.isOpen {
                isSecond.open()
                hold(semaphore)
            }
            return try await context.run("slow") { () async throws -> String in
                await gate.wait()
                return text
            }
        }
        try await Fixture.with { fixture in
            try await fixture.withWorker([stubborn], configuration: .init(stuckLimit: .seconds(1))) {
                let run = try await fixture.client.enqueue(stubborn, "in", id: "r")
                let lost = try await fixture.told(.turnLost, "r", .waiting)
                #expect(
                    lost.sentence
                        == "1 worker was lost in a row while they took its function forward past outcome 0 (limit 3)")
                #expect(lost.next.first?.effect.hasPrefix("find out what ends these processes") == true)
                semaphore.signal()
                gate.open()
                let result = try await run.result(timeout: patience)
                #expect(result == "in")
            }
        }
    }

    // MARK: Waits

    @Test func `A callback, children, steps that are joined, a deadline: each is told, and each comes`() async throws {
        let (gate, token) = (self.gate, Token())
        let asking = Workflow("asking") { (context, _: Int) async throws -> String in
            let question = try await context.callback("approval", as: String.self)
            token.text.withLock { $0 = question.token }
            return try await question.value()
        }
        let child = Workflow("child") { (context, _: Int) async throws -> Int in
            try await context.waitForEvent("go")
            return 21
        }
        let parent = Workflow("parent") { (context, _: Int) async throws -> Int in
            async let left = context.invoke(child, 1, name: "left", id: "left")
            async let right = context.invoke(child, 1, name: "right", id: "right")
            return try await left + right
        }
        let joined = Workflow("joined") { (context, _: Int) async throws -> Int in
            let parts = try await context.map([1, 2, 3], "part") { (number: Int) async throws -> Int in
                await gate.wait()
                return number
            }
            return parts.reduce(0, +)
        }
        try await Fixture.with { fixture in
            try await fixture.withWorker([asking, child, parent, joined]) {
                let question = try await fixture.client.enqueue(asking, 0, id: "asking", .runTimeout(.seconds(1800)))
                let asked = try await fixture.told(.waitsForCallback, "asking", .waiting)
                #expect(asked.sentence.hasSuffix(", without a time limit; nobody has answered"))
                let near = try await fixture.besides(.deadlineNear, "asking")
                #expect(near.also.contains { $0.sentence.hasPrefix("It has to be done by 2") })
                let answer = try await fixture.stepwise(
                    "callback", "complete", token.text.withLock { $0 }, "\"yes\"")
                #expect(answer.code == 0, "\(answer)")
                let answered = try await question.result(timeout: patience)
                #expect(answered == "yes")

                let family = try await fixture.client.enqueue(parent, 0, id: "parent")
                let waiting = try await fixture.told(.waitsForChild, "parent", .waiting) { explanation in
                    explanation.children.map(\.cause) == [.waitsForEvent, .waitsForEvent]
                }
                #expect(
                    waiting.sentence.hasPrefix("It waits for 2 runs: 2 wait. Step left waits for run left (child): "))
                try await fixture.obey(waiting, "stepwise explain left")
                try await fixture.client.notify("go", run: "left")
                let one = try await fixture.told(.waitsForChild, "parent", .waiting) { $0.children.count == 1 }
                #expect(one.sentence.hasPrefix("Step right waits for run right (child): It waits for event go"))
                try await fixture.obey(one, "stepwise explain right")
                try await fixture.obey(try await fixture.told(.waitsForEvent, "right", .waiting), "stepwise notify go")
                let total = try await family.result(timeout: patience)
                #expect(total == 42)

                let together = try await fixture.client.enqueue(joined, 0, id: "joined")
                let joining = try await fixture.told(.joining, "joined", .moving)
                #expect(joining.sentence.hasPrefix("Its function waits for 3 steps together: part runs on "))
                fixture.expectNothingToDo(joining)
                gate.open()
                let sum = try await together.result(timeout: patience)
                #expect(sum == 6)
            }
        }
    }

    // MARK: Ends and pauses

    @Test func `A cleanup ends by itself; a paused run goes on by the command that is advised, with its body`()
        async throws
    {
        let gate = gate
        let tidy = Workflow("tidy") { (context, _: Int) async throws -> Int in
            do { return try await context.waitForEvent("go", as: Int.self) } catch {
                try await context.cleanup { try await context.run("release") { await gate.wait() } }
                throw error
            }
        }
        let slow = Workflow("slow") { (context, number: Int) async throws -> Int in
            try await context.run("slow") { () async throws -> Int in
                await gate.wait()
                return number
            }
        }
        try await Fixture.with { fixture in
            try await fixture.withWorker([tidy, slow]) {
                let cleaned = try await fixture.client.enqueue(tidy, 0, id: "tidy")
                try await fixture.told(.waitsForEvent, "tidy", .waiting)
                try await cleaned.cancel(reason: "enough")
                let cancelling = try await fixture.told(.cancelling, "tidy", .waiting) { $0.fact("step") == "release" }
                #expect(
                    cancelling.sentence
                        == "Its end was asked for (enough), and its function does its cleanup: step release is open")
                fixture.expectNothingToDo(cancelling)

                let run = try await fixture.client.enqueue(slow, 5, id: "slow")
                try await fixture.told(.bodyRunning, "slow", .moving)
                try await run.pause(reason: "the audit", by: "ada")
                let paused = try await fixture.told(.paused, "slow", .stuck)
                #expect(paused.sentence.contains("the audit"))
                try await fixture.obey(paused, "stepwise resume slow")
                gate.open()
                let result = try await run.result(timeout: patience)
                #expect(result == 5)
                let completed = try await fixture.told(.completed, "slow", .ended)
                #expect(completed.sentence.hasSuffix(" after it began, with 1 outcome"))
                try await fixture.told(.cancelled, "tidy", .ended)
            }
        }
    }
}
