import Stepwise
import Testing

/// One thing done to a sound run, and what must be said of it.
struct Plant: Sendable, CustomTestStringConvertible {
    var what: String
    var expected: [Violation.Kind]
    var change: @Sendable (inout RunSnapshot, inout [Mover]) -> Void

    init(
        _ what: String, _ expected: Violation.Kind...,
        change: @escaping @Sendable (inout RunSnapshot, inout [Mover]) -> Void
    ) {
        (self.what, self.expected, self.change) = (what, expected, change)
    }

    var testDescription: String { what }
}

@Suite("What the doctor says of one run")
struct RunDiagnosisTests {
    /// A run that waits for two steps: one is queued, one in `delayed` for its second attempt.
    static func waiting() -> (RunSnapshot, [Mover]) {
        var run = RunSnapshot(id: "r")
        var fields = RunSnapshot.Fields()
        (fields.workflow, fields.status, fields.recorded, fields.delivered, fields.turns) = ("w", .running, 2, 2, 1)
        run.fields = fields
        run.listed = [.running]
        run.open = ["c": "run 1 0 item", "d": "run 2 0 item"]
        (run.openCount, run.join, run.outcomeCount, run.outcomes) = (2, "2", 2, ["a", "b"])
        return (run, [Mover("step r 1 1 c", .queue("default")), Mover("step r 1 2 d", .delayed(queue: "default"))])
    }

    static func diagnosis(_ run: RunSnapshot, _ movers: [Mover], served: Set<String> = []) throws -> RunDiagnosis {
        RunDiagnosis(run, movers: movers, served: served, keys: try Keys(namespace: "default"))
    }

    @Test func `A run that waits for its steps is sound, wherever their work items are`() throws {
        var (run, movers) = Self.waiting()
        for place: Mover.Place in [
            .queue("default"), .claimed(worker: "w", queue: "default"),
            .unserved(UnservedList(queue: "default", workflow: "w")),
        ] {
            movers[0].place = place
            #expect(try Self.diagnosis(run, movers).violations.isEmpty)
        }
        // What is known of its queue is not a time limit.
        run.open = ["c": "run 1 0 item called=99", "d": "run 2 0 item called=99 waited=340 of=4 17\n{}"]
        #expect(try Self.diagnosis(run, movers).violations.isEmpty)
        run.fields?.delivered = 1
        run.fields?.turn = "w-1-a 3 w-1-a/9"
        movers.append(Mover("turn r 1", .claimed(worker: "w-1-a", queue: "default")))
        #expect(try Self.diagnosis(run, movers).violations.isEmpty)
    }

    @Test func `A run is sound when it is new, under one serial turn, parked, unserved or ended`() throws {
        var run = RunSnapshot(id: "r")
        var fields = RunSnapshot.Fields()
        (fields.status, fields.turn) = (.queued, "queue")
        (run.fields, run.listed) = (fields, [.queued])
        let queued = Mover("turn r 1", .queue("default"))
        #expect(try Self.diagnosis(run, [queued]).violations.isEmpty)
        #expect(
            try Self.diagnosis(run, [Mover("turn r 1", .claimed(worker: "w", queue: "default"))]).violations.isEmpty)
        #expect(try Self.diagnosis(run, [Mover("turn r 1", .delayed(queue: "default"))]).violations.isEmpty)

