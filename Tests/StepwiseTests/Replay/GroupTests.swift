import Stepwise
import TestSupport
import Testing

@Suite("Replay: parallel groups")
struct GroupTests {
    /// A group over 0, 1, 2, …, whose step's value is what the test delivers.
    private func settling(_ count: Int, _ policy: GroupPolicy, maxConcurrency: Int? = nil) -> Core {
        Core { context in
            let outcomes = try await context.settle(
                0..<count, "part", until: policy, maxConcurrency: maxConcurrency
            ) { number in number }
            return outcomes.map { $0.value.map(String.init) ?? ($0.failure == nil ? "-" : "!") }.joined(separator: ",")
        }
    }

    private func id(_ index: Int) -> String { index == 0 ? "part" : "part#\(index + 1)" }

    @Test(.scenario(15))
    func `Results come in the order of the elements, whatever the order in which they were recorded`() {
        let core = Core { context in
            try await context.map(["a", "b", "c"], "part") { $0 }.joined(separator: ",")
        }
        #expect(core.pending == ["part", "part#2", "part#3"])
        for (step, json) in [("part#3", "C"), ("part", "A"), ("part#2", "B")] { core.deliver(step, "\"\(json)\"") }
        #expect(core.end == "A,B,C")
    }

    @Test
    func
        `A cancellation keeps what a group that waits for all has got: those steps are not closed, and the group ends`()
    {
        let core = Core { context in
            do { return "\(try await context.map(0..<3, "part") { $0 })" } catch is CancellationError {
                return "cancelled"
            }
        }
        _ = core.instance.plan(opened: 0)
        core.deliver("part#2", "1")
        core.instance.deliver(Outcome(step: "", result: .cancel("enough")))
        #expect(core.end == "cancelled")
        #expect(core.instance.plan(opened: 3).closings == ["part", "part#3"])
    }

    @Test func `A group that has got a part of its outcomes ends with its instance`() {
        let core = Core { context in "\(try await context.map(0..<3, "part") { $0 })" }
        core.deliver("part#2", "1")
        #expect(core.instance.evict())
        #expect(core.standing == "finished")
    }

    @Test func `Two groups that wait for all, beside each other, do not wait for each other`() {
        let core = Core { context in
            async let left = { "\(try await context.map(0..<2, "left") { $0 })" }()
            async let right = { try await "\(context.map(0..<2, "right") { $0 })" + context.run("after") { "!" } }()
            return try await left + right
        }
        core.deliver("left#2", "1")
        core.deliver("right", "2")
        core.deliver("right#2", "3")
        #expect(core.pending == ["left", "after"])
        core.deliver("after", "\"!\"")
        core.deliver("left", "0")
        #expect(core.end == "[0, 1][2, 3]!")
    }

    @Test func `A result that is nil is a result`() {
        let core = Core { context in
            "\(try await context.map([1, 2], "part") { $0 == 1 ? nil : $0 }.map { $0 ?? 0 })"
        }
        core.deliver("part", "null")
        core.deliver("part#2", "2")
        #expect(core.end == "[0, 2]")
    }

