package import ExampleSupport
import Foundation
package import Stepwise

package struct Invoice: Codable, Sendable {
    package var number: String
    package var amount: Int
    package var card: String

    package init(number: String, amount: Int, card: String) {
        self.number = number
        self.amount = amount
        self.card = card
    }
}

extension WorkflowName<Invoice, String?> {
    package static var collectPayment: Self { "collect-payment" }
}

struct CardDeclined: Error, Codable {
    var card: String
}

struct BankClosed: Error, Codable {}

/// Collects what a customer owes, for three days. The bank, the customer's mail and their subscription are accounts in the books.
package struct PaymentRetry: Sendable {
    let books: Books
    let day: Duration

    package init(books: Books, day: Duration = .days(1)) {
        self.books = books
        self.day = day
    }

    /// - Returns: the payment; `nil` if there was none within three days.
    package func collect(_ context: WorkflowContext, _ invoice: Invoice) async throws -> String? {
        let end = try await context.now + 3 * day.seconds
        var card = invoice.card
        while true {
            if let payment = try await charge(context, card, invoice) { return payment }
            let now = try await context.now
            if now >= end { break }
            try await context.run("dunning mail") { step in
                try books.enter(step.idempotencyKey, in: "mail", "invoice \(invoice.number): your card was declined")
            }
            // Tomorrow we try again; another card, at once.
            card = try await context.race(
                { try await context.waitForEvent("card-updated", as: String.self) },
                { [card] in
                    try await context.sleep(until: min(now + day.seconds, end))
                    return card
                })
        }
        try await context.run("suspend") { step in
            try books.enter(step.idempotencyKey, in: "suspended", "invoice \(invoice.number)")
        }
        return nil
    }

    /// - Returns: the payment; `nil` for a card that was declined.
    private func charge(_ context: WorkflowContext, _ card: String, _ invoice: Invoice) async throws -> String? {
        // A bank that is closed opens again: we ask after one hour, three, seven and fifteen. Then the run has failed, and waits for somebody to
        // resume it.
        let patience = Retry(attempts: 5, initialDelay: day / 24, multiplier: 2, maximumDelay: day / 2)
        do {
            return try await context.run("charge", .retry(patience)) { step in
                if books.has("closed", in: "bank") { throw BankClosed() }
                if card == "expired" { throw NonRetryable(CardDeclined(card: card)) }
                // The same key at every attempt: whatever happens, it is charged once.
                return try books.enter(step.idempotencyKey, in: "charged", "\(invoice.amount) from \(card)")
            }
        } catch let failure as StepFailure where failure.error(as: CardDeclined.self) != nil {
            return nil
        }
    }
}

extension Duration {
    fileprivate var seconds: TimeInterval { self / .seconds(1) }
}
