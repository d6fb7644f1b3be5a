import Foundation
import Stepwise
import TestSupport
import Testing

private struct Declined: Error {}

@Suite("The command line: labels", .serialized)
struct IndexCommandTests {
    private let decline = Workflow("decline") { (context, amount: Int) async throws -> Int in
        try await context.run("charge", .retry(.never)) { () async throws -> Int in throw Declined() }
    }
    private let absent = WorkflowName<Int, Int>("absent")

    private func rows(_ end: CommandEnd) -> [String] {
        end.output.split(separator: "\n").dropFirst().compactMap { $0.split(separator: " ").first.map(String.init) }
    }

    @Test func `Runs are found by their labels, without an index and with one`() async throws {
        try await Fixture.with { fixture in
            for (id, tenant) in [("a", "acme"), ("b", "other"), ("c", "acme"), ("d", "o'x y")] {
                _ = try await fixture.client.enqueue(absent, 1, id: id, .label("tenant", tenant))
            }
            let without = try await fixture.stepwise("runs", "--label", "tenant=acme")
            #expect(without.code == 0 && rows(without) == ["c", "a"])
            #expect(
                without.complaint
                    == "stepwise: looked at 4 of 4 runs: label tenant has no index; `stepwise index add tenant` makes this quick\n"
            )
            let added = try await fixture.stepwise("index", "add", "tenant")
            #expect(added.code == 0 && added.output == "tenant: 4 of 4 runs have it\n", "\(added.complaint)")
            let listed = try await fixture.stepwise("index", "list", "--json")
            #expect(listed.output == "{\"indexes\":[{\"label\":\"tenant\",\"runs\":4,\"complete\":true}]}\n")
            let with = try await fixture.stepwise("runs", "--label", "tenant=acme", "--status", "queued")
            #expect(rows(with) == ["c", "a"] && with.complaint.isEmpty)
            let odd = try await fixture.stepwise("runs", "--label", "tenant=o'x y")
            #expect(rows(odd) == ["d"])
            let page = try await fixture.stepwise("runs", "--label", "tenant=acme", "--limit", "1")
            let place = page.complaint.split(separator: "'").dropFirst().first.map(String.init) ?? ""
            #expect(rows(page) == ["c"] && place.hasSuffix("~c"), "\(page.complaint)")
            let next = try await fixture.stepwise("runs", "--label", "tenant=acme", "--after", place)
            #expect(rows(next) == ["a"])
            let wrong = try await fixture.stepwise("runs", "--label", "tenant")
            #expect(wrong.code == 64)
            let lost = try await fixture.stepwise("runs", "--after", place)
            #expect(lost.code == 2 && lost.complaint.contains("begin the list anew"), "\(lost.complaint)")

            let cancelled = try await fixture.stepwise("cancel", "--label", "tenant=acme")
            #expect(cancelled.code == 0 && rows(cancelled) == ["c", "a"])
            let left = try await fixture.stepwise("runs", "--status", "queued")
            #expect(rows(left).sorted() == ["b", "d"])
            let doctor = try await fixture.stepwise("doctor")
            #expect(doctor.code == 0, "\(doctor.output)")

            let removed = try await fixture.stepwise("index", "remove", "tenant")
            #expect(removed.output == "tenant\n")
            let again = try await fixture.stepwise("index", "remove", "tenant", "--json")
            #expect(again.output == "{\"label\":\"tenant\",\"removed\":false}\n")
            let none = try await fixture.stepwise("index")
            #expect(rows(none) == [])
        }
    }

    @Test func `Failed runs of a label are resumed and deleted together`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([decline]) {
                for (id, tenant) in [("a", "acme"), ("b", "acme"), ("c", "other"), ("d", "other"), ("e", "other")] {
                    let run = try await fixture.client.enqueue(decline, 1, id: id, .label("tenant", tenant))
                    _ = try? await run.result(timeout: patience)
                }
                let without = try await fixture.stepwise("dead", "resume", "--label", "tenant=acme", "--dry-run")
                #expect(without.code == 0 && rows(without) == ["b", "a"])
                #expect(without.complaint.contains("looked at 5 of 5 runs"), "\(without.complaint)")
                _ = try await fixture.client.addIndex(label: "tenant", patience: .zero)
                let with = try await fixture.stepwise("dead", "resume", "--label", "tenant=acme", "--dry-run")
                #expect(with.code == 0 && rows(with) == ["b", "a"] && with.complaint.isEmpty)
                let deleted = try await fixture.stepwise("dead", "delete", "--label", "tenant=acme", "--limit", "1")
                #expect(deleted.code == 0 && rows(deleted) == ["b"] && deleted.complaint.contains("~b"))
                let rest = try await fixture.stepwise("dead", "delete", "--label", "tenant=acme")
                #expect(rest.code == 0 && rows(rest) == ["a"])
                let dead = try await fixture.client.deadRuns().runs.map(\.id)
                #expect(Set(dead) == ["c", "d", "e"])
            }
        }
    }
}
