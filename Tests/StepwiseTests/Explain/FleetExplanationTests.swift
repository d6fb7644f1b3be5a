import Foundation
import Stepwise
import Testing

@Suite("What is told of a whole namespace")
struct FleetExplanationTests {
    private static let now = 1_800_000_000_000

    private func explain(_ change: (inout FleetFacts) throws -> Void) throws -> FleetExplanation {
        var facts = FleetFacts(now: Self.now)
        facts.workers.alive = 1
        facts.workers.looked = [worker("w-1", queues: ["default"], workflows: ["ship"])]
        try change(&facts)
        return FleetExplanation(facts, keys: try Keys(namespace: "default"))
    }

    private func worker(
        _ name: String, queues: Set<String>, workflows: [String], silence: Int = 0, clock: Int? = nil
    ) -> SeenWorker {
        var worker = SeenWorker(name: name, silence: silence)
        (worker.queues, worker.workflows, worker.host, worker.clock) = (queues, workflows, "vm-1", clock)
        return worker
    }

    private func run(
        _ id: String, _ workflow: String = "ship", reason: String? = nil, age: Int = 60_000,
        open: [String: String] = [:]
    ) -> FleetFacts.Run {
        var run = FleetFacts.Run(
            id: id, since: Self.now - age, workflow: workflow, queue: "default", reason: reason)
        run.open = open.compactMapValues { OpenStep($0) }
        return run
    }

    private func only(_ explanation: FleetExplanation) throws -> FleetExplanation.Row {
        #expect(explanation.rows.count == 1, "\(explanation.rows.map(\.cause))")
        return try #require(explanation.rows.first)
    }

    // MARK: The headline

    @Test func `Where everything moves the headline says so, and no row does`() throws {
        let found = try explain { $0.counts = [.queued: 3, .running: 0] }
        #expect(found.sentence == "0 of 3 live runs do not move by themselves")
        #expect(found.line == found.sentence)
        #expect(found.verdict == .moving && found.rows.isEmpty && found.isExact)
    }

    @Test func `A namespace without runs is not stuck, whether it has workers or not`() throws {
        for alive in [0, 1] {
            let found = try explain {
                $0.workers.alive = alive
                if alive == 0 { $0.workers.looked = [] }
            }
            #expect(found.verdict == .moving && found.live == 0 && found.rows.isEmpty)
        }
    }

    @Test func `Counts of statuses in which nothing moves add up, with commas, and the first line names the largest`()
        throws
    {
        let found = try explain {
            $0.counts = [.queued: 1000, .running: 0, .parked: 400, .paused: 12]
            $0.samples[.parked] = [run("p1", reason: "it waits for a person")]
            $0.samples[.paused] = (0..<12).map { run("s\($0)", reason: "paused: for the audit") }
        }
        #expect(found.sentence == "412 of 1,412 live runs do not move by themselves")
        #expect(found.stuck == 412 && found.isExact && found.verdict == .stuck)
        #expect(found.line.hasPrefix(found.sentence + ": 12 runs are paused: for the audit"))
        #expect(found.samples == [.init(what: "parked runs", looked: 1, total: 400)])
    }

    @Test func `Where only a part was looked at the headline says at least`() throws {
        let found = try explain {
            $0.counts = [.running: 5000]
            $0.samples[.running] = [
                run("r1", open: ["wait": "event 1 0 event:1:approved"]), run("r2", open: ["a": "run 1 0 item"]),
            ]
        }
        #expect(found.sentence == "at least 1 of 5,000 live runs do not move by themselves")
        let row = try only(found)
        #expect(!row.isExact && row.count == 1 && row.runs == ["r1"])
        let sentence =
            "1 of the 2 running runs that were looked at, of workflow ship, waits for event approved, without a limit"
        #expect(row.sentence == sentence)
    }

    @Test func `Whatever numbers are stored, and whatever names, the namespace is explained`() throws {
        for number in [Int.min, Int.max] {
            let found = try explain {
                let entry = ["clock": "\(number)", "queues": "default", "host": "vm-1"]
                $0.workers.looked = [SeenWorker(name: "w-1", silence: 0, entry)]
                $0.counts = [.paused: 1]
                var paused = run("-r", reason: "paused: x")
                paused.since = number
                $0.samples[.paused] = [paused]
                ($0.overdue.count, $0.overdue.oldest) = (1, number)
                ($0.malformed.count, $0.malformed.at) = (1, .max)
                $0.pauses = [FleetFacts.Pause(field: "queue:-q", text: "\(number)")].compactMap { $0 }
            }
            #expect(found.rows.map(\.cause).contains(.clockSkew) && found.rows.count == 5)
            _ = try JSON.encode(found, what: "it")
            // A name that begins with a hyphen would be an option to the command.
            let commands = found.rows.flatMap(\.next).compactMap(\.command)
            #expect(!commands.contains { $0.hasSuffix(" -r") || $0.hasSuffix(" -q") })
        }
    }

