import Stepwise
import TestSupport
import Testing

@Suite("Replay: what is given up leaves memory")
struct GivenUpTests {
    /// What a function may leave behind when it ends, or when its instance is given up on the way.
    enum Construct: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case race, any, timeout, settle, map, saga, cleanup, unused, failed, errorThatKeeps, renewed

        var testDescription: String { rawValue }

        /// A function with closures that capture its context, and a guest.
        func function(_ population: Population) -> @Sendable (WorkflowContext) async throws -> String {
            { context in
                let guest = Guest()
                population.add(context.instance)
                population.add(guest)
                let work: @Sendable () -> Int = { context.runID.utf8.count + guest.stay() }
                switch self {
                case .race:
                    try await context.race(
                        { try await context.run("left") { work() } }, { try await context.run("right") { work() } })
                case .any: try await context.any(1...5, "part") { _ in work() }
                case .timeout:
                    do {
                        try await context.withTimeout(.seconds(1)) { try await context.run("slow") { work() } }
                    } catch is WorkflowTimeout {}
                case .settle: try await context.settle(1...4, "part", until: .atLeast(2)) { _ in work() }
                case .map: try await context.map(1...4, "part", maxConcurrency: 2) { _ in work() }
                case .saga:
                    try await context.saga { saga in
                        try await saga.run("reserve") {
                            work()
                        } undo: { _ in
                            withExtendedLifetime(saga) { _ = work() }
                        }
                        try await saga.run("charge") {
                            work()
                        } undo: { _ in
                            _ = work()
                        }
                        throw Hiccup()
                    }
                case .cleanup:
                    do { try await context.run("work") { work() } } catch is CancellationError {
                        _ = try await context.cleanup { try await context.run("tidy") { work() } }
                        throw CancellationError()
                    }
                case .unused:
                    async let _ = context.run("never") { work() }
                    try await context.run("used") { work() }
                case .failed:
                    let retry = Retry().when { _ in work() > 0 }
                    async let _ = context.run("never", .retry(retry)) { work() }
                    try await context.run("work", .retry(retry)) { work() }
                case .errorThatKeeps:
                    try await context.run("work") { work() }
                    throw Keepsake(objects: [context.instance, guest])
                case .renewed:
                    async let _ = context.run("never") { work() }
                    try await context.run("work") { work() }
                    try await context.continueAsNew()
                }
                return try await context.run("last") { "\(work())" }
            }
        }
    }

    /// What is recorded as outcome `number`, mostly that of this call.
    private func outcome(_ number: Int, of call: StepCall, _ construct: Construct) -> Outcome {
        switch (construct, number) {
        case (.cleanup, 0): Outcome(step: "", result: .cancel("enough"))
        case (.failed, _):
            Outcome(
                step: call.id, result: .error(StepFailure(step: call.id, attempts: 1, type: "Hiccup", message: "")))
        default:
            Outcome(step: call.id, result: .value(Array((call.id == "last" ? "\"x\"" : "1").utf8)), kind: call.kind)
        }
    }

    /// Takes an instance so many outcomes far, as a worker does, and gives it up.
    private func live(_ construct: Construct, outcomes: Int, _ population: Population) throws {
        let core = Core(construct.function(population))
        let instance = core.instance
        var (opened, open) = (0, [String]())
        for number in 0... {
            let plan = instance.plan(opened: opened)
            instance.confirm(plan)
            opened += plan.openings.count
            open = (open + plan.openings.filter { !$0.withdrawn }.map(\.step)).filter { !plan.closings.contains($0) }
            // The time of the timeout is up; the others lose.
            guard number < outcomes, case .waiting = instance.progress,
                let step = construct == .timeout ? open.last : open.first
            else { break }
            let outcome = outcome(number, of: try #require(instance.call(step)), construct)
            open.removeAll { $0 == outcome.step }
            instance.deliver(outcome)
        }
        if outcomes == .max {
            switch instance.progress {
            case .finished, .continued: break
            default: Issue.record("the function is \(core.standing)")
            }
        }
        let hasEnded = instance.evict()
        #expect(hasEnded)
    }

    @Test(arguments: Construct.allCases)
    func `Of a thousand instances nothing is left, whether they are given up at their end or on the way`(
        _ construct: Construct
    ) async throws {
        let population = Population()
        for number in 0..<1000 { try live(construct, outcomes: number % 4 == 3 ? .max : number % 4, population) }
        #expect(population.count == 2000)
        try await eventually("\(population.living) objects live") { population.living == 0 }
    }

    @Test func `A withdrawn body goes once its closing is confirmed; what else there is to tell of the step stays`() {
        let population = Population()
        let core = Core { context in
            @Sendable func lose() async throws -> String {
                let guest = Guest()
                population.add(guest)
                let retry = Retry().when { _ in guest.stay() == 1 }
                return try await context.run("slow", .totalTimeout(.seconds(60)), .retry(retry)) { "\(guest.stay())" }
            }
            try await context.race({ try await context.run("fast") { "x" } }, { try await lose() })
            return try await context.run("after") { "x" }
        }
        core.instance.confirm(core.instance.plan(opened: 0))
        core.deliver("fast", "\"x\"")
        let plan = core.instance.plan(opened: 2)
        #expect(plan.closings == ["slow"])
        #expect(population.living == 1, "whoever has claimed the step may still execute it")
        core.instance.confirm(plan)
        #expect(population.living == 0)
        let call = core.instance.call("slow")
        #expect(call?.number == 1 && call?.limits == "total=60000" && call?.body == nil)
        #expect(core.pending == ["-slow", "after"])
        core.deliver("after", "\"x\"")
        #expect(core.instance.plan(opened: 3).unlimited == ["slow"])
        #expect(core.end == "x")
    }

    @Test func `A body that was withdrawn before it was opened goes with its opening`() {
        let population = Population()
        let core = Core { context in
            @Sendable func lose() async throws -> Int {
                let guest = Guest()
                population.add(guest)
                return try await context.run("never") { guest.stay() }
            }
            async let _ = lose()
            return try await context.run("used") { "x" }
        }
        // The function ends before the store has opened anything.
        core.deliver("used", "\"x\"")
        #expect(core.end == "x" && population.living == 1)
        core.instance.confirm(core.instance.plan(opened: 0))
        #expect(population.living == 0)
    }

    @Test func `What a body has captured goes while the instance is not locked`() {
        let farewells = Tally()
        let core = Core { context in
            @Sendable func lose(_ name: String) async throws -> String {
                // Its deinit asks the instance.
                let guest = Guest { [weak instance = context.instance] in
                    farewells.add("\(name) \(instance?.callCount ?? 0)")
                }
                return try await context.run(name) { "\(guest.stay())" }
            }
            try await context.race(
                { try await context.run("fast") { "x" } }, { try await lose("late") }, { try await lose("closed") },
                { try await lose("evicted") })
            return try await context.run("after") { "x" }
        }
        core.instance.confirm(core.instance.plan(opened: 0))
        core.deliver("fast", "\"x\"")
        #expect(farewells.all == [])
        core.deliver("late", "\"x\"")
        #expect(farewells.all == ["late 5"])
        core.instance.confirm(core.instance.plan(opened: 4, limit: 1))
        #expect(farewells.all == ["late 5", "closed 5"])
        #expect(core.instance.evict())
        #expect(farewells.all == ["late 5", "closed 5", "evicted 5"])
    }

    @Test func `A function that does not end is left with what its own frames hold`() {
        let population = Population()
        let core = Core { context in
            @Sendable func first() async throws {
                let guest = Guest()
                population.add(guest)
                _ = try await context.run("first") { guest.stay() }
            }
            try? await first()
            while true { try? await context.run("again") {} }
        }
        let hasEnded = core.instance.evict()
        #expect(!hasEnded)
        #expect(population.count == 1 && population.living == 0)
    }

    @Test func `A function that comes back after its eviction leaves nothing`() async throws {
        let population = Population()
        let gate = Latch()
        do {
            let core = Core { context in
                let guest = Guest()
                population.add(context.instance)
                population.add(guest)
                // Not cancelled with the function.
                await Task.detached { await gate.wait() }.value
                _ = try? await context.run("late") { context.runID.utf8.count + guest.stay() }
                throw Keepsake(objects: [context.instance, guest])
            }
            let hasEnded = core.instance.evict()
            #expect(!hasEnded)
        }
        gate.open()
        try await eventually("\(population.living) objects live") { population.living == 0 }
        #expect(population.count == 2)
    }
}
