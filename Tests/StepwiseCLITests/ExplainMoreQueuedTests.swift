import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// Holds the thread that executes it.
private func hold(_ semaphore: DispatchSemaphore) { semaphore.wait() }

/// Work items that wait: for their time, in a queue, apart from it, and with a worker.
@Suite("What explain says of work items that wait", .serialized)
struct ExplainMoreQueuedTests {
    private let gate = Latch()

    private let plain = Workflow("plain") { (context, text: String) async throws -> String in
        try await context.run("one") { text }
    }

    /// A step that waits for the gate.
    private var slow: Workflow<String, String> {
        let gate = gate
        return Workflow("slow") { (context, text: String) async throws -> String in
            try await context.run("render") { () async throws -> String in
                await gate.wait()
                return text
            }
        }
    }

    @Test func `What starts later starts by itself, or is cancelled; what is overdue starts with the first worker`()
        async throws
    {
        try await Fixture.with { fixture in
            let overdue = try await fixture.client.enqueue(plain, "in", id: "overdue", .after(.milliseconds(1)))
            let late = try await fixture.told(.dueNotMoved, "overdue", .stuck)
            #expect(late.sentence.hasSuffix(", and nobody has moved it: no worker is alive"))
            // Without a worker it exits with 1, and says so.
            try await fixture.obey(late, "stepwise health", code: 1)

            let soon = try await fixture.client.enqueue(plain, "in", id: "soon", .after(.seconds(4)))
            let waiting = try await fixture.told(.startsLater, "soon", .waiting)
            #expect(waiting.until != nil)
            fixture.expectNothingToDo(waiting)
            let unwanted = try await fixture.client.enqueue(plain, "in", id: "unwanted", .after(.hours(1)))
            try await fixture.withWorker([plain]) {
                let first = try await overdue.result(timeout: patience)
                let second = try await soon.result(timeout: patience)
                #expect(first == "in" && second == "in")
                try await fixture.obey(try await fixture.told(.startsLater, unwanted.id, .waiting))
                try await fixture.told(.cancelled, unwanted.id, .ended)
            }
        }
    }

    @Test func `Where all slots are taken it is said by whom: in the queue, and apart from it`() async throws {
        let gate = gate
        try await Fixture.with { fixture in
            // Before there is a worker, so that none claims before it knows.
            try await fixture.client.pause(workflow: "plain")
            try await fixture.withWorker([plain, slow], configuration: .init(concurrency: 1)) {
                let apart = try await fixture.client.enqueue(plain, "apart", id: "apart")
                try await eventually("it is put apart") { try await apart.details().status == .noWorker }
                let first = try await fixture.client.enqueue(slow, "first", id: "first")
                try await fixture.told(.bodyRunning, "first", .moving)
                let second = try await fixture.client.enqueue(slow, "second", id: "second")
                let full = try await fixture.told(.slotsFull, "second", .waiting) {
                    $0.fact("longestRun") == "first"
                }
                #expect(full.workers.map(\.why) == ["0 of 1 slots free"])
                try await fixture.obey(full, "stepwise explain first")

                try await fixture.client.resume(workflow: "plain")
                let waits = try await fixture.told(.noSlotThere, "apart", .waiting)
                #expect(waits.workers.map(\.can) == [true])
                gate.open()
                for run in [first, second, apart] {
                    let result = try await run.result(timeout: patience)
                    #expect(result == run.id)
                }
            }
        }
    }

