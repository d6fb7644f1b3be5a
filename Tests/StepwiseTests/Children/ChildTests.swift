import Stepwise
import StepwiseTesting
import TestSupport
import Testing

private struct Refused: Error, CustomStringConvertible {
    var description: String { "no such parcel" }
}

private let double = Workflow("double") { (context, number: Int) async throws -> Int in
    try await context.run("compute") { number * 2 }
}
private let refuse = Workflow("refuse") { (context, parcel: String) async throws -> String in
    try await context.run("look", .retry(.never)) { () async throws -> String in throw Refused() }
}

extension Scenarios {
    @Suite("Children: runs that a run starts")
    struct Children {
        @Test(arguments: Memory.allCases)
        func `invoke starts a child and gives its typed result`(_ memory: Memory) async throws {
            let parent = Workflow("parent") { (context, number: Int) async throws -> String in
                let first = try await context.invoke(double, number)
                async let left = context.invoke("double" as WorkflowName<Int, Int>, first, name: "left")
                async let right = context.invoke(double, first + 1, name: "right")
                let sum = try await left + right
                return try await context.run("report") { "\(first) \(sum)" }
            }
            try await withWorker([parent, double], memory: memory) { client, _ in
                let run = try await client.enqueue(parent, 3, id: "p")
                let completed = try await complete(run, of: parent)
                #expect(completed.output == "6 26")
                let invoked = try #require(completed.recorded("double"))
                #expect(invoked.kind == "invoke" && invoked.value == "6" && invoked.attempts == 1)
                let child = try await client.handle(try #require(invoked.child), as: Int.self).details()
                #expect(child.parent == "p" && child.parentStep == "double" && child.status == .completed)
                #expect(Set(completed.history.map(\.step)) == ["double", "left", "right", "report"])
                #expect(try await client.runs(status: .completed, limit: 10).count == 4)
                try await expectSound(client, within: patience)
            }
        }

        @Test func `Input, output or both may be Void`() async throws {
            let bodies = Tally()
            let neither = Workflow("neither") { context in try await context.run("one") { _ = bodies.add("one") } }
            let given = Workflow("given") { context in try await context.run("two") { 2 } }
            let taken = Workflow("taken") { (context, number: Int) async throws in
                try await context.run("three") { _ = bodies.add("three \(number)") }
            }
            let parent = Workflow("parent") { (context, _: Int) async throws -> Int in
                try await context.invoke(neither)
                let two = try await context.invoke(given)
                try await context.invoke(taken, two)
                return two
            }
            try await withWorker([parent, neither, given, taken]) { client, _ in
                let completed = try await complete(client.enqueue(parent, 1), of: parent)
                #expect(completed.output == 2)
                #expect(bodies["one"] == 1 && bodies["three 2"] == 1)
            }
        }

        @Test(.scenario(40), arguments: Memory.allCases)
        func `A child's failure is a typed error that the parent can catch, the same on every replay`(_ memory: Memory)
            async throws
        {
            let parent = Workflow("parent") { (context, parcel: String) async throws -> String in
                do {
                    return try await context.invoke(refuse, parcel, id: "the-child")
                } catch let failure as StepFailure {
                    return try await context.run("tell") {
                        "\(failure.cause) \(failure.child ?? "") \(failure.type) \(failure.message)"
                    }
                }
            }
            try await withWorker([parent, refuse], memory: memory) { client, _ in
                let completed = try await complete(client.enqueue(parent, "x"), of: parent)
                #expect(completed.output.hasPrefix("childFailed the-child StepFailure step \"look\" failed"))
                #expect(completed.output.contains("no such parcel"))
                #expect(completed.recorded("refuse")?.error?.child == "the-child")
                #expect(try await client.handle("the-child").details().status == .failed)
            }
        }

        private struct Lost: Error, Codable { var parcel: String }

        @Test(.scenario(40))
        func `The parent gets the error itself that ended the child, be it the function's or a step's`() async throws {
            let child = Workflow("child") { (context, isStep: Bool) async throws -> String in
                if isStep { try await context.run("look", .retry(.never)) { throw Lost(parcel: "step's") } }
                throw Lost(parcel: "function's")
            }
            let parent = Workflow("parent") { (context, isStep: Bool) async throws -> String in
                do { return try await context.invoke(child, isStep) } catch let failure as StepFailure {
                    let own = failure.error(as: StepFailure.self) ?? failure
                    return own.error(as: Lost.self)?.parcel ?? "no error"
                }
            }
            try await withWorker([parent, child]) { client, _ in
                for (isStep, whose) in [(false, "function's"), (true, "step's")] {
                    let completed = try await complete(client.enqueue(parent, isStep), of: parent)
                    #expect(completed.output == whose)
                    let test = WorkflowTest(parent)
                    test.child(child)
                    #expect(try await test.run(isStep) == whose)
                }
            }
        }

        @Test(.scenario(40))
        func `A child's failure that the parent does not catch fails the parent, and names the child`() async throws {
            let parent = Workflow("parent") { (context, parcel: String) async throws -> String in
                try await context.invoke(refuse, parcel, id: "the-child")
            }
            try await withWorker([parent, refuse]) { client, _ in
                let run = try await client.enqueue(parent, "x")
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                let error = try await run.details().error ?? ""
                #expect(error.contains("the-child") && error.contains(#""step":"refuse""#), "\(error)")
                expectReplay(of: try await run.details(), try await run.history(), by: parent)
            }
        }

        @Test func `A child that somebody cancels is an error with cause childCancelled and the reason`() async throws {
            let bodies = Tally()
            let gate = Latch()
            let waiting = Workflow("waiting") { (context, _: Int) async throws -> Int in
                try await context.run("wait") {
                    bodies.add("wait")
                    await gate.wait()
                    return 1
                }
            }
            let parent = Workflow("parent") { (context, _: Int) async throws -> String in
                do { return "\(try await context.invoke(waiting, 0, id: "c"))" } catch let failure as StepFailure {
                    return "\(failure.cause): \(failure.message)"
                }
            }
            try await withWorker([parent, waiting]) { client, _ in
                let run = try await client.enqueue(parent, 0)
                try await eventually("the child runs") { bodies["wait"] == 1 }
                try await client.cancel("c", reason: "not needed")
                let completed = try await complete(run, of: parent)
                #expect(completed.output == "childCancelled: not needed")
            }
        }

        @Test
        func `A child on another queue is done by the worker that serves it, also if that one has no other workflow`()
            async throws
        {
            let parent = Workflow("parent") { (context, number: Int) async throws -> Int in
                try await context.invoke(double, number, .queue("other"), .label("tenant", "acme"))
            }
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await withWorkers(server, parent) {
                    let run = try await client.enqueue(parent, 4, id: "p")
                    try await eventually("the parent waits") {
                        try await client.openSteps(ofRun: "p").first?.state.place == "child"
                    }
                    let child = try #require(try await client.openSteps(ofRun: "p").first?.state.child)
                    let details = try await client.handle(child).details()
                    #expect(details.queue == "other" && details.labels == ["tenant": "acme"])
                    try await expectSound(client)
                    try await withWorkers(server, double, configuration: .init(queues: ["other"])) {
                        let completed = try await complete(run, of: parent)
                        #expect(completed.output == 8)
                    }
                }
                await client.close()
            }
        }

