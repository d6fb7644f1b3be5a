import Foundation
import Stepwise

/// What is measured: steps that do nothing, with small results.
enum BenchWorkflows {
    struct Result: Codable, Sendable {
        var number: Int
        var text: String
    }

    static let chainName: WorkflowName<Int, Int> = "chain"
    /// So many steps in a row.
    static let chain = Workflow(chainName) { (context, count: Int) async throws -> Int in
        var sum = 0
        for number in 0..<count {
            sum += try await context.run("step") { Result(number: number, text: "done") }.number
        }
        return sum
    }

    /// So many steps at once, and one after them.
    static let fan = Workflow("fan") { (context, count: Int) async throws -> Int in
        let results = try await context.map(Array(0..<count), "part") { Result(number: $0, text: "done") }
        return try await context.run("join") { results.count }
    }

    static let sleeperName: WorkflowName<Date, Void> = "sleeper"
    static let sleeper = Workflow(sleeperName) { context, alarm in try await context.sleep(until: alarm) }

    static let nothingName: WorkflowName<Int, Int> = "nothing"
    static let nothing = Workflow(nothingName) { _, input in input }

    static let all: [any AnyWorkflow] = [chain, fan, sleeper, nothing]
}
