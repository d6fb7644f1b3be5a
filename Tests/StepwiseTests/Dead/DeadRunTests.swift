import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

private struct OutOfPaper: Error, Codable {}

extension Scenarios {
    @Suite("Failed runs")
    struct DeadRuns {
        /// Three steps, of which the middle one fails for good until `isMended`.
        private func printing(_ bodies: Tally, _ isMended: Flag) -> Workflow<Int, String> {
            Workflow("printing", .retry(.never)) { (context, number: Int) async throws -> String in
                try await context.run("load") { _ = bodies.add("load") }
                let key = try await context.run("print") { step in
                    bodies.add("print")
                    if !isMended.isSet { throw OutOfPaper() }
                    return step.idempotencyKey
                }
                try await context.run("bind") { _ = bodies.add("bind") }
                return key
            }
        }

        private func fails<Output: Codable & Sendable>(_ run: WorkflowRun<Output>) async throws {
            #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
        }

        @Test
        func `A failed run is listed with its error, the step, the attempts and the worker, page by page`() async throws
        {
            let workflow = printing(Tally(), Flag())
            let other = Workflow("other") { (_, text: String) async throws -> Int in throw Named(text) }
            try await withWorker([workflow, other]) { client, _ in
                let first = try await client.enqueue(workflow, 1, id: "first", .label("tenant", "acme"))
                try await fails(first)
                let runs = try await client.enqueue(other.workflowName, each: ["jam", "no ink"])
                for run in runs { try await fails(run) }

                let dead = try await client.deadRuns(.init(workflow: "printing")).runs
                let run = try #require(dead.first)
                #expect(dead.count == 1 && run.id == "first" && run.labels == ["tenant": "acme"])
                #expect(
                    run.error.message.contains("OutOfPaper") && run.error.step == "print" && run.error.attempts == 1)
                #expect(run.error.worker?.isEmpty == false && run.recorded == 2)
                #expect(try await client.deadRuns(.init(labels: ["tenant": "acme"])).runs.map(\.id) == ["first"])
                #expect(try await client.deadRuns(.init(labels: ["tenant": "emca"])).runs.isEmpty)
                #expect(try await client.deadRuns(.init(errorText: "INK")).runs.map(\.id) == [runs[1].id])
                #expect(try await client.deadRuns(.init(since: run.failed, until: run.failed)).runs.contains(run))
                #expect(try await client.deadRuns(.init(until: .distantPast)).runs.isEmpty)
                #expect(try await client.deadRuns(.init(since: .distantFuture)).runs.isEmpty)

                var pages: [[String]] = []
                var after: String?
                repeat {
                    let page = try await client.deadRuns(after: after, limit: 2)
                    pages.append(page.runs.map(\.id))
                    after = page.next
                } while after != nil
                #expect(pages.map(\.count) == [2, 1])
                #expect(Set(pages.joined()) == Set(["first"] + runs.map(\.id)) && pages.last == ["first"])
                try await expectSound(client)
            }
        }

