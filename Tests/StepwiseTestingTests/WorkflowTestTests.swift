import Foundation
import Stepwise
import StepwiseTesting
import Synchronization
import Testing

struct Parcel: Codable, Sendable, Equatable {
    var sku: String
    var count: Int
}

struct Declined: Error, Codable, Equatable { var code: Int }

/// How often something was done.
final class Count: Sendable {
    private let numbers = Mutex<[String: Int]>([:])
    subscript(what: String) -> Int { numbers.withLock { $0[what, default: 0] } }
    func add(_ what: String) { numbers.withLock { $0[what, default: 0] += 1 } }
}

@Suite("A workflow in the test's process")
struct WorkflowTestTests {
    private let count = Count()

    private var process: Workflow<Parcel, String> {
        Workflow("process-order") { [count] (context, order: Parcel) async throws -> String in
            let payment = try await context.run("charge") { () async throws -> String in
                count.add("charge")
                return "paid \(order.count)"
            }
            async let label = context.run("label") { "label \(order.sku)" }
            async let mail = context.run("mail") { "mailed \(payment)" }
            return try await "\(label), \(mail)"
        }
    }

    @Test
    func `Steps execute their bodies once, however often the function is replayed, and the history is there`()
        async throws
    {
        let test = WorkflowTest(process)
        #expect(try await test.run(Parcel(sku: "A1", count: 2)) == "label A1, mailed paid 2")
        #expect(test.steps == ["charge", "label", "mail"])
        #expect(try test.recorded("charge")?.value(as: String.self) == "paid 2")
        #expect(test.history.map(\.number) == [1, 2, 3])
        #expect(test.elapsed == .zero)
        #expect(count["charge"] == 1)
    }

    @Test
    func `Replaced steps do not execute their bodies; they get the step, and what they give goes through JSON`()
        async throws
    {
        let test = WorkflowTest(process, runID: "order-1")
        let keys = Mutex<[String]>([])
        test.replace("charge") { step in
            keys.withLock { $0.append(step.idempotencyKey) }
            return "nothing"
        }
        #expect(try await test.run(Parcel(sku: "A1", count: 2)) == "label A1, mailed nothing")
        #expect(count["charge"] == 0)
        #expect(keys.withLock { $0 }.count == 1 && keys.withLock { $0[0] }.hasPrefix("order-1/"))
    }

