import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing
import TestWorkflows

/// A worker is struck at each request of a run in turn; the run must end as if nothing had happened.
@Suite(.serialized) struct KillTests {
    struct Expectation: Sendable, CustomTestStringConvertible {
        var workflow: String
        var outputs: Set<String>
        var steps: Set<String>
        var optionalSteps: Set<String> = []
        /// Steps whose bodies are never executed twice.
        var onceSteps: Set<String> = []
        /// Whether no body is executed twice if nothing worse happens than that a connection is cut.
        var isCutUnseen = false
        /// A step whose body does not end before another step's body has begun.
        var held: KillCase.Held?
        /// The run is cancelled as soon as the body of this step has begun.
        var cancelledAt: String?
        var testDescription: String { workflow }
    }

    static let expectations = [
        Expectation(workflow: "sequential", outputs: ["in,ONE,TWO,THREE"], steps: ["one", "two", "three"]),
        Expectation(
            workflow: "branches", outputs: ["in,A1A2,B1B2"], steps: ["a1", "a2", "b1", "b2"],
            held: .init(step: "b1", until: "a2")),
        Expectation(
            workflow: "race", outputs: ["in,LEFT,AFTER", "in,RIGHT,AFTER"], steps: ["after"],
            optionalSteps: ["left", "right"]),
        Expectation(workflow: "failing", outputs: ["in,RESERVE,Declined:UNDO"], steps: ["reserve", "charge", "undo"]),
        Expectation(
            workflow: "fan-out", outputs: ["in,PART-0+PART-1+PART-2+PART-3+PART-4,JOIN"],
            steps: ["part-0", "part-1", "part-2", "part-3", "part-4", "join"]),
        Expectation(
            workflow: "mapped", outputs: ["in,X+Y+Z,LAST"], steps: ["part", "part#2", "part#3", "last"]),
        // The ninth and what follows go the quick way.
        Expectation(
            workflow: "brisk", outputs: ["in,12,6,1"],
            steps: Set((1...16).map { $0 == 1 ? "tick" : "tick#\($0)" }), isCutUnseen: true),
        Expectation(workflow: "retrying", outputs: ["in,FLAKY,LAST"], steps: ["flaky", "last"]),
        Expectation(
            workflow: "once",
            outputs: [
                "in,PAID,PAID,BESIDE", "in,interrupted,PAID,BESIDE", "in,PAID,interrupted,BESIDE",
            ], steps: ["pay", "pay-again", "beside"], onceSteps: ["pay", "pay-again"]),
        // Scenario 42: the empty name is the cancellation's.
        Expectation(
            workflow: "tidying", outputs: ["cancelled"],
            steps: ["first", "", "undo-left", "undo-right", "undo-first"], cancelledAt: "work"),
        Expectation(
            workflow: "family", outputs: ["in,childFailed:Declined,GROW,BESIDE,LAST"],
            steps: ["bad", "good", "beside", "last"]),
        // Scenarios 30, 34, 38: what is waited for, and what is sent.
        Expectation(
            workflow: "dreamer", outputs: ["in,BEFORE,FOR-YOU,FOR-ALL,AFTER"],
            steps: ["sleep", "letter", "news", "before", "notify letter", "notify news", "after"]),
        // The history is the last generation's.
        Expectation(workflow: "renewing", outputs: ["in,G0,G1-LEFT+G1-RIGHT,G2"], steps: ["g2"]),
        // Scenarios 41, 42: the child has to end, too.
        Expectation(workflow: "guardian", outputs: ["cancelled"], steps: ["", "tidy"], cancelledAt: "work"),
    ]

    @Test(.scenario(1, 46), arguments: expectations)
    func `A worker killed at any request of a run: another ends it, each step is recorded once`(
        _ expectation: Expectation
    ) async throws { try await strikeEverywhere(expectation, .kill) }

    @Test(.scenario(47), arguments: expectations)
    func `A worker frozen past its lease at any request changes nothing when it wakes`(_ expectation: Expectation)
        async throws
    { try await strikeEverywhere(expectation, .freeze) }

    @Test(.scenario(13, 48), arguments: expectations)
    func `A connection cut at any request: the same call is sent again and has its effect once`(
        _ expectation: Expectation
    ) async throws { try await strikeEverywhere(expectation, .cut) }

    private func strikeEverywhere(_ expectation: Expectation, _ fault: Fault) async throws {
        try await RedisServer.withServer { server in
            let calm = try await KillCase(
                server: server, workflow: expectation.workflow, held: expectation.held, fault: fault, plan: nil,
                cancelledAt: expectation.cancelledAt
            ).run()
            check(calm, expectation, "without a fault")
            #expect(calm.events > 4)
            let strike: RedisProxy.Strike = fault == .cut ? .cut : .hold
            let plans = (1...calm.events).flatMap { event in
                [RedisProxy.Moment.before, .after].map { RedisProxy.Plan(event: event, moment: $0, strike: strike) }
            }
            let struck = try await withThrowingTaskGroup(of: Bool.self) { group in
                var struck = 0
                for (index, plan) in plans.enumerated() {
                    if index >= 8, try await group.next() == true { struck += 1 }
                    group.addTask {
                        let result = try await KillCase(
                            server: server, workflow: expectation.workflow, held: expectation.held, fault: fault,
                            plan: plan, cancelledAt: expectation.cancelledAt
                        ).run()
                        check(result, expectation, "\(fault) \(plan.moment) request \(plan.event)")
                        if fault == .cut, expectation.isCutUnseen {
                            #expect(Set(result.ledger).count == result.ledger.count, "\(plan): \(result.ledger)")
                        }
                        return result.hasStruck
                    }
                }
                for try await hasStruck in group where hasStruck { struck += 1 }
                return struck
            }
            // How many requests a run takes depends a little on how its bodies meet; most plans must have struck.
            #expect(struck * 4 >= plans.count * 3, "only \(struck) of \(plans.count) strikes hit")
        }
    }

    private func check(_ result: KillCase.Result, _ expectation: Expectation, _ place: String) {
        #expect(expectation.outputs.contains(result.output), "\(place): \(result.output)")
        let steps = result.history.map(\.step)
        #expect(Set(steps).count == steps.count, "\(place): a step is recorded twice: \(steps)")
        #expect(expectation.steps.isSubset(of: steps), "\(place): \(steps)")
        #expect(Set(steps).isSubset(of: expectation.steps.union(expectation.optionalSteps)), "\(place): \(steps)")
        let again = result.ledger.dropFirst(result.ledgerAtStrike).map { $0[1] }.filter(
            result.recordedAtStrike.contains)
        #expect(again.isEmpty, "\(place): recorded before the strike and executed again: \(again)")
        for step in expectation.onceSteps {
            let times = result.ledger.count { $0[1] == step }
            #expect(times <= 1, "\(place): the body of \(step) was executed \(times) times")
        }
        #expect(result.violations.isEmpty, "\(place): \(result.violations)")
    }
}
