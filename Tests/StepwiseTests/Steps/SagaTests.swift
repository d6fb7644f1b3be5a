import Stepwise
import StepwiseTesting
import TestSupport
import Testing

private struct OutOfStock: Error, Codable {
    var sku: String
}

private struct Payment: Codable, Sendable {
    var id: Int
}

extension Scenarios {
    @Suite("Sagas")
    struct Sagas {
        /// Charges, reserves, and fails to ship; the undo of the reservation succeeds at its second attempt.
        private func fulfil(_ bodies: Tally, undoing: Retry = soon, refundFails: Bool = false) -> Workflow<Int, String>
        {
            Workflow("fulfil", .retry(.never)) { (context, amount: Int) async throws -> String in
                try await context.saga(undo: .retry(undoing)) { saga in
                    let payment = try await saga.run("charge") {
                        Payment(id: amount)
                    } undo: { payment in
                        bodies.add("refund \(payment.id)")
                        if refundFails { throw Hiccup() }
                    }
                    try await saga.run("reserve") { step in
                        bodies.add("reserve")
                    } undo: { step in
                        bodies.add("release \(step.attempt) \(step.id)")
                        if step.attempt == 1 { throw Hiccup() }
                    }
                    return try await context.run("ship") { throw OutOfStock(sku: "A\(payment.id)") }
                }
            }
        }

        private func fail(
            _ workflow: Workflow<Int, String>, _ memory: Memory
        ) async throws -> (RunDetails, [RecordedStep]) {
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 7)
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                let (details, history) = (try await run.details(), try await run.history())
                expectReplay(of: details, history, by: workflow)
                try await expectSound(client)
                return (details, history)
            }
        }

        @Test(.scenario(54), arguments: Memory.allCases)
        func `A step fails for good: what was done is undone, last in first out, each undo a step recorded once`(
            _ memory: Memory
        ) async throws {
            let bodies = Tally()
            let (details, history) = try await fail(fulfil(bodies), memory)
            #expect(history.map(\.step) == ["charge", "reserve", "ship", "undo reserve", "undo charge"])
            #expect(history.map(\.attempts) == [1, 1, 1, 2, 1])
            #expect(bodies.all == ["reserve", "release 1 undo reserve", "release 2 undo reserve", "refund 7"])
            #expect(details.error?.contains(#""type":"StepFailure""#) == true, "\(details.error ?? "")")
            #expect(details.error?.contains(#""step":"ship","attempts":1"#) == true)
        }

        @Test(arguments: Memory.allCases)
        func `An undo that fails for good: the other undos are run, the run's error tells both`(_ memory: Memory)
            async throws
        {
            let bodies = Tally()
            let (details, history) = try await fail(fulfil(bodies, undoing: .never, refundFails: true), memory)
            #expect(history.map(\.step) == ["charge", "reserve", "ship", "undo reserve", "undo charge"])
            #expect(bodies.all == ["reserve", "release 1 undo reserve", "refund 7"])
            let error = details.error ?? ""
            for part in ["SagaFailure", "OutOfStock", "undo reserve", "undo charge", #""step":"ship""#] {
                #expect(error.contains(part), "\(error)")
            }
        }

        @Test(arguments: Memory.allCases)
        func `Cancelled, or out of time: what could not be undone is told with the reason`(_ memory: Memory)
            async throws
        {
            let bodies = Tally()
            let workflow = Workflow("cut-off", .retry(.never)) { (context, _: Int) async throws -> Int in
                try await context.saga { saga in
                    try await saga.run("charge") {
                    } undo: {
                        throw Hiccup()
                    }
                    try await context.run("wait") {
                        bodies.add("wait")
                        try await Task.sleep(for: .seconds(3600))
                    }
                    return 1
                }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let cancelled = try await client.enqueue(workflow, 0)
                try await eventually("the body runs") { bodies["wait"] == 1 }
                try await cancelled.cancel(reason: "no longer wanted")
                let late = try await client.enqueue(workflow, 0, .runTimeout(.milliseconds(300)))
                #expect(await errorCode { _ = try await cancelled.result(timeout: patience) } == .runCancelled)
                #expect(await errorCode { _ = try await late.result(timeout: patience) } == .runFailed)
                for (run, type, reason) in [
                    (cancelled, "SagaFailure", "no longer wanted"),
                    (late, "RunTimeout", "was not done within its runTimeout"),
                ] {
                    let error = try await run.details().error ?? ""
                    for part in [type, reason, "not everything could be undone", "undo charge"] {
                        #expect(error.contains(part), "\(error)")
                    }
                    #expect(try await run.history().map(\.step).filter { !$0.isEmpty } == ["charge", "undo charge"])
                }
            }
        }

        @Test(.scenario(42), arguments: Memory.allCases)
        func `Cancelled in the middle: the step under way is done, the next is not begun, everything is undone`(
            _ memory: Memory
        ) async throws {
            let bodies = Tally()
            let gate = Latch()
            let workflow = Workflow("cancelled") { (context, _: Int) async throws -> Int in
                try await context.saga { saga in
                    try await saga.run("charge") {
                    } undo: {
                        bodies.add("refund")
                    }
                    try await saga.run("reserve") {
                        bodies.add("reserve")
                        await gate.wait()
                        bodies.add(Task.isCancelled ? "cut off" : "reserved")
                    } undo: {
                        bodies.add("release")
                    }
                    try await saga.run("ship") {
                        bodies.add("ship")
                    } undo: {
                        bodies.add("recall")
                    }
                    return 1
                }
            }
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the body runs") { bodies["reserve"] == 1 }
                #expect(try await run.cancel(reason: "no longer wanted") == .requested)
                gate.open()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
                #expect(bodies.all == ["reserve", "reserved", "release", "refund"])
                let history = try await run.history()
                #expect(
                    history.map(\.step).filter { !$0.isEmpty } == ["charge", "reserve", "undo reserve", "undo charge"])
                let details = try await run.details()
                #expect(details.status == .cancelled)
                expectReplay(of: details, history, by: workflow)
                try await expectSound(client)
            }
        }
    }
}