    @Test func `A replacement of another type than the step's is told, with both`() async throws {
        let test = WorkflowTest(process)
        test.replace("charge") { 7 }
        let failure = await #expect(throws: WorkflowTestFailure.self) {
            try await test.run(Parcel(sku: "A1", count: 2))
        }
        #expect(failure?.message.contains("\"charge\"") == true && failure?.message.contains("String") == true)
    }

    @Test func `An attempt that fails is tried again after the policy's wait, in no time`() async throws {
        let workflow = Workflow(
            "w", .retry(Retry(attempts: 3, initialDelay: .seconds(100), maximumDelay: .seconds(1000)))
        ) {
            (context, _: Int) async throws -> Int in
            try await context.run("flaky") { 0 }
        }
        let test = WorkflowTest(workflow)
        test.replace("flaky") { step in
            if step.attempt < 3 { throw Declined(code: step.attempt) }
            return 42
        }
        let begin = ContinuousClock.now
        #expect(try await test.run(1) == 42)
        #expect(test.elapsed == .seconds(300))
        #expect(test.now == Date(timeIntervalSince1970: 1_767_225_600 + 300))
        #expect(ContinuousClock.now - begin < .seconds(5))
        let step = try #require(test.recorded("flaky"))
        #expect(step.attempts == 3 && step.failed.map(\.delay) == [.seconds(100), .seconds(200)])
        #expect(step.failed.map(\.type) == ["Declined", "Declined"])
    }

    @Test
    func
        `A step that fails for good throws the StepFailure that production would, and run throws what the function lets through`()
        async throws
    {
        let test = WorkflowTest(process)
        test.replace("charge") { throw Declined(code: 5) }
        let failure = await #expect(throws: StepFailure.self) { try await test.run(Parcel(sku: "A1", count: 2)) }
        #expect(failure?.step == "charge" && failure?.attempts == 4)
        #expect(failure?.error(as: Declined.self) == Declined(code: 5))
        #expect(test.elapsed == .seconds(7))
    }

    @Test
    func `A body that takes longer than its step's timeout fails with it; totalTimeout and runTimeout count too`()
        async throws
    {
        let workflow = Workflow("w", .runTimeout(.seconds(600))) { (context, _: Int) async throws -> String in
            var words: [String] = []
            do { try await context.run("slow", .timeout(.seconds(30)), .retry(.never)) {} } catch let failure
                as StepFailure
            {
                words.append("\(failure.cause)")
            }
            do { try await context.run("slower", .totalTimeout(.seconds(60))) {} } catch let failure as StepFailure {
                words.append("\(failure.cause)")
            }
            do { try await context.run("slowest") {} } catch is CancellationError {
                words.append("cancelled")
            }
            return words.joined(separator: " ")
        }
        let test = WorkflowTest(workflow)
        for step in ["slow", "slower", "slowest"] { test.replace(step, taking: .seconds(3600)) {} }
        #expect(try await test.run(1) == "timedOut timedOut cancelled")
        #expect(test.elapsed == .seconds(600))
    }

    @Test func `Of a race the quicker body wins; the other is withdrawn`() async throws {
        let workflow = Workflow("w") { (context, _: Int) async throws -> String in
            try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await context.run("left") { "left" } }
                group.addTask { try await context.run("right") { "right" } }
                defer { group.cancelAll() }
                return try await group.next() ?? ""
            }
        }
        let test = WorkflowTest(workflow)
        test.replace("left", taking: .seconds(2)) { "left" }
        test.replace("right", taking: .seconds(1)) { "right" }
        #expect(try await test.run(1) == "right")
        #expect(test.steps == ["right"])
    }

    @Test func `Something happens at a time, or after a step: the run is cancelled, and cleans up`() async throws {
        let workflow = Workflow("w") { (context, _: Int) async throws -> String in
            try await context.run("first") {}
            do { return try await context.run("long") { "done" } } catch is CancellationError {
                try await context.cleanup { try await context.run("tidy") {} }
                throw CancellationError()
            }
        }
        let late = WorkflowTest(workflow)
        late.replace("long", taking: .seconds(3600)) { "done" }
        late.at(.seconds(60)) { moment in
            #expect(moment.elapsed == .seconds(60))
            moment.cancel(reason: "no longer wanted")
        }
        await #expect(throws: CancellationError.self) { try await late.run(1) }
        #expect(late.steps == ["first", "tidy"])
        #expect(late.history.compactMap(\.cancel) == ["no longer wanted"])
        #expect(late.elapsed == .seconds(60))

        let after = WorkflowTest(workflow)
        after.after("first") { $0.cancel() }
        await #expect(throws: CancellationError.self) { try await after.run(1) }
        #expect(after.steps == ["first", "tidy"] && after.elapsed == .zero)
    }

    // MARK: Crashes

    @Test func `A worker that dies in a body has it executed again, by an instance made from the history`() async throws
    {
        let test = WorkflowTest(process)
        test.crash(during: "charge")
        test.crash(during: "mail", times: 2)
        #expect(try await test.run(Parcel(sku: "A1", count: 2)) == "label A1, mailed paid 2")
        #expect(count["charge"] == 2)
        #expect(test.recorded("charge")?.lost == 1 && test.recorded("charge")?.attempts == 1)
        #expect(test.recorded("mail")?.lost == 2)
    }

    @Test func `An .atMostOnce step is interrupted, and the third death ends any other`() async throws {
        let workflow = Workflow("w") { [count] (context, _: Int) async throws -> String in
            var words: [String] = []
            do { try await context.run("once", .atMostOnce) { count.add("once") } } catch let failure as StepFailure {
                words.append("\(failure.cause)")
            }
            do { try await context.run("poison") { count.add("poison") } } catch let failure as StepFailure {
                words.append("\(failure.cause)")
            }
            return words.joined(separator: " ")
        }
        let test = WorkflowTest(workflow)
        test.crash(during: "once")
        test.crash(during: "poison", times: 5)
        #expect(try await test.run(1) == "interrupted workersLost")
        #expect(count["once"] == 1 && count["poison"] == 3)
    }

    // MARK: Children

    private static let ship: WorkflowName<Parcel, String> = "ship"

    private let parent = Workflow("parent") { (context, order: Parcel) async throws -> String in
        do { return try await context.invoke(ship, order) } catch let failure as StepFailure {
            return "\(failure.cause): \(failure.type)"
        }
    }

    @Test func `A child is a closure, one that fails, or the real workflow`() async throws {
        let order = Parcel(sku: "A1", count: 2)
        let closure = WorkflowTest(parent)
        closure.child(Self.ship, taking: .seconds(5)) { "shipped \($0.count)" }
        #expect(try await closure.run(order) == "shipped 2")
        #expect(closure.elapsed == .seconds(5))
        #expect(try closure.children.map { try $0.input(as: Parcel.self) } == [order])
        #expect(closure.recorded("ship")?.kind == "invoke")

        let failing = WorkflowTest(parent)
        failing.child(Self.ship) { (_: Parcel) async throws -> String in throw Declined(code: 1) }
        #expect(try await failing.run(order) == "childFailed: Declined")

        let real = WorkflowTest(parent)
        real.child(
            Workflow(Self.ship) { context, order in
                try await context.run("pack", .retry(.fixed(.seconds(10)))) { step in
                    if step.attempt == 1 { throw Declined(code: 1) }
                    return "packed \(order.sku)"
                }
            })
        #expect(try await real.run(order) == "packed A1")
        #expect(real.elapsed == .seconds(10))
    }

    @Test
    func `A child of which the test says nothing is told; one that is only started need not be given`() async throws {
        let failure = await #expect(throws: WorkflowTestFailure.self) {
            try await WorkflowTest(parent).run(Parcel(sku: "A1", count: 2))
        }
        #expect(failure?.message.contains("test.child(\"ship\")") == true)
        let starter = Workflow("starter") { (context, order: Parcel) async throws -> String in
            try await context.start(Self.ship, order, id: "ship-1", .after(.seconds(60)))
        }
        let test = WorkflowTest(starter)
        #expect(try await test.run(Parcel(sku: "A1", count: 2)) == "ship-1")
        #expect(test.children.map(\.id) == ["ship-1"] && test.children.map(\.workflow) == ["ship"])
    }

    @Test func `A parent that no longer waits takes its child along`() async throws {
        let tidied = Count()
        let child = Workflow(Self.ship) { context, order in
            do { return try await context.run("pack") { "packed" } } catch {
                try await context.cleanup { try await context.run("unpack") { tidied.add("unpack") } }
                throw error
            }
        }
        let hasty = Workflow("hasty") { (context, order: Parcel) async throws -> String in
            let result = try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await context.invoke(child, order) }
                group.addTask { try await context.run("quick") { "quick" } }
                defer { group.cancelAll() }
                return try await group.next() ?? ""
            }
            try await context.run("last") {}
            return result
        }
        let test = WorkflowTest(hasty)
        test.child(child)
        test.replace("pack", taking: .seconds(3600)) { "packed" }
        test.replace("quick", taking: .seconds(1)) { "quick" }
        test.replace("last", taking: .seconds(1)) {}
        #expect(try await test.run(Parcel(sku: "A1", count: 2)) == "quick")
        #expect(tidied["unpack"] == 1)
    }
}
