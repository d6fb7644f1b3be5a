import Stepwise
import TestSupport
import Testing

@Suite("Replay: race and withTimeout")
struct RaceReplayTests {
    private func racing() -> Core {
        Core { context in
            do {
                let winner = try await context.race(
                    { try await context.run("a") { "" } + context.run("a then") { "" } },
                    { try await context.run("b") { "" } })
                return try await context.run("after \(winner)") { "" }
            } catch let failure as StepFailure {
                return "\(failure.step) failed"
            }
        }
    }

    @Test(.scenario(24))
    func `The branch whose last outcome was recorded first wins; the others' steps are withdrawn`() {
        let core = racing()
        #expect(core.pending == ["a", "b"])
        core.deliver("a", "\"A\"")
        core.deliver("b", "\"B\"")
        #expect(core.pending == ["-a then", "after B"])
        // Recorded before it was withdrawn: it changes nothing.
        core.deliver("a then", "\"late\"")
        #expect(core.pending == ["after B"])
        core.deliver("after B", "\"end\"")
        #expect(core.end == "end")
        let other = racing()
        for (step, value) in [("a", "A"), ("a then", "T")] { other.deliver(step, "\"\(value)\"") }
        #expect(other.pending == ["-b", "after AT"])
    }

    @Test func `A branch that ends in an error first has won: its error is thrown`() {
        let core = racing()
        core.fail("b")
        #expect(core.end == "b failed")
    }

    @Test func `Branches may return nothing, may be made at run time, and may be one; none is an error`() {
        let core = Core { context in
            try await context.race({ try await context.run("one") {} })
            let made = [1, 2, 3].map { number in { @Sendable in try await context.run("many") { number } } }
            let winner = try await context.race(made)
            do { _ = try await context.race([@Sendable () async throws -> Int]()) } catch let error as StepwiseError {
                return "\(winner) \(error.code)"
            }
            return ""
        }
        core.deliver("one", "null")
        core.deliver("many#2", "2")
        #expect(core.end == "2 invalidGroup")
    }

    /// Its text tells how it ended.
    private func limited(_ limit: Duration = .hours(24)) -> Core {
        Core { context in
            do {
                return try await context.withTimeout(limit) {
                    try await context.run("work") { "" } + context.run("more") { "" }
                }
            } catch let error as WorkflowTimeout {
                return "\(error.name) after \(error.limit)"
            } catch {
                return "\(type(of: error))"
            }
        }
    }

    @Test func `withTimeout: the body that is done in time is handed on, and the timer is withdrawn`() {
        let core = limited()
        #expect(core.pending == ["work", "timeout"])
        let plan = core.instance.plan(opened: 0)
        #expect(plan.openings.map(\.limits) == ["", "wake=86400000"])
        core.deliver("work", "\"W\"")
        core.deliver("more", "\"M\"")
        #expect(core.end == "WM")
        #expect(core.instance.plan(opened: 3).closings == ["timeout"])
        #expect(core.instance.plan(opened: 3).unlimited == ["timeout"])
    }

    @Test
    func `withTimeout: when the time is recorded first the body is cancelled, and what it still gets changes nothing`()
    {
        let core = limited()
        core.deliver("work", "\"W\"")
        core.deliver("timeout", "null", kind: "sleep")
        #expect(core.end == "timeout after \(Duration.hours(24))")
        core.deliver("more", "\"M\"")
        #expect(core.end == "timeout after \(Duration.hours(24))")
    }

    @Test(arguments: [0, -1])
    func `withTimeout: no time or less does not begin the body, and takes no step`(_ seconds: Int) {
        let core = limited(.seconds(seconds))
        #expect(core.end == "timeout after \(Duration.seconds(seconds))")
        #expect(core.instance.callCount == 0)
    }

    @Test func `withTimeout: the body's own error and a cancellation from outside are no timeouts`() {
        let failing = limited()
        failing.fail("work")
        #expect(failing.end == "StepFailure")
        let cancelled = limited()
        cancelled.instance.deliver(Outcome(step: "", result: .cancel("enough")))
        #expect(cancelled.end == "CancellationError")
    }

    @Test func `withTimeout in withTimeout: each has a timer of its own, and the one that is up first is named`() {
        func nesting() -> Core {
            Core { context in
                do {
                    return try await context.withTimeout(.days(2), name: "outer") {
                        do {
                            return try await context.withTimeout(.days(1)) { try await context.run("work") { "" } }
                        } catch let error as WorkflowTimeout {
                            return try await context.withTimeout(.days(1)) {
                                try await context.run("again \(error.name)") { "" }
                            }
                        }
                    }
                } catch let error as WorkflowTimeout { return error.name }
            }
        }
        let inner = nesting()
        #expect(inner.pending.sorted() == ["outer", "timeout", "work"])
        inner.deliver("timeout", "null", kind: "sleep")
        #expect(inner.pending.sorted() == ["-work", "again timeout", "outer", "timeout#2"])
        inner.deliver("again timeout", "\"done\"")
        #expect(inner.end == "done")
        let outer = nesting()
        outer.deliver("outer", "null", kind: "sleep")
        #expect(outer.end == "outer")
    }
}
