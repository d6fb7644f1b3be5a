import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

private struct Busy: Error {}

private let pay = Workflow("pay") { (context, amount: Int) async throws -> Int in
    try await context.run("ask the bank", .retry(.fixed(.seconds(36_000)))) { (step: Step) async throws -> Int in
        if step.attempt < 3 { throw Busy() }
        return amount
    }
}

@Suite("The command retry", .serialized)
struct RetryCommandTests {
    private func waits(_ fixture: Fixture, _ attempt: Int) async throws {
        try await eventually("it does not wait for attempt \(attempt)") {
            let open = try await fixture.client.openSteps(ofRun: "r").first?.state
            return open?.attempt == attempt && open?.place == "item"
        }
    }

    @Test func `A step that waits for its next attempt is retried, and the run completes`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([pay]) {
                let run = try await fixture.client.enqueue(pay, 7, id: "r")
                try await waits(fixture, 2)
                #expect(try await fixture.stepwise("status", "r").output.contains("ask the bank"))
                let first = try await fixture.stepwise("retry", "r", "ask the bank", "--json")
                #expect(first.code == 0 && first.complaint.isEmpty, "\(first)")
                #expect(first.output == "{\"id\":\"r\",\"step\":\"ask the bank\",\"attempt\":2}\n")
                try await waits(fixture, 3)
                #expect(try await fixture.stepwise("pause", "--queue", "default", "--by", "Ada").code == 0)
                let second = try await fixture.stepwise("retry", "r", "ask the bank")
                #expect(second.code == 0 && second.output == "r: attempt 3 of step ask the bank waits no longer\n")
                #expect(second.complaint.contains("queue default is paused since 2"), "\(second)")
                #expect(
                    second.complaint.hasSuffix("by Ada; to let it go on: stepwise resume --queue default\n"),
                    "\(second)")
                #expect(try await fixture.stepwise("resume", "--queue", "default").code == 0)
                let amount = try await run.result(timeout: patience)
                #expect(amount == 7)
            }
            let ended = try await fixture.stepwise("retry", "r", "ask the bank")
            #expect(ended.code == 2 && ended.complaint.contains("run r has ended, completed"), "\(ended)")
        }
    }

    @Test func `What cannot be retried exits with 2 and says what helps; half a command is wrong usage`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(pay, 7, id: "later", .after(.hours(1)))
            let later = try await fixture.stepwise("retry", "later", "ask the bank")
            #expect(later.code == 2 && later.complaint.contains("stepwise cancel later"), "\(later)")
            let none = try await fixture.stepwise("retry", "none", "ask the bank")
            #expect(none.code == 2 && none.complaint.contains("no run none"), "\(none)")
            let half = try await fixture.stepwise("retry", "later")
            #expect(half.code == 64, "\(half)")
        }
    }
}