        (fields.status, fields.turn, fields.reason) = (.noWorker, "unserved", "nobody has it")
        (run.fields, run.listed) = (fields, [.noWorker])
        #expect(
            try Self.diagnosis(run, [Mover("turn r 1", .unserved(UnservedList(queue: "default", workflow: "w")))])
                .violations.isEmpty)

        (fields.status, fields.turn, fields.inline) = (.running, "w 1 w/1", "s")
        (run.fields, run.listed, run.open, run.openCount, run.join) = (
            fields, [.running], ["s": "run 1 0 inline"], 1, "1"
        )
        #expect(
            try Self.diagnosis(run, [Mover("turn r 1", .claimed(worker: "w", queue: "default"))]).violations.isEmpty)
        // It has nothing to tell: `inline` says that it is open.
        (run.open, run.openCount) = ([:], 0)
        #expect(
            try Self.diagnosis(run, [Mover("turn r 1", .claimed(worker: "w", queue: "default"))]).violations.isEmpty)

        (fields.status, fields.turn, fields.inline, fields.recorded) = (.parked, "", "", 1)
        (run.fields, run.listed, run.open, run.outcomeCount, run.outcomes) = (
            fields, [.parked], ["s": "run 1 0 held"], 1, ["a"]
        )
        run.openCount = 1
        #expect(try Self.diagnosis(run, []).violations.isEmpty)

        (fields.status, run.open, run.openCount, run.join) = (.completed, [:], 0, nil)
        (run.fields, run.listed) = (fields, [.completed])
        let ended = try Self.diagnosis(run, [queued])
        #expect(ended.violations.isEmpty)
        #expect(ended.obsolete == 1)
    }

    @Test
    func
        `A step that waits for its child is sound while that one lives, and while its message is on the way, also twice`()
        throws
    {
        var (run, movers) = Self.waiting()
        run.open["c"] = "invoke 1 0 child:cancel:c1"
        run.children["c1"] = .init(status: .queued, parent: "r 1 c")
        movers.removeFirst()
        #expect(try Self.diagnosis(run, movers).violations.isEmpty)
        run.children["c1"] = .init(status: .failed, parent: "r 1 c")
        movers += [
            Mover("ended r 1 c1 c", .queue("default")),
            Mover("ended r 1 c1 c", .claimed(worker: "w", queue: "default")),
        ]
        let diagnosis = try Self.diagnosis(run, movers)
        #expect(diagnosis.violations.isEmpty && diagnosis.obsolete == 0)
    }

    static let plants = [
        Plant("a turn of a run that has begun in delayed", .turnMissing) { run, movers in
            run.fields?.turn = "queue"
            movers.append(Mover("turn r 1", .delayed(queue: "default")))
        },
        Plant("a turn that will come to another queue than the run's", .inOtherQueue) { run, movers in
            run.fields?.turn = "queue"
            run.fields?.turns = 0
            movers.append(Mover("turn r 1", .delayed(queue: "other")))
        },
        Plant("a turn in another queue than the run's", .inOtherQueue) { run, movers in
            run.fields?.turn = "queue"
            movers.append(Mover("turn r 1", .queue("other")))
        },
        Plant("a step that a worker has claimed from another queue", .inOtherQueue) { _, movers in
            movers[0].place = .claimed(worker: "w", queue: "other")
        },
        Plant("a step whose next attempt will come to another queue", .inOtherQueue) { _, movers in
            movers[1].place = .delayed(queue: "other")
        },
        Plant("a limit that will be applied in another queue", .inOtherQueue) { run, movers in
            run.open["c"] = "run 1 0 item total=99"
            movers.append(Mover("timeout r 1 c", .delayed(queue: "other")))
        },
        Plant("messages for the run in another queue", .inOtherQueue, .inOtherQueue) { run, movers in
            run.open["c"] = "invoke 1 0 child:cancel:c1"
            run.children["c1"] = .init(status: .failed, parent: "r 1 c")
            movers[0] = Mover("ended r 1 c1 c", .queue("other"))
            movers.append(Mover("withdraw r 1 0 click b", .queue("other")))
        },
        Plant("a turn in delayed beside one in the queue", .turnTooMany) { run, movers in
            run.fields?.turn = "queue"
            run.fields?.turns = 0
            movers += [Mover("turn r 1", .queue("default")), Mover("turn r 1", .delayed(queue: "default"))]
        },
        Plant("a lost work item", .stepWithoutMover) { _, movers in movers.removeFirst() },
        Plant("a work item of an older attempt only", .stepWithoutMover) { _, movers in
            movers[1].text = "step r 1 1 d"
        },
        Plant("a work item of an older generation only", .stepWithoutMover) { _, movers in
            movers[0].text = "step r 0 1 c"
        },
        Plant("a work item that lies twice", .stepWithTwoMovers) { _, movers in
            movers.append(Mover("step r 1 1 c", .claimed(worker: "w", queue: "default")))
        },
        Plant("a parked step with a work item", .heldStepOfMovingRun, .stepWithTwoMovers) { run, _ in
            run.open["c"] = "run 1 0 held"
        },
        Plant("a step under a turn that is not there", .stepNotInline) { run, movers in
            run.open["c"] = "run 1 0 inline"
            movers.removeFirst()
        },
        Plant("an inline step of a run that has none", .stepNotInline) { run, _ in
            run.fields?.inline = "gone"
            run.join = "3"
        },
        Plant("an inline step that has a work item", .stepNotInline) { run, movers in
            run.fields?.inline = "c"
            run.fields?.turn = "w 1 w/1"
            movers.append(Mover("turn r 1", .claimed(worker: "w", queue: "default")))
        },
        Plant("an inline step of which a work item lies about", .stepWithTwoMovers) { run, movers in
            run.fields?.inline = "e"
            run.fields?.turn = "w 1 w/1"
            run.join = "3"
            movers += [
                Mover("turn r 1", .claimed(worker: "w", queue: "default")), Mover("step r 1 1 e", .queue("default")),
            ]
        },
        Plant("an inline step that is not counted", .joinDiffers) { run, movers in
            run.fields?.inline = "e"
            run.fields?.turn = "w 1 w/1"
            movers.append(Mover("turn r 1", .claimed(worker: "w", queue: "default")))
        },
        Plant("an open step that nobody can read", .unreadableOpenStep) { run, movers in
            run.open["c"] = "later"
            movers.removeFirst()
        },
        Plant("a child that is gone", .stepWithoutChild) { run, movers in
            run.open["c"] = "invoke 1 0 child:cancel:c1"
            movers.removeFirst()
        },
        Plant("a child that has ended and sent nothing", .stepWithoutChild) { run, movers in
            run.open["c"] = "invoke 1 0 child:abandon:c1"
            run.children["c1"] = .init(status: .completed, parent: "r 1 c")
            movers[0].text = "ended r 0 c1 c"
        },
        Plant("a child of another run", .stepWithoutChild) { run, movers in
            run.open["c"] = "invoke 1 0 child:cancel:c1"
            run.children["c1"] = .init(status: .running, parent: "r2 1 c")
            movers.removeFirst()
        },
        Plant("a work item of a step that waits for its child", .stepWithTwoMovers) { run, _ in
            run.open["c"] = "invoke 1 0 child:cancel:c1"
            run.children["c1"] = .init(status: .running, parent: "r 1 c")
        },
        Plant("a turn that is nowhere", .turnMissing) { run, _ in run.fields?.turn = "queue" },
        Plant("a turn on a queue that a worker is said to hold", .turnMissing) { run, movers in
            run.fields?.turn = "w 1 w/1"
            movers.append(Mover("turn r 1", .queue("default")))
        },
        Plant("a turn that another worker holds", .turnMissing) { run, movers in
            run.fields?.turn = "w-1 1 w-1/1"
            movers.append(Mover("turn r 1", .claimed(worker: "w-10", queue: "default")))
        },
        Plant("two turns", .turnTooMany) { run, movers in
            run.fields?.turn = "queue"
            movers += [Mover("turn r 1", .queue("default")), Mover("turn r 1", .queue("default"))]
        },
        Plant("a turn of a run that says it has none", .turnTooMany) { _, movers in
            movers.append(Mover("turn r 1", .queue("default")))
        },
        Plant("an outcome that no turn will see", .historyNotDelivered) { run, _ in run.fields?.delivered = 1 },
        Plant("a run that nobody moves", .nobodyMovesRun) { run, movers in
            (run.open, run.openCount, run.join) = ([:], 0, nil)
            movers = []
        },
        Plant("a join counter that is too low", .joinDiffers) { run, _ in run.join = "1" },
        Plant("a join counter that is missing", .joinDiffers) { run, _ in run.join = nil },
        Plant("a history that is shorter than recorded", .recordedDiffers) { run, _ in
            (run.outcomeCount, run.outcomes) = (1, ["a"])
        },
        Plant("a number that is missing", .outcomeMissing) { run, _ in run.outcomes = [nil, "b"] },
        Plant("a step with two outcomes", .outcomeTwice) { run, _ in run.outcomes = ["a", "a"] },
        Plant("a status that nobody knows", .unknownStatus) { run, _ in
            run.fields?.status = RunStatus(rawValue: "odd")
            run.listed = []
        },
        Plant("a limit that nothing applies", .limitNotKept) { run, _ in run.open["c"] = "run 1 0 item total=99"
        },
        Plant("a run's own limit that nothing applies", .limitNotKept) { run, movers in
            run.open["c"] = "run 1 0 item total=99 claim=50"
            run.fields?.deadline = 100
            movers.append(Mover("timeout r 1 c", .delayed(queue: "default")))
        },
        Plant("a live run among the dead", .listedWrongly) { run, _ in run.isDead = true },
        Plant("a failed run that nobody will find", .notListed) { run, movers in
            run.fields?.status = .failed
            (run.listed, run.open, run.openCount, run.join, movers) = ([.failed], [:], 0, nil, [])
        },
        Plant("a run in the index of another status", .listedWrongly) { run, _ in run.listed = [.running, .failed] },
        Plant("a run in no index", .notListed) { run, _ in run.listed = [] },
        Plant("a parked run without a reason", .waitsWithoutReason) { run, _ in
            run.fields?.status = .parked
            run.listed = [.parked]
        },
        Plant("an ended run with open steps and a counter", .leftoverOfEndedRun, .leftoverOfEndedRun) { run, _ in
            run.fields?.status = .completed
            run.listed = [.completed]
        },
        Plant(
            "keys of a run that is not there", .leftoverWithoutRun, .leftoverWithoutRun, .leftoverWithoutRun,
            .listedWrongly
        ) {
            run, _ in run.fields = nil
        },
        Plant("an unserved work item of an ended run", .unservedOfNoLiveRun) { run, movers in
            run.fields?.status = .failed
            (run.listed, run.open, run.openCount, run.join) = ([.failed], [:], 0, nil)
            run.isDead = true
            movers = [Mover("step r 1 1 c", .unserved(UnservedList(queue: "default", workflow: "w")))]
        },
    ]

    @Test(arguments: plants) func `The doctor names what is wrong with a run`(_ plant: Plant) throws {
        var (run, movers) = Self.waiting()
        plant.change(&run, &movers)
        let violations = try Self.diagnosis(run, movers).violations
        #expect(violations.map(\.kind.rawValue).sorted() == plant.expected.map(\.rawValue).sorted())
        #expect(
            violations.allSatisfy { $0.run == "r" && $0.key.hasPrefix("stepwise:{default}:") && !$0.advice.isEmpty })
    }

    @Test func `What belongs to an older life of a run, and what its parent sent, may lie in another queue`() throws {
        var (run, movers) = Self.waiting()
        movers += [
            Mover("turn r 0", .queue("other")), Mover("step r 0 1 c", .claimed(worker: "w", queue: "other")),
            Mover("timeout r 0 c", .delayed(queue: "other")), Mover("cancel r w parent 1 s", .queue("other")),
            Mover("step r 1 1 c", .unserved(UnservedList(queue: "default", workflow: "other"))),
        ]
        movers.removeFirst()
        #expect(try Self.diagnosis(run, movers).violations.isEmpty)
    }

    @Test func `What lies in another queue comes with the commands that put it where it belongs`() throws {
        var (run, movers) = Self.waiting()
        run.fields?.deadline = 100
        run.open["c"] = "run 1 0 item total=99"
        movers[0].place = .queue("other")
        movers += [
            Mover("timeout r 1 c", .delayed(queue: "other")), Mover("timeout r 1", .delayed(queue: "other")),
        ]
        let prefix = "stepwise:{default}:"
        let advice = try Self.diagnosis(run, movers).violations.map(\.advice)
        #expect(
            advice == [
                "redis-cli LREM '\(prefix)queue:other' 1 'step r 1 1 c' && "
                    + "redis-cli RPUSH '\(prefix)queue:default' 'step r 1 1 c'",
                "redis-cli ZREM '\(prefix)delayed' 'other timeout r 1 c' && "
                    + "redis-cli ZADD '\(prefix)delayed' 99 'default timeout r 1 c'",
                "redis-cli ZREM '\(prefix)delayed' 'other timeout r 1' && "
                    + "redis-cli ZADD '\(prefix)delayed' 100 'default timeout r 1'",
            ])
    }

    @Test func `An unserved work item of an ended run is no violation while a living worker will take it up`() throws {
        var run = RunSnapshot(id: "r")
        run.listed = []
        #expect(
            try Self.diagnosis(
                run, [Mover("turn r 1", .unserved(UnservedList(queue: "default", workflow: "w")))], served: ["w"]
            ).violations.isEmpty)
    }

    @Test func `The text that is to replace an open step's is one that a script would write`() throws {
        var (run, movers) = Self.waiting()
        run.open = ["c": "run 2 1 held total=99 waited=340 of=4 17\n{\"attempt\":1}"]
        (run.openCount, run.join) = (1, "1")
        movers = []
        let violations = try Self.diagnosis(run, movers).violations
        let advice = try #require(violations.first { $0.kind == .heldStepOfMovingRun }).advice
        #expect(advice.contains("'run 2 1 item total=99 waited=340 of=4 17\n{\"attempt\":1}'"))
    }

    @Test func `A lost work item comes with the command that queues it again`() throws {
        var (run, movers) = Self.waiting()
        run.open = ["it's": "run 1 0 item"]
        (run.openCount, run.join) = (1, "1")
        movers = []
        let line = try #require(try Self.diagnosis(run, movers).violations.first).line
        #expect(line.contains("run r, step \"it's\""))
        #expect(line.contains(#"redis-cli RPUSH 'stepwise:{default}:queue:default' 'step r 1 1 it'\''s'"#))
    }
}
