import Stepwise

extension ExplainCase {
    static let running: [ExplainCase] = [
        ExplainCase(.functionAtWork, .moving, "Worker vm-1-a takes its function forward, past outcome 3") {
            picture, run in
            run.turn = "vm-1-a 3 vm-1-a/9"
            picture.items = [turn(.claimed(worker: "vm-1-a"))]
        },
        ExplainCase(
            .bodyRunning, .moving, "Step charge has run on vm-1-a for 12 s, attempt 2 of 4, and may take 30 s"
        ) { picture, _ in
            picture.open = ["charge": "run 2 0 item of=4 \(now - 60_000)\n{}"]
            picture.items = [step("charge", .claimed(worker: "vm-1-a"))]
            picture.fleet.workers[0].bodies = [
                SeenBody(run: "r", step: "charge", since: now - 12_000, limit: 30_000)
            ]
        },
        ExplainCase(.bodyRunning, .moving, "Step charge runs on vm-1-a, attempt 1") { picture, run in
            (run.turn, run.inline) = ("vm-1-a 3 vm-1-a/9", "charge")
            picture.items = [turn(.claimed(worker: "vm-1-a"))]
        },
        ExplainCase(
            .backingOff, .waiting,
            "Step charge failed 2 of 4 times and is tried again at 2026-11-26 09:30:12Z, in 12 s. Last: GatewayError: 503, on vm-1-a, at "
                + "2026-11-26 09:29:48Z"
        ) { picture, _ in
            picture.open = ["charge": failing("of=4 ")]
            picture.retries = ["charge": now + 12_000]
        },
        ExplainCase(
            .backingOff, .waiting,
            "Step charge failed 2 times and is tried again at 2026-11-26 09:30:12Z, in 12 s. Last: GatewayError: 503, on vm-1-a, at "
                + "2026-11-26 09:29:48Z"
        ) { picture, _ in
            picture.open = ["charge": failing("")]
            picture.retries = ["charge": now + 12_000]
        },
        ExplainCase(
            .lastDelivery, .waiting,
            "Step charge has cost 2 workers their lives (limit 3); its last delivery is with vm-1-a, alone"
        ) { picture, _ in
            picture.open = ["charge": "run 1 2 item"]
            picture.items = [step("charge", .claimed(worker: "vm-1-a"))]
        },
        ExplainCase(
            .turnLost, .waiting,
            "2 workers were lost in a row while they took its function forward past outcome 3 (limit 3)"
        ) { picture, run in
            (run.turn, run.lost) = ("vm-1-a 3 vm-1-a/9", "2 3")
            picture.items = [turn(.claimed(worker: "vm-1-a"))]
        },
        ExplainCase(
            .cancelling, .waiting,
            "Its end was asked for (out of stock), and its function does its cleanup: step refund is open"
        ) { picture, run in
            (run.turn, run.inline, run.cancelled) = ("vm-1-a 3 vm-1-a/9", "refund", "out of stock")
            picture.items = [turn(.claimed(worker: "vm-1-a"))]
        },
        ExplainCase(
            .ending, .moving,
            "Its end is decided (failed), and 1500 steps are still to be withdrawn, which goes on by itself"
        ) { picture, run in
            (run.status, run.ending) = (.ending, "failed")
            picture.openCount = 1500
            picture.items = [SeenItem(.end, "end r 1", .claimed(worker: "vm-1-a"))]
        },
        ExplainCase(
            .queuePaused, .stuck,
            "Queue mail has been paused since 2026-11-26 09:18:00Z (12 min); 8 work items wait in it"
        ) { picture, run in
            (run.status, run.ending) = (.ending, "failed")
            picture.items = [SeenItem(.end, "end r 1", .queue(ahead: 7))]
            picture.queuePause = SeenPause("\(now - 720_000)")
        },
    ]

    /// The text of a step that has failed twice.
    private static func failing(_ of: String) -> String {
        let line =
            "{\"attempt\":2,\"type\":\"GatewayError\",\"message\":\"503\",\"worker\":\"vm-1-a\",\"took\":1200,\"at\":\(now - 12_000),\"delay\":24000}"
        return "run 3 0 item \(of)\(now - 60_000)\n\(line)"
    }

