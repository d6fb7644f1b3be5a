import Stepwise
import StepwiseTesting
import TestSupport
import Testing

private let approval = Workflow("approval") { (context, _: Int) async throws -> String in
    async let first = context.waitForEvent("approved", as: String.self, timeout: .seconds(3600))
    async let second = context.waitForEvent("paid", as: String.self)
    return try await first + second
}

@Suite("stepwise events of a run", .serialized)
struct RunEventsCommandTests {
    private func mailbox(_ end: CommandEnd) throws -> [[String: Any]] {
        try document(end.output)["mailbox"] as? [[String: Any]] ?? []
    }

    @Test func `What waits in its mailbox is shown beside what it waits for`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([approval]) {
                for id in ["r", "other"] {
                    _ = try await fixture.client.enqueue(workflow: "approval", payloadJSON: "0", id: id)
                    try await eventually("it waits for both") {
                        try await fixture.client.openSteps(ofRun: id).count { $0.state.event != nil } == 2
                    }
                }
                for value in ["yes", "no"] { try await fixture.client.notify("aproved", value, run: "r") }
                try await fixture.send(
                    "LPUSH ~inbox:default", #"{"event":"zeta","run":"r","payload":{"by":"me"}}"#)
                try await eventually("the pushed event is kept") {
                    try await fixture.client.mailbox(ofRun: "r", limit: 9, isShort: true).count == 3
                }
                let end = try await fixture.stepwise("events", "r", "--json")
                let waiting = try document(end.output)["waiting"] as? [[String: Any]] ?? []
                #expect(waiting.compactMap { $0["event"] as? String } == ["approved", "paid"], "\(end)")
                #expect(
                    waiting.compactMap { $0["all"] as? Int } == [2, 2] && waiting.allSatisfy { $0["since"] is Int })
                #expect(waiting.first?["until"] is Int && !(waiting.last?["until"] is Int))
                let mail = try mailbox(end)
                #expect(mail.compactMap { $0["event"] as? String } == ["aproved", "aproved", "zeta"], "\(end)")
                #expect(mail.compactMap { $0["value"] as? String } == ["yes", "no"])
                #expect(mail.compactMap { $0["pushed"] as? Bool } == [false, false, true])
                #expect((mail.last?["value"] as? [String: Any])?["by"] as? String == "me")

                let table = try await fixture.stepwise("events", "r")
                let words = ["approved", "paid", "aproved", #""yes""#, #"{"by":"me"}"#]
                for word in words { #expect(table.output.contains(word), "\(table)") }
                for id in ["r", "other"] { try await fixture.client.cancel(id) }
            }
        }
    }

    @Test func `A mailbox comes in pages that neither repeat nor miss an event, whatever waits between them`()
        async throws
    {
        try await Fixture.with { fixture in
            // As the scripts write it: events of two names, steps that wait for them, a callback, and the count of what was pushed.
            let entries = [
                " pushed 1 20 9", "a c", "a m 1 1", "a m 2 p 2", "a w 5 000000001 s", "a w 5 000000002 t", "b m 3 3",
                "b m 4 4", "callback:\(String(repeating: "0", count: 40)) c", "z w 5 000000003 u",
            ]
            for entry in entries { try await fixture.send("ZADD ~mail:r 0", entry) }
            for limit in [1, 2, 3, 50] {
                var seen: [Int] = []
                var place: String?
                for _ in 0..<9 {
                    let after = place.map { ["--after", $0] } ?? []
                    let end = try await fixture.run(["events", "r", "--limit", "\(limit)", "--json"] + after)
                    let some = try mailbox(end).compactMap { $0["value"] as? Int }
                    #expect(end.code == 0 && some.count <= limit, "\(end)")
                    seen += some
                    place = try document(end.output)["next"] as? String
                    if place == nil { break }
                }
                #expect(seen == [1, 2, 3, 4] && place == nil, "\(limit)")
            }
            let first = try await fixture.stepwise("events", "r", "--limit", "1")
            #expect(first.complaint.contains("add --limit or --after 1-a"), "\(first)")
            #expect(first.complaint.contains("there is no run r yet: these events wait for it"), "\(first)")
        }
    }

    @Test func `A long value is cut in the table, and whole as JSON`() async throws {
        try await Fixture.with { fixture in
            let value = "\"" + String(repeating: "x", count: 100_000) + "\""
            _ = try await fixture.client.notify("long", json: Array(value.utf8), run: "r")
            let table = try await fixture.stepwise("events", "r")
            #expect(table.code == 0 && table.output.utf8.count < 1000 && table.output.contains("xxx…"))
            let end = try await fixture.stepwise("events", "r", "--json")
            let mail = try mailbox(end)
            #expect((mail.first?["value"] as? String)?.count == 100_000)
        }
    }
}
