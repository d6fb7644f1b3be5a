import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// A worker process that a test kills. Its ledger is in the Redis that it works for: there a body waits at its gate.
private struct Victim {
    private let process = Process()

    /// - Parameter lease: in milliseconds.
    init(_ fixture: Fixture, lease: Int) throws {
        process.executableURL = Fixture.program("TestWorker")
        let url = fixture.server.url
        process.arguments = [url, url, "ledger", "author", "default", String(lease), "8", "500"]
        let nothing = FileHandle.nullDevice
        (process.standardInput, process.standardOutput, process.standardError) = (nothing, nothing, nothing)
        try process.run()
    }

    func die() { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
}

/// Workers that die with a step.
@Suite("What explain says of lost workers", .serialized)
struct ExplainMoreLostTests {
    /// Waits until a body has begun so often.
    private func begun(_ fixture: Fixture, _ count: Int) async throws {
        try await eventually("a body begins for the \(count). time") {
            let length = try await fixture.send("LLEN ledger:ledger").integer
            return length == count
        }
    }

    @Test
    func
        `From the first worker that falls silent to the last one that a step may cost, and the resume that brings its end`()
        async throws
    {
        try await Fixture.with { fixture in
            var victims: [Victim] = []
            defer { for victim in victims { victim.die() } }
            try await fixture.send("SADD gates:ledger in")
            let run = try await fixture.client.enqueue(WorkflowName<String, String>("patient"), "in", id: "r")
            victims.append(try Victim(fixture, lease: 60_000))
            try await begun(fixture, 1)
            // The lease of the one that takes over counts.
            victims.append(try Victim(fixture, lease: 5000))
            try await eventually("both are registered") {
                let count = try await fixture.send("ZCARD ~workers").integer
                return count == 2
            }

            // Another one is there: it takes over by itself.
            victims[0].die()
            let silent = try await fixture.told(.heldBySilentWorker, "r", .waiting)
            #expect(silent.sentence.hasSuffix("; after a lease of 5 s another takes over"))
            #expect(silent.sentence.contains(", which holds its turn, has been silent for "))
            fixture.expectNothingToDo(silent)
            try await begun(fixture, 2)

            // Nobody is left: it moves once there is a worker.
            victims[1].die()
            let left = try await fixture.told(.heldByDeadNobodyLeft, "r", .stuck)
            #expect(left.sentence.hasSuffix(", and no worker is alive to take over"))
            #expect(
                left.next.first?.effect
                    == "start a worker that serves queue default and has workflow patient: it takes over")
            victims.append(try Victim(fixture, lease: 1000))
            try await begun(fixture, 3)

            let last = try await fixture.told(.lastDelivery, "r", .waiting) { $0.fact("worker") != nil }
            #expect(
                last.sentence.hasPrefix("Step in has cost 2 workers their lives (limit 3); its last delivery is with "))
            victims[2].die()
            victims.append(try Victim(fixture, lease: 1000))
            let lost = try await fixture.told(.workersLost, "r", .ended)
            #expect(lost.sentence.hasSuffix(". A resume keeps 0 outcomes and tries step in again"))

            // Whoever has mended it.
            try await fixture.send("RPUSH gate:ledger:in open")
            try await fixture.obey(lost, "stepwise resume r")
            let result = try await run.result(timeout: patience)
            #expect(result == "IN")
        }
    }
}
