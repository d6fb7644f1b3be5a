import Foundation
import Stepwise
import Testing

@Suite("What is said of a run, by what was seen of it")
struct ExplainTests {
    func keys() throws -> Keys { try Keys(namespace: "default") }

    func explain(_ picture: RunPicture) throws -> Explanation { Explanation(picture, keys: try keys()) }

    /// The causes that are told besides, whatever else is so.
    private static let besides: Set<Explanation.Cause> = [
        .joining, .deadlineNear, .redisEvicts, .clockSkew,
    ]

    @Test(arguments: ExplainCase.all)
    func `Each cause has its sentence and its verdict`(_ it: ExplainCase) throws {
        let findings = Findings(it.picture, keys: try keys())
        let causes = findings.all.map(\.cause)
        let found = try #require(findings.all.first(where: { $0.cause == it.cause }), "found: \(causes)")
        #expect(found.sentence == it.sentence)
        #expect(found.verdict == it.verdict)
        let explanation = try explain(it.picture)
        if Self.besides.contains(it.cause) {
            #expect(explanation.also.contains(.init(cause: it.cause, sentence: it.sentence)))
        } else {
            #expect(explanation.cause == it.cause)
            #expect(explanation.sentence == it.sentence)
            #expect(explanation.verdict == it.verdict)
        }
        #expect(!explanation.next.isEmpty, "that there is nothing to do is said, too")
        #expect(!explanation.evidence.isEmpty)
    }

    static let errors: [(StepwiseError.Code, String, Explanation.Cause)] = [
        (.redisUnavailable, "no connection", .redisUnreachable),
        (.redisDenied, "WRONGPASS", .redisDenied), (.redisUnavailable, "LOADING Redis is loading", .redisLoading),
        (.redisUnavailable, "READONLY You can't write", .redisReadOnly), (.redisRefused, "OOM command", .redisFull),
        (.redisUnavailable, "explaining run r failed: LOADING Redis is loading", .redisLoading),
        (.redisUnavailable, "explaining run ROOM failed: no answer at /tmp/OOM.sock", .redisUnreachable),
        (.otherDataFormat, "it has data format 4", .newerFormat),
    ]

    @Test(arguments: ExplainTests.errors)
    func `What keeps everything from being read is a cause, too`(
        _ code: StepwiseError.Code, _ message: String, _ cause: Explanation.Cause
    ) throws {
        let keys = try keys()
        let made = Explanation(of: "r", unreadable: StepwiseError(code, message), keys: keys)
        let explanation = try #require(made)
        #expect(explanation.cause == cause && explanation.verdict == .unknown)
        #expect(explanation.sentence.hasSuffix(": \(message)"))
        #expect(explanation.next.count > 0)
        #expect(Explanation(of: "r", unreadable: StepwiseError(.invalidIdentifier, "no"), keys: keys) == nil)
    }

    @Test func `Every cause has a case here, a place in the order, and a sentence`() {
        let unreadable: Set<Explanation.Cause> = [.redisUnreachable, .redisDenied, .redisLoading, .newerFormat]
        let tested = Set(ExplainCase.all.map(\.cause)).union(unreadable)
        #expect(tested == Set(Explanation.Cause.allCases))
        #expect(Found.isOrderWhole)
        for cause in Explanation.Cause.allCases { #expect(!Wording.sentences(cause).isEmpty) }
    }

    // MARK: The page

    @Test func `The page Explain has each sentence and each remedy word for word`() throws {
        let page = try Sources.text("Stepwise/Stepwise.docc/Explain.md")
        var rows: [String: [(sentence: String, remedies: String)]] = [:]
        for line in page.split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.dropFirst(2).dropLast(2).components(separatedBy: " | ")
            guard cells.count == 3 else { continue }
            let cause = cells[0].filter { $0 != "`" }
            rows[cause, default: []].append((cells[1], cells[2].trimmingCharacters(in: .whitespaces)))
        }
        for cause in Explanation.Cause.allCases {
            let its = rows.removeValue(forKey: cause.rawValue) ?? []
            #expect(its.map(\.sentence) == Wording.sentences(cause).map(\.description), "\(cause)")
            let remedies = Wording.remedies(cause).map { remedy in
                (remedy.command.map { "`stepwise \($0)`: " } ?? "") + remedy.effect.description
            }
            #expect(its.first?.remedies == remedies.joined(separator: "; "), "\(cause)")
        }
        let verdicts = Set(Explanation.Verdict.allCases.map(\.rawValue))
        #expect(Set(rows.keys).isSubset(of: verdicts), "causes that there are not: \(rows.keys)")
    }

    // MARK: Several at once

