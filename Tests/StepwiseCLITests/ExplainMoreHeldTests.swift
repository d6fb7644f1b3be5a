import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private struct Declined: Error, CustomStringConvertible {
    var description: String { "no money" }
}

/// Runs that wait for other code or for a person, and runs that have failed.
@Suite("What explain says of runs that need somebody", .serialized)
struct ExplainMoreHeldTests {
    private let gate = Latch()

    /// A step, an event, and the end.
    private func calls(_ step: String, _ options: WorkflowOption...) -> Workflow<Int, Int> {
        let body: @Sendable (WorkflowContext, Int) async throws -> Int = { context, number in
            let first = try await context.run(step) { number }
            try await context.waitForEvent("go")
            return first
        }
        guard let option = options.first else { return Workflow("calls", body: body) }
        return Workflow("calls", option, body: body)
    }

    /// Has a worker take a run to its event; then that comes, and nobody is there.
    private func begin(
        _ fixture: Fixture, _ workflow: Workflow<Int, Int>, _ id: String
    ) async throws -> WorkflowRun<Int> {
        let run = try await fixture.client.enqueue(workflow, 7, id: id)
        try await fixture.withWorker([workflow]) { try await fixture.told(.waitsForEvent, id, .waiting) }
        try await run.notify("go")
        return run
    }

    private func expectEnd(_ run: WorkflowRun<Int>, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let result = try await run.result(timeout: patience)
        #expect(result == 7, sourceLocation: sourceLocation)
    }

    // MARK: Other code

    @Test func `Code that asks for other steps: the code that fits goes on after a resume, another version by itself`()
        async throws
    {
        try await Fixture.with { fixture in
            let plain = try await begin(fixture, calls("one"), "plain")
            try await fixture.withWorker([calls("uno")]) {
                let parked = try await fixture.told(.divergence, "plain", .stuck)
                #expect(parked.sentence.contains("\"one\", but there the code asks for "), "\(parked.line)")
            }
            try await fixture.withWorker([calls("one")]) {
                try await fixture.obey(try await fixture.told(.divergence, "plain", .stuck), "stepwise resume plain")
                try await expectEnd(plain)
            }
            let versioned = try await begin(fixture, calls("one", .version("1")), "versioned")
            try await fixture.withWorker([calls("uno", .version("2"))]) {
                let parked = try await fixture.told(.divergence, "versioned", .stuck) { $0.fact("versions") != nil }
                #expect(
                    parked.sentence.hasSuffix(
                        "; version 2 cannot replay it, and no worker with another version is alive"))
                let advice = parked.next.first?.effect
                #expect(advice?.hasSuffix("; one with another version takes it up by itself") == true)
                try await fixture.withWorker([calls("one", .version("1"))]) { try await expectEnd(versioned) }
            }
        }
    }

    @Test func `A type that does not read what is stored, and an outcome that nobody can read`() async throws {
        let other = Workflow("calls") { (context, number: Int) async throws -> Int in
            let first = try await context.run("one") { "seven" }
            try await context.waitForEvent("go")
            return first.utf8.count + number
        }
        try await Fixture.with { fixture in
            let typed = try await begin(fixture, calls("one"), "typed")
            try await fixture.withWorker([other]) { try await fixture.told(.undecodable, "typed", .stuck) }
            try await fixture.withWorker([calls("one")]) {
                let parked = try await fixture.told(.undecodable, "typed", .stuck)
                try await fixture.obey(parked, "stepwise resume typed")
                try await expectEnd(typed)
            }
            let damaged = try await begin(fixture, calls("one"), "damaged")
            let key = RedisArgument("stepwise:{default}:steps:damaged")
            let record = try await fixture.redis.send(["HGET", key, "1"]).bytes ?? []
            _ = try await fixture.redis.send(["HSET", key, "1", "rubbish"])
            try await fixture.withWorker([calls("one")]) {
                let parked = try await fixture.told(.parked, "damaged", .stuck)
                #expect(parked.sentence.contains("outcome 1 of the history cannot be read"), "\(parked.line)")
                _ = try await fixture.redis.send(["HSET", key, "1", .bytes(record)])
                try await fixture.obey(parked, "stepwise resume damaged")
                try await expectEnd(damaged)
            }
        }
    }

    @Test func `A function that waits for what is no step goes on after a resume`() async throws {
        let gate = gate
        let escaping = Workflow("escaping") { (context, number: Int) async throws -> Int in
            await gate.wait()
            return try await context.run("one") { number }
        }
        try await Fixture.with { fixture in
            let settings = StepwiseWorker.Configuration(offExecutorLimit: .milliseconds(50))
            try await fixture.withWorker([escaping], configuration: settings) {
                let run = try await fixture.client.enqueue(escaping, 7, id: "r")
                let parked = try await fixture.told(.escaped, "r", .stuck)
                gate.open()
                try await fixture.obey(parked, "stepwise resume r")
                try await expectEnd(run)
            }
        }
    }

    // MARK: Failed

    @Test func `A run out of time, and one that asks for too many steps, go on after a resume`() async throws {
        let long = Workflow("long") { (context, number: Int) async throws -> Int in
            for step in ["one", "two", "three"] { try await context.run(step) { _ = number } }
            return number
        }
        try await Fixture.with { fixture in
            let waiting = calls("one")
            let settings = StepwiseWorker.Configuration(maximumSteps: 2)
            let late = try await fixture.client.enqueue(waiting, 7, id: "late", .runTimeout(.seconds(1)))
            try await fixture.withWorker([waiting, long], configuration: settings) {
                let failed = try await fixture.told(.timeUp, "late", .ended)
                try await fixture.obey(failed, "stepwise resume late")
                try await fixture.told(.waitsForEvent, "late", .waiting)
                try await late.notify("go")
                try await expectEnd(late)
                try await fixture.client.enqueue(long, 7, id: "long")
                try await fixture.told(.tooMany, "long", .ended)
            }
            try await fixture.withWorker([long]) {
                let failed = try await fixture.told(.tooMany, "long", .ended)
                try await fixture.obey(failed, "stepwise resume long")
                try await expectEnd(fixture.client.handle("long", as: Int.self))
            }
        }
    }

    @Test func `Work that was begun anew is told with the run that does it now`() async throws {
        let isMended = gate
        let pay = Workflow("pay") { (context, number: Int) async throws -> Int in
            try await context.run("charge", .retry(.never)) { () async throws -> Int in
                if !isMended.isOpen { throw Declined() }
                return number
            }
        }
        try await Fixture.with { fixture in
            try await fixture.withWorker([pay]) {
                try await fixture.client.enqueue(pay, 7, id: "r")
                let failed = try await fixture.told(.failed, "r", .ended)
                isMended.open()
                try await fixture.obey(failed, "stepwise dead restart r")
                let restarted = try await fixture.told(.failed, "r", .ended) {
                    $0.fact("restartedStatus") == "completed"
                }
                #expect(restarted.sentence.hasSuffix(", which is completed"))
                try await fixture.obey(restarted, "stepwise explain")
                let id = try #require(restarted.fact("restarted"))
                let completed = try await fixture.told(.completed, id, .ended)
                fixture.expectNothingToDo(completed)
            }
        }
    }
}