    @Test func `What a worker holds and has not begun begins by itself`() async throws {
        let semaphore = DispatchSemaphore(value: 0)
        // However it ends, no thread stays held.
        defer { for _ in 1...8 { semaphore.signal() } }
        let pair = Workflow("pair") { (context, _: Int) async throws -> Int in
            let parts = try await context.map([1, 2], "part", .blocking) { (number: Int) async throws -> Int in
                hold(semaphore)
                return number
            }
            return parts.reduce(0, +)
        }
        try await Fixture.with { fixture in
            try await fixture.withWorker([pair], configuration: .init(blockingThreads: 1)) {
                let run = try await fixture.client.enqueue(pair, 0, id: "r")
                let held = try await fixture.told(.claimedNotBegun, "r", .waiting) { explanation in
                    explanation.also.contains { $0.cause == .bodyRunning }
                }
                fixture.expectNothingToDo(held)
                for _ in 1...2 { semaphore.signal() }
                let result = try await run.result(timeout: patience)
                #expect(result == 3)
            }
        }
    }

    /// The worker that could take it is planted: a real one would have taken it before anybody asks.
    @Test func `What is in a queue for a worker with free slots is taken by itself, a turn with news, too`()
        async throws
    {
        let asking = Workflow("plain") { (context, text: String) async throws -> String in
            try await context.waitForEvent("go", as: String.self) + text
        }
        try await Fixture.with { fixture in
            let first = try await fixture.client.enqueue(asking, "1", id: "first")
            try await fixture.withWorker([asking]) { try await fixture.told(.waitsForEvent, "first", .waiting) }
            try await fixture.plantWorker(of: "plain")
            try await fixture.client.notify("go", "x", run: "first")
            let turn = try await fixture.told(.turnWaits, "first", .waiting)
            #expect(
                turn.sentence
                    == "1 outcome is recorded that its function has not seen: its turn is 1st in queue default, 0 are ahead; "
                    + "1 worker can take it, with 5 of 5 slots free")
            fixture.expectNothingToDo(turn)
            let second = try await fixture.client.enqueue(asking, "2", id: "second")
            let queued = try await fixture.told(.inQueue, "second", .waiting)
            #expect(queued.sentence.hasPrefix("It is 2nd in queue default: 1 is ahead; 1 worker can take it"))
            fixture.expectNothingToDo(queued)
            try await fixture.withWorker([asking]) {
                let result = try await first.result(timeout: patience)
                #expect(result == "x1")
                try await second.notify("go", "y")
                let other = try await second.result(timeout: patience)
                #expect(other == "y2")
            }
        }
    }

    @Test func `An end in pages goes on by itself, but not in a paused queue, nor without a worker`() async throws {
        let crowd = Workflow("crowd") { (context, count: Int) async throws -> Int in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<count { group.addTask { try await context.waitForEvent("never", name: "wait") } }
                defer { group.cancelAll() }
                _ = try await group.next()
            }
            return count
        }
        try await Fixture.with { fixture in
            let run = try await fixture.client.enqueue(crowd, 1100, id: "crowd")
            try await fixture.withWorker([crowd]) {
                try await eventually("everything is open") {
                    let count = try await fixture.client.openStepCount(ofRun: "crowd")
                    let turn = try await fixture.send("HGET ~run:crowd turn").string
                    return count == 1100 && turn == ""
                }
                try await run.pause()
            }
            try await fixture.client.pause(queue: "default")
            try await run.cancel(reason: "enough")
            // Nobody claims from a paused queue, whoever is alive.
            try await fixture.plantWorker(of: "crowd")
            let paused = try await fixture.told(.queuePaused, "crowd", .stuck)
            #expect(paused.also.map(\.cause) == [.ending])
            try await fixture.obey(paused)
            let ending = try await fixture.told(.ending, "crowd", .moving)
            #expect(ending.fact("left") == "1100")
            fixture.expectNothingToDo(ending)
            try await fixture.send("ZREM ~workers w-1-a")
            try await fixture.send("DEL ~worker:w-1-a")
            try await fixture.told(.noWorkerForQueue, "crowd", .stuck)
            try await fixture.withWorker([crowd]) {
                let cancelled = try await fixture.told(.cancelled, "crowd", .ended)
                #expect(cancelled.sentence.hasSuffix(": enough"))
            }
        }
    }
}
