package import ExampleSupport
package import Stepwise

package struct Customer: Codable, Sendable {
    package var name: String
    /// How often we have looked after them.
    package var rounds: Int

    package init(name: String, rounds: Int = 0) {
        self.name = name
        self.rounds = rounds
    }
}

extension WorkflowName<Customer, Int> {
    package static var onboarding: Self { "onboarding" }
}

/// Welcomes a customer and looks after them for as long as they stay, be it for years. Their mail is an account in the books.
package struct Onboarding: Sendable {
    let books: Books
    let day: Duration

    package init(books: Books, day: Duration = .days(1)) {
        self.books = books
        self.day = day
    }

    /// - Returns: in how many rounds we have looked after them.
    package func accompany(_ context: WorkflowContext, _ customer: Customer) async throws -> Int {
        // Whatever the other branch waits for, this ends it. An event that comes between two rounds is kept for the next.
        try await context.race(
            { try await context.waitForEvent("unsubscribe") },
            { try await round(context, customer) })
        try await mail(context, "farewell", to: customer)
        return customer.rounds
    }

    private func round(_ context: WorkflowContext, _ customer: Customer) async throws {
        if customer.rounds == 0 {
            try await mail(context, "welcome", to: customer)
            try await context.sleep(for: day * 3)
        }
        let isActive = try await context.run("look for activity") { books.has(customer.name, in: "sign-ins") }
        try await mail(context, isActive ? "tips" : "reminder", to: customer)
        try await context.sleep(for: isActive ? day * 7 : day * 2)
        // The history begins anew, so that it does not grow with the years.
        try await context.continueAsNew(Customer(name: customer.name, rounds: customer.rounds + 1))
    }

    private func mail(_ context: WorkflowContext, _ subject: String, to customer: Customer) async throws {
        try await context.run(subject) { step in
            try books.enter(step.idempotencyKey, in: "mail", "\(customer.name): \(subject)")
        }
    }
}
