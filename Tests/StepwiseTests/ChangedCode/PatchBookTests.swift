import Stepwise
import Testing

@Suite("Replay: patches")
struct PatchBookTests {
    /// `one`, the patch, and behind it `new` or `old`.
    private let workflow = Workflow("patched") { (context: WorkflowContext) async throws -> String in
        try await context.run("one") {}
        if try await context.patched("p") {
            try await context.run("new") {}
            return "new"
        }
        try await context.run("old") {}
        return "old"
    }

    @Test
    func `A run that comes to the patch for the first time takes it, and the mark goes with the step that follows`() {
        let core = Core(workflow)
        #expect(core.instance.plan(opened: 0).patches.isEmpty)
        core.deliver("one", "null")
        let plan = core.instance.plan(opened: 1)
        #expect(plan.openings.map(\.step) == ["new"] && plan.patches == ["p": 1])
        #expect(core.instance.isProvisional)
        core.instance.confirm(plan)
        #expect(core.instance.plan(opened: 2).patches.isEmpty && !core.instance.isProvisional)
        core.deliver("new", "null")
        #expect(core.end == "new")
    }

    @Test
    func `A run that was taken past the patch before the code had it goes the old way, and nothing is kept for that`() {
        let core = Core(workflow, delivered: 1, opened: 2)
        core.deliver("one", "null")
        #expect(core.pending == ["old"] && core.instance.plan(opened: 2).patches.isEmpty)
        core.deliver("old", "null")
        #expect(core.end == "old")
    }

    @Test func `A run that waits behind the patch for a step that was called before it has gone past it`() {
        let body: @Sendable (WorkflowContext) async throws -> String = { context in
            async let first: Void = context.run("first") {}
            try await context.run("zero") {}
            let isNew = try await context.patched("p")
            try await first
            return isNew ? "new" : "old"
        }
        // It made no call between the patch and its rest: only how far it was taken tells.
        for (delivered, end) in [(1, "old"), (0, "new")] {
            let core = Core(Workflow<Void, String>("waits", body: body), delivered: delivered, opened: 2)
            core.deliver("zero", "null")
            core.deliver("first", "null")
            #expect(core.end == end)
        }
    }

    @Test func `A run that was taken to just before the patch takes it`() {
        let core = Core(workflow, delivered: 0, opened: 1)
        core.deliver("one", "null")
        #expect(core.pending == ["new"])
        #expect(core.instance.evict())
    }

    @Test(arguments: [false, true])
    func `A turn that died between two pages of openings had gone past the patch if it opened what comes behind it`(
        _ isOpened: Bool
    ) {
        let wide = Workflow("wide") { (context: WorkflowContext) async throws -> String in
            async let first: Void = context.run("first") {}
            async let second: Void = {
                let name = try await context.patched("p") ? "new" : "old"
                try await context.run(name) {}
            }()
            _ = try await (first, second)
            return ""
        }
        // The turn had not ended: nothing was delivered, and one or two calls were opened.
        let core = Core(wide, delivered: -1, opened: isOpened ? 2 : 1)
        #expect(core.pending == ["first", isOpened ? "old" : "new"])
        #expect(core.instance.evict())
    }

    @Test func `The mark answers every replay, however far the run was taken since`() {
        let core = Core(workflow, marks: ["p": 1], delivered: 2, opened: 2)
        core.deliver("one", "null")
        #expect(core.pending == ["new"] && core.instance.plan(opened: 2).patches.isEmpty)
        core.deliver("new", "null")
        #expect(core.end == "new")
    }

    @Test func `The first answer holds for all calls of the run, also behind where the run had come`() {
        let loop = Workflow("loop") { (context: WorkflowContext) async throws -> String in
            var ways = ""
            for _ in 0..<3 {
                ways += try await context.patched("p") ? "n" : "o"
                try await context.run("step") {}
            }
            return ways
        }
        let old = Core(loop, delivered: 0, opened: 1)
        for step in ["step", "step#2", "step#3"] { old.deliver(step, "null") }
        #expect(old.end == "ooo")
        let new = Core(loop)
        for step in ["step", "step#2", "step#3"] { new.deliver(step, "null") }
        #expect(new.end == "nnn")
    }

    @Test func `With and without the patch the calls come in the same order: it does not wait`() {
        func branches(_ isPatched: Bool) -> Core {
            Core(
                Workflow("branches") { (context: WorkflowContext) async throws -> String in
                    async let a: Void = {
                        if isPatched, try await context.patched("p") { try await context.run("new") {} }
                        try await context.run("a") {}
                    }()
                    async let b: Void = context.run("b") {}
                    _ = try await (a, b)
                    return ""
                }, delivered: 0, opened: 2)
        }
        let (before, after) = (branches(false), branches(true))
        #expect(before.pending == ["a", "b"] && after.pending == before.pending)
        #expect(before.instance.evict() && after.instance.evict())
    }

    @Test func `Code without the patch that meets its mark is a divergence that names it`() {
        let without = Workflow("patched") { (context: WorkflowContext) async throws -> String in
            try await context.run("one") {}
            try await context.run("new") {}
            return "new"
        }
        let core = Core(without, marks: ["p": 1], delivered: 1, opened: 2)
        #expect(core.instance.missingPatch == nil, "it is not there yet")
        core.deliver("one", "null")
        #expect(core.instance.missingPatch?.expected == .init("p", kind: "patch"))
        core.deliver("new", "null")
        #expect(
            core.standing.contains(
                "patch \"p\" was applied at position 2 of the history, but there the code does not ask for it"))
        #expect(core.instance.evict())
    }

    @Test func `A deprecated patch: runs that took it go on, new ones get no mark`() {
        let later = Workflow("patched") { (context: WorkflowContext) async throws -> String in
            try await context.run("one") {}
            try await context.deprecatePatch("p")
            try await context.run("new") {}
            return "new"
        }
        for marks in [["p": 1], [:]] {
            let core = Core(later, marks: marks, delivered: marks.isEmpty ? -1 : 1, opened: marks.isEmpty ? 0 : 2)
            core.deliver("one", "null")
            #expect(core.instance.plan(opened: 2).patches.isEmpty)
            core.deliver("new", "null")
            #expect(core.end == "new")
        }
    }

    @Test
    func
        `An instance that ran ahead of the turn and then learns that the run went the old way has lived what never was`()
    {
        let core = Core(workflow)
        core.deliver("one", "null")
        #expect(core.pending == ["new"] && core.instance.isProvisional)
        #expect(core.instance.learn(marks: [:], delivered: 0, opened: 1), "not decided yet")
        #expect(!core.instance.learn(marks: [:], delivered: 1, opened: 2))
        #expect(core.instance.evict())
        let other = Core(workflow)
        other.deliver("one", "null")
        #expect(other.instance.learn(marks: ["p": 1], delivered: 1, opened: 2), "others took the patch, too")
        #expect(!other.instance.isProvisional)
        #expect(other.instance.evict())
    }

    @Test func `A reply that is older than the one before it takes no mark away`() {
        let core = Core(workflow, marks: ["p": 1], delivered: 1, opened: 2)
        #expect(core.instance.learn(marks: [:], delivered: 0, opened: 1))
        core.deliver("one", "null")
        #expect(core.pending == ["new"])
        #expect(core.instance.evict())
    }
}
