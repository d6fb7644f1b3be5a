import Stepwise
import Testing

@Suite("Replay: plans")
struct PlanTests {
    private func wide(_ count: Int) -> Core {
        Core { context in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<count { group.addTask { try await context.run("item") {} } }
                _ = try await group.next()
                group.cancelAll()
            }
            return try await context.run("end") { "x" }
        }
    }

    @Test func `Openings come in pages, and only the last page is complete`() {
        let core = wide(25)
        let first = core.instance.plan(opened: 0, limit: 10)
        #expect(first.openings.map(\.number) == Array(0..<10) && !first.isComplete)
        core.instance.confirm(first)
        let second = core.instance.plan(opened: 10, limit: 10)
        #expect(second.openings.first?.step == "item#11" && !second.isComplete)
        let third = core.instance.plan(opened: 20, limit: 10)
        #expect(third.openings.count == 5 && third.isComplete)
        #expect(core.instance.plan(opened: 25, limit: 10).openings.isEmpty)
        #expect(core.instance.evict())
    }

    @Test func `Closings come in pages until each is confirmed`() {
        let core = wide(25)
        core.deliver("item", "null")
        var closed: [String] = []
        var pages = 0
        while true {
            let plan = core.instance.plan(opened: 25, limit: 10)
            #expect(plan.closings.count <= 10)
            closed += plan.closings
            core.instance.confirm(plan)
            pages += 1
            if plan.isComplete { break }
        }
        #expect(pages == 3)
        #expect(closed == (2...25).map { "item#\($0)" })
        #expect(core.instance.plan(opened: 26).closings == [])
        #expect(core.instance.evict())
    }

    @Test func `A run that ends names what it leaves, or nothing of it if that is more than a page`() {
        func ended(_ count: Int) -> Plan {
            let core = Core { context in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<count { group.addTask { try await context.sleep(for: .seconds(60)) } }
                    group.addTask { try await context.run("first") {} }
                    _ = try await group.next()
                    group.cancelAll()
                }
                return "x"
            }
            core.deliver("first", "null")
            #expect(core.end == "x")
            let plan = core.instance.plan(opened: count + 1, limit: 10)
            let hasEnded = core.instance.evict()
            #expect(hasEnded)
            return plan
        }
        let small = ended(10)
        #expect(small.isComplete && !small.endsInPages && small.closings.count == 10 && small.unlimited.count == 10)
        let large = ended(11)
        #expect(!large.isComplete && large.endsInPages && large.closings.isEmpty && large.unlimited.isEmpty)
        #expect(!large.isOnlyAnEnd)
    }

    @Test func `A page has fewer steps that wait for events than others`() {
        let core = Core { context in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 { group.addTask { try await context.waitForEvent("go") } }
                try await group.waitForAll()
            }
            return "x"
        }
        var pages: [Int] = []
        while pages.reduce(0, +) < 10 {
            pages.append(core.instance.plan(opened: pages.reduce(0, +), limit: 9).openings.count)
            if pages.last == 0 { break }
        }
        #expect(pages == [3, 3, 3, 1])
        #expect(core.instance.plan(opened: 7, limit: 9).isComplete)
        #expect(!core.instance.plan(opened: 6, limit: 9).isComplete)
        let hasEnded = core.instance.evict()
        #expect(hasEnded)
    }

    @Test func `A plan that was not confirmed is made again: nothing is lost if its call never arrived`() {
        let core = wide(3)
        core.deliver("item", "null")
        #expect(core.instance.plan(opened: 3).closings == ["item#2", "item#3"])
        #expect(core.instance.plan(opened: 3).closings == ["item#2", "item#3"])
        #expect(core.instance.evict())
    }
}
