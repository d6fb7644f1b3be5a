import Foundation
import Stepwise
import StepwiseTesting
import Synchronization
import Testing

@Suite("Replays of a tested workflow")
struct ReplayTests {
    private func failure<O>(_ body: () async throws -> O) async -> WorkflowTestFailure? {
        do {
            _ = try await body()
            Issue.record("nothing was thrown")
        } catch let failure as WorkflowTestFailure {
            return failure
        } catch { Issue.record("\(error)") }
        return nil
    }

    @Test
    func `A function that asks for other steps when it is replayed fails the test, which names step and position`()
        async throws
    {
        let calls = Mutex(0)
        let workflow = Workflow("w") { (context, _: Int) async throws -> Int in
            try await context.run("first") { 1 }
            let isFirst = calls.withLock { calls in
                calls += 1
                return calls == 1
            }
            try await context.run(isFirst ? "second" : "other") { 2 }
            return 3
        }
        let failure = await failure { try await WorkflowTest(workflow).run(1) }
        let divergence = try #require(failure?.divergence)
        #expect(divergence.position == 2 && divergence.expected?.step == "second")
        #expect(divergence.asked.map(\.step) == ["other"])
        #expect(failure?.message.contains("(step \"first\")") == true)
    }

    @Test func `What a failed test quotes of a step's name hides nothing`() async throws {
        let calls = Count()
        let workflow = Workflow("w") { (context, _: Int) async throws -> Int in
            calls.add("run")
            try await context.run("\u{202E}\(calls["run"])") { 2 }
            return 3
        }
        let failure = await failure { try await WorkflowTest(workflow).run(1) }
        let words = try #require(failure?.description)
        #expect(words.contains(#"\u202e"#) && words.printable == words)
        #expect(failure?.divergence?.expected?.step == "\u{202E}1")
    }

    @Test func `A function that comes to another result when it is replayed fails the test`() async throws {
        let workflow = Workflow("w") { (context, _: Int) async throws -> String in
            let id = UUID().uuidString
            try await context.run("first") { 1 }
            return id
        }
        let failure = await failure { try await WorkflowTest(workflow).run(1) }
        #expect(failure?.message.contains("neither its input nor a step's result") == true)
    }

    @Test
    func `A step that a replay does not call any more, or that comes with another key, fails the test`() async throws {
        let calls = Count()
        let once = Workflow("w") { (context, _: Int) async throws -> Int in
            calls.add("once")
            if calls["once"] == 1 { try await context.run("first") { 1 } }
            return 0
        }
        #expect(await failure { try await WorkflowTest(once).run(1) }?.divergence?.expected?.step == "first")
        let keyed = Workflow("w") { (context, _: Int) async throws -> Int in
            calls.add("keyed")
            return try await context.run("first", .key(calls["keyed"])) { 1 }
        }
        #expect(await failure { try await WorkflowTest(keyed).run(1) }?.divergence?.asked.first?.key == "2")
    }

    @Test
    func `A function that leaves its executor fails the test, and the sentence says after which step`() async throws {
        let sleeping = Workflow("w") { (context, _: Int) async throws -> Int in
            try await context.run("first") { 1 }
            try await Task.sleep(for: .milliseconds(1))
            return 0
        }
        let slept = await failure { try await WorkflowTest(sleeping).run(1) }
        #expect(slept?.message.contains("after step \"first\" (Task.sleep, the main actor") == true)
        let onMain = Workflow("w") { (context, _: Int) async throws -> Int in await MainActor.run { 1 } }
        #expect(await failure { try await WorkflowTest(onMain).run(1) }?.message.contains("before the outcome") == true)
    }

    @Test func `A step in an unstructured task, and a step in a step, fail the test`() async throws {
        let workflow = Workflow("w") { (context, _: Int) async throws -> Int in
            try await context.run("outer") { _ = try? await context.run("inner") { 1 } }
            return 0
        }
        #expect(await failure { try await WorkflowTest(workflow).run(1) }?.message.contains("inside the body") == true)
    }

