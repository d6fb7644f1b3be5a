internal import Foundation
package import Stepwise

/// What waits for a thread of Swift's pool while `blocking` holds all of them.
extension TestWorkflows {
    package var waitingForThreads: [any AnyWorkflow] { [careful, pair, lostRace, strays, lateApart] }

    /// A step, called as the run is, that is executed at most once and has to be begun in time.
    package var careful: Workflow<String, String> {
        Workflow("careful") { [ledger] context, input in
            try await context.run(input, .atMostOnce, .claimTimeout(.seconds(3600)), .retry(.never)) {
                (step: Step) async throws -> String in
                try await ledger.execute(step.id, attempt: step.attempt)
                return input.uppercased()
            }
        }
    }

    /// Two steps beside each other, called as the run is and `-left` or `-right`. One of them is as careful.
    package var pair: Workflow<String, String> {
        Workflow("pair") { [ledger] context, input in
            async let left = context.run(
                "\(input)-left", .atMostOnce, .claimTimeout(.seconds(3600)), .retry(.never)
            ) { (step: Step) async throws -> String in
                try await ledger.execute(step.id, attempt: step.attempt)
                return "LEFT"
            }
            async let right = context.run("\(input)-right") { (step: Step) async throws -> String in
                try await ledger.execute(step.id, attempt: step.attempt)
                return "RIGHT"
            }
            return try await [left, right].joined(separator: "+")
        }
    }

    /// A race between a step called as the run is and `-wins`, which may have a gate, and one called as the run is, which blocks a thread of its own.
    package var lostRace: Workflow<String, String> {
        Workflow("lost-race") { [ledger] context, input in
            try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask {
                    try await context.run("\(input)-wins") { (step: Step) async throws -> String in
                        try await ledger.execute(step.id, attempt: step.attempt)
                        return "WON"
                    }
                }
                group.addTask {
                    try await context.run(input, .blocking) { (step: Step) async throws -> String in
                        ledger.block(step.id, attempt: step.attempt)
                        return "LOST"
                    }
                }
                defer { group.cancelAll() }
                return try await group.next() ?? ""
            }
        }
    }

    /// A step, called as the run is, whose body returns and leaves tasks behind that block every thread of Swift's pool.
    package var strays: Workflow<String, String> {
        Workflow("strays") { [ledger] context, input in
            try await context.run(input) { (step: Step) async throws -> String in
                for number in 0..<ProcessInfo.processInfo.activeProcessorCount {
                    Task.detached { ledger.block("\(step.id)-\(number)", attempt: step.attempt) }
                }
                return "LEFT"
            }
        }
    }

    /// A step, called as the run is, that blocks a thread of its own for longer than the two seconds that it may take.
    package var lateApart: Workflow<String, String> {
        Workflow("late-apart") { [ledger] context, input in
            do {
                return try await context.run(input, .blocking, .timeout(.seconds(2)), .retry(.never)) { step in
                    ledger.block(step.id, attempt: step.attempt)
                    return input
                }
            } catch let failure as StepFailure { return failure.type }
        }
    }
}