        /// The number that a run's idempotency keys have.
        private func number(of run: String, _ server: RedisServer) async throws -> Int {
            let stored = try await server.command("HGET", .init("stepwise:{default}:run:\(run)"), "generation").string
            return Generation.number(of: try #require(stored))
        }

        @Test(.scenario(52), arguments: Memory.allCases)
        func `resume keeps what is recorded and tries again what failed, under the same id and key`(_ memory: Memory)
            async throws
        {
            let bodies = Tally()
            let isMended = Flag()
            let workflow = printing(bodies, isMended)
            try await withWorker([workflow], memory: memory) { client, server in
                let run = try await client.enqueue(workflow, 1, id: "book")
                let number = try await number(of: run.id, server)
                try await fails(run)
                // Once more in vain: it fails again, in the same way.
                try await client.resume(run.id)
                try await fails(run)
                isMended.set()
                try await client.resume(run.id)
                let completed = try await complete(run, of: workflow)
                #expect(bodies.all == ["load", "print", "print", "print", "bind"])
                #expect(completed.history.map(\.step) == ["load", "print", "bind"])
                #expect(completed.recorded("print")?.attempts == 1)
                // The key of a retry, a resume and the first attempt is one.
                #expect(completed.output == "book/\(number)/print")
                #expect(try await client.deadRuns().runs.isEmpty)
                try await expectSound(client)
            }
        }

        @Test(arguments: Memory.allCases)
        func `A resumed run opens again the branches that its end had withdrawn`(_ memory: Memory) async throws {
            let isMended = Flag()
            let gate = Latch()
            let bodies = Tally()
            let workflow = Workflow("branches", .retry(.never)) { (context, _: Int) async throws -> [String] in
                async let slow = context.run("slow") {
                    bodies.add("slow")
                    if !isMended.isSet { await gate.wait() }
                    return "slow"
                }
                async let fast = context.run("fast") {
                    if !isMended.isSet { throw OutOfPaper() }
                    return "fast"
                }
                let first = try await fast
                return [first, try await slow]
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await fails(run)
                isMended.set()
                gate.open()
                try await client.resume(run.id)
                let completed = try await complete(run, of: workflow)
                #expect(completed.output == ["fast", "slow"])
                #expect(completed.history.map(\.step).sorted() == ["fast", "slow"])
                try await expectSound(client)
            }
        }

        @Test
        func `A run whose function, and no step, failed is resumed with everything that is recorded`() async throws {
            let isMended = Flag()
            let bodies = Tally()
            let workflow = Workflow("check") { (context, _: Int) async throws -> Int in
                let count = try await context.run("count") { bodies.add("count") }
                if !isMended.isSet { throw Named("the function itself") }
                return count
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await fails(run)
                isMended.set()
                try await client.resume(run.id)
                #expect(try await complete(run, of: workflow).output == 1)
            }
        }

        @Test
        func `Resume refuses a run in which more was recorded after the error, and names it; from a step it goes on`()
            async throws
        {
            let isMended = Flag()
            let bodies = Tally()
            let workflow = Workflow("order", .retry(.never)) { (context, _: Int) async throws -> String in
                let charge = try await context.run("charge") { step in
                    bodies.add("charge")
                    return step.idempotencyKey
                }
                do {
                    try await context.run("ship") {
                        if !isMended.isSet { throw OutOfPaper() }
                    }
                } catch {
                    try await context.run("refund") { _ = bodies.add("refund") }
                    throw error
                }
                return charge
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "order-1")
                let number = try await number(of: run.id, server)
                try await fails(run)
                do {
                    try await client.resume(run.id)
                    Issue.record("a compensated run was resumed")
                } catch let error as StepwiseError {
                    #expect(error.code == .wrongStatus)
                    #expect(error.message.contains("\"refund\"") && error.message.contains("\"ship\""))
                }
                #expect(await errorCode { try await client.resume(run.id, from: "sell") } == .wrongStatus)
                isMended.set()
                try await client.resume(run.id, from: "charge")
                let completed = try await complete(run, of: workflow)
                #expect(bodies.all == ["charge", "refund", "charge"])
                #expect(completed.history.map(\.step) == ["charge", "ship"])
                // It is another step now: a service that drops duplicates must not take it for the refunded one.
                #expect(completed.output == "order-1/\(number + 1)/charge")
                try await expectSound(client)
            }
        }

