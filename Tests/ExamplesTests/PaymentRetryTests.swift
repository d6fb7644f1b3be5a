import ExampleSupport
import Examples
import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension ExampleTests {
    @Suite("Payment retry over three days")
    struct PaymentRetryTests {
        @Test
        func `A card is tried for three days; another card is charged at once; each is charged once`() async throws {
            try await withExamples { world in
                func collect(_ number: String, _ card: String) async throws -> WorkflowRun<String?> {
                    try await world.client.enqueue(
                        .collectPayment, Invoice(number: number, amount: 20, card: card), id: number)
                }
                func expectMails(_ count: Int, _ timers: Int) async throws {
                    try await eventually("\(count) mails") { try world.books.entries(in: "mail").count == count }
                    try await world.atRest(timers)
                }
                let (never, updated) = (try await collect("never", "expired"), try await collect("updated", "expired"))
                let payment = try await collect("paid", "visa").result(timeout: patience)
                #expect(payment?.hasPrefix("paid-") == true)
                try await expectMails(2, 2)
                try await world.skip(.days(1))
                try await expectMails(4, 2)
                // In the middle of the second day.
                try await world.skip(.hours(10))
                try await updated.notify("card-updated", "visa")
                #expect(try await updated.result(timeout: patience)?.hasPrefix("updated-") == true)
                try await world.atRest(1)
                try await world.skip(.hours(14))
                try await expectMails(5, 1)
                #expect(try world.books.entries(in: "suspended").isEmpty)
                try await world.skip(.days(1))
                #expect(try await never.result(timeout: patience) == nil)
                let history = try await never.history()
                #expect(history.count { $0.step.hasPrefix("charge") } == 4)
                let (began, ended) = (try #require(history.first?.at), try #require(history.last?.at))
                let length = Duration.seconds(ended.timeIntervalSince(began))
                #expect(history.last?.step == "suspend" && length >= .days(3) && length < .days(3) + .minutes(5))
                #expect(try world.books.lines(in: "charged") == ["20 from visa", "20 from visa"])
                #expect(try world.books.lines(in: "suspended") == ["invoice never"])
            }
        }

        @Test func `A bank that is closed is asked again after hours, by the step's own retries`() async throws {
            try await withBooks { books in
                let test = WorkflowTest(Workflow(.collectPayment, body: PaymentRetry(books: books).collect))
                try books.enter("closed", in: "bank", "until two")
                test.at(.hours(2)) { _ in try? FileManager.default.removeItem(at: books.file("closed", in: "bank")) }
                let payment = try await test.run(Invoice(number: "1", amount: 20, card: "visa"))
                #expect(payment != nil)
                #expect(test.recorded("charge")?.attempts == 3)
                #expect(test.elapsed > .hours(2) && test.elapsed <= .hours(3))
                #expect(try books.entries(in: "charged").count == 1)
            }
        }

        @Test func `A bad new card is tried at once, and leads to no fourth day`() async throws {
            try await withBooks { books in
                let test = WorkflowTest(Workflow(.collectPayment, body: PaymentRetry(books: books).collect))
                test.at(.hours(30)) { $0.notify("card-updated", "expired") }
                let payment = try await test.run(Invoice(number: "1", amount: 20, card: "expired"))
                #expect(payment == nil)
                #expect(test.elapsed == .days(3))
                // At once, after a day, with the new card, a day later, and at the end.
                #expect(test.history.count { $0.step.hasPrefix("charge") } == 5)
            }
        }
    }
}