    private func several() -> RunPicture {
        var picture = ExplainCase.picture()
        picture.open = [
            "nap": "sleep 1 0 timer wake=\(ExplainCase.now + 5000)", "charge": "run 1 0 item", "mail": "run 1 0 item",
        ]
        picture.openCount = 3
        picture.items = [
            ExplainCase.step("charge", .claimed(worker: "vm-1-a")), ExplainCase.step("mail", .queue(ahead: 0)),
        ]
        picture.run?.deadline = ExplainCase.now + 60_000
        return picture
    }

    @Test func `All causes are told, the worst first, each with its own sentence`() throws {
        let explanation = try explain(several())
        #expect(explanation.cause == .claimedNotBegun && explanation.verdict == .waiting)
        #expect(explanation.also.map(\.cause) == [.inQueue, .sleeping, .deadlineNear])
    }

    @Test func `Where a branch is stuck and another goes on by itself, the run waits`() throws {
        var picture = several()
        picture.fleet.workers[0].workflows = []
        var explanation = try explain(picture)
        #expect(explanation.cause == .noWorkerForWorkflow && explanation.verdict == .waiting)
        // Without the sleep nobody moves it any more.
        picture.open["nap"] = nil
        picture.items.removeFirst()
        picture.open["charge"] = nil
        explanation = try explain(picture)
        #expect(explanation.verdict == .stuck)
    }

    @Test func `The numbers of workers add up, whatever keeps them`() {
        var workers: [SeenWorker] = []
        for number in 0..<64 {
            var worker = ExplainCase.worker("w\(number)")
            if number % 2 == 1 { worker.queues = ["other"] }
            if number % 3 == 1 { worker.workflows = ["other"] }
            if number % 5 == 1 { worker.silence = 3000 }
            if number % 7 == 1 { worker.isStopped = true }
            if number % 11 == 1 { worker.versions = ["order": "2"] }
            workers.append(worker)
        }
        let sums = WorkerSums(workers, queue: "mail", workflow: "order", unfit: ["2"])
        #expect(sums.total == 64)
        #expect(sums.able.count + SeenWorker.Hindrance.allCases.reduce(0) { $0 + sums.count($1) } == 64)
        #expect(sums.list.count == 64 && sums.list.count { $0.can } == sums.able.count)
        let numbers = sums.text.split(separator: ", ").compactMap { Int($0.prefix { $0 != " " }) }
        #expect(numbers.reduce(0, +) == 64 - sums.able.count)
    }

    @Test func `What the doctor finds wrong with a run is never moving, whatever else goes on`() throws {
        for it in ExplainCase.all where it.picture.run?.status.isEnded == false {
            var picture = it.picture
            if picture.hasMoved { continue }
            for kind in Violation.Kind.allCases {
                picture.violations = [Violation(kind, run: "r", key: "k", "it is broken", advice: "mend it")]
                #expect(try explain(picture).verdict != .moving, "\(kind): \(it.sentence)")
            }
            // Nor where no look was left to confirm it.
            (picture.violations, picture.isSuspect) = ([], true)
            #expect(try explain(picture).verdict != .moving)
        }
    }

    @Test func `A worker that has only missed some beats is not taken for dead: the verdict is unknown`() throws {
        for place: SeenItem.Place in [.queue(ahead: 0), .unserved] {
            var picture = ExplainCase.picture()
            picture.run?.status = place == .unserved ? .noWorker : .queued
            picture.run?.turn = place == .unserved ? "unserved" : "queue"
            picture.items = [ExplainCase.turn(place)]
            picture.fleet.workers[0].silence = 5000
            picture.fleet.alive = 0
            #expect(try explain(picture).verdict == .unknown)
            picture.fleet.workers[0].silence = 10_000
            #expect(try explain(picture).verdict == .stuck)
        }
    }

    // MARK: Texts from outside

    @Test func `Names, reasons and errors are on one line, bounded, and without secrets`() throws {
        var picture = ExplainCase.picture()
        let secret = String(repeating: "0a", count: 16)
        picture.run?.status = .failed
        let message =
            "\u{1b}[31mno\ncallback r:\(secret) at redis://ada:geheim@host " + String(repeating: "x", count: 9000)
        picture.run?.error = "{\"type\":\"E\",\"message\":\(JSON.string(message)),\"step\":\"a\\nb\u{202e}\"}"
        let explanation = try explain(picture)
        let json = String(decoding: try JSON.encode(explanation, what: "it"), as: UTF8.self)
        #expect(!json.contains(secret) && !json.contains("geheim"))
        #expect(explanation.sentence.utf8.count < 1500)
        #expect(explanation.sentence.printable == explanation.sentence)
        #expect(explanation.line.hasPrefix("run r (order) has ended: it failed"))
    }