    // MARK: Redis and the workers

    @Test func `A full Redis comes first; what has begun goes on`() throws {
        let info = "used_memory:200\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n"
        let found = try explain {
            $0.counts = [.running: 7, .parked: 1]
            $0.samples[.parked] = [run("p")]
            $0.memory = RedisMemory(info: info)
        }
        #expect(found.rows.map(\.cause) == [.redisFull, .parked])
        #expect(found.sentence == "at least 1 of 8 live runs do not move by themselves")
        #expect(found.rows[0].verdict == .stuck)
        #expect(found.rows[0].next.first?.command == "redis-cli CONFIG SET maxmemory 400")
    }

    @Test func `A policy that evicts is told though nothing is stuck`() throws {
        let row = try only(
            try explain {
                $0.memory = RedisMemory(info: "used_memory:1\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n")
            })
        #expect(row.cause == .redisEvicts && row.verdict == .unknown)
        #expect(row.next[0].command == "redis-cli CONFIG SET maxmemory-policy noeviction")
    }

    @Test(arguments: [(0, 0), (3_600_000, 1)])
    func `Where no worker is alive nothing moves, and one row says it instead of one for each queue`(
        _ silence: Int, _ silent: Int
    ) throws {
        let found = try explain {
            $0.workers = .init()
            $0.workers.silent = silent
            if silent > 0 { $0.workers.looked = [worker("w", queues: ["default"], workflows: [], silence: silence)] }
            $0.counts = [.queued: 2]
            $0.queues["default"] = .init(ready: 2, pushed: 0)
        }
        let row = try only(found)
        #expect(row.cause == .noWorkerForQueue && row.verdict == .stuck && found.stuck == 2)
        #expect(row.sentence.hasPrefix("No worker is alive in namespace default: "))
    }

    @Test func `Workers that were silent for a moment may come back`() throws {
        let found = try explain {
            $0.workers = .init()
            $0.workers.silent = 1
            $0.workers.looked = [worker("w", queues: ["default"], workflows: [], silence: 3000)]
            $0.counts = [.running: 1]
        }
        #expect(found.verdict == .unknown && found.rows.first?.cause == .heldBySilentWorker)
    }

    @Test(arguments: [(93_000, "93 s ahead of"), (-93_000, "93 s behind")])
    func `A worker's clock that is wrong by seconds is told, in its direction`(_ clock: Int, _ words: String) throws {
        let row = try only(
            try explain {
                $0.workers.looked = [worker("w-1", queues: ["default"], workflows: [], clock: clock)]
            })
        #expect(row.cause == .clockSkew && row.sentence == "The clock of worker w-1 on vm-1 is \(words) Redis'")
        #expect(row.next[0].effect.contains("vm-1"))
        let near = try explain {
            $0.workers.looked = [worker("w-1", queues: ["default"], workflows: [], clock: clock / 93)]
        }
        #expect(near.rows.isEmpty)
    }

    // MARK: Lists

    @Test func `A pause is told with who, when and why, even if nothing waits; its command ends it`() throws {
        let text = "\(Self.now - 259_200_000) {\"by\":\"ada\",\"reason\":\"the\\nmigration\"}"
        let pause = try #require(FleetFacts.Pause(field: "queue:mail", text: text))
        let idle = try only(try explain { $0.pauses = [pause] })
        #expect(idle.cause == .queuePaused && idle.verdict == .waiting)
        #expect(idle.sentence.contains("(3 d) by ada: the\\nmigration; 0 items wait in it"))
        #expect(idle.next[0].command == "stepwise resume --queue mail")
        let held = try explain {
            $0.counts = [.queued: 2]
            $0.pauses = [pause]
            var queue = FleetFacts.Queue(ready: 3, pushed: 4)
            (queue.runs, queue.isWhole) = (["r1", "r2"], true)
            $0.queues["mail"] = queue
        }
        #expect(held.stuck == 2 && held.isExact)
        let row = try only(held)
        #expect(row.count == 7 && row.unit == .items && row.verdict == .stuck && row.runs == ["r1", "r2"])
    }

