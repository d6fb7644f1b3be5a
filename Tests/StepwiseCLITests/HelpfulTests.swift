import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

@Suite("What the command line does for people", .serialized)
struct HelpfulTests {
    // MARK: Lengths of time

    /// Commands that end at the namespace, once their options are right.
    private static let lengths: [([String], String)] = [
        (["enqueue", "double", "1"], "--after"), (["enqueue", "double", "1"], "--run-timeout"),
        (["enqueue", "double", "1", "--wait"], "--timeout"), (["notify", "news", "1"], "--keep"),
        (["callback", "extend", "c1:x"], "--by"), (["health"], "--timeout"),
        (["schedule", "create", "s", "double"], "--every"),
        (["schedule", "create", "s", "double", "--every", "1h"], "--run-timeout"),
    ]

    @Test(arguments: lengths)
    func `Every option that takes a length of time takes the same forms, and names them`(
        _ command: [String], _ option: String
    ) async throws {
        try await Fixture.with { fixture in
            for form in ["1500ms", "1.5s", "30s", "45m", "1h", "0.04d", "45"] {
                let end = try await fixture.run(command + [option, form, "--namespace", "a b"])
                #expect(end.code == 2 && end.complaint.contains("--namespace"), "\(option) \(form): \(end.complaint)")
            }
            for form in ["soon", "5w", "1e3s", "1h30m", "+1s", "0x1s", "s", "99999999999999s"] {
                let end = try await fixture.run(command + [option, form, "--namespace", "a b"])
                #expect(end.code == 64, "\(option) \(form)")
                #expect(end.complaint.contains("\(option) \(form) is not a length of time of "), "\(end.complaint)")
                #expect(end.complaint.contains("such as 500ms, 30s, 90m, 2h or 3d; without a unit it is seconds"))
            }
            let help = try await fixture.run(command + ["--help"]).output
            #expect(help.contains("500ms"), "\(help)")
        }
    }

    @Test func `A length of time means what its unit says`() async throws {
        try await Fixture.with { fixture in
            let forms = [
                "1500ms": 1500, "30s": 30_000, "90m": 5_400_000, "2h": 7_200_000, "3d": 259_200_000, "45": 45_000,
            ]
            for (form, length) in forms {
                let end = try await fixture.stepwise("enqueue", "double", "1", "--id", "r\(form)", "--after", form)
                #expect(end.code == 0, "\(end.complaint)")
                let details = try await fixture.client.handle("r\(form)").details()
                let created = try #require(details.created?.wholeMilliseconds)
                #expect(details.startsAt == Date(milliseconds: created + length), "\(form)")
            }
            // A bare number is no date, and who means one would be misread.
            #expect(try await fixture.stepwise("dead", "list", "--since", "2026").code == 64)
        }
    }

    // MARK: Pages

