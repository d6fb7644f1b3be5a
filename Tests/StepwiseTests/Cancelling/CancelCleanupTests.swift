import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Cleaning up after a cancellation")
    struct CancelCleanup {
        /// Waits for a step, then undoes what was done, in a branch each and one step after them.
        private func waiting(
            _ place: StepPlace, _ bodies: Tally, tidying: Latch, _ work: @escaping @Sendable () async throws -> Void
        ) -> Workflow<Int, String> {
            Workflow("waiting", .retry(soon)) { (context, _: Int) async throws -> String in
                @Sendable func tidy(_ name: String) async throws {
                    try await context.run(name) { step in
                        bodies.add("\(name) \(step.attempt)")
                        if step.attempt == 1 { throw Hiccup() }
                        await tidying.wait()
                        bodies.add(Task.isCancelled ? "\(name) was cancelled" : "\(name) is done")
                    }
                }
                try await context.run("before") {}
                do {
                    async let beside: Void = context.run("beside", .retry(.fixed(.seconds(3600)))) {
                        if place == .parallel { try await work() }
                    }
                    if place == .serial { try await beside }
                    try await context.run("work", .retry(.fixed(.seconds(3600)))) { try await work() }
                    try await beside
                    return "completed"
                } catch {
                    try await context.cleanup {
                        async let left: Void = tidy("left")
                        async let right: Void = tidy("right")
                        _ = try await (left, right)
                        try await tidy("last")
                    }
                    throw error
                }
            }
        }

        /// Cancels a run that is blocked, and expects each step of its cleanup to be executed to its end and recorded once.
        private func cancelAndExpectCleanup(
            _ workflow: Workflow<Int, String>, _ memory: Memory, _ bodies: Tally, tidying: Latch,
            whenBlocked isBlocked: (StepwiseClient) async throws -> Bool
        ) async throws {
            try await withWorker([workflow], memory: memory, configuration: .init(lease: .seconds(1))) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the run is blocked") { try await isBlocked(client) }
                #expect(try await run.cancel(reason: "no longer wanted") == .requested)
                try await eventually("the cleanup is under way") { bodies["left 2"] == 1 && bodies["right 2"] == 1 }
                // Bodies that nobody wants are cancelled within two beats.
                try await waitForBeats(5, client)
                tidying.open()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                let history = try await run.history()
                let recorded = history.map(\.step)
                #expect(
                    Array(recorded.suffix(4).prefix(3)).sorted() == ["", "left", "right"] && recorded.last == "last")
                #expect(Set(recorded).count == recorded.count && !recorded.contains("work"), "\(recorded)")
                #expect(history.suffix(3).allSatisfy { $0.error == nil && $0.attempts == 2 })
                #expect(["left", "right", "last"].allSatisfy { bodies["\($0) is done"] == 1 }, "\(bodies.all)")
                let details = try await run.details()
                #expect(details.status == .cancelled && details.cancelled == "no longer wanted")
                expectReplay(of: details, history, by: workflow)
                try await expectSound(client)
            }
        }

        /// Waits until every worker has beaten so many times.
        private func waitForBeats(_ count: Int, _ client: StepwiseClient) async throws {
            var beats = Set<String>()
            let workers = try await client.workers().count
            try await eventually("the workers beat") {
                for worker in try await client.workers() { beats.insert("\(worker.name) \(worker.lastBeat ?? 0)") }
                return beats.count >= workers * count
            }
        }

        @Test(.scenario(42), arguments: StepPlace.allCases, Memory.allCases)
        func `Cancelled while a body runs, alone or beside another: the cleanup's steps are executed to their end`(
            _ place: StepPlace, _ memory: Memory
        ) async throws {
            let bodies = Tally()
            let (gate, tidying) = (Latch(), Latch())
            let workflow = waiting(place, bodies, tidying: tidying) {
                bodies.add("work")
                await gate.wait()
                bodies.add(Task.isCancelled ? "work was cancelled" : "work is done")
                try Task.checkCancellation()
            }
            let count = place == .serial ? 1 : 2
            try await cancelAndExpectCleanup(workflow, memory, bodies, tidying: tidying) { _ in
                bodies["work"] == count
            }
            try await eventually("the work was cancelled") { bodies["work was cancelled"] == count }
        }

        @Test(.scenario(42), arguments: StepPlace.allCases)
        func `Cancelled while steps wait for their next attempt: they are withdrawn, the cleanup is executed`(
            _ place: StepPlace
        ) async throws {
            let bodies = Tally()
            let tidying = Latch()
            let workflow = waiting(place, bodies, tidying: tidying) { throw Hiccup() }
            let count = place == .serial ? 1 : 2
            try await cancelAndExpectCleanup(workflow, .hot, bodies, tidying: tidying) { client in
                try await client.queueTotals().delayed == count
            }
        }

        @Test
        func `A cleanup may return a value, and the function may return it: then the run has completed`() async throws {
            let bodies = Tally()
            let workflow = Workflow("polite") { (context, _: Int) async throws -> String in
                do {
                    return try await context.run("work") {
                        bodies.add("work")
                        try await Task.sleep(for: .seconds(3600))
                        return "done"
                    }
                } catch is CancellationError {
                    return try await context.cleanup { try await context.run("tidy") { "tidied" } }
                }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the body runs") { bodies["work"] == 1 }
                try await run.cancel()
                #expect(try await complete(run, of: workflow).output == "tidied")
            }
        }

        @Test func `A cleanup inside a step's body, or from Task { }, is an error as a step there is`() async throws {
            let workflow = Workflow("misplaced") { (context, _: Int) async throws -> [String] in
                let inside = try await context.run("outer", .retry(.never)) {
                    do { return "\(try await context.cleanup { 1 })" } catch let error as StepwiseError {
                        return "\(error.code)"
                    }
                }
                let outside = await Task.detached {
                    do { return "\(try await context.cleanup { 1 })" } catch {
                        return (error as? StepwiseError)?.code.description ?? "\(error)"
                    }
                }.value
                return [inside, outside]
            }
            try await withWorker([workflow]) { client, _ in
                let codes = try await client.enqueue(workflow, 0).result(timeout: patience)
                #expect(codes[0] == "nestedStep" && codes[1] == "stepOutsideFunction", "\(codes)")
            }
        }
    }
}
