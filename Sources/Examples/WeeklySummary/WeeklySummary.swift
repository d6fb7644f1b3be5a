package import ExampleSupport
import Foundation
package import Stepwise

extension WorkflowName<Void, String> {
    package static var weeklySummary: Self { "weekly-summary" }
}

/// Tells on Mondays at nine, Berlin time, what was sold. Sales and summaries are accounts in the books.
package struct WeeklySummary: Sendable {
    let books: Books

    package init(books: Books) {
        self.books = books
    }

    /// Given to each worker; one run a week comes of it, however many there are.
    package static func schedule() throws -> Schedule {
        try Schedule("weekly-summary", .cron("0 9 * * MON", timeZone: "Europe/Berlin"), .weeklySummary, overlap: .skip)
    }

    /// - Returns: the summary.
    package func write(_ context: WorkflowContext) async throws -> String {
        let date = try await context.now
        let count = try await context.run("count") { try books.entries(in: "sales").count }
        let summary = "\(count) sales until \(date.ISO8601Format())"
        // The run's id is the tick: weekly-summary/20261130T080000Z.
        try await context.run("write") { try books.enter(context.runID, in: "summaries", summary) }
        return summary
    }
}
