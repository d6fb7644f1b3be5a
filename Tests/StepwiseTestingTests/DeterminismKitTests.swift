import Foundation
import Stepwise
import StepwiseTesting
import Testing

@Suite("A workflow in the test's process: time, random numbers, new beginnings")
struct DeterminismKitTests {
    @Test
    func `context.now is the test's time, which sleeps move; random numbers are those of every replay`() async throws {
        let workflow = Workflow("dated") { (context, _: Int) async throws -> [String] in
            let before = try await context.now
            let id = context.uuid()
            try await context.sleep(for: .days(3))
            let after = try await context.now
            return ["\(after.timeIntervalSince(before))", "\(id == context.uuid())", id.uuidString]
        }
        let test = WorkflowTest(workflow)
        let output = try await test.run(0)
        #expect(output[0] == "259200.0" && output[1] == "false")
        #expect(test.steps == ["now", "sleep", "now#2"])
    }

    @Test func `A limit that is up, and one that is not, take no real time`() async throws {
        let workflow = Workflow("limited") { (context, _: Int) async throws -> String in
            do {
                return try await context.withTimeout(.hours(24)) {
                    try await context.waitForEvent("approved", as: String.self)
                }
            } catch is WorkflowTimeout { return "too late" }
        }
        let late = WorkflowTest(workflow)
        #expect(try await late.run(0) == "too late")
        #expect(late.elapsed == .hours(24))
        let inTime = WorkflowTest(workflow)
        inTime.at(.hours(23)) { $0.notify("approved", "yes") }
        #expect(try await inTime.run(0) == "yes")
        #expect(inTime.elapsed == .hours(23))
    }

    @Test
    func `A workflow that begins anew goes on with its input and an empty history; its time limit stays`()
        async throws
    {
        let workflow = Workflow("subscription", .runTimeout(.days(100))) { (context, month: Int) async throws -> Int in
            try await context.run("bill \(month)") { month }
            async let _ = context.sleep(for: .days(40), name: "never")
            try await context.sleep(for: .days(30))
            try await context.continueAsNew(month + 1)
        }
        let test = WorkflowTest(workflow)
        await #expect(throws: CancellationError.self) { _ = try await test.run(1) }
        #expect(test.elapsed == .days(100))
        #expect(test.steps == ["bill 4"])
    }
}
