import Stepwise
import Testing

/// A picture of a run, and what must be said of it.
struct ExplainCase: Sendable, CustomTestStringConvertible {
    var cause: Explanation.Cause
    var verdict: Explanation.Verdict
    var sentence: String
    var picture: RunPicture

    init(
        _ cause: Explanation.Cause, _ verdict: Explanation.Verdict, _ sentence: String,
        _ change: (inout RunPicture, inout SeenRun) -> Void
    ) {
        (self.cause, self.verdict, self.sentence) = (cause, verdict, sentence)
        var picture = Self.picture()
        var run = picture.run ?? SeenRun()
        change(&picture, &run)
        if picture.missing == nil { picture.run = run } else { picture.run = nil }
        self.picture = picture
    }

    var testDescription: String { "\(cause): \(sentence)" }

    /// 2026-11-26 09:30:00Z.
    static let now = 1_795_685_400_000

    /// A run that waits for nothing yet, and a worker that can take it.
    static func picture() -> RunPicture {
        var picture = RunPicture(id: "r", now: now)
        var run = SeenRun()
        (run.workflow, run.queue, run.generation) = ("order", "mail", "1")
        (run.recorded, run.delivered) = (3, 3)
        picture.run = run
        picture.fleet.workers = [worker("vm-1-a")]
        (picture.fleet.count, picture.fleet.alive) = (1, 1)
        (picture.queueLength, picture.unservedLength) = (8, 0)
        return picture
    }

    static func worker(
        _ name: String, queues: Set<String> = ["mail"], workflows: [String] = ["order"], silence: Int = 100
    ) -> SeenWorker {
        var worker = SeenWorker(name: name, silence: silence)
        (worker.host, worker.queues, worker.workflows) = ("vm-1", queues, workflows)
        (worker.concurrency, worker.free, worker.lease, worker.maximumWorkerLosses) = (10, 4, 10_000, 3)
        return worker
    }

    static func turn(_ place: SeenItem.Place?) -> SeenItem { SeenItem(.turn, "turn r 1", place) }
    static func step(_ name: String, _ place: SeenItem.Place?) -> SeenItem {
        SeenItem(.step(name), "step r 1 1 \(name)", place)
    }

    static func child(_ id: String, _ status: RunStatus, reason: String? = nil) -> RunPicture {
        var child = picture()
        child.id = id
        child.isShallow = true
        child.run?.workflow = "shipping"
        child.run?.status = status
        child.run?.reason = reason
        child.run?.parentText = "r 1 ship"
        return child
    }

    static let all: [ExplainCase] = missing + queued + hindered + running + waiting + held + ended + others
}

extension ExplainCase {
    private static let missing: [ExplainCase] = [
        ExplainCase(
            .notTakenUp, .stuck,
            "r is not a run yet: it lies 3rd of 8 in the inbox of queue mail, and no worker that is alive claims from it"
        ) { picture, _ in
            picture.fleet.workers = [worker("vm-1-a", queues: ["images"])]
            picture.missing = SeenMissing()
            picture.missing?.pushed = .init(queue: "mail", workflow: "order", place: 3, length: 8)
        },
        ExplainCase(.notTakenUp, .waiting, "r is not a run yet: it lies 1st of 1 in the inbox of queue mail") {
            picture, _ in
            picture.missing = SeenMissing()
            picture.missing?.pushed = .init(queue: "mail", workflow: "order", place: 1, length: 1)
        },
        ExplainCase(
            .notTakenUp, .stuck,
            "r is not a run: it lies in queue:mail, to which Stepwise alone writes; whoever claims it rejects it"
        ) { picture, _ in
            picture.missing = SeenMissing()
            picture.missing?.pushed = .init(queue: "mail", workflow: "order", place: 1, length: 1)
            picture.missing?.pushed?.isMisplaced = true
        },
        ExplainCase(
            .rejected, .stuck,
            "r was pushed to queue mail and rejected at 2026-11-26 09:18:00Z, 12 min ago: \"payLoad\" is not a known member"
        ) { picture, _ in
            picture.missing = SeenMissing()
            picture.missing?.rejected = .init(
                queue: "mail", reason: "\"payLoad\" is not a known member", at: now - 720_000)
        },
        ExplainCase(
            .expected, .unknown,
            "There is no run r, but 2 events wait for it, the last of them sent at 2026-11-26 09:18:00Z, 12 min ago: it never was, or it was "
                + "removed after its end (completed and cancelled runs after 7 days, failed ones after 30, unless that is set)"
        ) { picture, _ in
            picture.missing = SeenMissing()
            picture.missing?.events = 2
            picture.missing?.lastEvent = now - 720_000
        },
        ExplainCase(.noSuchRun, .unknown, "There is no run r in namespace default, and nothing waits for it") {
            picture, _ in
            picture.missing = SeenMissing()
        },
        ExplainCase(
            .noSuchRun, .unknown,
            "There is no run r in namespace default, and there is one of that id in namespace shop, test"
        ) { picture, _ in
            picture.missing = SeenMissing()
            picture.missing?.elsewhere = ["shop", "test"]
        },
        ExplainCase(
            .noSuchRun, .unknown,
            "There is no run r in namespace default, and nothing that was looked at is for it (not looked at: the inboxes of 7 more queues)"
        ) { picture, _ in
            picture.missing = SeenMissing()
            picture.missing?.unseen = ["the inboxes of 7 more queues"]
        },
    ]

