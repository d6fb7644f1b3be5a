import Stepwise
import TestSupport
import Testing

@Suite("What is logged of runs that wait") struct LogBudgetTests {
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

    @Test(.rule(8))
    func `What is known for good is neither logged nor counted again, also in the next minute`() {
        var budget = LogBudget(knowing: 1000)
        var logged: [Bool] = []
        for _ in 0..<3 {
            for _ in 0..<100 { logged.append(budget.note(workflow: "a", reason: "no worker has it")) }
            let counts = budget.takeUnlogged()
            #expect(counts.isEmpty)
        }
        logged.append(budget.note(workflow: "b", reason: "no worker has it"))
        #expect(logged.filter { $0 }.count == 2 && logged.first == true && logged.last == true)
    }

    @Test(.rule(8))
    func `What somebody makes up does not fill the memory, and has the same bound in lines`() {
        var budget = LogBudget(knowing: 20)
        var logged = 0
        for number in 0..<1000 {
            if budget.note(workflow: "workflow \(number)", reason: "no worker has it") { logged += 1 }
            #expect(budget.knownCount <= 20)
        }
        #expect(logged == 10)
        let counts = budget.takeUnlogged()
        #expect(counts.map { $0.count } == [990])
    }
}
