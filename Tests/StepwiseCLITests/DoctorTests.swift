import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private struct Declined: Error {}

private let pay = Workflow("pay") { (context, amount: Int) async throws -> Int in
    let doubled = try await context.run("double") { amount * 2 }
    async let left = context.run("side") { doubled + 1 }
    async let right = context.run("side") { doubled + 2 }
    return try await left + right
}
private let decline = Workflow("decline") { (context, amount: Int) async throws -> Int in
    try await context.run("charge", .retry(.never)) { () async throws -> Int in throw Declined() }
}
private let retryLater = Workflow("retry-later") { (context, amount: Int) async throws -> Int in
    try await context.run(
        "charge", .retry(Retry(attempts: 5, initialDelay: .seconds(600), maximumDelay: .seconds(600)))
    ) { () async throws -> Int in throw Declined() }
}

@Suite("stepwise doctor, against a real Redis", .serialized)
struct DoctorTests {
    /// Runs in every state that a fleet leaves behind: completed, failed, parked, unserved, waiting in `delayed`.
    private func populate(_ fixture: Fixture) async throws {
        try await fixture.withWorker([pay, decline, retryLater]) {
            let done = try await fixture.client.enqueue(pay, 3, id: "done")
            #expect(try await done.result(timeout: .seconds(30)) == 15)
            _ = try await fixture.client.enqueue(workflow: "decline", payloadJSON: "1", id: "failed")
            _ = try await fixture.client.enqueue(workflow: "pay", payloadJSON: "\"no number\"", id: "parked")
            _ = try await fixture.client.enqueue(workflow: "nobody-has-it", payloadJSON: "1", id: "unserved")
            _ = try await fixture.client.enqueue(workflow: "retry-later", payloadJSON: "1", id: "delayed")
            try await fixture.send("LPUSH ~queue:default", "rubbish")
            try await eventually("everything is where it ends up") {
                let totals = try await fixture.client.queueTotals()
                let failed = try await fixture.client.runs(status: .failed, limit: 5)
                let parked = try await fixture.client.runs(status: .parked, limit: 5)
                return totals.malformed == 1 && totals.unserved == ["nobody-has-it": 1] && totals.delayed == 1
                    && failed.count == 1
                    && parked.count == 1
            }
        }
    }

