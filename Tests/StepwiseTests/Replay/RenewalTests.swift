import Stepwise
import Testing

@Suite("Replay: beginning anew")
struct RenewalTests {
    @Test func `The function waits where it called continueAsNew; nothing is opened for it any more`() {
        let core = Core { context in
            async let beside = context.run("beside") { "x" }
            try await context.run("first") { 1 }
            async let late = context.run("late") { "x" }
            try await beginAnew(context)
            return try await beside + late
        }
        core.deliver("first", "1")
        #expect(core.standing == "continued with 2")
        #expect(core.pending.isEmpty)
        #expect(core.instance.evict())
    }

    @Test func `A cancellation that is recorded before it took place is heard: the call throws, and the run ends`() {
        let core = Core { context in
            do { try await context.continueAsNew(2) } catch is CancellationError { return "heard" }
        }
        #expect(core.standing == "continued with 2")
        core.instance.deliver(Outcome(step: "", result: .cancel("enough")))
        #expect(core.end == "heard")
    }

    @Test func `A run that was cancelled does not begin anew, not in its cleanup either`() {
        let core = Core { context in
            do { try await context.run("work") { 1 } } catch {
                do { try await context.cleanup { try await beginAnew(context) } } catch is CancellationError {
                    return "refused"
                }
            }
            return "went on"
        }
        core.instance.deliver(Outcome(step: "", result: .cancel("enough")))
        #expect(core.end == "refused")
        let late = Core { context in
            do { try await context.cleanup { try await beginAnew(context) } } catch is CancellationError {
                return "refused"
            }
            return "went on"
        }
        #expect(late.standing == "continued with 2")
        late.instance.deliver(Outcome(step: "", result: .cancel("enough")))
        #expect(late.end == "refused")
    }

    @Test func `In a race, an outcome that was recorded before it took place wins; a replay decides alike`() {
        func racing() -> Core {
            Core { context in
                try await withThrowingTaskGroup(of: String.self) { group in
                    group.addTask { try await context.run("step") { "step" } }
                    group.addTask { try await context.continueAsNew(2) }
                    defer { group.cancelAll() }
                    return try await group.next() ?? ""
                }
            }
        }
        let core = racing()
        #expect(core.standing == "continued with 2")
        core.deliver("step", "\"won\"")
        #expect(core.end == "won")
        let replay = racing()
        replay.deliver("step", "\"won\"")
        #expect(replay.end == "won")
    }

    @Test func `Of two branches that begin the run anew the first counts`() {
        let core = Core { context in
            async let one: Never = context.continueAsNew(1)
            async let two: Never = context.continueAsNew(2)
            switch try await (one, two) {}
        }
        #expect(core.standing == "continued with 1")
        #expect(core.instance.evict())
    }
}

/// Returns `Void`, not `Never`, so that the compiler accepts code after the call.
nonisolated(nonsending) private func beginAnew(_ context: WorkflowContext) async throws {
    try await context.continueAsNew(2)
}