    @Test func `A command is taken from what the doctor advises, never from a name in it`() throws {
        var picture = ExplainCase.picture()
        picture.open = ["nap": "sleep 1 0 timer wake=\(ExplainCase.now + 5000)"]
        for (advice, command) in [
            ("start a worker that has workflow \"redis-cli FLUSHALL\"", nil),
            ("queue it: redis-cli PING", "redis-cli PING"),
            ("redis-cli PING", "redis-cli PING"),
        ] as [(String, String?)] {
            picture.violations = [Violation(.listedWrongly, run: "r", key: "k", "it is odd", advice: advice)]
            let commands = try explain(picture).next.compactMap(\.command).filter { $0.contains("redis-cli") }
            #expect(commands == [command].compactMap { $0 })
        }
    }

    @Test func `What is at work goes on while Redis is full`() throws {
        for it in ExplainCase.all where it.cause == .bodyRunning || it.cause == .functionAtWork {
            var picture = it.picture
            picture.memory = RedisMemory(
                info: "used_memory:110\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n")
            let explanation = try explain(picture)
            #expect(explanation.cause == it.cause && explanation.verdict == it.verdict)
            #expect(explanation.also.contains { $0.cause == .redisFull })
        }
    }

    @Test func `Of several causes each action says what it is for`() throws {
        var picture = ExplainCase.picture()
        picture.queuePause = SeenPause(since: ExplainCase.now - 1000)
        picture.workflowPause = SeenPause(since: ExplainCase.now - 1000)
        picture.run?.turn = "queue"
        let next = try explain(picture).next.filter { $0.command?.hasPrefix("stepwise resume") == true }
        #expect(next.map(\.cause) == [.queuePaused, .workflowPaused])
    }

    @Test func `Commands quote names for a shell, and an option is never made of a name`() throws {
        var picture = ExplainCase.picture()
        picture.id = "r;rm"
        picture.open = ["a b'c": "run 2 0 item 1\n{}"]
        picture.retries = ["a b'c": ExplainCase.now + 1000]
        var commands = try explain(picture).next.compactMap(\.command)
        #expect(commands == [#"stepwise retry 'r;rm' 'a b'\''c'"#])
        picture.open = ["-x": "run 2 0 item 1\n{}"]
        picture.retries = ["-x": ExplainCase.now + 1000]
        commands = try explain(picture).next.compactMap(\.command)
        #expect(commands.isEmpty)
        // At a terminal it would not look as it is.
        picture.open = ["a\u{1b}b": "run 2 0 item 1\n{}"]
        picture.retries = ["a\u{1b}b": ExplainCase.now + 1000]
        commands = try explain(picture).next.compactMap(\.command)
        #expect(commands.isEmpty)
    }

    @Test func `Of a run that is waited for and is not there it is not said that nothing waits for it`() throws {
        var picture = ExplainCase.picture()
        picture.open = ["ship": "invoke 1 0 child:wait:c"]
        picture.children = ["c": ExplainCase.child("c", .running)]
        let nothing = try explain(picture)
        #expect(nothing.sentence.hasSuffix("What moves it was not looked for") && nothing.verdict == .unknown)
        picture.children["c"]?.run = nil
        let missing = try explain(picture)
        #expect(missing.sentence.hasSuffix("(not looked at: what was pushed or sent to it)"))
    }

    @Test func `As JSON it comes back as it was; facts are an object, times whole milliseconds`() throws {
        for it in ExplainCase.all {
            var explanation = try explain(it.picture)
            let bytes = try JSON.encode(explanation, what: "it")
            let again = try JSON.decode(Explanation.self, from: bytes, what: "it")
            // An object has no order.
            explanation.facts.sort { $0.name < $1.name }
            #expect(again == explanation)
            let members = try #require(JSONMembers(bytes))
            #expect(members.integer("at") == ExplainCase.now)
            #expect(members.values["facts"].map { $0.first == UInt8(ascii: "{") } == true)
        }
    }

    // MARK: Templates

    @Test func `A part of a sentence is left out unless its facts are known`() {
        let template: SentenceTemplate = "⟨It⟩ has ⟨n dog/dogs⟩[ since ⟨since⟩[ by ⟨by⟩]][, at last⟨?last⟩]"
        var facts = Facts(.step("a b"))
        #expect(template.text(facts) == nil)
        facts.add("n", 1)
        #expect(template.text(facts) == "Step \"a b\" has 1 dog")
        facts.add("n", 0)
        facts.add("by", words: "Ada")
        #expect(template.text(facts) == "Step \"a b\" has 0 dogs")
        facts.add("since", time: 0, now: 0)
        facts.mark("last")
        #expect(template.text(facts) == "Step \"a b\" has 0 dogs since 1970-01-01 00:00:00Z by Ada, at last")
    }

    @Test func `Lengths and places read well`() {
        #expect(
            [0, 999, 1000, 119_000, 120_000, 7_200_000, 172_800_000].map(Facts.length)
                == ["0 ms", "999 ms", "1 s", "119 s", "2 min", "2 h", "2 d"])
        #expect(
            [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(Facts.place)
                == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"])
    }
}
