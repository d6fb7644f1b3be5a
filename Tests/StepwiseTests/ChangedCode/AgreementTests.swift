import Stepwise
import Testing

@Suite("Replay: code that was changed")
struct AgreementTests {
    private func text(_ core: Core) -> String { core.standing }

    @Test func `A renamed step: the position, what was recorded there, and what the code asks for`() {
        let core = Core { context in
            try await context.run("charge") {}
            return try await context.run("dispatch") { "x" }
        }
        core.deliver("charge", "null")
        core.deliver("ship", "\"x\"")
        #expect(
            core.standing
                == "changed code: position 2 of the history is the outcome of step \"ship\", but there the code asks for step "
                + "\"dispatch\"; bring the fitting code back, then resume the run")
        #expect(core.instance.evict())
    }

    @Test func `A removed last step: the function has ended where the history goes on`() {
        let core = Core { context in try await context.run("charge") { "x" } }
        core.deliver("charge", "\"x\"")
        core.deliver("ship", "\"x\"")
        #expect(core.standing.contains("position 2"))
        #expect(core.standing.contains("step \"ship\", but there the code's function has ended"))
    }

    @Test func `Only the first divergence counts: what comes after it is its consequence`() {
        let core = Core { context in try await context.run("new") { "x" } }
        core.deliver("first", "1")
        core.deliver("second", "1")
        #expect(core.standing.contains("position 1") && core.standing.contains("\"first\""))
        #expect(core.instance.evict())
    }

    @Test func `Of a wide fan-out the reason names five calls and counts the others`() {
        let core = Core { context in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<30 { group.addTask { try await context.run("part-\(number)") {} } }
                try await group.waitForAll()
            }
            return ""
        }
        core.deliver("whole", "1")
        #expect(core.standing.contains("\"part-4\" and 25 more"))
        #expect(core.instance.evict())
    }

    /// Two steps in parallel, with a third before, between or behind them, or one of them gone.
    private func parallel(_ names: String...) -> Core {
        Core { context in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in names { group.addTask { try await context.run(name) {} } }
                try await group.waitForAll()
            }
            return ""
        }
    }

    @Test func `Calls that Redis has opened as they are agree, in whatever order it names them`() {
        let core = parallel("a", "b", "c")
        #expect(core.instance.divergence(opened: 3, open: ["c", "a", "b"]) == nil)
        #expect(core.instance.divergence(opened: 2, open: ["b", "a"]) == nil, "c is still to be opened")
        #expect(core.instance.divergence(opened: 3, open: ["c"], recorded: ["a", "b"]) == nil, "recorded meanwhile")
        #expect(core.instance.mustBeOpen(from: 1, opened: 3).steps == ["b", "c"])
        #expect(core.instance.mustBeOpen(from: 1, opened: 3).atMost == 3)
        #expect(core.instance.evict())
    }

    @Test func `A step that is open and that the code no longer calls`() throws {
        let core = parallel("a", "new")
        let divergence = try #require(core.instance.divergence(opened: 2, open: ["a", "b"]))
        #expect(divergence.standing == .open && divergence.position == 1 && divergence.expected?.step == "b")
        #expect(divergence.asked.map(\.step) == ["new"], "what is open is no part of it")
        #expect(
            divergence.description
                == "step \"b\" is open at position 1 of the history, which is not recorded yet, but there the code asks for step \"new\""
        )
        #expect(core.instance.evict())
    }

    @Test
    func
        `A step that was put between two parallel ones takes the number of one that is open: it would never be opened`()
        throws
    {
        let core = parallel("a", "new", "b")
        let divergence = try #require(core.instance.divergence(opened: 2, open: ["a", "b"]))
        #expect(divergence.expected?.step == "b" && divergence.asked.map(\.step) == ["new"])
        #expect(core.instance.evict())
    }

    @Test
    func
        `A step that was put before parallel ones of which all are recorded: nothing is open, and the code waits for it`()
        throws
    {
        let core = parallel("new", "a", "b")
        core.deliver("a", "null")
        core.deliver("b", "null")
        let divergence = try #require(core.instance.divergence(opened: 2, open: []))
        #expect(divergence.standing == .nothing && divergence.position == 3 && divergence.asked.map(\.step) == ["new"])
        #expect(core.instance.evict())
    }

    @Test func `A step that was put behind everything is no divergence`() {
        let core = parallel("a", "b", "new")
        core.deliver("a", "null")
        #expect(core.instance.divergence(opened: 2, open: ["b"]) == nil)
        #expect(core.instance.evict())
    }

    @Test func `What is kept of a divergence comes back from its JSON`() throws {
        let divergence = Divergence(
            position: 3, standing: .recorded, expected: .init("a", kind: "patch"), asked: [.init("b")], hasEnded: false)
        let json = try JSON.encode(divergence, what: "")
        #expect(try JSON.decode(Divergence.self, from: json, what: "") == divergence)
    }
}
