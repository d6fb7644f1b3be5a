import ExampleSupport
package import Stepwise

package struct Order: Codable, Sendable {
    package var sku: String
    package var quantity: Int
    package var destination: String

    package init(sku: String, quantity: Int, destination: String) {
        self.sku = sku
        self.quantity = quantity
        self.destination = destination
    }
}

package struct Receipt: Codable, Sendable {
    package var payment: String
    package var parcel: String
}

extension WorkflowName<Order, Receipt> {
    /// The name and the types are all that a service needs which only places orders.
    package static var fulfilOrder: Self { "fulfil-order" }
}

struct NoCourier: Error, Codable {
    var destination: String
}

/// A shop; its services are accounts in its books.
struct Shop: Sendable {
    let books: Books

    /// Charges, reserves and ships. If one of them fails for good, or the order is cancelled, what was done before is undone.
    func fulfil(_ context: WorkflowContext, _ order: Order) async throws -> Receipt {
        // An undo is worth more patience than a step: nobody else will do it.
        try await context.saga(undo: .retry(Retry(attempts: 100))) { saga in
            let payment = try await saga.run("charge") { step in
                // The same key at every attempt: a second execution of the body enters nothing new.
                try books.enter(step.idempotencyKey, in: "charged", "\(order.quantity) x \(order.sku)")
            } undo: { payment in
                try books.enter(payment, in: "refunded", "the order was not fulfilled")
            }
            try await saga.run("reserve") { step in
                try books.enter(step.idempotencyKey, in: "reserved", order.sku)
            } undo: { reservation in
                try books.enter(reservation, in: "released", order.sku)
            }
            let parcel = try await saga.run("ship") { step in
                if order.destination == "nowhere" {
                    throw NonRetryable(NoCourier(destination: order.destination))
                }
                return try books.enter(step.idempotencyKey, in: "shipped", "to \(order.destination)")
            } undo: { parcel in
                try books.enter(parcel, in: "recalled", order.destination)
            }
            return Receipt(payment: payment, parcel: parcel)
        }
    }
}
