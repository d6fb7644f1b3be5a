import Stepwise
import TestSupport
import Testing

@Suite("What is logged of parked runs") struct LogBudgetTests {
    @Test(.rule(8))
    func `Of a workflow each reason is logged once and ten reasons are; the others are counted`() {
        var budget = LogBudget()
        var logged = 0
        for number in 0..<1000 where budget.note(workflow: "a", reason: "reason \(number)") { logged += 1 }
        for _ in 0..<100 where budget.note(workflow: "b", reason: "the same") { logged += 1 }
        #expect(logged == 11)
        let counts = budget.takeUnlogged()
        #expect(counts.map { $0.workflow } == ["a", "b"])
        #expect(counts.map { $0.count } == [990, 99])
        #expect(budget.takeUnlogged().isEmpty)
        let isLoggedAgain = budget.note(workflow: "b", reason: "the same")
        #expect(isLoggedAgain)
    }

    @Test(.rule(8))
    func `Names that others make up have a bound as well`() {
        var budget = LogBudget()
        var logged = 0
        for number in 0..<1000 where budget.note(workflow: "workflow \(number)", reason: "no worker has it") {
            logged += 1
        }
        #expect(logged == 10)
        let counts = budget.takeUnlogged()
        #expect(counts.map { $0.workflow } == [""])
        #expect(counts.map { $0.count } == [990])
    }
}
