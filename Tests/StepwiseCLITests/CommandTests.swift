import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private struct Declined: Error {}

private let double = Workflow("double") { (context, amount: Int) async throws -> Int in
    try await context.run("times two") { amount * 2 }
}
private let decline = Workflow("decline") { (context, amount: Int) async throws -> Int in
    try await context.run("charge", .retry(.never)) { () async throws -> Int in throw Declined() }
}

@Suite("The stepwise command line", .serialized)
struct CommandTests {
    @Test func `A run is started, waited for, and its steps are listed`() async throws {
        try await Fixture.with { fixture in
            let queued = try await fixture.stepwise("enqueue", "double", "21", "--id", "r1")
            #expect(queued.code == 0)
            #expect(queued.output == "r1\n")
            let again = try await fixture.stepwise("enqueue", "double", "21", "--id", "r1", "--json")
            #expect(again.output == "{\"id\":\"r1\",\"isNew\":false}\n")
            #expect(again.complaint.contains("was there already"))
            try await fixture.withWorker([double, decline]) {
                let waited = try await fixture.stepwise("enqueue", "double", "21", "--wait", "--timeout", "30")
                #expect(waited.code == 0, "\(waited.complaint)")
                #expect(waited.output == "42\n")
                let failed = try await fixture.stepwise("enqueue", "decline", "1", "--wait", "--json", "--id", "bad")
                #expect(failed.code == 1)
                #expect(try document(failed.output)["status"] as? String == "failed")
                let told = try await fixture.stepwise("enqueue", "decline", "1", "--wait")
                #expect(told.code == 1)
                #expect(told.output.isEmpty)
                #expect(told.complaint.contains("Declined"))
                _ = try await fixture.client.handle("r1", as: Int.self).result(timeout: .seconds(30))
            }
            let history = try await fixture.stepwise("history", "r1")
            #expect(history.output.contains("times two"))
            let steps =
                try document(try await fixture.stepwise("history", "r1", "--json").output)["steps"] as? [[String: Any]]
            #expect(steps?.count == 1)
            #expect(steps?.first?["value"] as? Int == 42)
            for (id, workflow) in [("r1", double as any AnyWorkflow), ("bad", decline)] {
                let json = try await fixture.stepwise("history", id, "--json").output
                try await ReplayCheck(workflow).check(RecordedHistory(json: json))
            }
            let status = try await fixture.stepwise("status", "r1")
            #expect(status.output.contains("completed"))
            #expect(try document(try await fixture.stepwise("status", "r1", "--json").output)["output"] as? Int == 42)
        }
    }

