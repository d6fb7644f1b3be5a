import Foundation
import Stepwise
import StepwiseTesting
import Testing

// The README's examples, word for word, and what they stand on.

private struct CardDeclined: Error {}

private struct Payment: Codable, Sendable {
    var id: String
    var key: String
}

private struct Order: Codable, Sendable {
    var sku: String
    var quantity: Int
}

private struct Receipt: Codable, Sendable {
    var payment: String
}

extension WorkflowName<Order, Receipt> {
    fileprivate static var processOrder: Self { "process-order" }
}

private let processOrder = Workflow(.processOrder) { context, order in
    let payment = try await context.run("charge") { () async throws -> Payment in
        throw CardDeclined()
    }
    async let label: Void = context.run("create-label") {}
    async let receipt: Void = context.run("send-receipt") {}
    _ = try await (label, receipt)
    return Receipt(payment: payment.id)
}

private let approvedOrder = Workflow("approved-order") { (context, order: Order) async throws -> String in
    do { try await context.waitForEvent("answer", as: String.self, timeout: .seconds(86_400)) } catch is EventTimeout {
        return "nobody has answered"
    }
    return "paid with " + (try await context.invoke(.processOrder, order).payment)
}

private struct Shop {
    let workflows: any WorkflowClient

    func buy(_ order: Order) async throws -> Receipt {
        try await workflows.enqueue(.processOrder, order, id: "order-\(order.sku)").result()
    }
}

@Test func ordersArePaidOnce() async throws {
    let test = WorkflowTest(processOrder)
    test.replace("charge") { step in  // in place of the real body
        if step.attempt < 3 { throw CardDeclined() }  // tried again, as the step's Retry says
        return Payment(id: "p-1", key: step.idempotencyKey)
    }
    test.crash(during: "create-label")  // a worker dies in the body: it is executed again

    let receipt = try await test.run(Order(sku: "A1", quantity: 2))

    #expect(receipt.payment == "p-1")
    #expect(test.steps == ["charge", "send-receipt", "create-label"])  // as they were recorded
    #expect(test.recorded("charge")?.attempts == 3)
    #expect(test.recorded("create-label")?.lost == 1)
    #expect(test.elapsed == .seconds(3))  // the waits between the attempts, by the virtual clock
    try await test.replayInNewProcess()
}

@Test func nobodyAnswers() async throws {
    let test = WorkflowTest(approvedOrder)  // waits for a day
    test.child(.processOrder) { order in Receipt(payment: "p-\(order.sku)") }
    test.at(.seconds(90_000)) { $0.notify("answer", "yes") }
    #expect(try await test.run(Order(sku: "A1", quantity: 2)) == "nobody has answered")

    test.notify("answer", "yes")  // before the run asks: it is kept
    #expect(try await test.run(Order(sku: "A1", quantity: 2)) == "paid with p-A1")
}

@Test func buyersGetTheirReceipt() async throws {
    let client = RecordingClient()
    async let receipt = Shop(workflows: client).buy(Order(sku: "A1", quantity: 2))  // enqueues, and waits
    let run = try await client.next(.processOrder)
    #expect(run.id == "order-A1" && run.input.quantity == 2)
    try run.finish(Receipt(payment: "p-1"))  // or run.fail(CardDeclined()); until then the run is held
    #expect(try await receipt.payment == "p-1")
}

@Test func `The README's examples of tests are those that are compiled and executed here`() throws {
    // A formatter decides how far before a comment is left free.
    func plain(_ text: some StringProtocol) -> String {
        text.replacingOccurrences(of: " +//", with: " //", options: .regularExpression)
    }
    let here = URL(filePath: #filePath)
    let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
    let code = plain(try String(contentsOf: here, encoding: .utf8))
    let section = try #require(readme.components(separatedBy: "\n## ").first { $0.hasPrefix("Testing your workflows") })
    let examples = section.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }
    #expect(examples.count == 3)
    for (_, example) in examples {
        #expect(code.contains(plain(example.dropFirst("swift".count))), "\(example)")
    }
}
