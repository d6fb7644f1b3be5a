import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private struct Declined: Error {}

extension Scenarios {
    /// What finds runs by a label: it has exactly those that have it, and costs the others nothing.
    @Suite("Indexes of labels", .serialized) struct LabelIndexes {
        private let pay = Workflow("pay") { (context, amount: Int) async throws -> Int in
            try await context.run("charge") { amount }
        }
        private let decline = Workflow("decline") { (context, amount: Int) async throws -> Int in
            try await context.run("charge", .retry(.never)) { () async throws -> Int in throw Declined() }
        }
        private let absent = WorkflowName<Int, Int>("absent")

        private static let prefix = "stepwise:{default}:"

        private func key(_ name: String) -> RedisArgument { .init(Self.prefix + name) }

        /// Calls `body` with a client of a throw-away Redis.
        private func withClient(_ body: (StepwiseClient, RedisServer) async throws -> Void) async throws {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let result: Result<Void, any Error>
                do { result = .success(try await body(client, server)) } catch { result = .failure(error) }
                await client.close()
                try result.get()
            }
        }

        private func add(_ label: String, _ client: StepwiseClient) async throws -> IndexProgress {
            try await client.addIndex(label: label, patience: .zero)
        }

        private func push(_ item: String, _ server: RedisServer) async throws {
            _ = try await server.command("LPUSH", key("inbox:default"), .init(item))
        }

        /// The runs in the index of a label.
        private func entries(_ label: String, _ server: RedisServer) async throws -> [String] {
            let reply = try await server.command("ZRANGE", key("label:\(label)"), "0", "-1")
            return (reply.array ?? []).compactMap(\.string).map { LabelEntry($0)?.run ?? $0 }.sorted()
        }

        private func found(
            _ labels: [String: String], _ client: StepwiseClient, statuses: [RunStatus] = [], limit: Int = 100
        ) async throws -> [String] {
            try await client.runPage(RunSearch(statuses: statuses, labels: labels), limit: limit).runs.map(\.id)
        }

        private func doctor(_ client: StepwiseClient) async throws -> [Violation] {
            try await Doctor(client, pause: .milliseconds(10)).examine().violations
        }

        // MARK: Coming

        @Test func `A run comes into the index of its label, whichever way it is made`() async throws {
            let parent = Workflow("parent") { [pay] (context, amount: Int) async throws -> Int in
                try await context.invoke(pay, amount, id: "child", .label("tenant", "acme"))
            }
            try await withClient { client, server in
                try await withWorkers(server, pay, parent, decline) {
                    _ = try await add("tenant", client)
                    let label = EnqueueOption.label("tenant", "acme")
                    let plain = try await client.enqueue(pay, 1, id: "plain")
                    _ = try await client.enqueue(pay, 1, id: "one", label, .label("other", "x"))
                    _ = try await client.enqueue(absent, 1, id: "later", label, .after(.seconds(3600)))
                    let many = try await client.enqueue(pay.workflowName, each: [1, 2, 3], label)
                    let made = try await client.enqueue(parent, 1, id: "parent")
                    try await push(
                        #"{"workflow":"pay","id":"pushed","payload":1,"labels":{"tenant":"acme"}}"#, server)
                    try await push(
                        #"{"workflow":"pay","id":"pushed-later","payload":1,"labels":{"tenant":"acme"},"after":3600000}"#,
                        server)
                    let schedule = try Schedule(
                        "weekly", .cron("0 9 * * 1"), pay, 1, labels: ["tenant": "acme"])
                    try await client.schedules.create(schedule)
                    let triggered = try await client.schedules.trigger("weekly")
                    let failing = try await client.enqueue(decline, 1, id: "failing", label)
                    let code = await errorCode { _ = try await failing.result(timeout: patience) }
                    #expect(code == .runFailed)
                    let restarted = try await client.restart("failing", as: "restarted")

                    _ = try await plain.result(timeout: patience)
                    _ = try await made.result(timeout: patience)
                    for id in ["pushed", "pushed-later"] {
                        try await eventually("run \(id) is there") { try await client.details(ofRun: id) != nil }
                    }
                    let expected =
                        ["child", "failing", "later", "one", "pushed", "pushed-later", restarted.id, triggered.id]
                        + many.map(\.id)
                    let listed = try await entries("tenant", server)
                    #expect(listed == expected.sorted())
                    let others = try await server.command("EXISTS", key("label:other"), key("label:schedule")).integer
                    #expect(others == 0)
                    let searched = try await found(["tenant": "acme"], client)
                    #expect(searched.sorted() == expected.sorted())
                    try await expectSound(client, within: patience)
                }
            }
        }

        @Test func `A schedule's ticks come into the index of its name`() async throws {
            let schedule = try Schedule("every-second", .every(.seconds(1)), pay, 1)
            try await withClient { client, server in
                _ = try await add("schedule", client)
                let worker = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [pay], schedules: [schedule], logger: .silent)
                try await serving([worker]) {
                    try await eventually("it does not tick") {
                        try await found(["schedule": "every-second"], client, statuses: [.completed]).count >= 2
                    }
                }
                try await expectSound(client)
            }
        }

