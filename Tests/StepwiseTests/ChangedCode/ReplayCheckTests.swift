import Stepwise
import StepwiseTesting
import TestSupport
import Testing

@Suite("Recorded histories as a test of changed code")
struct ReplayCheckTests {
    /// As `stepwise history --json` printed it, of a run that had ended.
    private let ended = """
        {"run":"order-1","workflow":"order","status":"completed","payload":{"sku":"A1"},"delivered":2,"opened":3,"patches":{},"open":[],
         "steps":[
          {"number":1,"step":"charge","attempts":1,"value":"paid","cancel":null,"error":null,"lost":0,"failed":[]},
          {"number":2,"step":"ship","attempts":2,"value":null,"error":{"type":"NoTruck","message":"none","cause":"failed","value":{"depot":7}}},
          {"number":3,"step":"refund","attempts":1,"value":{"amount":3},"key":null}]}
        """

    private struct Order: Codable, Sendable { var sku: String }
    private struct NoTruck: Error, Codable { var depot: Int }
    private struct Refund: Codable, Sendable { var amount: Int }

    private func order(
        charge: String = "charge", refund: String = "refund", last: String? = nil, isPatched: Bool = false
    ) -> Workflow<Order, Int> {
        Workflow("order") { context, _ in
            _ = try await context.run(charge) { "" }
            if isPatched, try await context.patched("p") { try await context.run("new") {} }
            do { try await context.run("ship") {} } catch let failure as StepFailure {
                #expect(failure.error(as: NoTruck.self)?.depot == 7)
                let amount = try await context.run(refund) { Refund(amount: 0) }.amount
                if let last { try await context.run(last) {} }
                return amount
            }
            return 0
        }
    }

    private func failure(_ workflow: any AnyWorkflow, _ json: String) async throws -> ReplayFailure? {
        do {
            try await ReplayCheck(workflow).check(RecordedHistory(json: json))
            return nil
        } catch let failure as ReplayFailure { return failure }
    }

    @Test func `Code that asks for the recorded steps replays the history, also with more behind it`() async throws {
        #expect(try await failure(order(), ended) == nil)
        #expect(try await failure(order(last: "thank"), ended) == nil)
    }

    @Test(arguments: [1, 3])
    func `Renamed steps are found, with the position in the history and what the code asks for`(_ position: Int)
        async throws
    {
        let code = position == 1 ? order(charge: "pay") : order(refund: "pay back")
        let failure = try #require(try await failure(code, ended))
        #expect(failure.run == "order-1" && failure.divergence?.position == position)
        #expect(failure.divergence?.expected?.step == (position == 1 ? "charge" : "refund"))
        #expect(failure.divergence?.asked.map(\.step) == [position == 1 ? "pay" : "pay back"])
        #expect("\(failure)".hasPrefix("run order-1 would be parked: position \(position) of the history"))
    }

    @Test func `A result, an input and a recorded error that do not decode any more are found`() async throws {
        let result = Workflow("order") { (context, _: Order) async throws -> Int in
            try await context.run("charge") { 1 }
        }
        #expect(try await failure(result, ended)?.message.contains("does not decode as Int") == true)
        let input = Workflow("order") { (_: WorkflowContext, input: [Int]) async throws -> Int in input.count }
        #expect(try await failure(input, ended)?.message.contains(#"{"sku":"A1"}"#) == true)
        let error = Workflow("order") { (context, _: Order) async throws -> Void in
            struct NoTruck: Error, Codable { var depots: [Int] }
            _ = try await context.run("charge") { "" }
            do { try await context.run("ship") {} } catch let failure as StepFailure {
                _ = failure.error(as: NoTruck.self)
                _ = try await context.run("refund") { Refund(amount: 0) }
            }
        }
        #expect(try await failure(error, ended)?.message.contains("\"depots\"") == true)
    }

    @Test
    func `A patch: histories without its mark go the old way, those with it the new, and need code that has it`()
        async throws
    {
        #expect(try await failure(order(isPatched: true), ended) == nil)
        let marked = ended.replacing(#""patches":{}"#, with: #""patches":{"p":1}"#)
            .replacing(#"{"number":2,"#, with: #"{"number":2,"step":"new","value":null},{"number":3,"#)
        #expect(try await failure(order(isPatched: true), marked) == nil)
        #expect(try await failure(order(), marked)?.divergence?.standing == .patched)
    }

    /// Of a run that waited for two steps.
    private let waiting = """
        {"run":"r","workflow":"wide","status":"running","payload":null,"delivered":1,"opened":3,"patches":{},"open":["a","b"],
         "steps":[{"step":"first","value":null}]}
        """

    private func wide(_ names: String...) -> Workflow<Void, Void> {
        Workflow("wide") { (context: WorkflowContext) async throws -> Void in
            try await context.run("first") {}
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in names { group.addTask { try await context.run(name) {} } }
                try await group.waitForAll()
            }
        }
    }

    @Test func `Of a run that was under way, the open steps count as well`() async throws {
        #expect(try await failure(wide("a", "b"), waiting) == nil)
        #expect(try await failure(wide("a", "b", "c"), waiting) == nil)
        let failure = try #require(try await failure(wide("a", "c", "b"), waiting))
        #expect(failure.divergence?.standing == .open && failure.divergence?.expected?.step == "b")
    }

    @Test
    func `What is no history, or of another workflow, or a function that leaves its executor, is said`() async throws {
        for text in ["", "[]", #"{"run":"r"}"#, #"{"run":"r","workflow":"w","payload":1,"steps":[{"value":1}]}"#] {
            #expect(throws: HistoryUnreadable.self) { try RecordedHistory(json: text) }
        }
        #expect(try await failure(wide("a", "b"), ended)?.message.contains("of workflow \"order\"") == true)
        let gate = Latch()
        let outside = Workflow("wide") { (context: WorkflowContext) async throws -> Void in
            try await context.run("first") {}
            await gate.wait()
        }
        #expect(try await failure(outside, waiting)?.message.contains("not a step after step \"first\"") == true)
        gate.open()
    }
}

extension Scenarios {
    @Suite("Recorded histories") struct Histories {
        @Test
        func
            `What a run has recorded is a history: read by a client, it is replayed by the same code and not by another`()
            async throws
        {
            let tally = Tally()
            let code = Calls("one two+three four").workflow(Latch(), tally)
            try await withWorker([code]) { client, _ in
                let run = try await client.enqueue(code, "in")
                #expect(try await run.result(timeout: patience) == "in")
                let history = RecordedHistory(run: try await run.details(), steps: try await run.history())
                let bodies = tally.all.count
                try await ReplayCheck(code).check(history)
                let other = Calls("one two+drei four").workflow(Latch(), tally)
                await #expect(throws: ReplayFailure.self) { try await ReplayCheck(other).check(history) }
                #expect(tally.all.count == bodies, "no body is executed")
            }
        }
    }
}
