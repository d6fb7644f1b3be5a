import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

@Suite("stepwise schedule and schedules", .serialized)
struct ScheduleCommandTests {
    @Test
    func `A schedule is made, shown with its next times, paused, triggered, backfilled and deleted`() async throws {
        try await Fixture.with { fixture in
            let made = try await fixture.stepwise(
                "schedule", "create", "weekly", "summary", #"{"region":"EU"}"#, "--cron", "0 9 * * MON", "--zone",
                "Europe/Berlin", "--overlap", "skip", "--catch-up", "2", "--label", "team=a", "--run-timeout", "60")
            #expect(made.code == 0 && made.output == "weekly\n", "\(made.complaint)")
            let again = try await fixture.stepwise("schedule", "create", "weekly", "summary", "--every", "15m")
            #expect(again.code == 2 && again.complaint.contains("already"))

            let list = try await fixture.stepwise("schedules", "--next", "2")
            #expect(list.code == 0 && list.output.contains("0 9 * * MON Europe/Berlin"), "\(list.output)")
            let all = try document(try await fixture.stepwise("schedules", "--json").output)
            let first = try #require((all["schedules"] as? [[String: Any]])?.first)
            #expect(first["cron"] as? String == "0 9 * * MON" && first["zone"] as? String == "Europe/Berlin")
            #expect((first["next"] as? [Int])?.count == 1 && first["catchUp"] as? Int == 2)
            #expect(first["overlap"] as? String == "skip" && first["timeout"] as? Int == 60_000)
            let shown = try await fixture.stepwise("schedule", "show", "weekly", "--next", "3")
            #expect(shown.output.contains("active") && shown.output.contains("team=a"), "\(shown.output)")
            #expect(shown.output.components(separatedBy: ":00:00").count == 4, "\(shown.output)")

            #expect(try await fixture.stepwise("schedule", "pause", "weekly").output == "weekly\n")
            #expect(try await fixture.stepwise("schedule", "pause", "weekly").output == "weekly was paused before\n")
            #expect(try await fixture.stepwise("schedules").output.contains("paused"))
            #expect(try await fixture.stepwise("schedule", "trigger", "weekly", "--id", "now").output == "now\n")
            let resumed = try await fixture.stepwise("schedule", "resume", "weekly", "--json")
            #expect(resumed.output == #"{"name":"weekly","paused":false,"isNew":true}"# + "\n")
            let filled = try await fixture.stepwise(
                "schedule", "backfill", "weekly", "--from", "2026-01-01T00:00:00Z", "--to", "2026-02-01T00:00:00Z")
            #expect(filled.output.contains("weekly/20260105T080000Z  started"), "\(filled)")
            #expect(filled.output.split(separator: "\n").count == 5)
            #expect(try await fixture.stepwise("runs").output.contains("weekly/20260126T080000Z"))
            #expect(try await fixture.stepwise("doctor").output.contains("1 schedules"))

            let replaced = try await fixture.stepwise(
                "schedule", "create", "weekly", "summary", "--every", "15m", "--from", "2026-01-01T00:00:00Z",
                "--replace")
            #expect(replaced.code == 0, "\(replaced.complaint)")
            let now = try document(try await fixture.stepwise("schedule", "show", "weekly", "--json").output)
            #expect(now["every"] as? Int == 900_000 && now["triggered"] as? Int == 1)
            #expect(try await fixture.stepwise("schedule", "delete", "weekly").code == 0)
            #expect(try await fixture.stepwise("schedule", "show", "weekly").code == 2)
            #expect(try await fixture.stepwise("doctor").code == 0)
        }
    }

    @Test(
        arguments: [
            (["a", "w"], 64, "--cron or --every"),
            (["a", "w", "--cron", "* * * * *", "--every", "1m"], 64, "--cron or --every"),
            (["a", "w", "--every", "soon"], 64, "500ms, 30s, 90m, 2h or 3d"),
            (["a", "w", "--cron", "0 0 31 2 *"], 2, "never comes"),
            (["a", "w", "--cron", "@daily", "--zone", "Mars/Base"], 2, "time zone"),
            (["a", "w", "--cron", "@daily", "--overlap", "never"], 64, "allow, skip, queue, replace"),
            (["a", "w", "{", "--cron", "@daily"], 2, "payload"),
        ] as [([String], Int32, String)]
    )
    func `What cannot be is refused, with the reason`(_ arguments: [String], _ code: Int32, _ reason: String)
        async throws
    {
        try await Fixture.with { fixture in
            let end = try await fixture.run(["schedule", "create"] + arguments, [:])
            #expect(end.code == code && end.complaint.contains(reason), "\(end)")
        }
    }

    @Test func `A run that keeps its schedule from starting others is told, and no violation`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.stepwise("schedule", "create", "s", "w", "--every", "1h", "--overlap", "skip")
            #expect(try await fixture.stepwise("schedule", "trigger", "s", "--id", "now").code == 0)
            #expect(try await fixture.stepwise("schedules").complaint.isEmpty)
            #expect(try await fixture.stepwise("pause", "now").code == 0)
            let sentence =
                #"schedule "s" skips its ticks (overlap: skip), because nobody takes its run now forward (paused: "#
            let list = try await fixture.stepwise("schedules")
            #expect(list.code == 0 && list.complaint.contains(sentence), "\(list)")
            #expect(try await fixture.stepwise("schedule", "show", "s").complaint.contains(sentence))
            let shown = try document(try await fixture.stepwise("schedule", "show", "s", "--json").output)
            let blockers = shown["blockers"] as? [[String: Any]]
            #expect(blockers?.first?["run"] as? String == "now" && blockers?.first?["status"] as? String == "paused")
            let doctor = try await fixture.stepwise("doctor")
            #expect(doctor.code == 0 && doctor.output.contains("warning: " + sentence), "\(doctor)")
        }
    }

    @Test func `A parked run that keeps its schedule from starting others is told`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.stepwise(
                "schedule", "create", "s", "double", "\"no number\"", "--every", "1h", "--overlap", "skip")
            #expect(try await fixture.stepwise("schedule", "trigger", "s", "--id", "now").code == 0)
            let double = Workflow("double") { (context, number: Int) async throws -> Int in 2 * number }
            try await fixture.withWorker([double]) {
                try await eventually("the run is parked") {
                    try await fixture.client.runs(status: .parked, limit: 1).count == 1
                }
            }
            let sentence =
                #"schedule "s" skips its ticks (overlap: skip), because nobody takes its run now forward (parked: "#
            let list = try await fixture.stepwise("schedules")
            #expect(list.code == 0 && list.complaint.contains(sentence), "\(list)")
            #expect(try await fixture.stepwise("doctor").output.contains("warning: " + sentence))
        }
    }

    @Test func `A schedule that cannot be read is told, and hides no other`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.stepwise("schedule", "create", "sound", "w", "--every", "1h")
            try await fixture.send("HSET ~schedules broken", "{")
            let list = try await fixture.stepwise("schedules")
            #expect(list.output.contains("sound") && list.complaint.contains("\"broken\""))
            let json = try document(try await fixture.stepwise("schedules", "--json").output)
            #expect((json["unreadable"] as? [String: String])?.keys.sorted() == ["broken"])
            #expect(try await fixture.stepwise("schedule", "delete", "broken").code == 0)
            #expect(try await fixture.stepwise("doctor").code == 0)
        }
    }
}
