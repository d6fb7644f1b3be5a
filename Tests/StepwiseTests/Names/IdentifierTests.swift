import Stepwise
import Testing

/// Every character that a queue's name may have.
let queueCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

@Suite("Names and the texts that they stand in")
struct IdentifierTests {
    /// All of ASCII that is neither a space nor a control character.
    private static let printable = (33...126).map { String(Character(Unicode.Scalar(UInt8($0)))) }

    // MARK: The rules

    @Test func `A queue's name is 1 to 100 letters, digits, dots, underscores and hyphens`() {
        for good in [queueCharacters, "a", ".", "-", String(repeating: "q", count: 100)] {
            #expect(Identifier.problem(withQueue: good) == nil, "\(good)")
        }
        for character in Self.printable {
            let isGood = queueCharacters.contains(character)
            #expect((Identifier.problem(withQueue: "a\(character)b") == nil) == isGood, "\(character)")
        }
        let rule = "a queue's name is 1 to 100 of the characters A-Z a-z 0-9 . _ -"
        #expect(Identifier.problem(withQueue: "") == "is empty: \(rule)")
        #expect(
            Identifier.problem(withQueue: String(repeating: "q", count: 101))
                == "is longer than 100 characters: \(rule)")
    }

    @Test(
        arguments: [
            ("a}:queue:b", #""}""#), ("a:b", #"":""#), ("a b", #"" ""#), ("büro", #""ü""#), ("a\u{301}", "\"\u{301}\""),
            ("a\nb", #""\n""#), ("a~b", #""~""#),
        ]
    )
    func `The error names the first character that a queue's name may not have, and the rule`(
        _ queue: String, _ character: String
    ) throws {
        let error = try #require(throws: StepwiseError.self) { try Identifier.check(queue: queue) }
        #expect(error.code == .invalidIdentifier)
        #expect(
            error.message.hasSuffix(
                " holds \(character): a queue's name is 1 to 100 of the characters A-Z a-z 0-9 . _ -"), "\(error)")
    }

    @Test func `A run's id may have every printable ASCII character but the reserved one`() throws {
        for character in Self.printable {
            #expect((Identifier.problem(withRunID: "a\(character)b") == nil) == (character != "~"), "\(character)")
        }
        let error = try #require(throws: StepwiseError.self) { try Identifier.check(runID: "order~3") }
        #expect(error.code == .invalidIdentifier)
        #expect(error.message.contains(#"the run id "order~3" holds "~", which is reserved"#), "\(error)")
        for bad in ["", "a b", "ü", String(repeating: "x", count: 201)] {
            #expect(Identifier.problem(withRunID: bad) == Identifier.problem(with: bad))
        }
    }

    @Test func `A workflow is not called what work items say for no name`() {
        #expect(Identifier.problem(withWorkflow: "-") != nil)
        #expect(Identifier.problem(withWorkflow: "a-") == nil && Identifier.problem(withWorkflow: "a~b") == nil)
        #expect(Identifier.problem(withWorkflow: "a b") == Identifier.problem(with: "a b"))
    }

    @Test(arguments: ["-", "-x", "--workflow=tidying", "-\u{301}"])
    func `No name that a shell may hand to a command begins as an option does`(_ name: String) {
        #expect(Identifier.problem(withRunID: name) != nil)
        #expect(Identifier.problem(withWorkflow: name) != nil)
        #expect(Identifier.problem(withEvent: name) != nil)
        #expect(Identifier.problem(withRunID: "a" + name) == Identifier.problem(with: name))
    }

    @Test func `A text is one word of a shell's command, whatever it holds`() {
        #expect("order-17".shellWord == "order-17")
        #expect("".shellWord == "''" && "a;b".shellWord == "'a;b'" && "$(x)".shellWord == "'$(x)'")
        #expect("a'\u{301}b".shellWord == "'a'\\''\u{301}b'")
        #expect("it's".shellWord == #"'it'\''s'"#)
    }

    @Test(arguments: ["ship", "ship~home", "~", "two words", "ü", String(repeating: "n", count: 200)])
    func `A made-up id is one that a run can have`(_ step: String) {
        let child = Identifier.child(of: "order-1", generation: "17", step: step)
        #expect(Identifier.problem(withRunID: child) == nil, "\(child)")
        #expect(child.hasPrefix("order-1/"))
        #expect(child == Identifier.child(of: "order-1", generation: "17", step: step))
        #expect((child == "order-1/17/\(step)") == (step == "ship"))
        #expect(Identifier.problem(withRunID: Identifier.random(milliseconds: 1_795_340_073_201)) == nil)
    }

    // MARK: Where they stand

    /// The names that come nearest to breaking a text: each has every character that its rule allows.
    private static let queue = queueCharacters
    private static let run = printable.filter { $0 != "~" }.joined()
    private static let name = printable.joined()
    private static let worker = "host-17-a0b1c2"
    private static let generation = "1795340073201.2"
    /// It may hold spaces and colons, so it stands last.
    private static let step = "a step: turn timeout schedule 1 2 }:queue:"

    @Test func `A work item is read as what it was made of, whatever names it has`() {
        let (run, name, generation, step) = (Self.run, Self.name, Self.generation, Self.step)
        #expect(
            WorkItem(WorkItem.turnText(run: run, generation: generation)) == .turn(run: run, generation: generation))
        #expect(
            WorkItem("step \(run) \(generation) 2 \(step)")
                == .step(run: run, generation: generation, attempt: 2, step: step))
        #expect(
            WorkItem(WorkItem.endedText(run: run, generation: generation, child: run, step: step))
                == .ended(run: run, generation: generation, child: run, step: step))
        #expect(
            WorkItem(
                WorkItem.cancelText(child: run, workflow: name, run: run, generation: generation, step: step))
                == .cancel(child: run, workflow: name, run: run, generation: generation, step: step))
        #expect(
            WorkItem(
                WorkItem.withdrawText(run: run, generation: generation, number: 3, event: name, step: step))
                == .withdraw(run: run, generation: generation, number: 3, event: name, step: step))
        #expect(
            WorkItem("broadcast \(name) 1795 {\"a b\": 1}")
                == .broadcast(event: name, time: 1795, value: Array("{\"a b\": 1}".utf8)))
        let first = FirstTurn("turn \(run) \(generation) \(name) {\"a b\": 1}")
        #expect(first?.workflow == name && first?.payload == Array("{\"a b\": 1}".utf8))
    }

    @Test func `An entry of delayed is read as what it was made of, whatever names it has`() {
        for step in [nil, Self.step] {
            let limit = TimeLimit(queue: Self.queue, run: Self.run, generation: Self.generation, step: step)
            #expect(TimeLimit(limit.entry) == limit)
            #expect(limit.entry == "\(Self.queue) \(limit.text)")
            #expect(ScheduleTimer(limit.entry) == nil)
        }
        let timer = ScheduleTimer(queue: Self.queue, schedule: Self.run, tick: 1_795_340_073_201)
        #expect(ScheduleTimer(timer.entry) == timer)
        #expect(TimeLimit(timer.entry) == nil)
        for item in ["turn \(Self.run) \(Self.generation)", "step \(Self.run) \(Self.generation) 2 \(Self.step)"] {
            let entry = "\(Self.queue) \(item)"
            #expect(TimeLimit(entry) == nil && ScheduleTimer(entry) == nil)
            #expect(entry.words(atMost: 2) == [Self.queue, item])
        }
    }

    @Test func `What says where a step waits and who made a run is read as what it was made of`() {
        let waiter = EventWaiter(queue: Self.queue, run: Self.run, generation: Self.generation, step: Self.step)
        #expect(EventWaiter(waiter.text) == waiter)
        let parent = ParentStep(run: Self.run, generation: Self.generation, step: Self.step)
        #expect(ParentStep(parent.text) == parent)
        #expect(OpenStep("invoke 1 0 child:cancel:\(Self.run)")?.child == Self.run)
        let event = OpenStep("waitForEvent 1 0 event:12:\(Self.name) wake=99")?.event
        #expect(event?.name == Self.name && event?.number == 12)
        let token = CallbackToken(run: Self.run, secret: String(repeating: "0a", count: 16))
        #expect(CallbackToken(token.text) == token)
    }

    @Test func `A key is read as what it was made of, whatever names it has`() throws {
        let keys = try Keys(namespace: "default")
        func read(_ key: String) -> NamespaceKey? { NamespaceKey(String(key.dropFirst(keys.prefix.count))) }
        #expect(read(keys.queue(Self.queue)) == .queue(Self.queue))
        #expect(read(keys.claimed(Self.worker, Self.queue)) == .claimed(worker: Self.worker, queue: Self.queue))
        #expect(read(keys.run(Self.run)) == .run(Self.run))
        #expect(read(keys.unserved("q", Self.name)) == .unserved(UnservedList(queue: "q", workflow: Self.name)))
        #expect(read(keys.event(Self.name)) == .event(Self.name))
    }
}