    @Test
    func `A run waits for an event and for a callback; status names what it waits for, notify and callback end it`()
        async throws
    {
        let asking = Workflow("asking") { (context, _: Int) async throws -> [Int] in
            let first = try await context.waitForEvent("word", as: Int.self)
            let callback = try await context.callback("approved", as: Int.self)
            return try await [first, callback.value(timeout: .seconds(60))]
        }
        try await Fixture.with { fixture in
            try await fixture.withWorker([asking]) {
                let run = try await fixture.client.enqueue(asking, 0, id: "r")
                try await eventually("it waits for the event") {
                    try await !fixture.client.openSteps(ofRun: "r").isEmpty
                }
                let status = try await fixture.stepwise("status", "r")
                #expect(status.output.contains("event word"))
                let sent = try await fixture.stepwise("notify", "word", "17", "--run", "r", "--id", "e1")
                #expect(sent.code == 0 && sent.output == "received\n", "\(sent.complaint)")
                #expect(
                    try await fixture.stepwise("notify", "word", "17", "--run", "r", "--id", "e1", "--json").output
                        == "{\"answer\":\"repeated\"}\n")
                try await eventually("it waits for the callback") {
                    try await fixture.client.openSteps(ofRun: "r").first?.step == "approved"
                }
                let token = try await run.history().first { $0.step == "callback approved" }?.value ?? ""
                let bare = token.replacing("\"", with: "")
                // Nobody who only looks can answer.
                for command in ["status r", "status r --json", "history r", "history r --json"] {
                    let shown = try await fixture.run(command.split(separator: " ").map(String.init), [:])
                    #expect(shown.code == 0 && !shown.output.contains(bare.suffix(32)), "\(command)")
                }
                let hidden = try await fixture.stepwise("history", "r", "--json").output
                try await ReplayCheck(asking).check(RecordedHistory(json: hidden))
                for more in [[], ["--json"]] {
                    let shown = try await fixture.run(["history", "r", "--reveal"] + more, [:])
                    #expect(shown.output.contains(bare))
                }
                #expect(try await fixture.stepwise("callback", "extend", bare, "--by", "90").output == "extended\n")
                #expect(try await fixture.stepwise("callback", "complete", bare, "4").output == "received\n")
                #expect(try await fixture.stepwise("callback", "complete", bare, "5").code == 1)
                #expect(try await run.result(timeout: .seconds(30)) == [17, 4])
                #expect(try await fixture.stepwise("callback", "extend", bare, "--by", "90").code == 1)
                #expect(try await fixture.stepwise("notify", "word", "--run", "r").code == 2)
                #expect(try await fixture.stepwise("notify", "word", "nonsense").code == 2)
                #expect(try await fixture.stepwise("notify", "word", "--keep", "5", "--run", "r").code == 64)
                #expect(try await fixture.stepwise("notify", "prices", "1", "--keep", "5").output == "sent\n")
            }
        }
    }

    @Test
    func `A run is enqueued for later, status and runs tell when it starts, and what is no time is refused`()
        async throws
    {
        try await Fixture.with { fixture in
            #expect(try await fixture.stepwise("enqueue", "double", "1", "--id", "later", "--after", "5m").code == 0)
            let details = try await fixture.client.handle("later").details()
            #expect(details.startsAt == details.created.map { Date(milliseconds: $0.wholeMilliseconds + 300_000) })
            #expect(
                try await fixture.stepwise("enqueue", "double", "1", "--id", "at", "--at", "2099-12-01T09:00:00Z").code
                    == 0)
            #expect(try await fixture.stepwise("status", "at").output.contains("starts at  2099-12-01 09:00:00"))
            #expect(
                try document(try await fixture.stepwise("status", "at", "--json").output)["startsAt"] as? Int
                    == 4_099_798_800_000)
            let runs = try await fixture.stepwise("runs").output
            #expect(runs.contains("queued") && runs.contains("starts at 2099-12-01 09:00:00"))
            for bad in [["--after", "soon"], ["--at", "noon"], ["--after", "5m", "--at", "2099-12-01T09:00:00Z"]] {
                let refused = try await fixture.run(["enqueue", "double", "1"] + bad, [:])
                #expect(refused.code == 64 && refused.complaint.contains(bad[0]))
            }
            #expect(try await fixture.stepwise("doctor").code == 0)
        }
    }

    @Test(
        .rule(8),
        arguments: [
            (["enqueue", "double", "1"], "--at", []), (["dead", "list"], "--since", []),
            (["dead", "list"], "--until", []),
            (["schedule", "create", "daily", "double", "--every", "1h"], "--from", []),
            (["schedule", "backfill", "daily"], "--from", ["--to", "2027-04-01T00:00:00Z"]),
            (["schedule", "backfill", "daily"], "--to", ["--from", "2027-01-01T00:00:00Z"]),
        ] as [([String], String, [String])]
    )
    func `A date that the calendar or the clock does not have is refused, whichever option it is for`(
        _ command: [String], _ option: String, _ more: [String]
    ) async throws {
        try await Fixture.with { fixture in
            for date in ["2027-02-30T00:00:00Z", "2027-04-31T09:00:00.5Z", "2026-01-01T24:00:00+01:00"] {
                let end = try await fixture.run(command + [option, date] + more, [:])
                #expect(end.code == 64, "\(end)")
                let words = "\(option) \(date) is not a time: use a date of the calendar such as 2026-01-31T12:00:00Z"
                #expect(end.complaint.contains(words), "\(end)")
                // It is said while the command is read, so the usage is that command's.
                let name = command.prefix(command[0] == "enqueue" ? 1 : 2).joined(separator: " ")
                #expect(end.complaint.contains("Usage: stepwise \(name) "), "\(end)")
            }
            #expect(try await fixture.send("DBSIZE").integer == 0)
        }
    }

    @Test func `A date may have a fraction of the second, and an offset`() async throws {
        try await Fixture.with { fixture in
            let dates = [
                ("2096-02-29T23:59:59Z", 3_981_398_399_000), ("2096-03-01T01:30:00.25+01:30", 3_981_398_400_250),
            ]
            for (index, (date, milliseconds)) in dates.enumerated() {
                let end = try await fixture.stepwise("enqueue", "double", "1", "--id", "r\(index)", "--at", date)
                #expect(end.code == 0, "\(end)")
                let starts = try await fixture.client.handle("r\(index)").details().startsAt
                #expect(starts == Date(milliseconds: milliseconds))
            }
        }
    }

    @Test(
        arguments: [
            (["enqueue", "double", "1", "--queue", "a}:queue:b"], #"holds "}": a queue's name is 1 to 100 of"#),
            (["notify", "word", "1", "--queue", "a}:queue:b"], #"holds "}": a queue's name is 1 to 100 of"#),
            (["pause", "--queue", "a}:queue:b"], #"holds "}": a queue's name is 1 to 100 of"#),
            (["resume", "--queue", "a}:queue:b"], #"holds "}": a queue's name is 1 to 100 of"#),
            (
                ["schedule", "create", "daily", "double", "1", "--every", "1h", "--queue", "a}:queue:b"],
                #"holds "}": a queue's name is 1 to 100 of"#
            ),
            (["schedule", "create", "daily~2", "double", "1", "--every", "1h"], #"holds "~", which is reserved"#),
            (["enqueue", "double", "1", "--id", "order~3"], #"holds "~", which is reserved"#),
            (["notify", "word", "1", "--run", "order~3"], #"holds "~", which is reserved"#),
        ]
    )
    func `A queue or a run's id that cannot be one is refused with the rule, and nothing is stored`(
        _ arguments: [String], _ words: String
    ) async throws {
        try await Fixture.with { fixture in
            let refused = try await fixture.run(arguments, [:])
            #expect(refused.code == 2 && refused.complaint.contains(words), "\(refused)")
            #expect(try await fixture.send("DBSIZE").integer == 0)
        }
    }

    @Test
    func `Status shows for which child a run waits, and whose child a run is; a history with children replays`()
        async throws
    {
        let parent = Workflow("parent") { (context, amount: Int) async throws -> Int in
            try await context.invoke(double, amount, name: "twice", id: "c", .queue("later"))
        }
        try await Fixture.with { fixture in
            try await fixture.withWorker([parent, double]) {
                _ = try await fixture.stepwise("enqueue", "parent", "4", "--id", "p")
                try await eventually("it waits for its child") {
                    try await fixture.stepwise("status", "p").output.contains("child c")
                }
                let open = try document(try await fixture.stepwise("status", "p", "--json").output)["open"]
                let step = (open as? [[String: Any]])?.first
                #expect(step?["kind"] as? String == "invoke" && step?["child"] as? String == "c")
                #expect(try await fixture.stepwise("status", "c").output.contains("p, step twice"))
                #expect(
                    try document(try await fixture.stepwise("status", "c", "--json").output)["parent"] as? String == "p"
                )
                #expect(try await fixture.stepwise("cancel", "c").code == 0)
                try await eventually("the parent has failed") {
                    try await fixture.client.handle("p").details().status == .failed
                }
            }
            let json = try await fixture.stepwise("history", "p", "--json").output
            #expect(json.contains(#""kind":"invoke","child":"c""#) && json.contains(#""cause":"childCancelled""#))
            try await ReplayCheck(parent).check(RecordedHistory(json: json))
        }
    }

    @Test func `A run, a queue and a workflow are paused, shown as such, and resumed`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.stepwise("enqueue", "double", "21", "--id", "r1")
            #expect(try await fixture.stepwise("pause", "r1", "--reason", "lunch", "--by", "Ada").output == "r1\n")
            let twice = try await fixture.stepwise("pause", "r1").output
            #expect(twice == "r1 was paused before: lunch (by Ada)\n")
            let status = try document(try await fixture.stepwise("status", "r1", "--json").output)
            #expect(status["status"] as? String == "paused" && status["reason"] as? String == "paused: lunch (by Ada)")
            #expect(try await fixture.stepwise("runs", "--status", "paused").output.contains("lunch"))
            #expect(try await fixture.stepwise("resume", "r1").output == "r1\n")
            let words = ["--reason", "no stock", "--by", "Ada"]
            #expect(try await fixture.run(["pause", "--queue", "default"] + words).code == 0)
            let environment = ["SUDO_USER": "", "USER": "grace"]
            #expect(try await fixture.run(["pause", "--workflow", "double"], environment).code == 0)
            let again = try await fixture.stepwise("pause", "--queue", "default").output
            #expect(again.hasPrefix("default was paused before, since 2"), "\(again)")
            #expect(again.hasSuffix(", by Ada: no stock\n"), "\(again)")
            let json = try document(try await fixture.stepwise("pause", "--queue", "default", "--json").output)
            let before = json["before"] as? [String: Any]
            #expect(json["isNew"] as? Bool == false && before?["by"] as? String == "Ada" && before?["since"] is Int)
            let shown = try await fixture.stepwise("status", "r1").output
            #expect(shown.contains("paused queue") && shown.contains("paused workflow"), "\(shown)")
            #expect(shown.contains(", by Ada: no stock") && shown.contains(", by grace@"), "\(shown)")
            let paused = try document(try await fixture.stepwise("status", "r1", "--json").output)["pausedQueue"]
            #expect((paused as? [String: Any])?["reason"] as? String == "no stock")
            let table = try await fixture.stepwise("queues").output
            #expect(table.contains("PAUSED QUEUE") && table.contains("Ada  no stock"), "\(table)")
            let queues = try document(try await fixture.stepwise("queues", "--json").output)
            let queue = (queues["queues"] as? [[String: Any]])?.first
            #expect(queue?["pausedSince"] is Int && queue?["pausedBy"] as? String == "Ada")
            #expect(queue?["pausedReason"] as? String == "no stock")
            let workflows = queues["pausedWorkflows"] as? [String: [String: Any]]
            #expect(workflows?.keys.sorted() == ["double"] && workflows?["double"]?["since"] is Int)
            #expect((workflows?["double"]?["by"] as? String)?.hasPrefix("grace@") == true)
            #expect(try await fixture.stepwise("doctor").code == 0)
            #expect(try await fixture.stepwise("resume", "--queue", "default", "--workflow", "double").code == 0)
            #expect(try await fixture.stepwise("pause").code == 64)
            try await fixture.withWorker([double]) {
                #expect(try await fixture.client.handle("r1", as: Int.self).result(timeout: .seconds(30)) == 42)
                _ = try await fixture.client.workers()
            }
        }
    }

    @Test func `Runs are cancelled by id or by workflow, and a dry run changes nothing`() async throws {
        try await Fixture.with { fixture in
            for id in ["a", "b", "c"] { _ = try await fixture.stepwise("enqueue", "double", "1", "--id", id) }
            _ = try await fixture.stepwise("enqueue", "decline", "1", "--id", "other")
            let dry = try await fixture.stepwise("cancel", "--workflow", "double", "--dry-run")
            #expect(dry.code == 0 && dry.output.contains("would be cancelled"), "\(dry.complaint)")
            #expect(try await fixture.stepwise("runs", "--status", "queued").output.contains("double"))
            let one = try await fixture.stepwise("cancel", "a", "--reason", "a mistake")
            #expect(one.code == 0 && one.output.contains("cancelled"), "\(one.complaint)")
            #expect(try await fixture.stepwise("status", "a").output.contains("a mistake"))
            let again = try await fixture.stepwise("cancel", "a", "nobody")
            #expect(again.code == 1)
            #expect(again.output.contains("has ended already: cancelled") && again.output.contains("no such run"))
            let all = try await fixture.stepwise("cancel", "--workflow", "double", "--json")
            #expect(all.code == 0)
            let runs = try document(all.output)["runs"] as? [[String: Any]]
            #expect(Set(runs?.compactMap { $0["id"] as? String } ?? []) == ["b", "c"])
            #expect(try await fixture.stepwise("runs", "--status", "queued").output.contains("other"))
            #expect(try await fixture.stepwise("cancel").code == 64)
            #expect(try await fixture.stepwise("cancel", "a", "--status", "running").code == 64)
            #expect(try await fixture.stepwise("cancel", "--status", "failed").code == 64)
        }
    }

    @Test func `Failed runs are found by what is known of them, and resumed, restarted or deleted`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([double, decline]) {
                for (id, tenant) in [("a", "acme"), ("b", "acme"), ("c", "other")] {
                    let end = try await fixture.stepwise(
                        "enqueue", "decline", "1", "--id", id, "--label", "tenant=\(tenant)", "--wait")
                    #expect(end.code == 1)
                }
                let list = try await fixture.stepwise("dead", "list", "--label", "tenant=acme", "--limit", "1")
                #expect(list.code == 0 && list.complaint.contains("--after b"), "\(list.complaint)")
                let next = try await fixture.stepwise(
                    "dead", "list", "--label", "tenant=acme", "--after", "b", "--json")
                let runs = try document(next.output)["runs"] as? [[String: Any]]
                #expect(runs?.compactMap { $0["id"] as? String } == ["a"], "\(next.output)")
                #expect(try await fixture.stepwise("dead", "list", "--error", "declined").output.contains("charge"))
                #expect(try await fixture.stepwise("dead", "list", "--until", "1h").output.contains("charge") == false)
                let shown = try await fixture.stepwise("dead", "show", "a")
                #expect(shown.output.contains("stepwise dead resume a") && shown.output.contains("tenant=acme"))
                let dry = try await fixture.stepwise("dead", "resume", "--since", "1h", "--dry-run")
                #expect(dry.code == 0 && dry.output.contains("would be resumed"), "\(dry.complaint)")
                #expect(try await fixture.client.deadRuns().runs.count == 3)

                let resumed = try await fixture.stepwise("dead", "resume", "a", "nobody")
                #expect(
                    resumed.code == 1 && resumed.output.contains("resumed") && resumed.output.contains("no run nobody"))
                let restarted = try await fixture.stepwise("dead", "restart", "b", "--id", "b2")
                #expect(restarted.code == 0 && restarted.output.contains("restarted as b2"), "\(restarted.complaint)")
                for id in ["a", "b2"] {
                    _ = try? await fixture.client.handle(id, as: Int.self).result(timeout: .seconds(30))
                }
                #expect(try await fixture.stepwise("status", "b2").output.contains("restart of"))
                let deleted = try await fixture.stepwise("dead", "delete", "--all")
                #expect(deleted.code == 0 && deleted.output.contains("deleted"), "\(deleted.complaint)")
                #expect(try await fixture.client.deadRuns().runs.isEmpty)
                #expect(try await fixture.stepwise("status", "c").code == 2)
                for wrong in [
                    ["resume"], ["resume", "a", "--all"], ["list", "--since", "soon"], ["list", "--label", "x"],
                ] {
                    #expect(try await fixture.run(["dead"] + wrong, [:]).code == 64)
                }
                #expect(try await fixture.stepwise("doctor").code == 0)
            }
        }
    }

    @Test func `What is stored is shown as it is stored, also numbers that no decoder keeps`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.stepwise("enqueue", "double", "{\"b\":[],\"a\":12345678901234567890}", "--id", "r")
            #expect(
                try await fixture.stepwise("status", "r", "--json").output.contains(
                    "\"payload\":{\"b\":[],\"a\":12345678901234567890}"))
        }
    }

    @Test func `Runs are listed by status and workflow, the newest first, over more than one page`() async throws {
        try await Fixture.with { fixture in
            let name = WorkflowName<Int, Int>("double")
            _ = try await fixture.client.enqueue(name, each: 0..<1200)
            _ = try await fixture.client.enqueue(workflow: "other", payloadJSON: "1", id: "other")
            for number in 1...3 { try await fixture.send("ZADD ~runs:queued", String(number), "old\(number)") }
            for number in 1...3 {
                try await fixture.send(
                    "HSET ~run:old\(number) workflow double status queued queue default payload 1 created \(number)")
            }
            let all = try await fixture.client.runs(limit: 5000)
            #expect(all.count == 1204)
            #expect(all.map(\.since) == all.map(\.since).sorted(by: >))
            #expect(all.suffix(3).map(\.id) == ["old3", "old2", "old1"])
            let some = try await fixture.stepwise("runs", "--workflow", "other", "--status", "queued", "--json")
            let listed = try document(some.output)["runs"] as? [[String: Any]]
            #expect(listed?.map { $0["id"] as? String } == ["other"])
            #expect(try await fixture.stepwise("runs", "--limit", "3").output.split(separator: "\n").count == 4)
            let none = try await fixture.stepwise("runs", "--status", "failed", "--json")
            #expect(none.output == "{\"runs\":[],\"next\":null}\n")
        }
    }

    @Test func `A reader that closes the pipe early sees no complaint`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.client.enqueue(WorkflowName<Int, Int>("double"), each: 0..<2000)
            let end = try await fixture.shell("\"$STEPWISE\" runs --limit 2000 | head -1")
            #expect(end.output.hasPrefix("RUN "))
            #expect(end.complaint.isEmpty)
        }
    }

    @Test
    func `Workers and queues are shown with what they hold, and rejected items with their reasons`() async throws {
        try await Fixture.with { fixture in
            try await fixture.send("LPUSH ~inbox:default", "{\"payload\":1}")
            try await fixture.withWorker([double]) {
                try await eventually("the item is rejected") { try await fixture.client.queueTotals().malformed == 1 }
                let workers =
                    try document(try await fixture.stepwise("workers", "--json").output)["workers"] as? [[String: Any]]
                #expect(workers?.first?["state"] as? String == "alive")
                #expect(workers?.first?["workflows"] as? [String] == ["double"])
                let health = try await fixture.stepwise("health", "--worker-on-this-host")
                #expect(health.code == 0)
                #expect(health.output.hasPrefix("1 alive: "))
            }
            _ = try await fixture.client.enqueue(workflow: "double", payloadJSON: "1", .queue("slow"))
            let queues = try document(try await fixture.stepwise("queues", "--json").output)
            let slow = (queues["queues"] as? [[String: Any]])?.first { $0["name"] as? String == "slow" }
            #expect(slow?["ready"] as? Int == 1)
            #expect(queues["malformed"] as? Int == 1)
            let malformed = try await fixture.stepwise("queues", "--malformed")
            #expect(malformed.output.contains("\"workflow\" is missing"))
            #expect(malformed.output.contains("{\"payload\":1}"))
            for queue in 10...24 { try await fixture.send("LPUSH ~inbox:strange-\(queue)", "x") }
            let rows = try await fixture.stepwise("queues").output
            #expect(rows.contains("strange-19") && !rows.contains("strange-20") && rows.contains("slow"))
            #expect(rows.contains("and 5 more inboxes that no worker serves, with 5 pushed items"))
            #expect(try await fixture.stepwise("queues", "--clear").code == 64)
            #expect(try await fixture.stepwise("queues", "--malformed", "--clear").output == "removed 1\n")
            #expect(try await fixture.client.queueTotals().malformed == 0)
        }
    }

    @Test func `Of the workflows that no worker serves the ten with the most work items have a row`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([double]) {
                for name in ["zeta", "zeta"] + (10...24).map({ "strange-\($0)" }) {
                    _ = try await fixture.client.enqueue(workflow: name, payloadJSON: "1")
                }
                try await eventually("all are unserved") {
                    try await fixture.client.queueTotals().unserved.values.reduce(0, +) == 17
                }
                let rows = try await fixture.stepwise("queues").output.split(separator: "\n").map(String.init)
                let head = try #require(rows.firstIndex { $0.hasPrefix("UNSERVED WORKFLOW") })
                let names = rows.dropFirst(head + 1).prefix(10).map { String($0.prefix { $0 != " " }) }
                let largest = ["zeta"] + (10...18).map { "strange-\($0)" }
                #expect(names == largest)
                #expect(
                    rows.dropFirst(head + 11).first
                        == "and 6 more workflows that no worker serves, with 6 work items: see them with --json")
                let json = try document(try await fixture.stepwise("queues", "--json").output)
                #expect((json["unserved"] as? [String: Any])?.count == 16)
            }
        }
    }

    @Test func `Events that are kept, and events for runs that are not there, are listed and removed`() async throws {
        try await Fixture.with { fixture in
            for (answer, code) in [("sent", Int32(0)), ("kept already, not sent", 1)] {
                let sent = try await fixture.stepwise("notify", "news", "17", "--keep", "600")
                #expect(sent.code == code && sent.output == "\(answer)\n", "\(sent.complaint)")
            }
            let kept = try document(try await fixture.stepwise("events", "--kept", "--json").output)
            let events = kept["kept"] as? [[String: Any]]
            #expect(events?.map { $0["event"] as? String } == ["news"])
            #expect(events?.first?["value"] as? String == "17")
            #expect(try await fixture.stepwise("events", "--kept").output.contains("news"))
            #expect(
                try await fixture.stepwise("notify", "word", "1", "--run", "none").output
                    == "kept: there is no run none yet\n")
            #expect(try await fixture.stepwise("events", "--expected").output.contains("none"))
            #expect(try await fixture.stepwise("events").code == 64)
            #expect(try await fixture.stepwise("events", "news", "--kept").code == 64)
            #expect(try await fixture.stepwise("events", "news", "--kept", "--clear").output == "removed 1\n")
            #expect(try await fixture.stepwise("events", "--expected", "--clear").output == "removed 1\n")
            let left = try document(try await fixture.stepwise("events", "--expected", "--json").output)
            #expect((left["expected"] as? [Any])?.isEmpty == true)
        }
    }

    @Test
    func `What is pushed and is no JSON to the letter starts nothing; the reason names what is wrong and the byte`()
        async throws
    {
        try await Fixture.with { fixture in
            let deep = String(repeating: "[", count: 600) + String(repeating: "]", count: 600)
            let items: [(item: [UInt8], reason: String)] = [
                (Array(#"{"workflow":"double","payload":1,}"#.utf8), "not }, at byte 33"),
                (Array(#"{"workflow":"double","payload":{"n":2,}}"#.utf8), "not }, at byte 38"),
                (Array(#"{"workflow":"double","payload":01}"#.utf8), "not 1, at byte 32"),
                (Array("{\"workflow\":\"double\",\"payload\":\"a\nb\"}".utf8), "control character 0x0A"),
                (Array("{\"workflow\":\"double\",\"payload\":\(deep)}".utf8), "nested deeper than 512 levels"),
                (Array("\u{FEFF}{\"workflow\":\"double\",\"payload\":1}".utf8), "byte order mark"),
                (
                    Array("{\"workflow\":\"double\",\"payload\":\"".utf8) + [0xE9] + Array("\"}".utf8),
                    "not UTF-8 at byte 32"
                ),
                (Array("[1]".utf8), "not a JSON object"),
            ]
            try await fixture.withWorker([double]) {
                for (item, reason) in items {
                    try await fixture.send("DEL ~malformed")
                    _ = try await fixture.redis.send(["LPUSH", "stepwise:{default}:inbox:default", .bytes(item)])
                    try await eventually("the item is rejected") {
                        try await fixture.client.queueTotals().malformed == 1
                    }
                    let told = try await fixture.client.malformed(limit: 1)
                    #expect(told.first?.reason.contains(reason) == true, "\(told)")
                }
                #expect(try await fixture.client.runs(limit: 10).isEmpty)
            }
        }
    }

    @Test func `Health says why there is none: no worker, a silent worker, no Redis`() async throws {
        try await Fixture.with { fixture in
            let none = try await fixture.stepwise("health")
            #expect(none.code == 1)
            #expect(none.complaint.contains("no worker is registered"))
            try await fixture.send("HSET ~worker:old-1-a state alive queues default host elsewhere")
            try await fixture.send("ZADD ~workers 1000 old-1-a")
            let silent = try await fixture.stepwise("health")
            #expect(silent.code == 1)
            #expect(silent.complaint.contains("has beaten for"))
            #expect(try await fixture.stepwise("workers").output.contains("silent"))
            try await fixture.send("HSET ~worker:old-1-a state dead")
            let dead = try await fixture.stepwise("health")
            #expect(dead.code == 1)
            #expect(dead.complaint.contains("every worker in namespace \"default\" is dead"))
            #expect(try await fixture.stepwise("workers").output.contains("dead"))
            let unreachable = try await fixture.stepwise(
                "health", "--redis", "unix:///nowhere.sock", "--timeout", "0.5", "--json")
            #expect(unreachable.code == 1)
            #expect(try document(unreachable.output)["healthy"] as? Bool == false)
        }
    }

    @Test func `A worker elsewhere does not make this host healthy`() async throws {
        try await Fixture.with { fixture in
            let time = try await fixture.client.redisTime()
            try await fixture.send("HSET ~worker:far-1-a state alive queues default host elsewhere")
            try await fixture.send("ZADD ~workers \(time) far-1-a")
            #expect(try await fixture.stepwise("health").code == 0)
            let here = try await fixture.stepwise("health", "--worker-on-this-host")
            #expect(here.code == 1)
            #expect(here.complaint.contains("on host"))
        }
    }

    /// An entry of a worker that beats.
    private func addWorker(_ fixture: Fixture) async throws {
        let time = try await fixture.client.redisTime()
        try await fixture.send("HSET ~worker:w-1-a state alive queues default concurrency 10 started \(time)")
        try await fixture.send("ZADD ~workers \(time) w-1-a")
    }

    @Test(.rule(5)) func `A Redis whose memory is full is not healthy, whether a worker is alive or not`() async throws
    {
        try await Fixture.with { fixture in
            try await addWorker(fixture)
            #expect(try await fixture.stepwise("health").code == 0)
            try await fixture.send("CONFIG SET maxmemory 100000")
            let full = try await fixture.stepwise("health")
            #expect(full.code == 1)
            let words = full.complaint
            #expect(words.contains("redis' memory is full: it counts ") && words.contains("maxmemory is 100000,"))
            #expect(words.contains("raise its maxmemory"))
            let probe = try await fixture.client.health(onThisHost: true).reason
            #expect(probe?.contains("memory") != true, "a restart of the container would not help")
            let json = try document(try await fixture.stepwise("health", "--json").output)
            #expect(json["healthy"] as? Bool == false && json["workers"] as? [String] == ["w-1-a"])
            let doctor = try await fixture.stepwise("doctor")
            #expect(doctor.code == 1)
            #expect(doctor.output.hasPrefix("memoryFull: redis' memory is full: it counts "), "\(doctor.output)")
            #expect(doctor.output.contains("[INFO memory]; try: raise its maxmemory"))
            try await fixture.send("CONFIG SET maxmemory 0")
            #expect(try await fixture.stepwise("health").code == 0)
            #expect(try await fixture.stepwise("doctor").code == 0)
            try await fixture.send("DEL ~workers ~worker:w-1-a")
            try await fixture.send("CONFIG SET maxmemory 100000")
            #expect(try await fixture.stepwise("health").complaint.contains("redis' memory is full"))
        }
    }

    @Test(.rule(5))
    func `A Redis that may remove only keys which it does not have is full like one that may remove none`() async throws
    {
        try await Fixture.with { fixture in
            try await addWorker(fixture)
            try await fixture.send("CONFIG SET maxmemory-policy volatile-lru")
            try await fixture.send("CONFIG SET maxmemory 100000")
            let enqueue = try await fixture.stepwise("enqueue", "double", "1", "--namespace", "eu")
            #expect(enqueue.complaint.contains("OOM"), "\(enqueue)")
            // Words to paste: without the namespace they would clear another one.
            for command in ["events --kept --clear", "events --expected --clear", "queues --malformed --clear"] {
                #expect(enqueue.complaint.contains("`stepwise \(command) --namespace eu`"), "\(enqueue)")
            }
            let full = try await fixture.stepwise("health")
            #expect(full.code == 1)
            let reason = "no key is left that its maxmemory-policy volatile-lru may remove"
            #expect(full.complaint.contains(reason), "\(full)")
            let doctor = try await fixture.stepwise("doctor")
            #expect(doctor.code == 1 && doctor.output.hasPrefix("memoryFull: redis' memory is full"), "\(doctor)")
            // Beside what it may remove it is at its limit, and takes more.
            try await fixture.send("CONFIG SET maxmemory 0")
            let value = String(repeating: "x", count: 1_000_000)
            for number in 0..<20 { try await fixture.send("SETEX elsewhere\(number) 3600", value) }
            let used = RedisMemory(info: try await fixture.send("INFO memory").string ?? "").counted
            try await fixture.send("CONFIG SET maxmemory \(used - 5_000_000)")
            try await addWorker(fixture)
            let healthy = try await fixture.stepwise("health")
            #expect(healthy.code == 0, "\(healthy)")
        }
    }

    @Test func `Whom Redis does not tell its memory, health and the doctor answer without it`() async throws {
        try await Fixture.with { fixture in
            try await addWorker(fixture)
            _ = try await fixture.redis.send(["ACL", "SETUSER", "viewer", "on", ">pw", "~*", "&*", "+@all", "-info"])
            try await fixture.send("CONFIG SET maxmemory 100000")
            let url = fixture.server.url.replacing("unix://", with: "unix://viewer:pw@")
            for command in ["health", "doctor"] {
                let end = try await fixture.stepwise(command, "--redis", url)
                #expect(end.code == 0, "\(command): \(end)")
            }
        }
    }

    @Test func `At a replica health and the doctor say why no worker beats`() async throws {
        try await Fixture.with { fixture in
            try await addWorker(fixture)
            try await fixture.send("REPLICAOF 127.0.0.1 1")
            #expect(try await fixture.stepwise("health").code == 0, "it may be asked about the workers of its master")
            try await fixture.send("REPLICAOF NO ONE")
            try await fixture.send("ZADD ~workers 1 w-1-a")
            #expect(try await fixture.stepwise("health").complaint.contains("s: look at its log, or restart it"))
            try await fixture.send("REPLICAOF 127.0.0.1 1")
            let silent = try await fixture.stepwise("health")
            #expect(silent.code == 1)
            #expect(silent.complaint.contains("s: redis is a replica, which takes no writes"), "\(silent.complaint)")
            #expect(silent.complaint.contains("name its master in the URL"))
            let doctor = try await fixture.stepwise("doctor")
            #expect(doctor.output.contains("warning: redis is a replica, which takes no writes"), "\(doctor.output)")
        }
    }

    @Test func `Where Redis has too few replicas, health and the doctor say so, with and without the right to CONFIG`()
        async throws
    {
        try await Fixture.with { fixture in
            try await addWorker(fixture)
            _ = try await fixture.redis.send(["ACL", "SETUSER", "viewer", "on", ">pw", "~*", "&*", "+@all", "-config"])
            let viewer = fixture.server.url.replacing("unix://", with: "unix://viewer:pw@")
            #expect(try await fixture.stepwise("health").code == 0)
            try await fixture.send("CONFIG SET min-replicas-to-write 1")
            let sentence = "redis has fewer good replicas (0) than its min-replicas-to-write, so it takes no writes"
            for url in [fixture.server.url, viewer] {
                let health = try await fixture.stepwise("health", "--redis", url)
                #expect(health.code == 1 && health.complaint.contains(sentence), "\(health)")
                #expect(!health.complaint.contains("restart it"), "\(health)")
                let doctor = try await fixture.stepwise("doctor", "--redis", url)
                #expect(doctor.output.contains("warning: \(sentence)"), "\(doctor)")
            }
            // A restart of the container would not help.
            #expect(try await fixture.client.health(onThisHost: true).reason?.contains("restart it") != true)
            try await fixture.send("CONFIG SET min-replicas-to-write 0")
            try await addWorker(fixture)
            #expect(try await fixture.stepwise("health").code == 0)
            try await fixture.send("ZADD ~workers 1 w-1-a")
            try await fixture.send("CONFIG SET min-replicas-to-write 1")
            let silent = try await fixture.stepwise("health")
            #expect(silent.complaint.contains("lower its min-replicas-to-write"), "\(silent)")
            #expect(!silent.complaint.contains("restart it"), "\(silent)")
        }
    }

    @Test(
        arguments: [
            ("rdb_last_bgsave_status:err", "yes", "60 1", .snapshot), ("rdb_last_bgsave_status:err", "no", "60 1", nil),
            ("rdb_last_bgsave_status:err", "yes", "", nil), ("rdb_last_bgsave_status:err", nil, nil, nil),
            ("aof_last_write_status:err", nil, nil, .log), ("aof_last_write_status:ok", "yes", "60 1", nil),
        ] as [(String, String?, String?, RedisHindrance?)])
    func `What keeps Redis from taking writes is read from what it tells`(
        persistence: String, stops: String?, save: String?, expected: RedisHindrance?
    ) async throws {
        let found = try await RedisHindrance(
            replication: "role:master\r\n", persistence: persistence + "\r\n", isSilent: false
        ) { $0 == "save" ? save : stops }
        #expect(found == expected)
        let some = try await RedisHindrance(
            replication: "role:master\r\nmin_slaves_good_slaves:1\r\n", persistence: "", isSilent: false
        ) { _ in "2" }
        #expect(some == .replicas(good: 1))
    }

    @Test func `Memory that is nearly full is a warning of the doctor, and healthy`() async throws {
        try await Fixture.with { fixture in
            try await addWorker(fixture)
            // So much that one connection more makes no difference.
            try await fixture.send("SETRANGE elsewhere 10000000 x")
            let used = RedisMemory(info: try await fixture.send("INFO memory").string ?? "").counted
            try await fixture.send("CONFIG SET maxmemory \(used / 95 * 100)")
            let nearly = try await fixture.stepwise("doctor")
            #expect(nearly.code == 0)
            #expect(nearly.output.contains("warning: redis' memory is nearly full: it counts "), "\(nearly.output)")
            #expect(try await fixture.stepwise("health").code == 0)
            try await fixture.send("CONFIG SET maxmemory \(used / 80 * 100)")
            #expect(try await fixture.stepwise("doctor").output.hasPrefix("no violation"))
            try await fixture.send("CONFIG SET maxmemory-policy volatile-lru")
            let policy = try await fixture.stepwise("doctor")
            #expect(policy.code == 0 && policy.output.contains("warning: redis' maxmemory-policy is volatile-lru: "))
        }
    }

    @Test(.rule(10)) func `What user code holds of a worker's threads is told, and is not healthy`() async throws {
        try await Fixture.with { fixture in
            let time = try await fixture.client.redisTime()
            try await fixture.send("HSET ~worker:w-1-a state alive queues default concurrency 10 started \(time)")
            try await fixture.send("ZADD ~workers \(time) w-1-a")
            #expect(try await fixture.stepwise("health").code == 0)
            let held = #"[{"isBody":false,"run":"r1","since":0,"step":"charge"}]"#
            try await fixture.send("HSET ~worker:w-1-a held", held)
            let what = "the function of run r1, after step \"charge\" has held a thread since 1970-01-01T00:00:00Z"
            let health = try await fixture.stepwise("health")
            #expect(health.code == 1)
            #expect(health.complaint.contains("worker w-1-a has left threads behind and goes on with others: \(what)"))
            #expect(health.complaint.contains("restart these processes"))
            try await fixture.send("HSET ~worker:w-1-a stopped 1")
            #expect(try await fixture.stepwise("health").complaint.contains("worker w-1-a claims nothing: \(what)"))
            #expect(
                try await fixture.stepwise("workers").output.contains("warning: worker w-1-a claims nothing: \(what)"))
            let doctor = try await fixture.stepwise("doctor")
            #expect(doctor.code == 0)
            #expect(doctor.output.contains("warning: worker w-1-a claims nothing: \(what)"))
            let workers =
                try document(try await fixture.stepwise("workers", "--json").output)["workers"] as? [[String: Any]]
            #expect(workers?.first?["stopped"] as? Bool == true)
            #expect((workers?.first?["held"] as? [[String: Any]])?.first?["run"] as? String == "r1")
        }
    }

    @Test(.rule(10))
    func `Work that waits on a queue while no worker of it claims anything is not healthy`() async throws {
        try await Fixture.with { fixture in
            let time = try await fixture.client.redisTime()
            try await fixture.send("HSET ~worker:w-1-a state alive queues default concurrency 10 started 1 lastClaim 2")
            try await fixture.send("ZADD ~workers \(time) w-1-a")
            // An idle worker is a good one.
            #expect(try await fixture.stepwise("health").code == 0)
            try await fixture.send("LPUSH ~inbox:default", #"{"workflow":"double","payload":1}"#)
            let full = try await fixture.stepwise("health")
            #expect(full.code == 1)
            #expect(full.complaint.contains("1 items wait on queue \"default\", and no worker of it has claimed"))
            // One worker that claims is enough, and so is somebody who has paused the queue.
            try await fixture.send("HSET ~paused queue:default \(time)")
            #expect(try await fixture.stepwise("health").code == 0)
            try await fixture.send("DEL ~paused")
            try await fixture.send(
                "HSET ~worker:w-1-b state alive queues default concurrency 10 started 1 lastClaim \(time)")
            try await fixture.send("ZADD ~workers \(time) w-1-b")
            #expect(try await fixture.stepwise("health").code == 0)
        }
    }

    @Test(.rule(10))
    func `Runs on a queue that no worker serves are not healthy; an inbox that anybody may make is no reason`()
        async throws
    {
        try await Fixture.with { fixture in
            try await addWorker(fixture)
            try await fixture.send("LPUSH ~inbox:anything", #"{"workflow":"double","payload":1}"#)
            #expect(try await fixture.stepwise("health").code == 0)
            #expect(try await fixture.stepwise("enqueue", "double", "1", "--queue", "defualt").code == 0)
            let health = try await fixture.stepwise("health")
            #expect(health.code == 1)
            let words =
                "1 items wait on queue \"defualt\", and no worker that is alive claims from it: start one that does"
            #expect(health.complaint.contains(words), "\(health)")
            let doctor = try await fixture.stepwise("doctor")
            #expect(
                doctor.output.contains("claims from 1 queues on which work waits, such as \"defualt\""), "\(doctor)")
            try await fixture.send("HSET ~paused queue:defualt 1")
            #expect(try await fixture.stepwise("health").code == 0)
        }
    }

    @Test func `A parked run is resumed; one that is not parked is not`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([double]) {
                _ = try await fixture.client.enqueue(workflow: "double", payloadJSON: "\"no number\"", id: "r")
                try await eventually("the run is parked") {
                    try await fixture.client.runs(status: .parked, limit: 1).count == 1
                }
            }
            let status = try await fixture.stepwise("status", "r")
            #expect(status.output.contains("does not decode as Int"))
            #expect(try await fixture.stepwise("resume", "r").output == "r\n")
            #expect(try await fixture.client.handle("r", as: Int.self).details().status == .running)
            let again = try await fixture.stepwise("resume", "r")
            #expect(again.code == 2)
            #expect(again.complaint.contains("not parked"))
        }
    }

    @Test
    func `What cannot be done is one sentence that names its cause, and exit code 2; wrong usage is 64`() async throws {
        try await Fixture.with { fixture in
            let cases: [([String], [String: String], String)] = [
                (["status", "nobody"], [:], "no run nobody"),
                (["history", "nobody"], [:], "no run nobody"),
                (["enqueue", "double", "{"], [:], "not valid JSON"),
                (
                    ["enqueue", "double", "[1,]"], [:],
                    "the payload is not valid JSON: a value was expected, not ], at byte 3"
                ),
                (["enqueue", "double", "1", "--id", "w", "--wait", "--timeout", "0.2"], [:], "had not ended"),
                (["runs", "--redis", "http://x"], [:], "the option --redis"),
                (["runs", "--namespace", "a b"], [:], "the option --namespace"),
                (["runs"], ["STEPWISE_REDIS_URL": "http://x"], "STEPWISE_REDIS_URL"),
                (["runs"], ["STEPWISE_NAMESPACE": "a b"], "STEPWISE_NAMESPACE"),
            ]
            for (arguments, environment, words) in cases {
                let end = try await fixture.run(arguments, environment)
                #expect(end.code == 2, "\(arguments)")
                #expect(end.output.isEmpty)
                #expect(end.complaint.hasPrefix("stepwise: "))
                #expect(end.complaint.contains(words), "\(end.complaint)")
                #expect(end.complaint.split(separator: "\n").count == 1)
            }
            for arguments in [
                ["runs", "--status", "odd"], ["enqueue"], ["enqueue", "w", "--timeout", "3"], ["runs", "--limit", "0"],
            ] {
                #expect(try await fixture.run(arguments, [:]).code == 64)
            }
        }
    }

    @Test func `Options count for more than variables, and variables choose Redis and namespace`() async throws {
        try await Fixture.with { fixture in
            let environment = ["STEPWISE_NAMESPACE": "shop"]
            #expect(
                try await fixture.stepwise("enqueue", "double", "1", "--id", "a", environment: environment).code == 0)
            #expect(try await fixture.send("EXISTS", "stepwise:{shop}:run:a").integer == 1)
            let other = try await fixture.stepwise(
                "enqueue", "double", "1", "--id", "a", "--namespace", "bar", environment: environment)
            #expect(other.code == 0)
            #expect(try await fixture.send("EXISTS", "stepwise:{bar}:run:a").integer == 1)
            #expect(try await fixture.stepwise("--version").output == "\(stepwiseVersion)\n")
        }
    }
}