    @Test func `A paused workflow is told by itself, not as one that nobody has`() throws {
        let pause = try #require(FleetFacts.Pause(field: "workflow:pack", text: "\(Self.now - 1000)"))
        let found = try explain {
            $0.counts = [.noWorker: 2]
            $0.pauses = [pause]
            $0.unserved[.init(queue: "default", workflow: "pack")] = 2
            $0.samples[.noWorker] = [run("u1", "pack"), run("u2", "pack")]
        }
        let row = try only(found)
        #expect(row.cause == .workflowPaused && row.count == 2 && row.runs == ["u1", "u2"] && found.stuck == 2)
        #expect(row.next[0].command == "stepwise resume --workflow pack")
    }

    @Test func `A queue that nobody serves has a row, one that is served has none`() throws {
        let found = try explain {
            $0.counts = [.queued: 5]
            $0.queues["default"] = .init(ready: 9, pushed: 9)
            var queue = FleetFacts.Queue(ready: 1, pushed: 2)
            (queue.runs, queue.isWhole) = (["r1"], true)
            $0.queues["mail"] = queue
        }
        let row = try only(found)
        #expect(row.cause == .noWorkerForQueue && row.count == 3 && found.stuck == 1)
        #expect(
            row.sentence
                == "No worker that is alive claims from queue mail, in which 1 work item and 2 pushed items wait: 1 is alive, and serves default"
        )
    }

    @Test func `Nothing is claimed of who serves a queue if not every worker was looked at`() throws {
        let found = try explain {
            $0.counts = [.queued: 5]
            $0.workers.alive = 1000
            $0.queues["mail"] = .init(ready: 1, pushed: 0)
        }
        #expect(found.rows.isEmpty && !found.isExact)
    }

    @Test func `Of queues that anybody may make ten have rows, and the rest are one`() throws {
        let found = try explain {
            for number in 0..<16 { $0.queues["q\(number)"] = .init(ready: 0, pushed: 1) }
            $0.queues["ours"] = .init(ready: 1, pushed: 0)
            $0.otherQueues = 40_000
        }
        #expect(found.rows.count == 11)
        #expect(found.rows[0].sentence.contains("queue ours"))
        #expect(found.rows.last?.sentence.hasPrefix("40,007 more queues") == true)
    }

    @Test func `What nobody has is grouped by workflow; the workers' numbers add up`() throws {
        let found = try explain {
            $0.counts = [.noWorker: 3]
            $0.workers.alive = 2
            $0.workers.looked += [worker("w-2", queues: ["mail"], workflows: ["pack"])]
            $0.samples[.noWorker] = [run("a", "pack"), run("b", "pack"), run("c", "paint")]
            $0.unserved = [.init(queue: "default", workflow: "pack"): 2, .init(queue: "default", workflow: "paint"): 1]
        }
        #expect(found.rows.map(\.cause) == [.noWorkerForWorkflow, .noWorkerForWorkflow] && found.stuck == 3)
        let row = found.rows[0]
        #expect(row.count == 2 && row.workflows == ["pack"] && row.runs == ["a", "b"] && row.isExact)
        #expect(
            row.sentence.hasPrefix(
                "0 of 2 workers can take the 2 work items of workflow pack in queue default: 1 does not serve queue default, 1 does not have"
            ), "\(row.sentence)")
    }

    @Test func `What a worker takes up by itself as soon as it has a slot is not stuck`() throws {
        let found = try explain {
            $0.counts = [.noWorker: 1]
            $0.samples[.noWorker] = [run("a", "ship")]
            $0.unserved = [.init(queue: "default", workflow: "ship"): 1]
        }
        let row = try only(found)
        #expect(row.cause == .noSlotThere && row.verdict == .waiting && found.stuck == 0 && found.verdict == .moving)
    }

    // MARK: Runs

    @Test func `Parked runs are grouped by cause and workflow, each with its remedy`() throws {
        var diverged = run("d1", reason: "changed code: it asks for b; bring the fitting code back")
        diverged.isDiverged = true
        let found = try explain {
            $0.counts = [.parked: 5]
            $0.samples[.parked] = [
                diverged, run("u1", reason: "changed code: no \"sku\"; bring the fitting type back, then resume"),
                run("u2", reason: "changed code: no \"sku\"; bring the fitting type back, then resume"),
                run("e1", reason: "the function left its executor after step \"a\""), run("x1", reason: "odd"),
            ]
        }
        #expect(found.rows.map(\.cause) == [.undecodable, .divergence, .escaped, .parked])
        #expect(found.rows.map(\.count) == [2, 1, 1, 1] && found.stuck == 5)
        #expect(found.rows[1].next.map(\.command) == [nil, "stepwise resume d1"])
        #expect(found.rows[3].next.map(\.command) == ["stepwise resume x1"])
    }

    @Test func `Of running runs those that wait for an event without a limit stand still, others do not`() throws {
        let found = try explain {
            $0.counts = [.running: 5]
            $0.samples[.running] = [
                run("e1", open: ["wait": "event 1 0 event:1:approved"]),
                run("e2", open: ["wait": "event 1 0 event:1:approved wake=1900000000000"]),
                run("e3", open: ["wait": "event 1 0 event:1:approved", "b": "run 1 0 item"]),
                run("lost", open: ["trip": "run 1 2 item"]), run("plain", open: ["a": "run 1 0 item"]),
            ]
        }
        #expect(found.rows.map(\.cause) == [.waitsForEvent, .lastDelivery])
        #expect(found.rows[0].runs == ["e1"] && found.stuck == 1 && found.isExact)
        #expect(found.rows[0].next[0].command == "stepwise explain e1")
        #expect(found.rows[1].sentence.hasSuffix("has a step trip that has cost workers their lives, in the oldest 2"))
    }

    @Test func `Three ids and three workflows stand for all, cut and on one line`() throws {
        let found = try explain {
            $0.counts = [.paused: 9]
            $0.samples[.paused] = (0..<9).map { run("s\($0)\n", "w\($0)", age: 90_000 - $0) }
        }
        let row = try only(found)
        #expect(row.count == 9 && row.runs == ["s0\\n", "s1\\n", "s2\\n"] && row.workflows == ["w0", "w1", "w2"])
        #expect(row.oldest == Date(timeIntervalSince1970: Double(Self.now - 90_000) / 1000))
        #expect(row.next[0].command == nil, "a line feed in an id cannot be pasted")
    }

    // MARK: One by one

    private func look(
        _ id: String, _ verdict: Explanation.Verdict, _ cause: Explanation.Cause
    ) throws -> FleetFacts.Look {
        let error = StepwiseError(.redisUnavailable, "away")
        var explanation = try #require(
            Explanation(of: id, unreadable: error, keys: try Keys(namespace: "default")))
        (explanation.verdict, explanation.cause, explanation.workflow) = (verdict, cause, "ship")
        explanation.sentence = "Its turn is nowhere"
        explanation.next = [
            .init(command: nil, effect: "look at it"), .init(command: "redis-cli PING", effect: "mends it"),
        ]
        return FleetFacts.Look(run(id), explanation)
    }

    @Test func `A run that was asked about and is stuck has a row with its first command; one that moves has none`()
        throws
    {
        let found = try explain {
            $0.counts = [.running: 2]
            $0.still = 2
            $0.samples[.running] = [run("r1"), run("r2")]
            $0.looks = [try look("r1", .stuck, .nobodyMoves), try look("r2", .moving, .bodyRunning)]
        }
        let row = try only(found)
        #expect(row.cause == .nobodyMoves && row.runs == ["r1"] && row.workflows == ["ship"])
        #expect(row.sentence == "run r1 (ship) is stuck: its turn is nowhere")
        #expect(row.next.map(\.command) == ["redis-cli PING", "stepwise explain r1"])
        #expect(found.verdict == .stuck && found.stuck == 1 && found.isExact && found.samples.isEmpty)
    }

    @Test func `Runs that stand still and were not looked at are told, with what looks at all`() throws {
        let found = try explain {
            $0.counts = [.queued: 40, .running: 1]
            $0.samples[.running] = [run("r1")]
            $0.still = 9
            $0.looks = [try look("q1", .moving, .inQueue)]
        }
        #expect(found.sentence == "as far as was looked, 0 of 41 live runs do not move by themselves")
        let sample = FleetExplanation.Sample(
            what: "other queued and running runs", looked: 1, total: 9, command: "stepwise doctor")
        #expect(found.samples == [sample] && !found.isExact)
    }

    @Test func `Three runs are asked about that stand still for longest, are old enough and in no row`() throws {
        var facts = FleetFacts(now: Self.now)
        facts.workers.alive = 1
        facts.samples[.queued] = [run("young", age: 9999), run("q1", age: 70_000), run("q2", age: 20_000)]
        facts.samples[.running] = [
            run("event", age: 90_000, open: ["wait": "event 1 0 event:1:approved"]),
            run("timer", age: 95_000, open: ["nap": "sleep 1 0 timer wake=1900000000000"]),
            run("r1", age: 80_000, open: ["a": "run 1 0 item"]),
        ]
        let keys = try Keys(namespace: "default")
        #expect(facts.suspects(keys: keys).map(\.id) == ["r1", "q1", "q2"])
        facts.samples[.queued] = nil
        #expect(facts.suspects(keys: keys).map(\.id) == ["r1", "timer"])
        facts.workers.alive = 0
        #expect(facts.suspects(keys: keys).isEmpty)
    }

    // MARK: Schedules and slots

    @Test func `Schedules that are paused are one row, and nothing is stuck by it`() throws {
        let found = try explain {
            $0.pausedSchedules = [
                .init(name: "weekly", workflow: "pack", since: Self.now - 1000),
                .init(name: "nightly", workflow: "ship", since: Self.now - 259_200_000),
            ]
        }
        let row = try only(found)
        #expect(row.unit == .schedules && row.count == 2 && row.workflows == ["ship", "pack"] && row.isExact)
        #expect(row.sentence.hasPrefix("2 schedules are paused and start nothing: nightly since "))
        #expect(row.sentence.contains("(3 d), weekly since "))
        #expect(row.next[0].command == "stepwise schedule resume nightly")
        #expect(found.verdict == .moving && found.stuck == 0)
    }

    @Test(arguments: [0, 1, nil] as [Int?])
    func `Work items of a queue whose workers have no slot free wait, and the longest body is named`(_ free: Int?)
        throws
    {
        let found = try explain {
            $0.queues["default"] = .init(ready: 1, pushed: 0)
            $0.workers.looked[0].free = free
            $0.workers.looked[0].bodies = [
                SeenBody(run: "b", step: "pay", since: Self.now - 5000),
                SeenBody(run: "a", step: "trip", since: Self.now - 720_000),
            ]
        }
        #expect(found.verdict == .moving && found.rows.count == (free == 0 ? 1 : 0))
        guard let row = found.rows.first else { return }
        #expect(row.cause == .slotsFull && row.verdict == .waiting && row.count == 1 && row.unit == .items)
        let start = "1 work item waits in queue default, and its 1 worker has no slot free; the longest: "
        let bodies = "step trip of run a for 12 min on w-1, step pay of run b for 5 s on w-1"
        #expect(row.sentence == start + bodies)
        #expect(row.next.map(\.command) == [nil, "stepwise explain a"])
    }

    @Test func `One of something is told in the singular`() throws {
        #expect(FleetExplanation.Unit.items.word(1) == "item" && FleetExplanation.Unit.runs.word(2) == "runs")
        let found = try explain {
            $0.queues["mail"] = .init(ready: 1, pushed: 0)
            ($0.overdue.count, $0.overdue.oldest) = (1, Self.now - 60_000)
        }
        #expect(found.rows.contains { $0.sentence.contains("in which 1 work item waits: ") })
        #expect(found.rows.contains { $0.sentence.hasPrefix("1 start, timer, retry or time limit is due, ") })
    }

    // MARK: What is over

    @Test func `Runs that failed within the hour are grouped by step and error; old rejections are not told`() throws {
        var first = run("f1")
        first.error = #"{"type":"CardDeclined","message":"no money","step":"charge","attempts":4}"#
        var second = first
        second.id = "f2"
        let found = try explain {
            $0.failed = 7
            $0.samples[.failed] = [first, second]
            $0.malformed.count = 1
            $0.malformed.at = Self.now - 3_600_001
        }
        let row = try only(found)
        #expect(row.cause == .failed && row.count == 2 && !row.isExact && found.verdict == .ended)
        #expect(
            row.sentence
                == "2 of 7 runs that failed within the last hour: step charge: CardDeclined: no money")
        let rejected = try only(
            try explain {
                $0.malformed.count = 1
                ($0.malformed.at, $0.malformed.reason) = (Self.now - 1000, "not JSON")
                $0.malformed.runs = ["order-7"]
            })
        #expect(rejected.runs == ["order-7"])
        let commands = ["stepwise queues --malformed", "stepwise queues --malformed --clear"]
        #expect(rejected.cause == .rejected && rejected.next.map(\.command) == commands)
    }

    @Test func `It can be written and read as JSON`() throws {
        let found = try explain {
            $0.counts = [.parked: 1]
            $0.samples[.parked] = [run("p")]
        }
        let data = try JSONEncoder().encode(found)
        #expect(try JSONDecoder().decode(FleetExplanation.self, from: data) == found)
    }
}
