import Stepwise
import Testing

@Suite("Replay: outcomes and calls")
struct DeliveryTests {
    @Test func `Calls are numbered in the order in which the function makes them, and repeated names by use`() {
        let core = Core { context in
            async let a = context.run("a") { 1 }
            async let b = context.run("b") { 1 }
            async let again = context.run("a") { 1 }
            return try await "\(a + b + again)"
        }
        #expect(core.pending == ["a", "b", "a#2"])
        #expect(core.instance.callCount == 3 && core.instance.waitingSteps == 3)
        core.deliver("a#2", "3")
        core.deliver("a", "1")
        #expect(core.pending == ["b"])
        core.deliver("b", "2")
        #expect(core.end == "6")
    }

    @Test func `A step call suspends, and the function comes to rest after each outcome`() {
        let seen = Tally()
        let core = Core { context in
            async let left: Int = {
                let one = try await context.run("l1") { 1 }
                seen.add("l1")
                let two = try await context.run("l2") { 1 }
                seen.add("l2")
                return one + two
            }()
            async let right: Int = {
                let one = try await context.run("r1") { 1 }
                seen.add("r1")
                return one
            }()
            return try await "\(left + right)"
        }
        core.deliver("l1", "1")
        #expect(seen.all == ["l1"] && core.pending == ["r1", "l2"])
        core.deliver("r1", "1")
        #expect(seen.all == ["l1", "r1"])
        core.deliver("l2", "1")
        #expect(seen.all == ["l1", "r1", "l2"] && core.end == "3")
    }

    @Test func `A recorded failure is thrown where the step is awaited`() {
        let core = Core { context in
            do { return try await context.run("a") { "never" } } catch let failure as StepFailure {
                return failure.message
            }
        }
        core.fail("a")
        #expect(core.end == "a hiccup")
    }

    @Test func `An outcome of a step that the code never calls is a divergence that names it`() {
        let core = Core { context in try await context.run("renamed") { "x" } }
        core.deliver("old-name", "\"x\"")
        #expect(core.standing.contains("\"old-name\"") && core.standing.contains("\"renamed\""))
        #expect(core.instance.evict())
    }

    @Test func `A value that does not fit the type stops the instance, and no code of the function sees it`() {
        let core = Core { context in
            do { return "\(try await context.run("a") { 1 })" } catch { return "caught \(error)" }
        }
        core.deliver("a", "\"text\"")
        #expect(core.standing.contains("\"a\"") && core.standing.contains("Int") && core.standing.contains("text"))
        #expect(core.instance.evict())
    }

    @Test func `A cancelled call throws in that drain, is to be closed, and its outcome is for nobody`() {
        let core = Core { context in
            let winner = try await withThrowingTaskGroup(of: Int.self) { group in
                for name in ["a", "b", "c"] { group.addTask { try await context.run(name) { 1 } } }
                let first = try await group.next() ?? 0
                group.cancelAll()
                return first
            }
            return try await context.run("after \(winner)") { "x" }
        }
        let opened = core.instance.plan(opened: 0)
        #expect(opened.openings.map(\.step) == ["a", "b", "c"] && opened.closings == [])
        core.deliver("b", "2")
        #expect(core.pending == ["-a", "-c", "after 2"])
        let plan = core.instance.plan(opened: 3)
        #expect(plan.closings == ["a", "c"] && plan.openings.map(\.step) == ["after 2"])
        core.deliver("c", "3")
        #expect(core.instance.plan(opened: 3).closings == ["a"], "what has an outcome need not be closed")
        core.deliver("after 2", "\"done\"")
        #expect(core.end == "done")
    }

    @Test func `A call that is abandoned before it was opened takes its number and opens nothing`() {
        let core = Core { context in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    async let _ = context.run("dropped") { 1 }
                    // The scope ends here, which cancels what was not awaited.
                }
                try await group.waitForAll()
            }
            return try await context.run("kept") { "x" }
        }
        let plan = core.instance.plan(opened: 0)
        #expect(plan.openings.last?.step == "kept" && plan.openings.last?.withdrawn == false)
        #expect(plan.openings.dropLast().allSatisfy { $0.withdrawn })
        #expect(plan.closings == [])
        core.instance.confirm(plan)
        #expect(core.instance.plan(opened: plan.openings.count).closings == [], "withdrawn calls were never open")
        core.deliver("kept", "\"done\"")
        #expect(core.end == "done")
    }
}