        @Test func `A resume forgets thousands of outcomes in pages`() async throws {
            let isMended = Flag()
            let workflow = Workflow("many", .retry(.never)) { (context, count: Int) async throws -> Int in
                try await context.run("begin") {}
                for _ in 0..<count { try await context.run("work") {} }
                if !isMended.isSet { throw OutOfPaper() }
                return count
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 2500)
                try await fails(run)
                isMended.set()
                try await client.resume(run.id, from: "work")
                #expect(try await run.result(timeout: patience) == 2500)
                #expect(try await run.details().recorded == 2501)
                try await expectSound(client)
            }
        }

        @Test
        func
            `Who died while he resumed a run from a step has made other steps of those that were forgotten, whoever goes on`()
            async throws
        {
            let isMended = Flag()
            let workflow = Workflow("many", .retry(.never)) { (context, count: Int) async throws -> String in
                try await context.run("begin") {}
                var last = ""
                for _ in 0..<count { last = try await context.run("work") { step in step.idempotencyKey } }
                if !isMended.isSet { throw OutOfPaper() }
                return last
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, 1500, id: "many")
                try await fails(run)
                isMended.set()
                // Its first page is all that the caller lives to see.
                let generation = try await server.command("HGET", "stepwise:{default}:run:many", "generation").string
                let revival = try Revival(
                    resuming: "many", from: "work", [.init(step: "begin"), .init(step: "work")])
                #expect(
                    try await client.forgetPage(ofRun: run.details(), generation: generation ?? "", revival))
                #expect(try await run.details().status == .failed)
                try await expectSound(client)
                try await client.resume("many")
                let number = Generation.number(of: generation ?? "")
                #expect(try await run.result(timeout: patience) == "many/\(number + 1)/work#1500")
                try await expectSound(client)
            }
        }

        @Test func `Two people resume a failed run at the same moment: it goes on once`() async throws {
            let isMended = Flag()
            let bodies = Tally()
            let workflow = Workflow("many", .retry(.never)) { (context, count: Int) async throws -> Int in
                try await context.run("begin") {}
                for _ in 0..<count { try await context.run("work") {} }
                if !isMended.isSet { throw OutOfPaper() }
                return bodies.add("end")
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 2500)
                try await fails(run)
                isMended.set()
                // Both forget pages of the same outcomes; whoever comes second is told, whichever page it is at.
                let codes = await withTaskGroup(of: StepwiseError.Code?.self) { group in
                    for _ in 0..<2 {
                        group.addTask {
                            do { try await client.resume(run.id, from: "work") } catch {
                                return (error as? StepwiseError)?.code
                            }
                            return nil
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(codes.contains(nil) && codes.allSatisfy { $0 == nil || $0 == .wrongStatus })
                #expect(try await run.result(timeout: patience) == 1)
                #expect(try await run.details().recorded == 2501)
                try await expectSound(client)
            }
        }

        @Test func `Restart begins the work anew, once, as a new run that names its origin`() async throws {
            let isMended = Flag()
            let bodies = Tally()
            let workflow = printing(bodies, isMended)
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 7, id: "book", .label("tenant", "acme"))
                #expect(await errorCode { try await client.restart("nobody") } == .noSuchRun)
                try await fails(run)
                isMended.set()
                let again = try await client.restart(run.id, as: "book-2")
                #expect(again.isNew && again.id == "book-2")
                // Asked for a second time: its answer was lost, say.
                let second = try await client.restart(run.id)
                #expect(!second.isNew && second.id == "book-2")
                try await again.result(timeout: patience)
                #expect(bodies.all == ["load", "print", "load", "print", "bind"])
                let details = try await again.details()
                #expect(details.origin == "book" && details.payload == "7" && details.labels == ["tenant": "acme"])
                #expect(try await run.details().restarted == "book-2")
                #expect(try await client.deadRuns().runs.isEmpty)
                #expect(await errorCode { try await client.resume(run.id) } == .wrongStatus)
                #expect(await errorCode { try await client.restart(again.id) } == .wrongStatus)
                try await expectSound(client)
            }
        }

        @Test func `A restart under an id that another run has is refused, and both ways on stay open`() async throws {
            let isMended = Flag()
            let workflow = printing(Tally(), isMended)
            let other = Workflow("other") { (_: WorkflowContext, number: Int) async throws -> Int in number }
            try await withWorker([workflow, other]) { client, _ in
                let run = try await client.enqueue(workflow, 7, id: "book")
                try await fails(run)
                isMended.set()
                _ = try await client.enqueue(other, 1, id: "other").result(timeout: patience)
                _ = try await client.enqueue(workflow, 8, id: "magazine").result(timeout: patience)
                for taken in ["other", "magazine", "book"] {
                    #expect(await errorCode { try await client.restart(run.id, as: taken) } == .invalidIdentifier)
                }
                #expect(try await run.details().restarted == nil)
                #expect(try await client.deadRuns().runs.map(\.id) == ["book"])
                let again = try await client.restart(run.id, as: "book-2")
                #expect(again.isNew)
                #expect(try await client.restart(run.id, as: "book-2").isNew == false)
                try await again.result(timeout: patience)
            }
        }

        @Test
        func `Resume refuses a run whose time was up and that has cleaned up since; without a cleanup it goes on`()
            async throws
        {
            let isMended = Flag()
            let workflow = Workflow("long", .runTimeout(.milliseconds(300))) {
                (context, cleans: Bool) async throws -> Int in
                do {
                    return try await context.run("work") {
                        if !isMended.isSet { try await Task.sleep(for: .seconds(3600)) }
                        return 1
                    }
                } catch {
                    if cleans { try await context.cleanup { try await context.run("undo") {} } }
                    throw error
                }
            }
            try await withWorker([workflow]) { client, _ in
                let cleaned = try await client.enqueue(workflow, true)
                let left = try await client.enqueue(workflow, false)
                for run in [cleaned, left] { try await fails(run) }
                isMended.set()
                do {
                    try await client.resume(cleaned.id)
                    Issue.record("a run that has cleaned up was resumed, and ends again at once")
                } catch let error as StepwiseError {
                    #expect(error.code == .wrongStatus)
                    #expect(error.message.contains("its time was up") && error.message.contains("\"undo\""))
                }
                try await client.resume(left.id)
                #expect(try await left.result(timeout: patience) == 1)
            }
        }

        @Test
        func
            `What is still queued of a run from before it was resumed is dropped, also where an instance of then is suspended`()
            async throws
        {
            let bodies = Tally()
            let gate = Latch()
            let workflow = Workflow("pair") { (context, number: Int) async throws -> Int in
                async let left = context.run("left") {
                    bodies.add("left")
                    await gate.wait()
                }
                async let right = context.run("right") {
                    bodies.add("right")
                    await gate.wait()
                }
                _ = try await (left, right)
                return number
            }
            try await withWorker([workflow]) { client, server in
                // It ends from outside, while it is paused: the worker's instance is not given up.
                let run = try await client.enqueue(workflow, 0, .runTimeout(.milliseconds(500)))
                try await eventually("the bodies do not run") { bodies.all.count == 2 }
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: client.eventLoop, logger: .silent)
                let key = RedisArgument("stepwise:{default}:run:\(run.id)")
                let before = try await redis.send(["HGET", key, "generation"]).string ?? ""
                try await run.pause()
                try await fails(run)
                try await client.resume(run.id)
                try await eventually("the bodies do not run again") { bodies.all.count == 4 }
                let queue = "stepwise:{default}:queue:default"
                _ = try await redis.send(["RPUSH", .init(queue), .init("step \(run.id) \(before) 1 left")])
                try await eventually("it is not dropped") {
                    let totals = try await client.queueTotals().queues
                    return totals.allSatisfy { $0.ready == 0 } && totals.map(\.claimed).reduce(0, +) == 2
                }
                #expect(bodies["left"] == 2)
                gate.open()
                _ = try await run.result(timeout: patience)
                await redis.close()
            }
        }

        @Test func `Delete removes a run that has ended, and no other`() async throws {
            let gate = Latch()
            let workflow = printing(Tally(), Flag())
            let waiting = Workflow("waiting") { (context, _: Int) async throws -> Void in
                try await context.run("wait") { await gate.wait() }
            }
            try await withWorker([workflow, waiting]) { client, server in
                let run = try await client.enqueue(workflow, 1)
                try await fails(run)
                try await client.delete(run.id)
                #expect(await errorCode { _ = try await run.details() } == .runGone)
                #expect(try await client.deadRuns().runs.isEmpty)
                let live = try await client.enqueue(waiting, 1)
                #expect(await errorCode { try await client.delete(live.id) } == .wrongStatus)
                #expect(await errorCode { try await client.delete("nobody") } == .noSuchRun)
                gate.open()
                try await live.result(timeout: patience)
                try await expectSound(client)
            }
        }

        @Test(arguments: Memory.allCases)
        func `onFailure gets the input and the error, its steps are recorded, and the run fails with the error`(
            _ memory: Memory
        ) async throws {
            let bodies = Tally()
            let workflow = printing(bodies, Flag()).onFailure { context, number, error in
                let step = (error as? StepFailure)?.step ?? "none"
                async let support = context.run("tell support") { _ = bodies.add("\(number) \(step)") }
                async let buyer = context.run("tell buyer") { _ = bodies.add("buyer") }
                _ = try await (support, buyer)
                try await context.run("never") { throw Named("nobody answers") }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 7)
                try await fails(run)
                #expect(bodies.all.sorted() == ["7 print", "buyer", "load", "print"])
                let history = try await run.history()
                #expect(history.map(\.step).sorted() == ["load", "never", "print", "tell buyer", "tell support"])
                let dead = try #require(try await client.deadRuns().runs.first)
                #expect(dead.error.message.contains("OutOfPaper") && dead.error.step == "print")
                try await eventually("no warning") {
                    try await run.details().warning?.contains("nobody answers") == true
                }
                #expect(await errorCode { try await client.resume(run.id) } == .wrongStatus)
            }
        }

        @Test(arguments: Memory.allCases)
        func `onFailure is told when a run's time was up, and its steps begin all the same`(_ memory: Memory)
            async throws
        {
            let bodies = Tally()
            let workflow = Workflow("long", .runTimeout(.milliseconds(300))) { (context, _: Int) async throws -> Void in
                try await context.run("wait") { try await Task.sleep(for: .seconds(3600)) }
            }.onFailure { context, number, error in
                try await context.run("tell") { _ = bodies.add("\(number) \(type(of: error))") }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 7)
                #expect(await errorCode { try await run.result(timeout: patience) } == .runFailed)
                #expect(bodies.all == ["7 RunTimeout"])
                #expect(try await run.details().error?.contains("RunTimeout") == true)
                #expect(try await run.history().map(\.step) == ["", "tell"])
                try await expectSound(client)
            }
        }

        @Test(.scenario(52), arguments: Memory.allCases)
        func `A run whose last word recorded steps is not simply resumed, whatever its function's error was`(
            _ memory: Memory
        ) async throws {
            let isSilent = Flag()
            let workflow = Workflow("boom", .retry(.never)) { (context, _: Int) async throws -> Void in
                try await context.run("work") {}
                throw Named("boom")
            }.onFailure { context, _, _ in
                if isSilent.isSet { return }
                try await context.run("word") {}
                try await context.run("last") { throw OutOfPaper() }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 1)
                #expect(await errorCode { try await run.result(timeout: patience) } == .runFailed)
                #expect(try await run.history().map(\.step) == ["work", "word", "last"])
                let refusal = try #require(try await client.prospectOfResuming(run.id))
                #expect(refusal.contains("after its function had ended in an error, \"word\", \"last\""), "\(refusal)")
                #expect(await errorCode { try await client.resume(run.id) } == .wrongStatus)
                #expect(try await client.prospectOfResuming(run.id, from: "work") == nil)
                // A last word that records nothing leaves the way free.
                isSilent.set()
                let other = try await client.enqueue(workflow, 1)
                #expect(await errorCode { try await other.result(timeout: patience) } == .runFailed)
                #expect(try await client.prospectOfResuming(other.id) == nil)
                try await expectSound(client)
            }
        }

        @Test func `What failed after a run's time was up is not what a resume tries again`() throws {
            let history: [Revival.Line] = [
                .init(step: "work"), .init(step: "", isCancel: true), .init(step: "tell", isError: true),
            ]
            #expect(throws: StepwiseError.self) {
                try Revival(resuming: "r", failed: nil, isTimeUp: true, history)
            }
            let revival = try Revival(
                resuming: "r", failed: nil, isTimeUp: true, [.init(step: "work"), .init(step: "", isCancel: true)])
            #expect(revival.keep == 1 && revival.forgetsCancel)
        }

        @Test func `onFailure has no say in a run that was cancelled`() async throws {
            let bodies = Tally()
            let begun = Latch()
            let workflow = Workflow("long") { (context, _: Int) async throws -> Void in
                try await context.run("wait") {
                    begun.open()
                    try await Task.sleep(for: .seconds(3600))
                }
            }.onFailure { _, _, _ in _ = bodies.add("onFailure") }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 7)
                await begun.wait()
                try await run.cancel()
                #expect(await errorCode { try await run.result(timeout: patience) } == .runCancelled)
                #expect(bodies.all.isEmpty)
            }
        }
    }
}

private struct Named: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
