import ExampleSupport
import Examples
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension ExampleTests {
    @Suite("Order with human approval")
    struct OrderApprovalTests {
        @Test
        func `Approved at once, declined after the reminder, or never decided on: each order has its outcome`()
            async throws
        {
            try await withExamples { world in
                func order(_ item: String) async throws -> WorkflowRun<String> {
                    try await world.client.enqueue(.approvedOrder, Purchase(item: item, price: 200), id: item)
                }
                func mails(_ subject: String) throws -> [String] {
                    try world.books.entries(in: "mail").filter { $0.hasSuffix("-\(subject)") }
                }
                // As a human does: with what stands in the mail.
                func answer(_ item: String, _ decision: Decision) async throws {
                    let mail = try #require(try mails("ask").first { $0.hasPrefix(item) })
                    let token = try #require(
                        try world.books.text(mail, in: "mail").split(separator: "\n").last.map(String.init))
                    try await world.client.complete(token, decision)
                }
                let (desk, chair, lamp) = (try await order("desk"), try await order("chair"), try await order("lamp"))
                try await eventually("three are asked") { try mails("ask").count == 3 }
                // Of each the day, and its first half.
                try await world.atRest(6)
                try await answer("desk", Decision(by: "Ada", isApproved: true))
                #expect(try await desk.result(timeout: patience).hasPrefix("ordered: desk-"))
                try await world.atRest(4)
                try await world.skip(.hours(12))
                try await eventually("two are reminded") { try mails("remind").count == 2 }
                try await world.atRest(2)
                try await answer("chair", Decision(by: "Bob", isApproved: false))
                #expect(try await chair.result(timeout: patience) == "declined by Bob")
                try await world.atRest(1)
                try await world.skip(.hours(12))
                #expect(try await lamp.result(timeout: patience) == "nobody has decided")
                await #expect(throws: StepwiseError.self) {
                    try await answer("lamp", Decision(by: "Cleo", isApproved: true))
                }
                #expect(try world.books.lines(in: "ordered") == ["desk, approved by Ada"])
                #expect(try mails("too-late").count == 1)
            }
        }

        @Test
        func `An answer in the instant of the reminder, or of the timeout, has one outcome, the same on every replay`()
            async throws
        {
            try await withBooks { books in
                for hours in [12, 24] {
                    let test = WorkflowTest(Workflow(.approvedOrder, body: OrderApproval(books: books).order))
                    test.at(.hours(hours)) { $0.answer("approval", Decision(by: "Ada", isApproved: true)) }
                    let outcome = try await test.run(Purchase(item: "desk", price: 200))
                    #expect(outcome == "nobody has decided" || outcome.hasPrefix("ordered: "))
                    #expect(hours == 24 || outcome.hasPrefix("ordered: "))
                    #expect(test.elapsed == .hours(hours))
                }
            }
        }
    }
}
