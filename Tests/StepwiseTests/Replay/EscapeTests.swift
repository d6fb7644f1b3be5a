import Dispatch
import Stepwise
import TestSupport
import Testing

@MainActor private func onTheMainActor() -> Int { 1 }

/// An actor whose caller decides how long it is busy.
private actor Shared {
    func hold(begun: DispatchSemaphore, end: DispatchSemaphore) {
        begun.signal()
        end.wait()
    }
    func touch() -> Int { 1 }
}

@Suite("Replay: functions that leave their executor", .serialized)
struct EscapeTests {
    /// Resumes the instance each time when something arrives from outside, until it is where it should be.
    private func expectReturn(_ core: Core, to step: String) async throws {
        try await eventually("the function did not come back to \(step)") {
            if core.instance.executor.hasJobs { core.instance.resume() }
            return core.instance.isWaiting(for: step)
        }
        #expect(core.instance.executor.foreignJobs > 0)
        _ = core.instance.evict()
    }

    @Test func `Task.sleep is seen as an escape, and its end as a foreign job`() async throws {
        let core = Core { context in
            try await Task.sleep(for: .milliseconds(20))
            return try await context.run("after") { "x" }
        }
        #expect(core.standing == "escaped")
        try await expectReturn(core, to: "after")
    }

    @Test func `A hop to the main actor is seen`() async throws {
        let core = Core { context in
            let number = await onTheMainActor()
            return try await context.run("after \(number)") { "x" }
        }
        try await expectReturn(core, to: "after 1")
    }

    @Test func `An actor that is busy elsewhere is seen; an idle one is no escape`() async throws {
        let shared = Shared()
        let idle = Core { context in
            let number = await shared.touch()
            return try await context.run("after \(number)") { "x" }
        }
        #expect(idle.standing == "waiting" && idle.instance.executor.foreignJobs == 0)
        _ = idle.instance.evict()

        let begun = DispatchSemaphore(value: 0)
        let end = DispatchSemaphore(value: 0)
        let holder = Task.detached { await shared.hold(begun: begun, end: end) }
        try await eventually("the actor is not held") { begun.wait(timeout: .now()) == .success }
        let busy = Core { context in
            let number = await shared.touch()
            return try await context.run("after \(number)") { "x" }
        }
        #expect(busy.standing == "escaped")
        end.signal()
        await holder.value
        try await expectReturn(busy, to: "after 1")
    }

    @Test func `A branch that is out beside a sibling that waits shows itself when it comes back`() async throws {
        let came = Latch()
        let core = Core { context in
            async let quick = context.run("quick") { 1 }
            async let slow: Int = {
                try await Task.sleep(for: .milliseconds(20))
                return try await context.run("slow") { 1 }
            }()
            return try await "\(quick + slow)"
        }
        core.instance.executor.onForeignJob { came.open() }
        #expect(core.standing == "waiting")
        await came.wait()
        try await expectReturn(core, to: "slow")
    }

    @Test func `Steps, groups, async lets, yields and nonisolated calls are no escape`() {
        @Sendable func helper(_ context: WorkflowContext) async throws -> Int {
            await Task.yield()
            return try await context.run("helper") { 1 }
        }
        let core = Core { context in
            async let a = helper(context)
            let b = try await withThrowingTaskGroup(of: Int.self) { group in
                group.addTask { try await helper(context) }
                return try await group.next() ?? 0
            }
            return try await "\(a + b)"
        }
        #expect(core.pending.count == 2)
        for step in core.pending { core.deliver(step, "1") }
        #expect(core.end == "2")
        #expect(core.instance.executor.foreignJobs == 0)
    }
}