    @Test func `The first recorded failure ends a map: it is thrown, and what is open is closed`() {
        let core = Core { context in
            do { return "\(try await context.map(0..<4, "part") { $0 })" } catch let failure as StepFailure {
                return try await context.run("after failure of three \(failure.step == "part#3")") { "x" }
            }
        }
        _ = core.instance.plan(opened: 0)
        core.deliver("part", "0")
        core.fail("part#3")
        #expect(core.pending == ["-part#2", "-part#4", "after failure of three true"])
        #expect(core.instance.plan(opened: 4).closings == ["part#2", "part#4"])
    }

    @Test func `At most so many steps are open; each end calls the next, and after the decision none is called`() {
        let core = settling(5, .settled, maxConcurrency: 2)
        #expect(core.pending == ["part", "part#2"])
        core.deliver("part#2", "1")
        #expect(core.pending == ["part", "part#3"])
        core.fail("part#3")
        #expect(core.pending == ["part", "part#4"])
        let enough = settling(5, .atLeast(2), maxConcurrency: 2)
        enough.deliver("part", "0")
        enough.deliver("part#2", "1")
        #expect(enough.end == "0,1,-,-,-" && enough.instance.callCount == 3)
    }

    @Test(.scenario(16))
    func `No elements: map and settle return at once; a maxConcurrency of 0 or less is an error`() {
        let none = [Int]()
        let core = Core { context in
            let values = try await context.map(none, "part") { $0 }
            let outcomes = try await context.settle(none, "part", until: .tolerating(0)) { $0 }
            var codes: [String] = []
            func code(_ body: () async throws -> Void) async {
                do { try await body() } catch {
                    codes.append("\((error as? StepwiseError)?.code.description ?? "\(error)")")
                }
            }
            await code { _ = try await context.any(none, "part") { $0 } }
            await code { _ = try await context.settle(none, "part", until: .atLeast(1)) { $0 } }
            await code { _ = try await context.settle([1, 2], "part", until: .atLeast(3)) { $0 } }
            await code { _ = try await context.settle([1, 2], "part", until: .atLeast(0)) { $0 } }
            await code { _ = try await context.settle([1, 2], "part", until: .tolerating(-1)) { $0 } }
            await code { _ = try await context.settle([1, 2], "part", until: .tolerating(percent: 101)) { $0 } }
            await code { try await context.map([1, 2], "part", maxConcurrency: 0) { _ in } }
            await code { try await context.map([1, 2], "part", maxConcurrency: -1) { _ in } }
            await code { try await context.map([1, 2], "part#2") { _ in } }
            return "\(values.count) \(outcomes.count) \(codes)"
        }
        let eight = [String](repeating: "invalidGroup", count: 8) + ["invalidStepName"]
        #expect(core.end == "0 0 \(eight)" && core.instance.callCount == 0)
    }

    @Test(.scenario(25)) func `any passes over failures: the first recorded success wins, and the losers are closed`() {
        let core = Core { context in
            let winner = try await context.any(0..<4, "part") { $0 }
            return try await context.run("after \(winner)") { "x" }
        }
        core.fail("part")
        core.deliver("part#3", "2")
        #expect(core.pending == ["-part#2", "-part#4", "after 2"])
        // Scenario 24: a loser that was recorded before it was closed changes nothing.
        core.deliver("part#2", "1")
        core.deliver("after 2", "\"done\"")
        #expect(core.end == "done")
    }

    @Test(.scenario(20)) func `All branches of any fail: one error lists them all, in the order of the elements`() {
        let seen = Tally()
        let core = Core { context in
            do { return "\(try await context.any(0..<3, "part") { $0 })" } catch let failure as GroupFailure {
                seen.add("\(failure.failures.map(\.step)) \(failure.reason) \(failure.succeeded) of \(failure.count)")
                throw failure
            }
        }
        for step in ["part#2", "part#3", "part"] { core.fail(step) }
        #expect(seen.all == [#"["part", "part#2", "part#3"] tooFewCanSucceed 0 of 3"#])
        let end = core.end ?? ""
        #expect(
            end.hasPrefix("3 of 3 steps \"part\" failed") && end.contains("step \"part#2\" failed after 1 attempt"),
            "\(end)")
    }

