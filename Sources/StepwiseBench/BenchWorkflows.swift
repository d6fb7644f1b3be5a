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

    static let waitsName: WorkflowName<Int, Int> = "waits"
    /// How long a body of "waits" waits.
    static let wait = Duration.milliseconds(10)
    /// So many steps in a row, with the results of "chain", whose bodies wait.
    static let waits = Workflow(waitsName) { (context, count: Int) async throws -> Int in
        var sum = 0
        for number in 0..<count {
            let result: Result = try await context.run("step") {
                try await Task.sleep(for: BenchWorkflows.wait)
                return Result(number: number, text: "done")
            }
            sum += result.number
        }
        return sum
    }

    /// So many steps at once, and one after them.
    static let fan = Workflow("fan") { (context, count: Int) async throws -> Int in
        let results = try await context.map(Array(0..<count), "part") { Result(number: $0, text: "done") }
        return try await context.run("join") { results.count }
    }

    // MARK: Steps that say when they were executed

    static let timesName: WorkflowName<Int, [Moment]> = "times"
    /// So many steps in a row: when each body began.
    static let times = Workflow(timesName) { (context, count: Int) async throws -> [Moment] in
        var moments: [Moment] = []
        for _ in 0..<count { moments.append(try await context.run("step") { Moment.now }) }
        return moments
    }

    /// Waits for event "go", and says when the step after it began.
    static let afterEvent = Workflow("after-event") { (context, _: Int) async throws -> Moment in
        try await context.waitForEvent("go")
        return try await context.run("step") { Moment.now }
    }

    /// So many steps at once: when the last of them ended, and when the step after them began.
    static let afterJoin = Workflow("after-join") { (context, count: Int) async throws -> [Moment] in
        let ends = try await context.map(Array(0..<count), "part") { _ in Moment.now }
        let join = try await context.run("join") { Moment.now }
        return [ends.max() ?? join, join]
    }

    // MARK: Others

    struct Sized: Codable, Sendable {
        var steps: Int
        var bytes: Int
    }
    static let sizedName: WorkflowName<Sized, Int> = "sized"
    /// Steps in a row with results of so many bytes.
    static let sized = Workflow(sizedName) { (context, input: Sized) async throws -> Int in
        var sum = 0
        for _ in 0..<input.steps {
            sum += try await context.run("step") { String(repeating: "x", count: input.bytes) }.utf8.count
        }
        return sum
    }

    static let heldName: WorkflowName<Int, Int> = "held"
    /// So many steps in a row, then it waits for event "go".
    static let held = Workflow(heldName) { (context, count: Int) async throws -> Int in
        for number in 0..<count { _ = try await context.run("step") { Result(number: number, text: "done") } }
        try await context.waitForEvent("go")
        return count
    }

    static let busyName: WorkflowName<Int, Void> = "busy"
    /// A step whose body takes so many milliseconds.
    static let busy = Workflow(busyName) { context, milliseconds in
        try await context.run("step") { try await Task.sleep(for: .milliseconds(milliseconds)) }
    }

    static let sleeperName: WorkflowName<Date, Void> = "sleeper"
    static let sleeper = Workflow(sleeperName) { context, alarm in try await context.sleep(until: alarm) }

    static let nothingName: WorkflowName<Int, Int> = "nothing"
    static let nothing = Workflow(nothingName) { _, input in input }

    static let all: [any AnyWorkflow] = [
        chain, waits, fan, times, afterEvent, afterJoin, sized, held, busy, sleeper, nothing,
    ]
}
