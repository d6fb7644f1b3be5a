import Stepwise
import StepwiseTesting
import Testing

@Suite("Whole workflows, tested in a moment")
struct WholeWorkflowTests {
    @Test(
        "An image pipeline of 3, 9 and 9 parallel steps, in which each picture goes on without waiting for the others")
    func pipeline() async throws {
        let workflow = Workflow("pipeline") { (context, photos: [String]) async throws -> [String] in
            try await withThrowingTaskGroup(of: (Int, [String]).self) { group in
                for (index, photo) in photos.enumerated() {
                    group.addTask {
                        try await context.run("fetch \(photo)") {}
                        return try await (
                            index,
                            context.map([100, 200, 300], "resize \(photo)") { "\(photo)-\($0)" }
                        )
                    }
                }
                var sizes = [[String]](repeating: [], count: photos.count)
                for try await (index, names) in group { sizes[index] = names }
                return try await context.map(sizes.flatMap { $0 }, "upload") { "https://\($0)" }
            }
        }
        let test = WorkflowTest(workflow)
        test.replace("fetch b", taking: .seconds(60)) {}
        let links = try await test.run(["a", "b", "c"])
        #expect(links.count == 9 && links.first == "https://a-100" && links.last == "https://c-300")
        let steps = test.steps
        #expect(steps.count == 21)
        // The slow picture keeps no other from being resized.
        let slow = try #require(steps.firstIndex(of: "fetch b"))
        #expect(steps[..<slow].count { $0.hasPrefix("resize") } == 6)
        try await test.replayInNewProcess()
    }

    @Test func `A payment is tried over three days, and given up then`() async throws {
        let workflow = Workflow("payment") { (context, amount: Int) async throws -> String in
            do {
                return try await context.run("charge", .retry(.fixed(.seconds(6 * 3600), attempts: 13))) {
                    "paid \(amount)"
                }
            } catch is StepFailure {
                try await context.run("close the account") {}
                return "given up"
            }
        }
        let test = WorkflowTest(workflow)
        test.replace("charge") { throw Declined(code: 1) }
        #expect(try await test.run(5) == "given up")
        #expect(test.elapsed == .seconds(3 * 86_400))
        #expect(test.recorded("charge")?.attempts == 13)
        test.replace("charge") { step in
            if step.attempt < 13 { throw Declined(code: 1) }
            return "paid at last"
        }
        #expect(try await test.run(5) == "paid at last")
    }

    @Test func `A parent has a hundred children, of which some fail`() async throws {
        let child = Workflow("child") { (context, number: Int) async throws -> Int in
            try await context.sleep(for: .seconds(number))
            if number % 10 == 0 { throw Declined(code: number) }
            return number
        }
        let parent = Workflow("parent") { (context, count: Int) async throws -> Int in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<count {
                    group.addTask {
                        do {
                            return try await context.invoke(child, number, name: "child \(number)")
                        } catch is StepFailure {
                            return 0
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
        }
        let test = WorkflowTest(parent)
        test.child(child)
        #expect(try await test.run(100) == (0..<100).filter { $0 % 10 != 0 }.reduce(0, +))
        #expect(test.elapsed == .seconds(99))
        #expect(test.children.count == 100)
    }

    @Test func `A saga undoes what was done, wherever its workers die`() async throws {
        let workflow = Workflow("order") { (context, _: Int) async throws -> String in
            do {
                return try await context.saga(undo: .retry(.fixed(.seconds(5)))) { saga in
                    for step in ["reserve", "charge"] {
                        try await saga.run(step) {
                            step
                        } undo: { _ in
                        }
                    }
                    return try await saga.run("ship", .retry(.never)) {
                        "shipped"
                    } undo: { _ in
                    }
                }
            } catch let failure as StepFailure { return failure.step }
        }
        for death in ["reserve", "charge", "ship", "undo charge", "undo reserve"] {
            let test = WorkflowTest(workflow)
            test.replace("ship") { throw Declined(code: 1) }
            test.replace("undo charge") { step in if step.attempt < 3 { throw Declined(code: 2) } }
            test.crash(during: death)
            #expect(try await test.run(1) == "ship")
            #expect(test.steps == ["reserve", "charge", "ship", "undo charge", "undo reserve"])
            #expect(test.elapsed == .seconds(10))
            #expect(test.recorded(death)?.lost == 1)
        }
    }
}