    private static let queued: [ExplainCase] = [
        ExplainCase(.startsLater, .waiting, "It starts at 2026-11-26 11:30:00Z, in 2 h: it was enqueued for then") {
            picture, run in
            (run.status, run.turn) = (.queued, "queue")
            picture.items = [turn(.delayed(now + 7_200_000))]
        },
        ExplainCase(
            .dueNotMoved, .stuck,
            "It was due at 2026-11-26 09:29:20Z, 40 s ago, and nobody has moved it: no worker is alive"
        ) { picture, run in
            (run.status, run.turn) = (.queued, "queue")
            picture.items = [turn(.delayed(now - 40_000))]
            picture.fleet = SeenFleet()
            picture.fleet.count = 0
        },
        ExplainCase(
            .inQueue, .waiting,
            "It is 3rd in queue mail: 2 are ahead; 1 worker can take it, with 4 of 10 slots free"
        ) { picture, run in
            (run.status, run.turn) = (.queued, "queue")
            picture.items = [turn(.queue(ahead: 2))]
        },
        ExplainCase(.inQueue, .waiting, "It is in queue mail, and more than 10000 are ahead; 1 worker can take it") {
            picture, run in
            (run.status, run.turn) = (.queued, "queue")
            var item = turn(nil)
            item.mayBeInQueue = true
            picture.items = [item]
            picture.fleet.workers[0].free = nil
        },
        ExplainCase(
            .inQueue, .waiting,
            "It waits apart from queue mail, and 1 worker that can take it looks there every 2 s"
        ) { picture, run in
            (run.status, run.turn) = (.noWorker, "unserved")
            picture.items = [turn(.unserved)]
        },
        ExplainCase(
            .slotsFull, .waiting,
            "Step charge is 1st in queue mail, and all 10 slots of the 1 worker that can take it are taken, the longest by step render of run r9, "
                + "for 12 min, on vm-1-a"
        ) { picture, _ in
            picture.open = ["charge": "run 1 0 item"]
            picture.openCount = 1
            picture.items = [step("charge", .queue(ahead: 0))]
            picture.fleet.workers[0].free = 0
            picture.fleet.workers[0].bodies = [
                SeenBody(run: "r8", step: "short", since: now - 5000),
                SeenBody(run: "r9", step: "render", since: now - 720_000),
            ]
        },
        ExplainCase(
            .noSlotThere, .waiting,
            "It waits apart from queue mail: 1 worker has workflow order and no slot free; they look there every 2 s"
        ) { picture, run in
            (run.status, run.turn) = (.noWorker, "unserved")
            picture.items = [turn(.unserved)]
            picture.fleet.workers[0].free = 0
        },
        ExplainCase(
            .claimedNotBegun, .waiting,
            "Worker vm-1-a holds it, and has not begun, or its function has not come to its first step: 6 of its 10 slots are at work"
        ) { picture, run in
            (run.status, run.turn) = (.queued, "queue")
            picture.items = [turn(.claimed(worker: "vm-1-a"))]
        },
        ExplainCase(
            .claimedNotBegun, .waiting, "Worker vm-1-a holds its turn and has not begun: 6 of its 10 slots are at work"
        ) { picture, run in
            run.turn = "queue"
            picture.items = [turn(.claimed(worker: "vm-1-a"))]
        },
        ExplainCase(
            .claimedNotBegun, .waiting,
            "Worker vm-1-a holds step charge and has not begun it, or only just has: 6 of its 10 slots are at work"
        ) { picture, _ in
            picture.open = ["charge": "run 1 0 item"]
            picture.items = [step("charge", .claimed(worker: "vm-1-a"))]
        },
        ExplainCase(
            .turnWaits, .waiting,
            "2 outcomes are recorded that its function has not seen: its turn is 1st in queue mail, 0 are ahead; 1 worker can take it, with 4 of 10 "
                + "slots free"
        ) { picture, run in
            (run.turn, run.delivered) = ("queue", 1)
            picture.items = [turn(.queue(ahead: 0))]
        },
    ]