        @Test(arguments: Memory.allCases)
        func `A parent with 100 children gets each one's result`(_ memory: Memory) async throws {
            let parent = Workflow("parent") { (context, count: Int) async throws -> Int in
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<count {
                        group.addTask { try await context.invoke(double, number, name: "part \(number)") }
                    }
                    return try await group.reduce(0, +)
                }
            }
            try await withWorker([parent, double], memory: memory) { client, _ in
                let completed = try await complete(client.enqueue(parent, 100, id: "p"), of: parent)
                #expect(completed.output == 9900)
                #expect(completed.history.count == 100)
                #expect(Set(completed.history.compactMap(\.child)).count == 100)
                try await expectSound(client, within: patience)
            }
        }

        @Test
        func `A child that has ended before its parent is said to wait for it is no less heard of`() async throws {
            // The id was given to a child of this very step in an earlier life of the run: it has ended long ago.
            let fails = Flag()
            let parent = Workflow("parent") { (context, number: Int) async throws -> Int in
                let result = try await context.invoke(double, number, id: "the-child")
                try await context.run("then", .retry(.never)) { if !fails.isSet { throw Refused() } }
                return result
            }
            try await withWorker([parent, double]) { client, _ in
                let run = try await client.enqueue(parent, 5, id: "p")
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                fails.set()
                try await client.resume("p", from: "double")
                let completed = try await complete(run, of: parent)
                #expect(completed.output == 10)
                #expect(try await client.handle("the-child").history().count == 1)
                try await expectSound(client, within: patience)
            }
        }

