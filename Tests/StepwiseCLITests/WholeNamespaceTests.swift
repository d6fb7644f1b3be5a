import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// `stepwise namespace`.
extension NamespaceCommandTests {
    private func count(_ fixture: Fixture) async throws -> Int {
        try await fixture.redis.send(["DBSIZE"]).integer ?? -1
    }

    @Test func `Without --yes and without a terminal nothing is deleted`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(workflow: "pay", payloadJSON: "1", id: "r")
            let before = try await count(fixture)
            let end = try await fixture.stepwise("namespace", "delete")
            #expect(end.code == 64 && end.complaint.contains("add --yes"), "\(end)")
            #expect(try await count(fixture) == before)
        }
    }

    @Test func `At a terminal the namespace's name has to be typed`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.run(["enqueue", "pay", "1", "--id", "r", "--namespace", "a"])
            _ = try await fixture.client.enqueue(workflow: "pay", payloadJSON: "1", id: "r")
            let before = try await count(fixture)
            let arguments = ["namespace", "delete", "--namespace", "a"]
            for typed in ["default", "yes", "A", ""] {
                let end = try await fixture.run(arguments, typing: typed)
                #expect(end.code == 2 && end.complaint.contains("nothing was removed"), "\(typed): \(end)")
                #expect(try await count(fixture) == before)
            }
            let end = try await fixture.run(arguments, typing: "a")
            #expect(end.code == 0, "\(end)")
            #expect(end.complaint.contains("1 live runs and 0 schedules; type its name"), "\(end)")
            #expect(end.output == "removed 4 keys: namespace \"a\" is gone\n", "\(end)")
            #expect(try await count(fixture) == before - 4)
            #expect(try await fixture.send("EXISTS ~run:r").integer == 1)
        }
    }

    @Test func `With --yes it is deleted, unless a worker lives, and a second call finds nothing`() async throws {
        try await Fixture.with { fixture in
            let now = try await fixture.client.redisTime()
            _ = try await fixture.client.enqueue(workflow: "pay", payloadJSON: "1", id: "r")
            try await fixture.send("ZADD ~workers \(now + 60_000) w-1-a")
            let refused = try await fixture.stepwise("namespace", "delete", "--yes")
            #expect(refused.code == 2 && refused.output.isEmpty, "\(refused)")
            #expect(refused.complaint.contains("worker w-1-a has beaten 0 s ago"), "\(refused)")
            #expect(try await fixture.send("EXISTS ~run:r").integer == 1)
            try await fixture.send("DEL ~workers")
            let before = try await count(fixture)
            let end = try await fixture.stepwise("namespace", "delete", "--yes", "--json")
            #expect(end.code == 0 && end.output == "{\"removed\":\(before)}\n", "\(end)")
            let again = try await fixture.stepwise("namespace", "delete", "--yes")
            #expect(again.code == 0 && again.output == "namespace \"default\" has no keys\n", "\(again)")
        }
    }

    @Test func `What a namespace holds is shown, also while it is being deleted or in another data format`()
        async throws
    {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(workflow: "pay", payloadJSON: "1", id: "r", .queue("mail"))
            try await fixture.send("LPUSH ~inbox:mail 1 2")
            let shown = try await fixture.stepwise("namespace", "show")
            #expect(shown.code == 0, "\(shown)")
            for line in [
                #"NAMESPACE +default"#, #"runs +queued 1"#, #"workers +0 alive, 0 silent, 0 dead"#, #"mail +2 +1 +0"#,
                #"inbox +1 +[0-9]+ B"#, #"all +5 +[0-9]+ B"#, #"looked at all 5 keys of the database"#,
            ] {
                #expect(
                    shown.output.range(of: "(?m)^\(line)$", options: .regularExpression) != nil, "\(line): \(shown)")
            }
            let listed = try document(try await fixture.stepwise("namespace", "show", "--json").output)
            #expect(listed["complete"] as? Bool == true && listed["databaseKeys"] as? Int == 5)
            #expect((listed["runs"] as? [String: Int]) == ["queued": 1])

            try await fixture.send("HSET ~meta format 1-of-another-time")
            let other = try await fixture.stepwise("namespace", "show")
            #expect(other.output.contains("1-of-another-time, which this version does not read"), "\(other)")
            try await fixture.send("HSET ~meta format deleting deleting 1000")
            let deleted = try await fixture.stepwise("namespace", "show")
            let sentence = "being deleted since 1970-01-01 00:00:01: call stepwise namespace delete again"
            #expect(deleted.output.contains(sentence), "\(deleted)")
            let doctor = try await fixture.stepwise("doctor")
            #expect(doctor.code == 2 && doctor.complaint.contains("is being deleted"), "\(doctor)")
        }
    }
}
