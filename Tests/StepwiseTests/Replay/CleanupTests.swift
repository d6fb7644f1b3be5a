import Stepwise
import Testing

@Suite("Replay: cleanup")
struct CleanupTests {
    private let cancel = Outcome(step: "", result: .cancel("enough"))

    @Test
    func `In a cancelled run a step inside cleanup is called and waited for; outside it throws and opens nothing`() {
        let core = Core { context in
            do {
                return try await context.run("work") { "x" }
            } catch is CancellationError {
                let outside = (try? await context.run("outside") { "never" }) ?? "refused"
                let inside = try await context.cleanup { try await context.run("inside") { "x" } }
                return "\(outside), \(inside)"
            }
        }
        core.instance.deliver(cancel)
        #expect(core.pending == ["-work", "inside"])
        core.deliver("inside", "\"cleaned\"")
        #expect(core.end == "refused, cleaned")
    }

    @Test func `Inside cleanup, branches run beside each other, and a race withdraws its losers, as anywhere`() {
        let core = Core { context in
            do {
                return try await context.run("work") { "x" }
            } catch is CancellationError {
                return try await context.cleanup {
                    #expect(!Task.isCancelled)
                    async let left = context.run("left") { "x" }
                    async let right = context.run("right") { "x" }
                    let both = try await left + right
                    let winner = try await withThrowingTaskGroup(of: String.self) { group in
                        for name in ["a", "b"] { group.addTask { try await context.run(name) { "x" } } }
                        defer { group.cancelAll() }
                        return try await group.next() ?? ""
                    }
                    return try await both + winner + context.run("last") { "x" }
                }
            }
        }
        core.instance.deliver(cancel)
        #expect(core.pending == ["-work", "left", "right"])
        core.deliver("right", "\"R\"")
        core.deliver("left", "\"L\"")
        #expect(core.pending == ["-work", "a", "b"])
        core.deliver("b", "\"B\"")
        #expect(core.pending == ["-work", "-a", "last"])
        core.deliver("last", "\"!\"")
        #expect(core.end == "LRB!")
    }

    @Test
    func `A cancellation that comes in the middle of a cleanup reaches what is outside of it, and not the cleanup`() {
        let core = Core { context in
            do { return try await context.run("work") { "x" } } catch is StepFailure {
                let undone = try await context.cleanup {
                    let first = try await context.run("undo one") { "x" }
                    return try await first + context.run("undo two") { "x" }
                }
                return "\(undone), \((try? await context.run("after") { "x" }) ?? "stopped")"
            }
        }
        core.fail("work")
        core.instance.deliver(cancel)
        #expect(core.pending == ["undo one"])
        core.deliver("undo one", "\"1\"")
        #expect(core.pending == ["undo two"])
        core.deliver("undo two", "\"2\"")
        #expect(core.end == "12, stopped")
        #expect(core.instance.cancelReason == "enough")
    }

    @Test func `A branch that has lost a race may clean up after itself; whoever cancelled it waits for that`() {
        let core = Core { context in
            let winner = try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await context.run("fast") { "x" } }
                group.addTask {
                    do { return try await context.run("slow") { "x" } } catch is CancellationError {
                        return try await context.cleanup { try await context.run("tidy") { "x" } }
                    }
                }
                defer { group.cancelAll() }
                return try await group.next() ?? ""
            }
            return winner
        }
        core.deliver("fast", "\"won\"")
        #expect(core.pending == ["-slow", "tidy"] && core.end == nil)
        core.deliver("tidy", "\"x\"")
        #expect(core.end == "won")
    }

    @Test func `An instance that is evicted in the middle of a cleanup comes to its end and calls nothing more`() {
        let seen = Tally()
        let core = Core { context in
            do { return try await context.run("work") { "x" } } catch is CancellationError {
                return try await context.cleanup {
                    defer { seen.add(Task.isCancelled ? "cancelled" : "not cancelled") }
                    _ = try? await context.run("tidy") { "x" }
                    return try await context.run("more") { "x" }
                }
            }
        }
        core.instance.deliver(cancel)
        #expect(core.pending == ["-work", "tidy"])
        #expect(core.instance.evict())
        #expect(core.pending == ["-work", "-tidy"] && seen.all == ["cancelled"])
    }
}