    @Test func `A body that takes too long by the real clock is told`() async throws {
        let workflow = Workflow("w") { (context, _: Int) async throws -> Int in
            try await context.run("stuck") {
                try await Task.sleep(for: .seconds(3600))
                return 1
            }
        }
        let failure = await failure { try await WorkflowTest(workflow, bodyLimit: .milliseconds(50)).run(1) }
        #expect(failure?.message.contains("\"stuck\"") == true && failure?.message.contains("bodyLimit") == true)
    }

    @Test func `A patch is asked for as in a new run`() async throws {
        let workflow = Workflow("w") { (context, _: Int) async throws -> String in
            try await context.run("first") { 1 }
            return try await context.patched("new") ? try await context.run("notify") { "new" } : "old"
        }
        let test = WorkflowTest(workflow)
        #expect(try await test.run(1) == "new")
        #expect(test.steps == ["first", "notify"])
    }

    @Test(.timeLimit(.minutes(1)))
    func `A run of a thousand steps is tested in a moment, and where a long one parts first is found`() async throws {
        let calls = Count()
        let workflow = Workflow("w") { (context, odd: Int) async throws -> Int in
            calls.add("\(odd)")
            for number in 0..<1000 {
                // Every instance but the first asks for another step.
                try await context.run(number == odd && calls["\(odd)"] > 1 ? "odd" : "step") {}
            }
            return 1000
        }
        let begin = ContinuousClock.now
        #expect(try await WorkflowTest(workflow).run(-1) == 1000)
        #expect(ContinuousClock.now - begin < .seconds(20))
        #expect(await failure { try await WorkflowTest(workflow).run(777) }?.divergence?.position == 778)
    }

    // MARK: In a new process

    private static let words = ["ant", "bee", "cow", "dog", "elk", "fox", "gnu", "hen"]

    @Test func `A deterministic workflow agrees in a new process, with its children`() async throws {
        let child = Workflow("child") { (context, word: String) async throws -> String in
            try await context.run("turn") { String(word.reversed()) }
        }
        let workflow = Workflow("w") { (context, words: Set<String>) async throws -> [String] in
            var turned: [String] = []
            for word in words.sorted() { turned.append(try await context.invoke(child, word, name: "child \(word)")) }
            return turned
        }
        let test = WorkflowTest(workflow)
        test.child(child)
        #expect(try await test.run(Set(Self.words)).count == Self.words.count)
        try await test.replayInNewProcess()
    }

    @Test func `A function that depends on hashes agrees with itself in one process, and not in another`() async throws
    {
        let workflow = Workflow("w") { (context, words: [String]) async throws -> Int in
            for word in words.sorted(by: { $0.hashValue < $1.hashValue }) { try await context.run(word) {} }
            return 0
        }
        let test = WorkflowTest(workflow)
        try await test.run(Self.words)
        let failure = await failure { try await test.replayInNewProcess() }
        #expect(failure?.message.hasPrefix("in a new process: ") == true && failure?.divergence != nil)
    }

    @Test
    func `A loop over a Set disagrees even in one process: each instance of the function decodes its own`() async throws
    {
        let workflow = Workflow("w") { (context, words: Set<String>) async throws -> Int in
            for word in words { try await context.run(word) {} }
            return 0
        }
        let many = Set((0..<200).map { "word \($0)" })
        #expect(await failure { try await WorkflowTest(workflow).run(many) }?.divergence != nil)
    }

    @Test(arguments: [3, 5]) func `Each case of a test with arguments agrees`(_ count: Int) async throws {
        let workflow = Workflow("w") { (context, _: Int) async throws -> Int in
            for number in 0..<count { try await context.run("step \(number)") {} }
            return count
        }
        let test = WorkflowTest(workflow)
        #expect(try await test.run(1) == count)
        try await test.replayInNewProcess()
    }

    private func helper(_ test: WorkflowTest<Int, Int>) async throws { try await test.replayInNewProcess() }

    @Test func `Called from a helper it cannot find its test, and says so`() async throws {
        let test = WorkflowTest(Workflow("w") { (_, number: Int) async throws -> Int in number })
        try await test.run(1)
        let failure = await failure { try await helper(test) }
        #expect(failure?.message.contains("replayInNewProcess(function:") == true)
        try await test.replayInNewProcess(function: #function)
    }
}
