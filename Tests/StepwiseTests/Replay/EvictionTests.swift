import Stepwise
import TestSupport
import Testing

@Suite("Replay: eviction")
struct EvictionTests {
    @Test func `Every wait throws, the task is cancelled, and the function ends`() {
        let seen = Tally()
        let core = Core { context in
            async let a = context.run("a") { 1 }
            async let b = context.run("b") { 1 }
            do { return try await "\(a + b)" } catch {
                seen.add("\(type(of: error)) \(Task.isCancelled)")
                throw error
            }
        }
        #expect(core.instance.evict())
        #expect(core.standing == "finished")
        #expect(seen.all == ["Evicted true"] || seen.all == ["Evicted false"])
    }

    @Test(.rule(7)) func `Nothing durable can happen after it: compensation in a catch opens no step`() {
        let core = Core { context in
            do { return try await context.run("charge") { "x" } } catch {
                try? await context.run("refund") {}
                return "refunded"
            }
        }
        let calls = core.instance.callCount
        #expect(core.instance.evict())
        #expect(core.instance.callCount == calls)
    }

    @Test func `A function that ignores every error is leaked after 100 calls; it neither hangs nor opens a step`() {
        let calls = Tally()
        let core = Core { context in
            while true {
                calls.add("call")
                try? await context.run("again") {}
            }
        }
        #expect(core.pending == ["again"])
        #expect(!core.instance.evict())
        #expect(calls["call"] > 100 && calls["call"] < 110)
        #expect(core.instance.callCount == 1)
    }

    @Test func `A function that is stopped by a value it cannot read ends too`() {
        let core = Core { context in "\(try await context.run("a") { 1 })" }
        core.deliver("a", "\"text\"")
        #expect(core.instance.evict())
    }

    @Test func `A function that had left its executor comes to its end after the eviction, on its own`() async throws {
        let gate = Latch()
        let seen = Tally()
        let core = Core { context in
            defer { seen.add("end") }
            // Not cancelled with the function.
            await Task.detached { await gate.wait() }.value
            return try await context.run("a") { "x" }
        }
        #expect(core.standing == "escaped")
        #expect(!core.instance.evict())
        gate.open()
        try await eventually("the function does not end") { seen["end"] == 1 }
        #expect(core.instance.callCount == 0)
    }

    @Test func `An instance whose function has ended is not kept by its own context`() {
        weak var instance: RunInstance?
        do {
            let core = Core { context in try await context.run("a") { "x" } }
            instance = core.instance
            core.deliver("a", "\"x\"")
            #expect(core.end == "x")
        }
        #expect(instance == nil)
    }
}