    @Test func `Runs are listed in pages: each names the next one's place, and none is missed or comes twice`()
        async throws
    {
        try await Fixture.with { fixture in
            // Eight came to their status at one time, half of them to another one.
            for number in 0..<12 {
                let status = number % 2 == 0 ? "queued" : "parked"
                try await fixture.send(
                    "HSET ~run:r\(number) workflow double status \(status) queue default payload 1 created 1")
                try await fixture.send("ZADD ~runs:\(status) \(number < 8 ? 1000 : 2000 + number) r\(number)")
            }
            let all = try await fixture.client.runs(limit: 100).map(\.id)
            #expect(all.count == 12)
            for filter in [[], ["--status", "parked"], ["--workflow", "double"]] {
                let odd = ["r1", "r3", "r5", "r7", "r9", "r11"]
                let expected = filter.first == "--status" ? all.filter { odd.contains($0) } : all
                var listed: [String] = []
                var after: String?
                repeat {
                    let more = after.map { ["--after", $0] } ?? []
                    let end = try await fixture.run(["runs", "--json", "--limit", "5"] + filter + more)
                    let page = try document(end.output)
                    listed += (page["runs"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
                    after = page["next"] as? String
                } while after != nil && listed.count < 50
                #expect(listed == expected, "\(filter)")
            }
            let some = try await fixture.stepwise("runs", "--limit", "11")
            #expect(some.complaint.contains("there are more: add --limit or --after "), "\(some.complaint)")
            #expect(try await fixture.stepwise("runs", "--limit", "12").complaint.isEmpty)
            #expect(try await fixture.stepwise("runs", "--after", "r1").code == 64)
        }
    }

    @Test func `A place stays where it is when its run comes to another status`() async throws {
        try await Fixture.with { fixture in
            for number in 0..<6 {
                try await fixture.send(
                    "HSET ~run:r\(number) workflow double status queued queue default payload 1 created 1")
                try await fixture.send("ZADD ~runs:queued 1000 r\(number)")
            }
            let first = try await fixture.client.runPage(limit: 2)
            #expect(first.runs.map(\.id) == ["r5", "r4"])
            let place = try #require(first.next)
            #expect(RunPlace(place.description) == place)
            try await fixture.send("ZREM ~runs:queued r4")
            try await fixture.send("ZADD ~runs:completed 5000 r4")
            try await fixture.send("HSET ~run:r4 status completed")
            let rest = try await fixture.client.runPage(after: place, limit: 100)
            #expect(rest.next == nil)
            // Of the place's own time all come again: which of them were before it cannot be known any more.
            #expect(rest.runs.map(\.id) == ["r5", "r3", "r2", "r1", "r0"])
        }
    }

    @Test func `Each list that is cut says so`() async throws {
        try await Fixture.with { fixture in
            for name in ["a", "b"] {
                try await fixture.send("LPUSH ~malformed", #"{"reason":"r","queue":"default","item":"i","at":1}"#)
                try await fixture.send("SET ~kept:\(name)", "4102444800000 1")
                try await fixture.send("ZADD ~expected 1 \(name)")
                _ = try await fixture.client.enqueue(workflow: "double", payloadJSON: "1", id: name)
            }
            for line in [
                "queues --malformed", "events --kept", "events --expected", "runs",
                "cancel --workflow double --dry-run",
            ] {
                let words = line.split(separator: " ").map(String.init)
                let cut = try await fixture.run(words + ["--limit", "1"])
                #expect(cut.complaint.contains("more"), "\(line): \(cut.complaint)")
                #expect(cut.output.split(separator: "\n").count == 2, "\(line): \(cut.output)")
                for limit in ["2", "9223372036854775807"] where !line.hasPrefix("cancel") || limit != "2" {
                    let whole = try await fixture.run(words + ["--limit", limit])
                    #expect(whole.complaint.isEmpty, "\(line): \(whole.complaint)")
                    #expect(whole.output.split(separator: "\n").count == 3, "\(line): \(whole.output)")
                }
            }
        }
    }

    // MARK: Names

    private func addWorker(_ fixture: Fixture, _ name: String, beat: Int) async throws {
        try await fixture.send(
            "HSET ~worker:\(name) state alive concurrency 1", "queues", "default orders", "workflows", "double ship")
        try await fixture.send("ZADD ~workers \(beat) \(name)")
    }

    @Test func `A mistyped name is asked back with the nearest one that exists`() async throws {
        try await Fixture.with { fixture in
            try await addWorker(fixture, "w-1-a", beat: try await fixture.client.redisTime() + 3_600_000)
            #expect(try await fixture.stepwise("schedule", "create", "weekly", "double", "--every", "1h").code == 0)
            let mistyped: [(String, Int32, String)] = [
                ("statuss r", 64, "status"), ("dead shwo r", 64, "show"), ("schedul show weekly", 64, "schedule"),
                ("runs --status fialed", 64, "failed"), ("cancel --status qeued", 64, "queued"),
                ("enqueue duoble 1", 0, "double"), ("enqueue double 1 --queue oders", 0, "orders"),
                ("runs --workflow dubble", 0, "double"), ("dead list --workflow Double", 0, "double"),
                ("dead resume --workflow doubl", 0, "double"), ("cancel --workflow shipp", 0, "ship"),
                ("notify news 1 --queue order", 0, "orders"), ("pause --queue defualt", 0, "default"),
                ("resume --workflow shp", 0, "ship"), ("resume --queue ordrs", 0, "orders"),
                ("schedule create daily duble --every 1h", 0, "double"), ("schedule show wekly", 2, "weekly"),
                ("schedule pause weeky", 2, "weekly"), ("schedule resume weeklyy", 2, "weekly"),
                ("schedule trigger weakly", 2, "weekly"), ("schedule delete wekely", 2, "weekly"),
                ("schedule backfill Weekly --from 2h --to 1h", 2, "weekly"),
            ]
            for (line, code, name) in mistyped {
                let end = try await fixture.run(line.split(separator: " ").map(String.init))
                #expect(end.code == code, "\(line): \(end.complaint)")
                #expect(end.complaint.contains("did you mean \"\(name)\"?"), "\(line): \(end.complaint)")
            }
            let taken = try await fixture.stepwise("schedule", "create", "weekly", "double", "--every", "2h")
            #expect(taken.code == 2 && taken.complaint.contains("add --replace"), "\(taken.complaint)")
            for line in [
                "enqueue double 1", "enqueue invoice 1", "enqueue double 1 --queue invoices", "runs --workflow invoice",
                "resume --queue invoices", "runs --status odd", "schedule show invoices", "frobnicate", "status",
                "runs --limit x",
            ] {
                let end = try await fixture.run(line.split(separator: " ").map(String.init))
                #expect(!end.complaint.contains("did you mean"), "\(line): \(end.complaint)")
            }
        }
    }

    // MARK: Redis and workers that are not there

    @Test func `Where nobody listens, each command says so soon`() async throws {
        let server = try await RedisServer.start(tcp: true)
        let url = server.url
        server.stop()
        try await Fixture.with { fixture in
            for (command, code) in [("runs", Int32(2)), ("doctor", 2), ("status r", 2), ("health", 1)] {
                let start = ContinuousClock.now
                let end = try await fixture.run(command.split(separator: " ").map(String.init) + ["--redis", url])
                // 2 s, and what a busy machine adds; it was 10 s.
                #expect(ContinuousClock.now - start < .seconds(8), "\(command)")
                #expect(end.code == code)
                let sentence = "could not reach redis at \(url) within 2 s: Connection refused"
                #expect(end.complaint.contains(sentence), "\(end)")
            }
        }
    }

    @Test func `Who waits for a shorter time than Redis' client does is told what the attempts came to`() async throws {
        let server = try await RedisServer.start(tcp: true)
        let url = server.url
        server.stop()
        try await Fixture.with { fixture in
            let refused = try await fixture.stepwise("health", "--timeout", "1", "--redis", url)
            #expect(refused.code == 1)
            let sentence = "redis at \(url) did not answer within 1 s: Connection refused"
            #expect(refused.complaint.contains(sentence), "\(refused)")
            try await fixture.send("CONFIG SET maxclients 1")
            let full = try await fixture.stepwise("health", "--timeout", "1")
            #expect(full.code == 1 && full.complaint.contains("did not answer within 1 s: "), "\(full)")
            #expect(full.complaint.contains("max number of clients"), "\(full)")
            #expect(full.complaint.contains("raise its maxclients"), "\(full)")
        }
    }

    @Test func `Of a Redis that stands still health says the same, however long it was asked`() async throws {
        try await Fixture.with { fixture in
            let advice = ": it may stand still; look at its machine and its log, and check the address\n"
            try await fixture.send("CLIENT PAUSE 3000 ALL")
            let paused = try await fixture.stepwise("health", "--timeout", "1")
            let place = "redis at \(fixture.server.url) did not answer within"
            #expect(paused.code == 1 && paused.complaint.hasSuffix("\(place) 1 s\(advice)"), "\(paused)")
            fixture.server.pause()
            // Longer than an attempt to connect.
            let frozen = try await fixture.stepwise("health", "--timeout", "7")
            fixture.server.resume()
            #expect(frozen.code == 1 && frozen.complaint.hasSuffix("\(place) 7 s\(advice)"), "\(frozen)")
        }
    }

    @Test
    func `Status and history tell when a run began, since when its steps are queued, and how often they may be tried`()
        async throws
    {
        try await Fixture.with { fixture in
            let time = try await fixture.client.redisTime()
            try await fixture.send(
                "HSET ~run:r workflow double status running queue default generation 5 payload 1 created 1 began 1795340073201 recorded 1"
            )
            try await fixture.send("ZADD ~runs:running \(time) r")
            try await fixture.send("HSET ~open:r ship", "run 2 0 item called=1795340075000 waited=340 of=4 17\n{}")
            try await fixture.send("HSET ~open:r old", "run 1 0 item")
            try await fixture.send(
                "HSET ~steps:r 1", #"{"step":"pay","took":3,"claim":"w/1","at":9,"waited":340,"value":1}"#)
            let status = try await fixture.stepwise("status", "r").output
            #expect(status.contains("2026-11-22 09:34:33") && status.contains("2 of 4"), "\(status)")
            let json = try document(try await fixture.stepwise("status", "r", "--json").output)
            #expect(json["began"] as? Int == 1_795_340_073_201)
            let open = try #require(json["open"] as? [[String: Any]])
            let (ship, old) = (
                open.first { $0["step"] as? String == "ship" }, open.first { $0["step"] as? String == "old" }
            )
            #expect(ship?["called"] as? Int == 1_795_340_075_000 && ship?["of"] as? Int == 4)
            #expect(old?["called"] is NSNull && old?["of"] is NSNull)
            let history = try await fixture.stepwise("history", "r").output
            #expect(history.contains("WAITED") && history.contains("340ms"), "\(history)")
            let recorded = try document(try await fixture.stepwise("history", "r", "--json").output)
            #expect((recorded["steps"] as? [[String: Any]])?.first?["waited"] as? Int == 340)
            #expect(recorded["began"] as? Int == 1_795_340_073_201)
        }
    }

    @Test func `Status names the silent worker that holds a run's turn or step, and what comes next`() async throws {
        try await Fixture.with { fixture in
            let time = try await fixture.client.redisTime()
            try await fixture.send(
                "HSET ~run:r workflow double status running queue default generation 5 payload 1 created 1 recorded 0")
            try await fixture.send("ZADD ~runs:running \(time) r")
            try await fixture.send("HSET ~open:r ship", "run 1 0 item")
            try await addWorker(fixture, "w-1-a", beat: time - 60_000)
            try await fixture.send("LPUSH ~claimed:w-1-a:default", "step r 5 1 ship")
            try await fixture.send("LPUSH ~claimed:w-1-a:default", "step other 5 1 pay")
            let alone = try await fixture.stepwise("status", "r").output
            #expect(alone.contains("worker w-1-a holds step ship; it has been silent for 1m"), "\(alone)")
            #expect(alone.contains("no worker of queue default is alive: start one"), "\(alone)")
            try await addWorker(fixture, "w-1-b", beat: time + 3_600_000)
            try await fixture.send("HSET ~run:r", "turn", "w-1-a 1 t")
            let waiting = try await fixture.stepwise("status", "r").output
            #expect(waiting.contains("worker w-1-a holds the turn, step ship; it has been silent"), "\(waiting)")
            #expect(
                waiting.contains("after its lease (10 s unless it is set) another worker gives back what it holds"),
                "\(waiting)")
            #expect(waiting.contains("and counts as interrupted if its step is .atMostOnce"), "\(waiting)")
            let json = try document(try await fixture.stepwise("status", "r", "--json").output)
            let silent = try #require((json["silent"] as? [[String: Any]])?.first)
            #expect(silent["worker"] as? String == "w-1-a" && silent["steps"] as? [String] == ["ship"])
            #expect((json["next"] as? String)?.contains("another worker") == true)
            try await fixture.send("HSET ~worker:w-1-a state dead")
            #expect(try await fixture.stepwise("status", "r").output.contains("ship; it was declared dead"))
            // Nobody is silent: the run goes on.
            try await fixture.send("DEL ~claimed:w-1-a:default")
            try await fixture.send("HSET ~run:r", "turn", "")
            let well = try document(try await fixture.stepwise("status", "r", "--json").output)
            #expect(well["next"] is NSNull && (well["silent"] as? [Any])?.isEmpty == true)
            try await fixture.send("HSET ~paused queue:default \(time)")
            #expect(try await fixture.stepwise("status", "r").output.contains("stepwise resume --queue default"))
            try await fixture.send("HSET ~run:r status unserved")
            try await fixture.send("DEL ~paused")
            let coming = try await fixture.stepwise("status", "r").output
            #expect(coming.contains("a worker that has workflow double takes it up at its next look"), "\(coming)")
            try await fixture.send("HSET ~worker:w-1-b", "workflows", "ship")
            let unserved = try await fixture.stepwise("status", "r").output
            #expect(
                unserved.contains("no worker that claims from queue default has workflow double: start one that has it")
            )
        }
    }

    @Test func `Status looks at the workers and at what is paused before it says why a run is unserved`() async throws {
        try await Fixture.with { fixture in
            let time = try await fixture.client.redisTime()
            try await fixture.send("HSET ~worker:w-1-a state alive queues default workflows double concurrency 10")
            try await fixture.send("ZADD ~workers \(time + 3_600_000) w-1-a")
            _ = try await fixture.client.enqueue(workflow: "double", payloadJSON: "1", id: "r")
            try await fixture.send("HSET ~run:r status unserved")
            try await fixture.send("HSET ~run:r reason", "the workflow is paused")
            try await fixture.send("HSET ~paused workflow:double 1")
            let paused = try document(try await fixture.stepwise("status", "r", "--json").output)
            #expect(paused["reason"] as? String == "the workflow is paused")
            #expect(paused["next"] as? String == "stepwise resume --workflow double")
            try await fixture.send("DEL ~paused")
            let resumed = try document(try await fixture.stepwise("status", "r", "--json").output)
            #expect((resumed["reason"] as? String)?.hasSuffix("it is not any more") == true, "\(resumed)")
            let next = "a worker that has workflow double takes it up at its next look, within two seconds"
            #expect(resumed["next"] as? String == next)
        }
    }

    @Test func `A wrong place in a list, a pause of a mistyped name and a length beyond all bounds are told to people`()
        async throws
    {
        try await Fixture.with { fixture in
            let list = try await fixture.stepwise("dead", "list", "--after", "zz")
            #expect(list.code == 2 && list.complaint.contains("--until"), "\(list)")
            #expect(!list.complaint.contains("stepwise:{"), "\(list)")
            let time = try await fixture.client.redisTime()
            try await fixture.send("HSET ~worker:w-1-a state alive queues default workflows double concurrency 10")
            try await fixture.send("ZADD ~workers \(time) w-1-a")
            let paused = try await fixture.stepwise("pause", "--workflow", "duoble")
            let undo = "did you mean \"double\"? To undo the pause: stepwise resume --workflow duoble"
            #expect(paused.complaint.contains(undo), "\(paused)")
            let bounds: [([String], String)] = [
                (["enqueue", "double", "1", "--after", "99999999999s"], "of at most 10,000 years: use"),
                (["health", "--timeout", "2h"], "of 1ms to 1h: use"),
                (["schedule", "create", "s", "double", "--every", "4000d"], "of 1s to 3650 days: use"),
            ]
            for (command, words) in bounds {
                let end = try await fixture.run(command)
                #expect(end.code == 64 && end.complaint.contains(words), "\(end)")
            }
        }
    }
}