    @Test(.rule(1))
    func `After real work a namespace is sound, and rejected input is told but is no violation`() async throws {
        try await Fixture.with { fixture in
            try await populate(fixture)
            let end = try await fixture.stepwise("doctor")
            #expect(end.code == 0, "\(end.output)\(end.complaint)")
            #expect(
                end.output.hasPrefix(
                    "no violation: looked at 5 runs (3 live), 1 open steps and 2 work items (0 obsolete)"))
            #expect(end.output.contains("1 rejected items"))
            let report = try document(try await fixture.stepwise("doctor", "--json").output)
            #expect(report["runs"] as? Int == 5)
            #expect((report["violations"] as? [Any])?.isEmpty == true)
        }
    }

    @Test func `A doctor that looks while a fleet works finds nothing wrong`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([pay]) {
                try await fixture.withWorker([pay]) {
                    let runs = try await fixture.client.enqueue(WorkflowName<Int, Int>("pay"), each: 0..<600)
                    var looks = 0
                    while try await fixture.client.runs(status: .completed, limit: 600).count < 600 {
                        let report = try await Doctor(fixture.client, pause: .milliseconds(50)).examine()
                        #expect(report.violations.map(\.line) == [])
                        looks += 1
                    }
                    #expect(looks > 0)
                    for run in runs { _ = try await run.result(timeout: .seconds(30)) }
                }
            }
        }
    }

    /// A run whose end is decided, and one of whose steps is still open; its mover is not there yet.
    ///
    /// - Parameter more: what is done to the keys besides.
    private static func ending(_ run: String, _ more: [[String]] = []) -> [[String]] {
        let commands = [
            ["HSET ~run:\(run) status ending ending failed turn", ""], ["HSET ~open:\(run) left", "run 1 0 item"],
            ["ZREM ~runs:queued \(run)"], ["ZADD ~runs:ending 1 \(run)"],
        ]
        return commands + more
    }

    /// What is done to the keys, and the kind, the run and the key that must be named. `p1@` stands for run p1 and its generation.
    private static let plants: [(commands: [[String]], kind: Violation.Kind, names: String)] = [
        ([["LREM ~queue:default 0", "turn p1@"]], .turnMissing, "run p1"),
        ([["RPUSH ~queue:default", "turn p2@"]], .turnTooMany, "run p2"),
        (
            [["HSET ~open:p3 ship", "run 1 0 item"], ["SET ~join:p3 1"]], .stepWithoutMover,
            "run p3, step \"ship\""
        ),
        (
            [["HSET ~open:p19 click", "waitForEvent 1 0 event:0:clicked"], ["SET ~join:p19 1"]], .stepWithoutEvent,
            "run p19, step \"click\""
        ),
        ([["SET ~join:p4 3"]], .joinDiffers, "run p4"),
        ([["HSET ~run:p5 recorded 2"]], .recordedDiffers, "run p5"),
        (
            [
                ["HSET ~run:p6 recorded 2"],
                [
                    "HSET ~steps:p6 1", #"{"step":"a","attempts":1,"value":1}"#, "2",
                    #"{"step":"a","attempts":1,"value":2}"#,
                ],
            ], .outcomeTwice, "run p6, step \"a\""
        ),
        ([["ZREM ~runs:queued p7"]], .notListed, "run p7"),
        ([["ZADD ~runs:failed 1 p8"]], .listedWrongly, "run p8"),
        ([["HSET ~run:p9 status odd"], ["ZREM ~runs:queued p9"]], .unknownStatus, "run p9"),
        (
            [
                ["HSET ~open:p10 twice", "run 1 0 item"], ["SET ~join:p10 1"],
                ["RPUSH ~queue:default", "step p10@ 1 twice"], ["ZADD ~delayed 9", "default step p10@ 1 twice"],
            ], .stepWithTwoMovers, "run p10, step \"twice\""
        ),
        (
            [["HSET ~open:p11 stuck", "run 1 0 held"], ["SET ~join:p11 1"]], .heldStepOfMovingRun,
            "run p11, step \"stuck\""
        ),
        ([["HSET ~open:p12 mine", "run 1 0 inline"], ["SET ~join:p12 1"]], .stepNotInline, "run p12, step \"mine\""),
        ([["HSET ~open:p13 odd", "x"], ["SET ~join:p13 1"]], .unreadableOpenStep, "run p13, step \"odd\""),
        (
            [
                ["HSET ~run:p14 turn", "", "recorded", "1"], ["LREM ~queue:default 0", "turn p14@"],
                ["HSET ~steps:p14 1", #"{"step":"a","attempts":1,"value":1}"#],
            ], .historyNotDelivered, "run p14"
        ),
        (
            [["HSET ~run:p15 turn", "", "delivered", "0"], ["LREM ~queue:default 0", "turn p15@"]], .nobodyMovesRun,
            "run p15"
        ),
        (
            [["HSET ~run:p16 recorded 1"], ["HSET ~steps:p16 2", #"{"step":"a","attempts":1,"value":1}"#]],
            .outcomeMissing, "run p16"
        ),
        ([["HSET ~run:p17 deadline 9"]], .limitNotKept, "run p17"),
        (
            [
                ["HSET ~open:p18 invited", "invoke 1 0 child:cancel:c18"], ["SET ~join:p18 1"],
                ["HSET ~run:p18 status running delivered 0 turn", ""], ["LREM ~queue:default 0", "turn p18@"],
                ["ZREM ~runs:queued p18"], ["ZADD ~runs:running 1 p18"],
            ], .stepWithoutChild, "run p18, step \"invited\""
        ),
        (
            [["LREM ~queue:default 0", "turn p20@"], ["RPUSH ~queue:other", "turn p20@"]], .inOtherQueue,
            "[stepwise:{default}:queue:other]"
        ),
        (ending("p21"), .endingWithoutMover, "run p21"),
        (
            ending("p22", [["RPUSH ~queue:default", "end p22@", "end p22@"]]), .endingWithTwoMovers,
            "[stepwise:{default}:queue:default]"
        ),
        (
            ending("p23", [["RPUSH ~queue:default", "end p23@"], ["SET ~join:p23 1"]]), .leftoverOfEndingRun, "run p23"
        ),
        ([["HSET ~run:p24 ending failed"]], .endingOfNoEndingRun, "run p24"),
        ([["HDEL ~run:parked reason"]], .waitsWithoutReason, "run parked"),
        ([["SET ~join:done 0"]], .leftoverOfEndedRun, "run done"),
        ([["HSET ~steps:ghost 1 x"]], .leftoverWithoutRun, "run ghost"),
        ([["LPUSH ~unserved:default:old", "turn ghost2 1"]], .unservedOfNoLiveRun, "run ghost2"),
        ([["HSET ~unfit:pay done", "default 2"]], .unfitOfNoParkedRun, "run done"),
        (
            [["LPUSH ~claimed:gone-1-a:default", "turn ghost3 1"]], .claimsWithoutWorker,
            "[stepwise:{default}:claimed:gone-1-a:default]"
        ),
        (
            [
                ["HSET ~worker:torn-1-a state dead declaredDead 1 queues default"], ["ZADD ~workers 1 torn-1-a"],
                ["LPUSH ~claimed:torn-1-a:default", "turn ghost5 1"],
            ], .claimsWithoutWorker, "[stepwise:{default}:claimed:torn-1-a:default]"
        ),
        ([["ZADD ~workers 1 half-1-a"]], .workerHalfRegistered, "worker half-1-a"),
        ([["ZADD ~delayed 1 rubbish"]], .unreadableDelayed, "\"rubbish\""),
        ([["HSET ~schedules broken", "{"]], .unreadableSchedule, "schedule \"broken\""),
        (
            [["HSET ~schedules lost", #"{"workflow":"pay","every":60000,"next":4102444800000}"#]],
            .scheduleWithoutTimer, "schedule \"lost\""
        ),
        ([["ZADD ~delayed 9", "default schedule ghost4 9000"]], .timerWithoutSchedule, "schedule \"ghost4\""),
        ([["HSET ~busy:gone-2-a 1 {}"]], .busyWithoutWorker, "[stepwise:{default}:busy:gone-2-a]"),
        (
            [["HSET ~meta indexes tenant"], ["HSET ~run:done labels", #"{"tenant":"acme"}"#]], .notIndexed,
            "such as run done"
        ),
        ([["ZADD ~label:tenant 0", "acme\n000000000000001\nghost6"]], .indexedWrongly, "such as run ghost6"),
        (
            [["ZADD ~label:odd 0", "acme\n000000000000001\nghost7"]], .indexOfNoLabel,
            "[stepwise:{default}:label:odd]"
        ),
        ([["SET ~cache:x 1"]], .unknownKey, "[stepwise:{default}:cache:x]"),
        (
            [["LPUSH ~queue:a}:queue:b", #"{"workflow":"pay"}"#]], .unknownKey,
            #"its name holds "}": a queue's name is 1 to 100 of"#
        ),
        ([["SET ~dead 1"]], .wrongType, "[stepwise:{default}:dead]"),
        ([["SET ~open:wrong 1"]], .wrongType, "[stepwise:{default}:open:wrong]"),
        // The last: from then on Redis takes no more.
        ([["CONFIG SET maxmemory 1"]], .memoryFull, "maxmemory is 1,"),
    ]

    @Test
    func `Every kind of violation that is planted in Redis is named, with what to try, and nothing else is`()
        async throws
    {
        #expect(Set(Self.plants.map(\.kind)) == Set(Violation.Kind.allCases))
        try await Fixture.with { fixture in
            try await populate(fixture)
            var generations: [String: String] = [:]
            for run in (1...24).map({ "p\($0)" }) {
                _ = try await fixture.client.enqueue(workflow: "pay", payloadJSON: "1", id: run)
                generations[run] = try await fixture.generation(of: run)
            }
            // A run that nobody has begun yet brings its payload along in its turn.
            let queued = try await fixture.redis.send(["LRANGE", "stepwise:{default}:queue:default", "0", "-1"])
            let items = queued.array?.compactMap(\.string) ?? []
            for command in Self.plants.flatMap(\.commands) {
                let words = command[0].split(separator: " ").map(String.init) + command.dropFirst()
                let arguments = words.map { word in
                    word.replacing("~", with: "stepwise:{default}:")
                        .replacing(#/(p\d+)@/#) { "\($0.1) \(generations[String($0.1), default: ""])" }
                }.map { word in
                    command[0].hasPrefix("LREM") ? items.first { $0.hasPrefix("\(word) ") } ?? word : word
                }
                _ = try await fixture.redis.send(arguments.map { .init($0) })
            }
            let end = try await fixture.stepwise("doctor")
            #expect(end.code == 1, "\(end.complaint)")
            let lines = end.output.split(separator: "\n").map(String.init)
            for plant in Self.plants {
                #expect(
                    lines.contains {
                        $0.hasPrefix(plant.kind.rawValue + ": ") && $0.contains(plant.names) && $0.contains("; try: ")
                    },
                    "\(plant.kind) of \(plant.names) is not among:\n\(end.output)")
            }
            #expect(
                lines.count == Self.plants.count + 1, "besides the summary there is one line for each:\n\(end.output)")
            let report = try await Doctor(fixture.client, pause: .milliseconds(10)).examine()
            try await expectAgreement(fixture.client, report)
        }
    }

    @Test(
        arguments: [
            "workers", "worker:w-1-a", "delayed", "malformed", "queue:default", "claimed:w-1-a:default",
            "inbox:default",
            "accepting:w-1-a:default", "unserved:default:pay",
            "run:r",
            "steps:r", "join:r", "runs:queued", "meta",
        ]
    )
    func `A key of a wrong type is named, whichever it is`(_ name: String) async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(workflow: "pay", payloadJSON: "1", id: "other", .queue("other"))
            try await fixture.send("DEL ~\(name)")
            try await fixture.send("SADD ~\(name) x")
            let report = try await Doctor(fixture.client, pause: .milliseconds(1)).examine()
            #expect(report.violations.contains { $0.kind == .wrongType && $0.key == "stepwise:{default}:\(name)" })
        }
    }

    @Test func `A run or a worker whose key is of a wrong type hides no other in the listings`() async throws {
        try await Fixture.with { fixture in
            for id in ["damaged", "sound"] {
                _ = try await fixture.client.enqueue(workflow: "pay", payloadJSON: "1", id: id)
            }
            for worker in ["w-1-a", "w-2-b"] { try await fixture.send("ZADD ~workers 1 \(worker)") }
            try await fixture.send("DEL ~run:damaged")
            for key in ["run:damaged", "worker:w-1-a"] { try await fixture.send("SET ~\(key) oops") }
            let runs = try await fixture.stepwise("runs")
            #expect(runs.code == 0 && runs.output.contains("sound"), "\(runs)")
            let workers = try await fixture.stepwise("workers")
            #expect(workers.code == 0 && workers.output.contains("w-2-b"), "\(workers)")
        }
    }

    @Test
    func `What the doctor advises for a lost step and a lost turn makes the namespace sound again`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(workflow: "pay", payloadJSON: "1", id: "r")
            try await fixture.send("DEL ~queue:default")
            try await fixture.send("HSET ~open:r", "a step", "run 1 0 item")
            try await fixture.send("SET ~join:r 1")
            let end = try await fixture.stepwise("doctor")
            #expect(end.code == 1)
            for line in end.output.split(separator: "\n") {
                guard let command = line.range(of: "redis-cli") else { continue }
                #expect(try await fixture.shell(String(line[command.lowerBound...])).code == 0)
            }
            #expect(try await fixture.stepwise("doctor").code == 0)
        }
    }

    @Test func `A run with thousands of open steps and outcomes is read in pages and found sound`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(workflow: "pay", payloadJSON: "1", id: "big")
            var commands: [[RedisArgument]] = []
            let prefix = "stepwise:{default}:"
            let generation = try await fixture.generation(of: "big")
            for number in 1...2500 {
                commands.append(["HSET", .init("\(prefix)open:big"), .init("open\(number)"), "run 1 0 item"])
                commands.append([
                    "RPUSH", .init("\(prefix)queue:default"), .init("step big \(generation) 1 open\(number)"),
                ])
                commands.append([
                    "HSET", .init("\(prefix)steps:big"), .init(number),
                    .init(#"{"step":"s\#(number)","attempts":1,"value":1}"#),
                ])
            }
            commands.append(["SET", .init("\(prefix)join:big"), "2500"])
            commands.append(["HSET", .init("\(prefix)run:big"), "recorded", "2500"])
            for reply in try await fixture.redis.pipeline(commands) { _ = try reply.get() }
            let report = try await Doctor(fixture.client).examine()
            #expect(report.violations.map(\.line) == [])
            #expect(report.openSteps == 2500)
            #expect(report.workItems == 2501)

            try await fixture.send("LREM ~queue:default 0", "step big \(generation) 1 open2400")
            try await fixture.send("HSET ~steps:big 2300", #"{"step":"s1","attempts":1,"value":1}"#)
            let found = try await Doctor(fixture.client, pause: .milliseconds(10)).examine().violations
            #expect(found.map(\.kind) == [.stepWithoutMover, .outcomeTwice])
            #expect(found.map(\.step) == ["open2400", "s1"])
        }
    }
}