        // MARK: Leaving

        @Test func `A run that is deleted leaves the index, by hand and by retention`() async throws {
            try await withClient { client, server in
                try await withWorkers(server, pay) {
                    _ = try await add("tenant", client)
                    for id in ["a", "b", "c"] {
                        let run = try await client.enqueue(pay, 1, id: id, .label("tenant", "acme"))
                        _ = try await run.result(timeout: patience)
                    }
                    try await client.delete("b")
                    let left = try await entries("tenant", server)
                    #expect(left == ["a", "c"])
                }
                try await withWorkers(server, pay, configuration: .init(completedRetention: .milliseconds(1))) {
                    try await eventually("retention removes them") { try await client.details(ofRun: "c") == nil }
                    try await eventually("both") { try await client.details(ofRun: "a") == nil }
                }
                let left = try await entries("tenant", server)
                #expect(left == [])
                try await expectSound(client)
            }
        }

        @Test func `A pushed run that has waited too long, or may not wait, leaves the index`() async throws {
            try await withClient { client, server in
                _ = try await add("tenant", client)
                try await withWorkers(server, pay, configuration: .init(maximumPushedWaiting: 1)) {
                    for id in ["w1", "w2"] {
                        try await push(
                            #"{"workflow":"absent","id":"\#(id)","payload":1,"labels":{"tenant":"acme"}}"#, server)
                        try await eventually("it waits") { try await client.details(ofRun: id)?.status == .noWorker }
                    }
                    // It becomes a run before it is known that it would have to wait.
                    try await push(
                        #"{"workflow":"pay","id":"refused","payload":[],"labels":{"tenant":"acme"}}"#, server)
                    try await eventually("it is refused") { try await client.malformed(limit: 9).count == 1 }
                    let listed = try await entries("tenant", server)
                    #expect(listed == ["w1", "w2"])
                }
                try await withWorkers(
                    server, pay, configuration: .init(queues: ["elsewhere"], waitingLimit: .milliseconds(1))
                ) {
                    for id in ["w1", "w2"] {
                        try await eventually("it leaves") { try await client.details(ofRun: id) == nil }
                    }
                }
                let listed = try await entries("tenant", server)
                #expect(listed == [])
                try await expectSound(client)
            }
        }

        // MARK: What was there before, and who did not know

        @Test func `An index gets the runs that are there, and again the same`() async throws {
            try await withClient { client, server in
                for tenant in ["acme", "acme2", "other"] {
                    _ = try await client.enqueue(absent, each: 0..<400, .label("tenant", tenant))
                }
                _ = try await client.enqueue(absent, each: 0..<100)
                let first = try await add("tenant", client)
                #expect(first.found >= 1200 && first.looked >= 1300 && first.total == 1300 && first.removed == 0)
                let again = try await add("tenant", client)
                #expect(again.found >= 1200 && again.checked == 1200 && again.removed == 0)
                let acme = try await found(["tenant": "acme"], client, limit: 1000)
                #expect(acme.count == 400)
                let indexes = try await client.indexes()
                #expect(indexes.map(\.label) == ["tenant"] && indexes.first?.runs == 1200)
                #expect(indexes.first?.isComplete == true)
                try await expectSound(client)
                let wasThere = try await client.removeIndex(label: "tenant")
                let isThere = try await client.removeIndex(label: "tenant")
                #expect(wasThere && !isThere)
                let left = try await server.command("EXISTS", key("label:tenant")).integer
                let fields = try await server.command("HMGET", key("meta"), "indexes", "indexing").array
                #expect(left == 0 && fields == [.null, .null])
            }
        }

        @Test func `While an index is filled nothing is searched in it`() async throws {
            try await withClient { client, server in
                _ = try await client.enqueue(absent, 1, id: "old", .label("tenant", "acme"))
                // As if who adds it had ended in the middle.
                _ = try await server.command("HSET", key("meta"), "indexes", "tenant", "indexing", "tenant")
                let page = try await client.runPage(RunSearch(labels: ["tenant": "acme"]), limit: 9)
                #expect(page.runs.map(\.id) == ["old"] && page.scope?.index == nil)
                #expect(page.scope?.unindexed == ["tenant"])
                let report = try await Doctor(client, pause: .milliseconds(10)).examine()
                #expect(report.violations.isEmpty)
                #expect(report.warnings.contains { $0.contains("stepwise index add tenant") })
                let done = try await add("tenant", client)
                #expect(done.found == 1)
                let after = try await client.runPage(RunSearch(labels: ["tenant": "acme"]), limit: 9)
                #expect(after.runs.map(\.id) == ["old"] && after.scope?.index == "tenant")
            }
        }

        @Test func `What a client that knows nothing of an index has left out is named by the doctor, and is mended`()
            async throws
        {
            try await withClient { client, server in
                _ = try await add("tenant", client)
                let late = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                // As if it had read this a moment ago, and had stood still since.
                late.knownIndexes.note([], readAfter: ContinuousClock.now + .seconds(3600))
                _ = try await late.enqueue(absent, 1, id: "missed", .label("tenant", "acme"))
                let missed = try await entries("tenant", server)
                #expect(missed == [])
                let violations = try await doctor(client)
                #expect(violations.map(\.kind) == [.notIndexed])
                #expect(violations.first?.line.contains("such as run missed") == true)
                #expect(violations.first?.advice == "stepwise index add tenant")
                _ = try await add("tenant", client)
                try await expectSound(client)

                _ = try await client.handle("missed").cancel()
                late.knownIndexes.note([], readAfter: ContinuousClock.now + .seconds(3600))
                try await late.delete("missed")
                let left = try await entries("tenant", server)
                #expect(left == ["missed"])
                let searched = try await found(["tenant": "acme"], client)
                #expect(searched == [])
                let others = try await doctor(client)
                #expect(others.map(\.kind) == [.indexedWrongly])
                let mended = try await add("tenant", client)
                #expect(mended.removed == 1)
                try await expectSound(client)
                await late.close()
            }
        }

        @Test func `Who fills an index that was removed and has begun anew meanwhile does not make it complete`()
            async throws
        {
            try await Scripts.withRun { scripts in
                let script = try #require(ScriptLibrary.all.first { $0.name == "declare_index" })
                func declare(_ change: String, _ begun: String = "") async throws -> [String] {
                    let reply = try await scripts.redis.evaluate(
                        script.redis, keys: ["meta", "label:tenant"].map { Scripts.prefix + $0 },
                        arguments: ["tenant", .init(change), "16", .init(begun)])
                    return (reply.array ?? []).compactMap(\.string)
                }
                let first = try await declare("begin")
                _ = try await declare("end")
                let second = try await declare("begin")
                let (old, new) = (try #require(first.last), try #require(second.last))
                #expect(first.first == "new" && second.first == "new" && old != new)
                let again = try await declare("begin")
                #expect(again.first == "building" && again.last == new)
                let early = try await declare("complete", old)
                let building = try await scripts.redis.send(["HGET", .init(Scripts.prefix + "meta"), "indexing"])
                #expect(early.first == "missing" && building.string == "tenant=\(new)")
                let late = try await declare("complete", new)
                let none = try await scripts.redis.send(["HGET", .init(Scripts.prefix + "meta"), "indexing"])
                #expect(late.first == "complete" && none == .null)
            }
        }

        @Test func `The entry of a run that had an id before does not list the present one twice`() async throws {
            try await withClient { client, server in
                try await withWorkers(server, decline) {
                    _ = try await add("tenant", client)
                    let run = try await client.enqueue(decline, 1, id: "again", .label("tenant", "acme"))
                    let others = try await client.enqueue(decline.workflowName, each: 0..<4)
                    for id in [run.id] + others.map(\.id) {
                        try await eventually("it fails") { try await client.details(ofRun: id)?.status == .failed }
                    }
                    _ = try await server.command(
                        "ZADD", key("label:tenant"), "0", "acme\n000000000000001\nagain")
                    let page = try await client.runPage(RunSearch(labels: ["tenant": "acme"]), limit: 9)
                    #expect(page.runs.map(\.id) == ["again"] && page.scope?.index == "tenant")
                    let dead = try await client.deadRuns(DeadRunFilter(labels: ["tenant": "acme"]))
                    #expect(dead.runs.map(\.id) == ["again"] && dead.scope?.index == "tenant")
                }
            }
        }

        @Test(.timeLimit(.minutes(2)))
        func `Entries with other scores, which Redis finds in another order, do not lead anybody round in a circle`()
            async throws
        {
            try await withClient { client, server in
                _ = try await add("tenant", client)
                // The last of the first 500 comes, by its bytes, before the first.
                let script =
                    "redis.call('ZADD', KEYS[1], 0, 'm', 2, 'a', 3, 'z') "
                    + "for n = 100, 597 do redis.call('ZADD', KEYS[1], 1, 'n' .. n) end"
                _ = try await server.command("EVAL", .init(script), "1", key("label:tenant"))
                let kinds = try await doctor(client).map(\.kind)
                #expect(kinds == [.indexedWrongly])
                let mended = try await add("tenant", client)
                #expect(mended.removed == 501)
                try await expectSound(client)
            }
        }

        @Test func `Who still believes in an index that is removed writes nothing there`() async throws {
            try await withClient { client, server in
                _ = try await add("tenant", client)
                let late = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                late.knownIndexes.note(["tenant"], readAfter: ContinuousClock.now + .seconds(3600))
                _ = try await client.removeIndex(label: "tenant")
                _ = try await late.enqueue(absent, 1, id: "run", .label("tenant", "acme"))
                let isThere = try await server.command("EXISTS", key("label:tenant")).integer
                #expect(isThere == 0)
                await late.close()
                // By hand somebody may have made one.
                _ = try await server.command("ZADD", key("label:tenant"), "0", "x")
                let violations = try await doctor(client)
                #expect(violations.map(\.kind) == [.indexOfNoLabel])
                #expect(violations.first?.advice == "stepwise index remove tenant")
                _ = try await client.removeIndex(label: "tenant")
                try await expectSound(client)
            }
        }

        // MARK: Searching

        @Test func `Whatever a value holds, its runs are found and no others`() async throws {
            let values = [
                "", "a", "a ", "aa", "a\u{e9}", "ae\u{301}", "A", "\"a\"", "a\\nb", "a/b:c*?[d]", "{a}", "😀", "😀😀",
                String(repeating: "é", count: 100), String(repeating: "x", count: 200), "\u{10FFFF}", "~", "-1",
            ]
            try await withClient { client, server in
                for (number, value) in values.enumerated() where number % 2 == 0 {
                    _ = try await client.enqueue(absent, 1, id: "v\(number)", .label("tenant", value))
                }
                _ = try await add("tenant", client)
                for (number, value) in values.enumerated() where number % 2 == 1 {
                    _ = try await client.enqueue(absent, 1, id: "v\(number)", .label("tenant", value))
                }
                for (number, value) in values.enumerated() {
                    let page = try await client.runPage(RunSearch(labels: ["tenant": value]), limit: 9)
                    #expect(page.runs.map(\.id) == ["v\(number)"] && page.scope?.index == "tenant", "\(value)")
                }
                try await expectSound(client)
                for number in values.indices { _ = try await client.handle("v\(number)").cancel() }
                for number in values.indices { try await client.delete("v\(number)") }
                let left = try await entries("tenant", server)
                #expect(left == [])
            }
        }

        @Test func `A search has pages, in the order of creation, for a status and for several labels too`()
            async throws
        {
            try await withClient { client, server in
                _ = try await add("tenant", client)
                for number in 0..<10 {
                    _ = try await client.enqueue(
                        absent, 1, id: "r\(number)", .label("tenant", "acme"), .label("parity", "\(number % 2)"))
                }
                // Others have the lists of the statuses longer than the index.
                _ = try await client.enqueue(absent, each: 0..<100)
                for number in [3, 4] { _ = try await client.handle("r\(number)").cancel() }
                var pages: [[String]] = []
                var place: RunPlace?
                repeat {
                    let page = try await client.runPage(
                        RunSearch(statuses: [.queued], labels: ["tenant": "acme"]), after: place, limit: 3)
                    pages.append(page.runs.map(\.id))
                    place = page.next
                    // A place stays where it is when its run is gone.
                    if pages.count == 1 {
                        _ = try await client.handle("r7").cancel()
                        try await client.delete("r7")
                    }
                } while place != nil && pages.count < 9
                #expect(pages == [["r9", "r8", "r7"], ["r6", "r5", "r2"], ["r1", "r0"]])
                let odd = try await found(["tenant": "acme", "parity": "1"], client)
                #expect(odd == ["r9", "r5", "r3", "r1"])
                // Few have this status: its list is shorter.
                let cancelled = try await client.runPage(
                    RunSearch(statuses: [.cancelled], labels: ["tenant": "acme"]), limit: 9)
                #expect(Set(cancelled.runs.map(\.id)) == ["r3", "r4"])
                #expect(cancelled.scope?.index == nil && cancelled.scope?.unindexed == [])
                let first = try await client.runPage(RunSearch(labels: ["tenant": "acme"]), limit: 1)
                let next = try #require(first.next)
                #expect(next.order == .creation && RunPlace(next.description) == next)
                _ = try await client.removeIndex(label: "tenant")
                let code = await errorCode {
                    _ = try await client.runPage(RunSearch(labels: ["tenant": "acme"]), after: next, limit: 1)
                }
                #expect(code == .noSuchRun)
            }
        }

        @Test func `Failed runs are found by the index as without it`() async throws {
            try await withClient { client, server in
                try await withWorkers(server, decline) {
                    var runs = try await client.enqueue(
                        decline.workflowName, each: 0..<4, .label("tenant", "acme"))
                    runs += try await client.enqueue(decline.workflowName, each: 0..<8, .label("tenant", "other"))
                    for run in runs { _ = try? await run.result(timeout: patience) }
                    let filter = DeadRunFilter(labels: ["tenant": "acme"], errorText: "declined")
                    let before = try await client.deadRuns(filter)
                    #expect(
                        before.runs.count == 4 && before.scope?.looked == 12 && before.scope?.unindexed == ["tenant"])
                    _ = try await add("tenant", client)
                    let whole = try await client.deadRuns(filter)
                    #expect(Set(whole.runs) == Set(before.runs))
                    #expect(whole.scope?.index == "tenant" && whole.scope?.looked == 4)
                    let page = try await client.deadRuns(filter, limit: 3)
                    let last = try await client.deadRuns(filter, after: page.next, limit: 3)
                    #expect(page.runs + last.runs == whole.runs && last.next == nil)
                    try await client.delete(whole.runs[2].id)
                    let rest = try await client.deadRuns(filter, after: page.next, limit: 3)
                    #expect(rest.runs == last.runs)
                }
            }
        }

        // MARK: What it costs

        private func calls(_ command: String, _ server: RedisServer) async throws -> Int {
            let text = try await server.command("INFO", "commandstats").string ?? ""
            let line = text.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_\(command):calls=") } ?? ""
            return Int(line.dropFirst("cmdstat_\(command):calls=".count).prefix { $0 != "," }) ?? 0
        }

        @Test func `Among 10,000 runs a search looks at those that have the label`() async throws {
            try await withClient { client, server in
                for tenant in 0..<100 {
                    _ = try await client.enqueue(absent, each: 0..<100, .label("tenant", "t\(tenant)"))
                }
                let search = RunSearch(statuses: [.queued], labels: ["tenant": "t7"])
                let without = try await client.runPage(search, limit: 200)
                #expect(without.runs.count == 100 && without.scope?.looked == 10_000)
                _ = try await add("tenant", client)
                _ = try await server.command("CONFIG", "RESETSTAT")
                let page = try await client.runPage(search, limit: 200)
                #expect(Set(page.runs.map(\.id)) == Set(without.runs.map(\.id)) && page.scope?.looked == 100)
                let read = try await calls("hmget", server)
                #expect(read <= 110)
                let walked = try await calls("zrevrangebylex", server)
                #expect(walked == 1)
            }
        }

        @Test func `Without an index a page of a search ends after 10,000 runs, and the next goes on`() async throws {
            try await withClient { client, _ in
                _ = try await client.enqueue(absent, 1, id: "wanted", .label("tenant", "acme"))
                _ = try await client.enqueue(absent, each: 0..<10_500)
                let search = RunSearch(labels: ["tenant": "acme"])
                let first = try await client.runPage(search, limit: 9)
                let next = try #require(first.next)
                #expect(first.runs.isEmpty && first.scope?.total == 10_501)
                let looked = try #require(first.scope).looked
                #expect(looked >= 10_000 && looked < 10_400)
                let second = try await client.runPage(search, after: next, limit: 9)
                #expect(second.runs.map(\.id) == ["wanted"] && second.next == nil)
            }
        }

        @Test func `Runs without the label cost no command more, nor do those of a namespace without indexes`()
            async throws
        {
            try await withClient { client, server in
                // Its first call loads the scripts.
                _ = try await client.enqueue(absent, 0, .label("warm", "up"))
                func commands(_ id: String, _ labels: [String: String] = [:]) async throws -> [String] {
                    let monitor = try await ScriptMonitor(server)
                    _ = try await client.enqueue(absent, 1, id: id, .labels(labels), .runTimeout(.seconds(600)))
                    let scripts = try await monitor.scripts()
                    monitor.stop()
                    return scripts.flatMap(\.commands)
                }
                let bare = try await commands("bare")
                let labelled = try await commands("labelled", ["tenant": "acme"])
                let other = try await commands("other", ["other": "x"])
                _ = try await add("tenant", client)
                let bareAfter = try await commands("bare-after")
                let indexed = try await commands("indexed", ["tenant": "acme"])
                let otherAfter = try await commands("other-after", ["other": "x"])
                #expect(bareAfter == bare && otherAfter == other)
                // The label itself.
                #expect(labelled.count == bare.count + 1)
                #expect(indexed == labelled + ["HGET", "ZADD"])
            }
        }

        // MARK: What cannot be

        @Test func `A namespace has at most 16 indexes, of names that a label can have`() async throws {
            try await withClient { client, _ in
                for number in 0..<16 { _ = try await add("label-\(number)", client) }
                for wrong in ["", "a b", "a=b", "é", String(repeating: "x", count: 101)] {
                    let code = await errorCode { _ = try await client.addIndex(label: wrong, patience: .zero) }
                    #expect(code == .invalidIdentifier, "\(wrong)")
                }
                let error = await #expect(throws: StepwiseError.self) { _ = try await add("one-more", client) }
                #expect(error?.code == .wrongStatus)
                #expect(error?.message.contains("stepwise index remove") == true)
                let labels = try await client.indexes().map(\.label)
                #expect(labels == (0..<16).map { "label-\($0)" })
                _ = try await client.removeIndex(label: "label-3")
                _ = try await add("one-more", client)
                try await expectSound(client)
            }
        }
    }
}

/// The values behind it, without Redis.
@Suite("Indexes of labels: values") struct LabelIndexValueTests {
    @Test func `An entry is read as it was written`() throws {
        for value in ["", "acme", "a b", "e\u{301}", "😀"] {
            let entry = LabelEntry(value: value, created: 1_795_340_073_201, run: "r/1~x")
            let read = try #require(LabelEntry(entry.text))
            #expect(Array(read.text.utf8) == Array(entry.text.utf8) && read.run == "r/1~x")
            #expect(entry.text.contains("\n001795340073201\n"))
        }
        for wrong in ["", "a", "a\n1", "a\n1\nr", "a\n001795340073201\n", "a\n00179534007320x\nr", "a\nb\nc\nd"] {
            #expect(LabelEntry(wrong) == nil, "\(wrong)")
        }
    }

    @Test func `What a client has read of the indexes counts for some seconds`() {
        let known = KnownIndexes()
        let start = ContinuousClock.now
        #expect(known.names(at: start) == nil)
        known.note(["tenant"], readAfter: start)
        #expect(known.names(at: start + .milliseconds(2999)) == ["tenant"])
        #expect(known.names(at: start + KnownIndexes.age) == nil)
        known.forget()
        #expect(known.names(at: start) == nil)
    }

    @Test func `A place says by which order it is one`() throws {
        let first = try #require(RunPlace("12-a~b"))
        #expect(first == RunPlace(since: 12, id: "a~b"))
        let second = try #require(RunPlace("12~a-b"))
        #expect(second == RunPlace(since: 12, id: "a-b", by: .creation))
        for wrong in ["", "r1", "-1-a", "12-", "12~", "x~y"] { #expect(RunPlace(wrong) == nil, "\(wrong)") }
    }

    @Test func `Labels are compared byte by byte, as an index does`() {
        let composed = RunLabels(["tenant": "\u{e9}"])
        #expect(composed.contains(RunLabels(["tenant": "\u{e9}"])))
        #expect(!composed.contains(RunLabels(["tenant": "e\u{301}"])))
    }
}
