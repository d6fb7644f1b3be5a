package import Stepwise

/// What waits for a thread of Swift's pool while `blocking` holds all of them.
extension TestWorkflows {
    package var waitingForThreads: [any AnyWorkflow] { [careful, pair] }

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
}