        @Test func `An id that belongs to another run fails the step at once, and says whose it is`() async throws {
            let parent = Workflow("parent") { (context, number: Int) async throws -> String in
                do { return "\(try await context.invoke(double, number, id: "taken"))" } catch let failure
                    as StepFailure
                {
                    return failure.message
                }
            }
            try await withWorker([parent, double]) { client, _ in
                _ = try await client.enqueue(double, 1, id: "taken").result(timeout: patience)
                let completed = try await complete(client.enqueue(parent, 1), of: parent)
                #expect(completed.output.contains("run id taken belongs to a run that is nobody's child"))
                #expect(completed.recorded("double")?.attempts == 1)
            }
        }

        @Test func `A workflow that invokes itself without end fails at the depth limit, and says so`() async throws {
            let name: WorkflowName<Int, Int> = "deep"
            let deep = Workflow(name) { context, level in
                do { return try await context.invoke(name, level + 1) } catch let failure as StepFailure {
                    if failure.child != nil { throw failure }
                    return failure.message.contains("maximumDepth") ? level : -1
                }
            }
            try await withWorker([deep], configuration: .init(maximumDepth: 3)) { client, _ in
                let completed = try await complete(client.enqueue(deep, 0), of: deep)
                #expect(completed.output == 3)
            }
        }

        @Test(arguments: Memory.allCases)
        func `start does not wait: it records the child's id, and the child outlives its parent`(_ memory: Memory)
            async throws
        {
            let bodies = Tally()
            let gate = Latch()
            let slow = Workflow("slow") { (context, number: Int) async throws -> Int in
                try await context.run("wait") {
                    bodies.add("wait")
                    await gate.wait()
                    return number
                }
            }
            let parent = Workflow("parent") { (context, number: Int) async throws -> String in
                try await context.start(slow, number)
            }
            try await withWorker([parent, slow], memory: memory) { client, _ in
                let completed = try await complete(client.enqueue(parent, 7, id: "p"), of: parent)
                let step = try #require(completed.recorded("slow"))
                #expect(step.kind == "start" && step.child == completed.output)
                try await eventually("the child runs") { bodies["wait"] == 1 }
                gate.open()
                #expect(try await client.handle(completed.output, as: Int.self).result(timeout: patience) == 7)
                #expect(try await client.handle(completed.output).details().parent == "p")
                try await expectSound(client, within: patience)
            }
        }

        @Test func `A step that was recorded with a body and is now an invoke is changed code: the run is parked`() {
            let core = Core { context in "\(try await context.invoke(double, 1))" }
            let instance = core.instance
            instance.deliver(Outcome(step: "double", result: .value(Array("2".utf8))))
            guard case .stuck(let obstacle) = instance.progress else {
                Issue.record("the instance is \(instance.progress)")
                return
            }
            #expect(
                obstacle.description.contains(
                    #"is the outcome of step "double", but there the code asks for invoke "double""#))
            #expect(instance.evict())
        }
    }
}
