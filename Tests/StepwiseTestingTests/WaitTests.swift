import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

@Suite("What a tested workflow waits for")
struct WaitTests {
    private static let day = Duration.seconds(86_400)

    @Test(.scenario(33))
    func `Sleeps are skipped: days pass in no time, and the clock is where it should be`() async throws {
        let workflow = Workflow("w") { (context, date: Date) async throws -> Int in
            try await context.sleep(for: Self.day * 3)
            try await context.sleep(until: date)
            try await context.sleep(for: .zero)
            async let short: Void = context.sleep(for: .seconds(10), name: "short")
            async let long: Void = context.sleep(for: .seconds(20), name: "long")
            _ = try await (long, short)
            return 1
        }
        let test = WorkflowTest(workflow)
        let begin = ContinuousClock.now
        try await test.run(Date(timeIntervalSince1970: 1_767_225_600 + 10 * 86_400))
        #expect(ContinuousClock.now - begin < .seconds(5))
        #expect(test.elapsed == Self.day * 10 + .seconds(20))
        #expect(test.steps == ["sleep", "sleep#2", "sleep#3", "short", "long"])
        #expect(test.recorded("long")?.kind == "sleep")
    }

    @Test func `Lengths and moments that nobody means are bounded, as in Redis`() async throws {
        let forever = Duration.seconds(Int64.max)
        let endOfTime = Date(timeIntervalSince1970: .infinity)
        let workflow = Workflow("w", .timeout(forever)) { (context, _: Int) async throws -> Int in
            try await context.sleep(for: forever)
            try await context.sleep(until: endOfTime)
            try await context.notify("over", 1, keep: .seconds(Int64.min))
            return try await context.run("a", .totalTimeout(forever)) { 1 }
        }
        let test = WorkflowTest(workflow, bodyLimit: forever)
        #expect(try await test.run(0) == 1)
        #expect(test.elapsed == .longest)
        let late = WorkflowTest(workflow, start: endOfTime)
        #expect(try await late.run(0) == 1)
    }

    private let approval = Workflow("approval") { (context, timeout: Int) async throws -> String in
        do {
            return try await context.waitForEvent("approved", as: String.self, timeout: .seconds(timeout))
        } catch is EventTimeout { return "nobody" }
    }

    @Test func `An event comes early, at a time, after a step, or not at all`() async throws {
        let early = WorkflowTest(approval)
        early.notify("approved", "Ada")
        #expect(try await early.run(3600) == "Ada")
        #expect(early.elapsed == .zero)
        #expect(try await early.run(3600) == "Ada")

        let late = WorkflowTest(approval)
        late.at(.seconds(600)) { $0.notify("approved", "Bob") }
        #expect(try await late.run(3600) == "Bob")
        #expect(late.elapsed == .seconds(600))

        let tooLate = WorkflowTest(approval)
        tooLate.at(.seconds(3601)) { $0.notify("approved", "Bob") }
        #expect(try await tooLate.run(3600) == "nobody")
        #expect(tooLate.elapsed == .seconds(3600))

        let asked = Workflow("asked") { (context, _: Int) async throws -> String in
            async let answer = context.waitForEvent("approved", as: String.self)
            try await context.run("ask") {}
            return try await answer
        }
        let after = WorkflowTest(asked)
        after.after("ask") { $0.notify("approved", "Cleo") }
        #expect(try await after.run(1) == "Cleo")
        #expect(after.steps == ["ask", "approved"])
    }

