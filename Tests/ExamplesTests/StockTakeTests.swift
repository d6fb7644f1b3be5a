import ExampleSupport
import Examples
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension ExampleTests {
    @Suite("A parent with 100 children")
    struct StockTakeTests {
        private let shops = (0..<100).map { "shop-\($0)" }

        @Test(.scenario(40))
        func `100 shops are counted on another queue, ten at a time; one that is closed is a typed error`() async throws
        {
            try await withExamples { world in
                try world.books.enter("shop-13", in: "closed", "for repairs")
                let run = try await world.client.enqueue(.takeStock, shops)
                let stock = try await run.result(timeout: patience)
                #expect(stock.closed == ["shop-13"])
                #expect(stock.pieces == 10 * 6 + 90 * 7 - 7)
                let history = try await run.history()
                #expect(history.count == 100 && history.allSatisfy { $0.kind == "invoke" })
                #expect(history.filter { $0.error != nil }.map { $0.error?.cause } == [.childFailed])
                #expect(try world.books.entries(in: "counted").count == 99)
                // By Redis' clock alone: when each child was made, and when its end was recorded.
                var moments: [(at: Int, change: Int)] = []
                for child in try await world.client.runs(workflow: "count-shop", limit: 1000) {
                    #expect(child.queue == StockTake.queue)
                    #expect(child.status == .completed || child.status == .failed)
                    moments += [(child.created ?? 0, 1), (child.ended ?? 0, -1)]
                }
                #expect(moments.count == 200)
                var (live, most) = (0, 0)
                for moment in moments.sorted(by: { ($0.at, $0.change) < ($1.at, $1.change) }) {
                    live += moment.change
                    most = max(most, live)
                }
                #expect(most <= StockTake.width && most > 1, "\(most) at a time")
            }
        }

        @Test func `All shops closed: the parent has counted nothing, and every replay agrees`() async throws {
            try await withBooks { books in
                let stockTake = StockTake(books: books)
                let test = WorkflowTest(Workflow(.takeStock, body: stockTake.take))
                test.child(Workflow(.countShop, body: stockTake.countShop))
                test.replace("look") { true }
                let stock = try await test.run(Array(shops.prefix(20)))
                #expect(stock.pieces == 0 && stock.closed == Array(shops.prefix(20)))
            }
        }
    }
}
