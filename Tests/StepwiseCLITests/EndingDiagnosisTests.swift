import Stepwise
import TestSupport
import Testing

@Suite("What the doctor says of a run that is ending")
struct EndingDiagnosisTests {
    /// A run that ends with three steps still open: of one a work item lies about, the others wait. Its mover is on its queue.
    private static func ending() -> (RunSnapshot, [Mover]) {
        var run = RunSnapshot(id: "r")
        var fields = RunSnapshot.Fields()
        (fields.workflow, fields.status, fields.ending) = ("w", .ending, "completed")
        (fields.recorded, fields.delivered, fields.turns) = (2, 2, 3)
        run.fields = fields
        run.listed = [.ending]
        run.open = ["a": "run 1 0 item", "b": "waitForEvent 1 0 event:3:click", "c": "invoke 1 0 child:cancel:c1"]
        (run.openCount, run.outcomeCount, run.outcomes) = (3, 2, ["x", "y"])
        return (run, [Mover("end r 1", .queue("default")), Mover("step r 1 1 a", .queue("default"))])
    }

    @Test(arguments: ["completed", "failed", "cancelled", "continued"])
    func `It is sound with one mover, and its open steps need none`(_ decided: String) throws {
        var (run, movers) = Self.ending()
        run.fields?.ending = decided
        for place: Mover.Place in [.queue("default"), .claimed(worker: "w-1-a", queue: "default")] {
            movers[0].place = place
            let diagnosis = try RunDiagnosisTests.diagnosis(run, movers)
            #expect(diagnosis.violations.isEmpty)
            // What lies about of its steps.
            #expect(diagnosis.obsolete == 1)
        }
        // Everything is withdrawn, and the mover has only to come.
        (run.open, run.openCount) = ([:], 0)
        #expect(try RunDiagnosisTests.diagnosis(run, movers).violations.isEmpty)
    }

    static let plants = [
        Plant("no mover", .endingWithoutMover) { _, movers in movers.removeFirst() },
        Plant("a mover of an older generation only", .endingWithoutMover) { _, movers in
            movers[0] = Mover("end r 0", .queue("default"))
        },
        Plant("a turn in place of the mover", .endingWithoutMover) { _, movers in
            movers[0] = Mover("turn r 1", .queue("default"))
        },
        Plant("a mover on a queue and one that is claimed", .endingWithTwoMovers) { _, movers in
            movers.append(Mover("end r 1", .claimed(worker: "w-1-a", queue: "default")))
        },
        Plant("a mover in another queue", .inOtherQueue) { _, movers in movers[0].place = .queue("other") },
        Plant("a mover that nobody takes up", .inOtherQueue) { _, movers in
            movers[0].place = .unserved(UnservedList(queue: "default", workflow: "w"))
        },
        Plant("a turn", .leftoverOfEndingRun) { run, _ in run.fields?.turn = "w-1-a 3 w-1-a/9" },
        Plant("an inline step", .leftoverOfEndingRun) { run, _ in run.fields?.inline = "a" },
        Plant("a join counter", .leftoverOfEndingRun) { run, _ in run.join = "3" },
        Plant("an end that nobody knows", .unknownStatus) { run, _ in run.fields?.ending = "running" },
        Plant("no end", .unknownStatus) { run, _ in run.fields?.ending = nil },
        Plant("a run among those that have ended so", .listedWrongly) { run, _ in run.listed = [.ending, .completed] },
        Plant("a run in no index", .notListed) { run, _ in run.listed = [] },
        Plant("a run among the dead", .listedWrongly) { run, _ in
            run.fields?.ending = "failed"
            run.isDead = true
        },
        Plant("a run that is to begin anew and whose time nobody watches", .limitNotKept) { run, _ in
            run.fields?.ending = "continued"
            run.fields?.deadline = 99
        },
        Plant("a running run that is said to end", .endingOfNoEndingRun) { run, movers in
            (run, movers) = RunDiagnosisTests.waiting()
            run.fields?.ending = "failed"
        },
    ]

    @Test(.rule(1), arguments: plants) func `The doctor names what is wrong with it`(_ plant: Plant) throws {
        var (run, movers) = Self.ending()
        plant.change(&run, &movers)
        let violations = try RunDiagnosisTests.diagnosis(run, movers).violations
        #expect(violations.map(\.kind.rawValue) == plant.expected.map(\.rawValue))
        #expect(
            violations.allSatisfy { $0.run == "r" && $0.key.hasPrefix("stepwise:{default}:") && !$0.advice.isEmpty })
    }

    @Test func `What is wrong comes with the command that mends it`() throws {
        let prefix = "stepwise:{default}:"
        var (run, movers) = Self.ending()
        let mover = movers.removeFirst()
        let lost = try #require(try RunDiagnosisTests.diagnosis(run, movers).violations.first)
        #expect(lost.advice == "queue it: redis-cli RPUSH '\(prefix)queue:default' 'end r 1'")
        movers = [mover, Mover("end r 1", .claimed(worker: "w-1-a", queue: "default"))]
        let doubled = try #require(try RunDiagnosisTests.diagnosis(run, movers).violations.first)
        #expect(doubled.advice == "redis-cli LREM '\(prefix)claimed:w-1-a:default' 1 'end r 1'")
        run.fields?.turn = "queue"
        let turn = try #require(try RunDiagnosisTests.diagnosis(run, [mover]).violations.first)
        #expect(turn.advice == "redis-cli HSET '\(prefix)run:r' turn ''")
    }

    @Test func `A suspicion counts only if no page was written between two looks`() throws {
        var (run, movers) = Self.ending()
        movers.removeFirst()
        let first = try RunDiagnosisTests.diagnosis(run, movers).violations
        run.open["a"] = nil
        run.openCount = 2
        #expect(try RunDiagnosisTests.diagnosis(run, movers).violations != first)
    }

    @Test func `A mover of another life of the run, or of one that is not ending, is obsolete`() throws {
        var (run, movers) = Self.ending()
        movers.append(Mover("end r 0", .queue("default")))
        let ending = try RunDiagnosisTests.diagnosis(run, movers)
        #expect(ending.violations.isEmpty && ending.obsolete == 2)

        let (live, work) = RunDiagnosisTests.waiting()
        let running = try RunDiagnosisTests.diagnosis(live, work + [Mover("end r 1", .queue("default"))])
        #expect(running.violations.isEmpty && running.obsolete == 1)

        run.fields?.status = .completed
        run.fields?.ending = nil
        run.listed = [.completed]
        (run.open, run.openCount) = ([:], 0)
        let ended = try RunDiagnosisTests.diagnosis(run, [Mover("end r 1", .queue("default"))])
        #expect(ended.violations.isEmpty && ended.obsolete == 1)
    }

    @Test func `To its parent a child that is ending is a live one`() throws {
        var (run, movers) = RunDiagnosisTests.waiting()
        run.open["c"] = "invoke 1 0 child:cancel:c1"
        run.children["c1"] = .init(status: .ending, parent: "r 1 c")
        movers.removeFirst()
        #expect(try RunDiagnosisTests.diagnosis(run, movers).violations.isEmpty)
    }

    @Test func `The time of a run that ends is nobody's business, unless it is to begin anew`() throws {
        var (run, movers) = Self.ending()
        run.fields?.deadline = 99
        #expect(try RunDiagnosisTests.diagnosis(run, movers).violations.isEmpty)
        run.fields?.ending = "continued"
        movers.append(Mover("timeout r 1", .delayed(queue: "default")))
        #expect(try RunDiagnosisTests.diagnosis(run, movers).violations.isEmpty)
    }
}