    @Test
    func `Events of one name come in their order, each once; an event and a timeout in one instant give one outcome`()
        async throws
    {
        let workflow = Workflow("w") { (context, _: Int) async throws -> [Int] in
            var numbers: [Int] = []
            for _ in 0..<3 { numbers.append(try await context.waitForEvent("number", as: Int.self)) }
            do { try await context.waitForEvent("number", timeout: .seconds(60)) } catch is EventTimeout {
                numbers.append(0)
            }
            return numbers
        }
        let test = WorkflowTest(workflow)
        for number in 1...3 { test.notify("number", number) }
        test.at(.seconds(60)) { $0.notify("number", 4) }
        let first = try await test.run(1)
        #expect(first.prefix(3) == [1, 2, 3])
        for _ in 0..<3 { #expect(try await test.run(1) == first) }
    }

    @Test
    func `An event to everybody reaches those who wait, with keep those who come later; what steps send is there`()
        async throws
    {
        let workflow = Workflow("w") { (context, _: Int) async throws -> [Int] in
            async let waiting = context.waitForEvent("price", as: Int.self, name: "first")
            async let too = context.waitForEvent("price", as: Int.self, name: "second")
            try await context.sleep(for: .seconds(10))
            let both = try await [waiting, too]
            try await context.notify("sold", both, run: "other-run")
            return try await both + [context.waitForEvent("price", as: Int.self, name: "late")]
        }
        let test = WorkflowTest(workflow)
        test.at(.seconds(5)) { $0.notifyEverybody("price", 7, keep: .seconds(60)) }
        #expect(try await test.run(1) == [7, 7, 7])
        #expect(test.sent.map(\.event) == ["sold"] && test.sent[0].run == "other-run")
        #expect(try test.sent[0].value(as: [Int].self) == [7, 7])
    }

    @Test func `A callback is answered by its name, before or while the run waits`() async throws {
        let workflow = Workflow("w") { (context, _: Int) async throws -> Bool in
            let approval = try await context.callback("approved", as: Bool.self)
            try await context.run("ask") { _ = approval.token }
            return try await approval.value(timeout: .seconds(60))
        }
        let early = WorkflowTest(workflow)
        early.answer("approved", true)
        #expect(try await early.run(1))
        let late = WorkflowTest(workflow)
        late.at(.seconds(30)) { $0.answer("approved", false) }
        #expect(try await late.run(1) == false)
        #expect(late.elapsed == .seconds(30))
        await #expect(throws: EventTimeout.self) { try await WorkflowTest(workflow).run(1) }
    }

    @Test func `A wait that nothing will end fails the test, which says for what`() async throws {
        let workflow = Workflow("w") { (context, _: Int) async throws -> Int in try await context.waitForEvent("never")
        }
        do {
            try await WorkflowTest(workflow).run(1)
            Issue.record("nothing was thrown")
        } catch let failure as WorkflowTestFailure {
            #expect(failure.message.contains("\"never\" (an event)") && failure.message.contains("test.notify"))
        }
    }

    @Test func `A child gets events and sends some to its parent`() async throws {
        let child = Workflow("child") { (context, parent: String) async throws -> String in
            let word = try await context.waitForEvent("word", as: String.self)
            try await context.notify("ready", word + "!", run: parent)
            try await context.sleep(for: .seconds(60))
            return "child is done"
        }
        let parent = Workflow("parent") { (context, _: Int) async throws -> [String] in
            async let end = context.invoke(child, context.runID, id: "the-child")
            try await context.notify("word", "hello", run: "the-child")
            return try await [context.waitForEvent("ready", as: String.self), end]
        }
        let test = WorkflowTest(parent)
        test.child(child)
        #expect(try await test.run(1) == ["hello!", "child is done"])
        #expect(test.elapsed == .seconds(60))
    }

    @Test func `Loops of a race, a sleep and an event come out the same on every replay`() async throws {
        let workflow = Workflow("w") { (context, count: Int) async throws -> [String] in
            var winners: [String] = []
            for _ in 0..<count {
                winners.append(
                    try await withThrowingTaskGroup(of: String.self) { group in
                        group.addTask {
                            try await context.sleep(for: .seconds(10))
                            return "sleep"
                        }
                        group.addTask { try await context.waitForEvent("word", as: String.self) }
                        group.addTask { try await context.run("step") { "step" } }
                        defer { group.cancelAll() }
                        return try await group.next() ?? ""
                    })
            }
            return winners
        }
        let test = WorkflowTest(workflow)
        test.replace("step", taking: .seconds(15)) { "step" }
        for minute in 0..<10 { test.at(.seconds(60 * minute)) { $0.notify("word", "event") } }
        let winners = try await test.run(60)
        #expect(Set(winners) == ["event", "sleep"] && winners.count { $0 == "event" } == 10)
        try await test.replayInNewProcess()
    }

    @Test
    func `A customer is onboarded for ninety days, which take no time; a cancellation ends what goes on for ever`()
        async throws
    {
        let onboarding = Workflow<String, Void>("onboarding") { (context, customer: String) async throws in
            try await context.run("welcome") {}
            while true {
                try await context.sleep(for: Self.day * 3)
                let isActive = try await context.run("is active") { false }
                if !isActive { try await context.run("remind") {} }
            }
        }
        let test = WorkflowTest(onboarding)
        test.replace("is active") { step in !step.id.hasSuffix("0") }
        test.at(Self.day * 90 + .seconds(1)) { $0.cancel() }
        await #expect(throws: CancellationError.self) { try await test.run("Ada") }
        #expect(test.steps.count { $0.hasPrefix("is active") } == 30)
        #expect(test.steps.count { $0.hasPrefix("remind") } == 3)
    }
}
