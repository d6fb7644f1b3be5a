package import ExampleSupport
package import Stepwise

/// What was counted, and where it could not be.
package struct Stock: Codable, Sendable, Hashable {
    package var pieces = 0
    package var closed: [String] = []
}

extension WorkflowName<[String], Stock> {
    package static var takeStock: Self { "take-stock" }
}

extension WorkflowName<String, Int> {
    package static var countShop: Self { "count-shop" }
}

package struct ShopClosed: Error, Codable {
    package var shop: String
}

/// Counts what lies in many shops, each in a run of its own.
package struct StockTake: Sendable {
    /// The most shops that are counted at a time.
    package static let width = 10
    /// Where the shops are counted: workers of another machine may claim from it.
    package static let queue = "shops"
    let books: Books

    package init(books: Books) {
        self.books = books
    }

    package func take(_ context: WorkflowContext, _ shops: [String]) async throws -> Stock {
        try await withThrowingTaskGroup(of: (shop: String, pieces: Int?).self) { group in
            var (stock, rest) = (Stock(), shops[...])
            for shop in rest.prefix(Self.width) { group.addTask { try await count(context, shop) } }
            rest = rest.dropFirst(Self.width)
            while let (shop, pieces) = try await group.next() {
                if let pieces { stock.pieces += pieces } else { stock.closed.append(shop) }
                if let next = rest.popFirst() { group.addTask { try await count(context, next) } }
            }
            return stock
        }
    }

    /// - Returns: how many pieces there are; `nil` if the shop is closed.
    private func count(_ context: WorkflowContext, _ shop: String) async throws -> (shop: String, pieces: Int?) {
        do {
            return (shop, try await context.invoke(.countShop, shop, .queue(Self.queue)))
        } catch let failure as StepFailure where failure.error(as: ShopClosed.self) != nil {
            return (shop, nil)
        }
    }

    /// The child.
    package func countShop(_ context: WorkflowContext, _ shop: String) async throws -> Int {
        if try await context.run("look", body: { books.has(shop, in: "closed") }) { throw ShopClosed(shop: shop) }
        return try await context.run("count") { step in
            // Nobody counts here: a shop has as many pieces as its name has bytes.
            try books.enter(step.idempotencyKey, in: "counted", shop)
            return shop.utf8.count
        }
    }
}