    static let waiting: [ExplainCase] = [
        ExplainCase(.sleeping, .waiting, "It sleeps until 2026-11-29 09:30:00Z, in 3 d (step \"cool down\")") {
            picture, _ in
            picture.open = ["cool down": "sleep 1 0 timer wake=\(now + 259_200_000)"]
        },
        ExplainCase(
            .waitsForEvent, .waiting,
            "It waits for event approved since 2026-11-26 09:18:00Z (12 min), without a time limit; 14 steps wait for that name; its mailbox has "
                + "events of other names: aproved"
        ) { picture, _ in
            picture.open = ["ask": "waitForEvent 1 0 event:4:approved"]
            picture.events = ["ask": SeenEvent(since: now - 720_000, waiting: 14)]
            picture.mail = ["aproved"]
        },
        ExplainCase(
            .waitsForCallback, .waiting,
            "Step sign waits for its callback since 2026-11-26 09:18:00Z (12 min), until 2026-11-26 11:30:00Z, in 2 h; nobody has answered"
        ) { picture, _ in
            let digest = String(repeating: "a1", count: 20)
            picture.open = ["sign": "waitForEvent 1 0 event:4:callback:\(digest) wake=\(now + 7_200_000)"]
            picture.events = ["sign": SeenEvent(since: now - 720_000, waiting: 1)]
        },
        ExplainCase(
            .waitsForChild, .stuck, "Step ship waits for run c (shipping): It waits for a person: the crane is broken"
        ) { picture, _ in
            picture.open = ["ship": "invoke 1 0 child:wait:c"]
            picture.children = ["c": child("c", .parked, reason: "the crane is broken")]
        },
        ExplainCase(
            .waitsForChild, .waiting,
            "It waits for 3 runs: 1 is stuck, 1 waits, 1 was not looked at. Step ship waits for run c (shipping): It waits for a person: the crane is "
                + "broken"
        ) { picture, _ in
            picture.open = [
                "ship": "invoke 1 0 child:wait:c", "ship#2": "invoke 1 0 child:wait:d",
                "ship#3": "invoke 1 0 child:wait:e",
            ]
            var sleeping = child("d", .running)
            sleeping.open = ["nap": "sleep 1 0 timer wake=\(now + 5000)"]
            picture.children = ["c": child("c", .parked, reason: "the crane is broken"), "d": sleeping]
        },
        ExplainCase(
            .joining, .moving,
            "Its function waits for 2 steps together, and 3 more are done: resize#4 is tried again in 12 s, resize#5 runs on vm-1-a"
        ) { picture, run in
            (run.joins, run.recorded) = (true, 6)
            picture.open = ["resize#4": failing(""), "resize#5": "run 1 0 item"]
            picture.openCount = 2
            picture.retries = ["resize#4": now + 12_000]
            picture.items = [step("resize#5", .claimed(worker: "vm-1-a"))]
            picture.fleet.workers[0].bodies = [SeenBody(run: "r", step: "resize#5", since: now - 3000)]
        },
        ExplainCase(.deadlineNear, .waiting, "It has to be done by 2026-11-26 09:30:40Z, in 40 s") { picture, run in
            run.deadline = now + 40_000
            picture.open = ["nap": "sleep 1 0 timer wake=\(now + 5000)"]
        },
    ]

    static let held: [ExplainCase] = [
        ExplainCase(
            .divergence, .stuck,
            "Its function asks for other steps than are recorded: position 2 of the history is the outcome of step \"ship\", but there the code's "
                + "function has ended; versions 2, 3 cannot replay it, and no worker with another version is alive"
        ) { _, run in
            (run.status, run.incompatibleVersions) = (.parked, ["2", "3"])
            run.divergence = Divergence(position: 2, standing: .recorded, expected: .init("ship"), hasEnded: true)
        },
        ExplainCase(
            .undecodable, .stuck,
            "Something that is stored of it does not decode: changed code: the input has no \"sku\"; bring the fitting type back, then resume the run"
        ) { _, run in
            run.status = .parked
            run.reason = Obstacle.undecodable("the input has no \"sku\"").description
        },
        ExplainCase(
            .escaped, .stuck,
            "Its function waited for something that is not a step: the function left its executor after step \"a\" and was not back within 10.0 seconds"
        ) { _, run in
            run.status = .parked
            run.reason = "the function left its executor after step \"a\" and was not back within 10.0 seconds"
        },
        ExplainCase(
            .parked, .stuck, "It has waited for a person since 2026-11-26 09:18:00Z (12 min): the crane is broken"
        ) { _, run in
            (run.status, run.reason, run.since) = (.parked, "the crane is broken", now - 720_000)
        },
        ExplainCase(
            .paused, .stuck,
            "It was paused at 2026-11-26 09:18:00Z, 12 min ago: lunch; 1 body that had begun is still recorded"
        ) { picture, run in
            (run.status, run.reason, run.since) = (.paused, "paused: lunch", now - 720_000)
            picture.open = ["charge": "run 1 0 item"]
            picture.items = [step("charge", .claimed(worker: "vm-1-a"))]
        },
    ]

