package import ExampleSupport
package import Stepwise

package struct Purchase: Codable, Sendable {
    package var item: String
    package var price: Int

    package init(item: String, price: Int) {
        self.item = item
        self.price = price
    }
}

/// What a human says.
package struct Decision: Codable, Sendable {
    package var by: String
    package var isApproved: Bool

    package init(by: String, isApproved: Bool) {
        self.by = by
        self.isApproved = isApproved
    }
}

extension WorkflowName<Purchase, String> {
    package static var approvedOrder: Self { "approved-order" }
}

/// Orders what a human approves of within a day. Mail and orders are accounts in the books.
package struct OrderApproval: Sendable {
    let books: Books
    let day: Duration

    package init(books: Books, day: Duration = .days(1)) {
        self.books = books
        self.day = day
    }

    /// - Returns: what became of it.
    package func order(_ context: WorkflowContext, _ purchase: Purchase) async throws -> String {
        do {
            let decision = try await context.withTimeout(day) { try await decide(context, purchase) }
            guard decision.isApproved else { return "declined by \(decision.by)" }
            let order = try await context.run("order") { step in
                try books.enter(step.idempotencyKey, in: "ordered", "\(purchase.item), approved by \(decision.by)")
            }
            return "ordered: \(order)"
        } catch is WorkflowTimeout {
            try await mail(context, "too late", "nobody has decided on the \(purchase.item)")
            return "nobody has decided"
        }
    }

    private func decide(_ context: WorkflowContext, _ purchase: Purchase) async throws -> Decision {
        // Whoever has the token may answer.
        let approval = try await context.callback("approval", as: Decision.self)
        let request = "\(purchase.item) for \(purchase.price)? Answer with the token\n\(approval.token)"
        try await mail(context, "ask", request)
        do {
            return try await approval.value(timeout: day / 2)
        } catch is EventTimeout {
            // An answer that comes just now is kept.
            try await mail(context, "remind", request)
            return try await approval.value()
        }
    }

    private func mail(_ context: WorkflowContext, _ subject: String, _ text: String) async throws {
        try await context.run(subject) { step in try books.enter(step.idempotencyKey, in: "mail", text) }
    }
}