    /// Outcomes by index, `!` before those that fail; how it ends; how many it takes.
    @Test(
        .scenario(19),
        arguments: [
            (.settled, "!0 !1 !2 !3", "!,!,!,!", 4),
            (.atLeast(2), "!0 3 !1 2", "!,!,2,3", 4),
            (.atLeast(2), "3 2 1 0", "-,-,2,3", 2),
            (.atLeast(2), "!0 !1 !2 3", "tooFewCanSucceed", 3),
            (.atLeast(4), "0 1 !2 3", "tooFewCanSucceed", 3),
            (.tolerating(0), "0 !1 2 3", "tooManyFailed", 2),
            (.tolerating(2), "!0 !1 2 3", "!,!,2,3", 4),
            (.tolerating(2), "!0 !1 !2 3", "tooManyFailed", 3),
            (.tolerating(percent: 50), "!0 !1 2 3", "!,!,2,3", 4),
            (.tolerating(percent: 49.9), "!0 !1 2 3", "tooManyFailed", 2),
            (.tolerating(percent: 0), "0 1 2 3", "0,1,2,3", 4),
            (.atLeast(1, tolerating: 1), "!0 !1 2 3", "tooManyFailed", 2),
            (.atLeast(3, tolerating: 3), "!0 !1 2 3", "tooFewCanSucceed", 2),
            (.atLeast(2, tolerating: 1), "!0 1 2 3", "!,1,2,-", 3),
        ] as [(GroupPolicy, String, String, Int)]
    )
    func `At least n, tolerated failures as a count and in percent, and both: decided at the exact outcome`(
        _ policy: GroupPolicy, _ outcomes: String, _ expected: String, _ decidedAfter: Int
    ) {
        let seen = Tally()
        let core = Core { context in
            do {
                let outcomes = try await context.settle(0..<4, "part", until: policy) { $0 }
                return outcomes.map { $0.value.map(String.init) ?? ($0.failure == nil ? "-" : "!") }.joined(
                    separator: ",")
            } catch let failure as GroupFailure {
                seen.add("\(failure.failures.count) \(failure.succeeded)")
                return "\(failure.reason)"
            }
        }
        var (failed, succeeded) = (0, 0)
        for (count, outcome) in outcomes.split(separator: " ").enumerated() {
            if count == decidedAfter { break }
            #expect(core.end == nil, "it is not decided before outcome \(decidedAfter)")
            let index = Int(outcome.drop { $0 == "!" }) ?? 0
            if outcome.first == "!" { core.fail(id(index)) } else { core.deliver(id(index), "\(index)") }
            if outcome.first == "!" { failed += 1 } else { succeeded += 1 }
        }
        #expect(core.end == expected)
        if expected.hasPrefix("too") { #expect(seen.all == ["\(failed) \(succeeded)"]) }
    }

    @Test func `The steps have their elements as keys: an outcome of another element stops the instance`() {
        let core = Core { context in
            try await context.map(["a", "b"], "part") { $0 }.joined()
        }
        #expect(core.instance.call("part#2")?.key == "\"b\"")
        core.instance.deliver(Outcome(step: "part", result: .value(Array("\"B\"".utf8)), key: "\"b\""))
        #expect(core.standing.contains("key \"b\"") && core.standing.contains("key \"a\""))
        #expect(core.instance.evict())
        struct Plain: Sendable {}
        let other = Core { context in
            try await context.map([Plain(), Plain()], "part") { _ in }
            return "done"
        }
        #expect(other.instance.call("part#2") != nil && other.instance.call("part#2")?.key == nil)
        #expect(other.instance.evict())
    }

    @Test
    func `A group in a cancelled task throws CancellationError; one in a cleanup works, and withdraws its losers`() {
        let core = Core { context in
            do { try await context.map(0..<3, "part") { _ in } } catch is CancellationError {
                let again = (try? await context.settle(0..<3, "again") { $0 }) == nil ? "refused" : "settled"
                return try await context.cleanup { "\(again) \(try await context.any(0..<2, "tidy") { $0 })" }
            }
            return "done"
        }
        core.deliver("part", "null")
        core.instance.deliver(Outcome(step: "", result: .cancel("enough")))
        #expect(core.pending == ["-part#2", "-part#3", "tidy", "tidy#2"])
        core.deliver("tidy#2", "1")
        #expect(core.end == "refused 1")
    }
}