    static let ended: [ExplainCase] = [
        ExplainCase(
            .failed, .ended,
            "It failed at 2026-11-26 09:18:00Z, 12 min ago: step charge, after 4 attempts: CardDeclined: no money. A resume keeps 3 outcomes and tries "
                + "step charge again"
        ) { picture, run in
            (run.status, run.ended) = (.failed, now - 720_000)
            run.error = "{\"type\":\"CardDeclined\",\"message\":\"no money\",\"step\":\"charge\",\"attempts\":4}"
            picture.prospect = SeenProspect(keep: 3, again: "charge")
        },
        ExplainCase(
            .failed, .ended,
            "It failed at 2026-11-26 09:18:00Z, 12 min ago: Oops: no. Its work was begun anew as run r2, which is completed"
        ) { picture, run in
            (run.status, run.ended, run.restarted) = (.failed, now - 720_000, "r2")
            run.error = "{\"type\":\"Oops\",\"message\":\"no\"}"
            picture.restartedStatus = .completed
        },
        ExplainCase(
            .timeUp, .ended,
            "It failed at 2026-11-26 09:18:00Z, 12 min ago: it was not done in time: RunTimeout: it was to be done by noon. It cannot be resumed: "
                + "after its time was up, \"undo\" was recorded"
        ) { picture, run in
            (run.status, run.ended) = (.failed, now - 720_000)
            run.error = "{\"type\":\"RunTimeout\",\"message\":\"it was to be done by noon\"}"
            picture.prospect = SeenProspect(obstacle: "after its time was up, \"undo\" was recorded")
        },
        ExplainCase(
            .tooMany, .ended,
            "It failed at 2026-11-26 09:18:00Z, 12 min ago: it asked for too many steps: StepwiseError: the limit is 9 (maximumSteps)"
        ) { _, run in
            (run.status, run.ended) = (.failed, now - 720_000)
            run.error = "{\"type\":\"StepwiseError\",\"message\":\"the limit is 9 (maximumSteps)\"}"
        },
        ExplainCase(
            .workersLost, .ended,
            "It failed at 2026-11-26 09:18:00Z, 12 min ago: it cost too many workers their lives: WorkersLost: 3 workers were lost"
        ) { _, run in
            (run.status, run.ended) = (.failed, now - 720_000)
            run.error = "{\"type\":\"WorkersLost\",\"message\":\"3 workers were lost\"}"
        },
        ExplainCase(
            .completed, .ended,
            "It completed at 2026-11-26 09:18:00Z, 12 min ago, 15 s after it began, with 3 outcomes"
        ) { _, run in
            (run.status, run.ended, run.began) = (.completed, now - 720_000, now - 735_000)
        },
        ExplainCase(.completed, .ended, "It completed at 2026-11-26 09:18:00Z, 12 min ago, with 3 outcomes") { _, run in
            (run.status, run.ended) = (.completed, now - 720_000)
        },
        ExplainCase(.cancelled, .ended, "It was cancelled at 2026-11-26 09:18:00Z, 12 min ago: out of stock") {
            _, run in
            (run.status, run.ended, run.cancelled) = (.cancelled, now - 720_000, "out of stock")
        },
    ]

    static let others: [ExplainCase] = [
        ExplainCase(
            .redisFull, .stuck,
            "Redis is full (110 of 100 bytes, noeviction): workers claim nothing, and new runs, children and events are refused; what is at work goes on"
        ) { picture, _ in
            picture.memory = RedisMemory(
                info: "used_memory:110\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n")
            picture.open = ["nap": "sleep 1 0 timer wake=\(now + 5000)"]
        },
        ExplainCase(.redisEvicts, .waiting, "Redis may evict keys (maxmemory-policy allkeys-lru): then runs are lost") {
            picture, _ in
            picture.memory = RedisMemory(
                info: "used_memory:10\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n", keyspace: "db0:keys=7")
            picture.open = ["nap": "sleep 1 0 timer wake=\(now + 5000)"]
        },
        ExplainCase(
            .redisReadOnly, .stuck,
            "Redis takes no writes, so nothing moves: redis is a replica, which takes no writes, so no worker can work with it"
        ) { picture, _ in
            picture.hindrance = .replica
        },
        ExplainCase(.clockSkew, .waiting, "The clock of worker vm-1-a on vm-1 is 93 s ahead of Redis'") { picture, _ in
            picture.fleet.workers[0].clock = 93_000
            picture.open = ["nap": "sleep 1 0 timer wake=\(now + 5000)"]
        },
        ExplainCase(
            .nobodyMoves, .stuck,
            "Nothing that should move it was found: step charge: it is open at attempt 1, and no work item moves it"
        ) { picture, _ in
            picture.open = ["charge": "run 1 0 item"]
            picture.items = [step("charge", nil)]
            picture.violations = [
                Violation(
                    .stepWithoutMover, run: "r", step: "charge", key: "k",
                    "it is open at attempt 1, and no work item moves it",
                    advice: "queue it: redis-cli RPUSH q 'step r 1 1 charge'")
            ]
        },
        ExplainCase(.movedWhileLooking, .moving, "It moved at each look, past outcome 3") { picture, _ in
            picture.hasMoved = true
        },
        ExplainCase(
            .placeUnknown, .unknown,
            "What moves its turn was not found: it is neither among the 10000 at each end of queue mail, nor with the 1 of 312 workers that were "
                + "looked at"
        ) { picture, run in
            run.turn = "queue"
            var item = turn(nil)
            item.mayBeClaimed = true
            picture.items = [item]
            picture.fleet.count = 312
        },
        ExplainCase(
            .placeUnknown, .unknown,
            "None of the 1 of 312 workers that were looked at can take it: 1 does not have workflow order"
        ) { picture, run in
            (run.status, run.turn) = (.noWorker, "unserved")
            picture.items = [turn(.unserved)]
            picture.fleet.workers = [worker("a", workflows: ["refund"])]
            picture.fleet.count = 312
        },
    ]
}