    private static let hindered: [ExplainCase] = [
        ExplainCase(
            .queuePaused, .stuck,
            "Queue mail has been paused since 2026-11-23 09:30:00Z (3 d) by ada: the bank is closed; 8 work items wait in it"
        ) { picture, run in
            (run.status, run.turn) = (.queued, "queue")
            picture.items = [turn(.queue(ahead: 2))]
            picture.queuePause = SeenPause(since: now - 259_200_000, by: "ada", reason: "the bank is closed")
        },
        ExplainCase(
            .workflowPaused, .stuck,
            "Workflow order has been paused since 2026-11-26 09:18:00Z (12 min); 1 work item of its runs waits apart from queue mail"
        ) { picture, run in
            (run.status, run.turn) = (.noWorker, "unserved")
            picture.items = [turn(.unserved)]
            picture.workflowPause = SeenPause("\(now - 720_000)")
            picture.unservedLength = 1
        },
        ExplainCase(
            .noWorkerForQueue, .stuck,
            "No worker that is alive claims from queue mail: 3 are alive, serving default (2), images (1)"
        ) { picture, run in
            (run.status, run.turn) = (.queued, "queue")
            picture.items = [turn(.queue(ahead: 0))]
            picture.fleet.workers = [
                worker("a", queues: ["default"]), worker("b", queues: ["default"]), worker("c", queues: ["images"]),
            ]
            (picture.fleet.count, picture.fleet.alive) = (3, 3)
        },
        ExplainCase(.noWorkerForQueue, .stuck, "No worker is alive: the 1 worker is silent") { picture, run in
            (run.status, run.turn) = (.queued, "queue")
            picture.items = [turn(.queue(ahead: 0))]
            picture.fleet.workers[0].silence = 60_000
            picture.fleet.alive = 0
        },
        ExplainCase(
            .noWorkerForWorkflow, .stuck,
            "0 of 5 workers can take it: 1 is silent, 2 do not serve queue mail, 1 does not have workflow order, 1 has only a version that cannot "
                + "replay it (but there is orders)"
        ) { picture, run in
            (run.status, run.turn, run.incompatibleVersions) = (.noWorker, "unserved", ["2"])
            picture.items = [turn(.unserved)]
            var other = worker("e")
            other.versions = ["order": "2"]
            picture.fleet.workers = [
                worker("a", silence: 60_000), worker("b", queues: ["images"]), worker("c", queues: ["images"]),
                worker("d", workflows: ["orders"]), other,
            ]
            (picture.fleet.count, picture.fleet.alive) = (5, 4)
        },
        ExplainCase(
            .heldBySilentWorker, .waiting,
            "Worker vm-1-a, which holds its turn, has been silent for 7 s; after a lease of 10 s another takes over"
        ) { picture, run in
            run.turn = "vm-1-a 3 vm-1-a/9"
            picture.items = [turn(.claimed(worker: "vm-1-a"))]
            picture.fleet.workers = [worker("vm-1-a", silence: 7000), worker("vm-2-b")]
            // Who declares it dead goes by its own.
            picture.fleet.workers[0].lease = 60_000
            picture.fleet.count = 2
        },
        ExplainCase(
            .heldByDeadNobodyLeft, .stuck,
            "Worker vm-1-a died with its turn at 2026-11-26 09:18:00Z, 12 min ago, and no worker is alive to take over"
        ) { picture, run in
            run.turn = "vm-1-a 3 vm-1-a/9"
            picture.items = [turn(.claimed(worker: "vm-1-a"))]
            picture.fleet = SeenFleet()
            picture.fleet.count = 0
            picture.fleet.dead = ["vm-1-a": now - 720_000]
        },
    ]
}
