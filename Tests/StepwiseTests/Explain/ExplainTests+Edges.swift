import Stepwise
import Testing

/// States between others, and what is stored by an enemy.
extension ExplainTests {
    @Test func `An end whose work item lies in a paused queue is stuck, one that a worker has moves`() throws {
        var picture = ExplainCase.picture()
        picture.run?.status = .ending
        picture.run?.ending = "failed"
        picture.openCount = 3
        picture.queuePause = SeenPause(since: ExplainCase.now)
        picture.items = [SeenItem(.end, "end r 1", .queue(ahead: 0))]
        #expect(try explain(picture).cause == .queuePaused)
        #expect(try explain(picture).verdict == .stuck)
        picture.items[0].place = .claimed(worker: "vm-1-a")
        #expect(try explain(picture).verdict == .moving)
        (picture.queuePause, picture.items[0].place, picture.items[0].mayBeInQueue) = (nil, nil, true)
        picture.fleet.workers[0].queues = ["images"]
        #expect(try explain(picture).cause == .noWorkerForQueue)
    }

    @Test func `What is due in a queue that no worker serves waits for such a worker`() throws {
        var picture = ExplainCase.picture()
        picture.run?.status = .queued
        picture.run?.turn = "queue"
        picture.items = [ExplainCase.turn(.delayed(ExplainCase.now - 60_000))]
        #expect(try explain(picture).cause == .dueNotMoved)
        picture.fleet.workers[0].queues = ["images"]
        #expect(try explain(picture).cause == .noWorkerForQueue)
        #expect(try explain(picture).verdict == .stuck)
    }

    @Test func `What a worker has claimed goes on, though its queue is paused`() throws {
        var picture = ExplainCase.picture()
        picture.run?.status = .queued
        picture.run?.turn = "queue"
        picture.items = [ExplainCase.turn(.claimed(worker: "vm-1-a"))]
        picture.queuePause = SeenPause(since: ExplainCase.now)
        #expect(try explain(picture).verdict == .waiting)
        picture.items = [ExplainCase.turn(.queue(ahead: 0))]
        #expect(try explain(picture).verdict == .stuck)
    }

    @Test func `A parked run that a worker with another version takes up by itself is not stuck`() throws {
        var picture = ExplainCase.picture()
        picture.run?.status = .parked
        picture.run?.incompatibleVersions = ["2"]
        picture.run?.divergence = Divergence(
            position: 2, standing: .recorded, expected: .init("ship"), hasEnded: true)
        for (version, verdict) in [("2", Explanation.Verdict.stuck), ("3", .waiting)] {
            picture.fleet.workers[0].versions = ["order": version]
            #expect(try explain(picture).verdict == verdict)
        }
    }

    // MARK: Numbers from outside

    @Test(arguments: ["-9223372036854775808", "9223372036854775807"])
    func `Whatever numbers are stored, it is explained`(_ number: String) throws {
        let names = ["recorded", "delivered", "created", "began", "ended", "startsAt", "deadline", "continued"]
        let worker = ["concurrency", "free", "maximumWorkerLosses", "lease", "clock"]
        for it in ExplainCase.all {
            guard let known = it.picture.run else { continue }
            var picture = it.picture
            var fields = Dictionary(names.map { ($0, number) }) { $1 }
            fields.merge([
                "workflow": "order", "status": known.status.rawValue, "queue": "mail", "generation": "1",
                "turn": known.turn, "inline": known.inline, "lost": "\(number) \(number)",
            ]) { $1 }
            picture.run = SeenRun(fields)
            picture.open["nap"] = "sleep 1 0 timer wake=\(number)"
            picture.open["ask"] = "waitForEvent 1 0 event:\(number):go wake=\(number)"
            picture.open["old"] = "run \(number) \(number) item of=\(number) called=\(number) \(number)\n{}"
            picture.openCount = picture.open.count
            picture.retries["old"] = Int(number)
            picture.queuePause = SeenPause(number)
            var entry = Dictionary(worker.map { ($0, number) }) { $1 }
            entry.merge(["queues": "mail", "workflows": "order", "host": "vm-1"]) { $1 }
            picture.fleet.workers = ["vm-1-a", "vm-2-a"].map { SeenWorker(name: $0, silence: 100, entry) }
            let body = "{\"run\":\"x\",\"step\":\"y\",\"since\":\(number),\"limit\":\(number)}"
            picture.fleet.workers[0].bodies = [SeenBody(json: Array(body.utf8))].compactMap { $0 }
            picture.fleet.count = 2
            let explanation = try explain(picture)
            #expect(!explanation.sentence.isEmpty)
            _ = try JSON.encode(explanation, what: "it")
        }
    }
}
