package import Stepwise

/// What the author of a workflow can do to its workers, for `.ci/attack.py`.
extension TestWorkflows {
    package var worst: [any AnyWorkflow] {
        [crashBody, crashFunction, hugeResult, wide, blockedLoser, endlessLoop, snag]
    }

    /// A step whose body traps.
    package var crashBody: Workflow<String, String> {
        Workflow("crash-body") { [ledger] context, input in
            do {
                return try await context.run(input, .retry(.never)) { (step: Step) async throws -> String in
                    try await ledger.execute(step.id, attempt: step.attempt)
                    fatalError("a body that traps")
                }
            } catch let failure as StepFailure { return "\(failure.cause)" }
        }
    }

    /// A function that traps before its first step.
    package var crashFunction: Workflow<String, String> {
        Workflow("crash-function") { (_: WorkflowContext, input: String) async throws -> String in
            fatalError("a function that traps: \(input)")
        }
    }

    /// A step whose result is twice as large as one may be.
    package var hugeResult: Workflow<String, String> {
        Workflow("huge-result") { context, input in
            do {
                return try await context.run(input) { () async throws -> String in
                    String(repeating: "x", count: 2 << 20)
                }
            } catch let failure as StepFailure { return "\(failure.cause)" }
        }
    }

    /// As many steps beside each other as the input says.
    package var wide: Workflow<Int, Int> {
        Workflow("wide") { context, count in
            let parts = try await context.map(Array(0..<count), "part") { (index: Int, _: Step) async throws -> Int in
                index
            }
            return parts.reduce(0, +)
        }
    }

    /// A race whose loser, a step called as the run is, blocks its thread until the test lets it go on.
    package var blockedLoser: Workflow<String, String> {
        Workflow("blocked-loser") { [ledger] context, input in
            let winner = try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await context.run("fast") { () async throws -> String in "FAST" } }
                group.addTask {
                    try await context.run(input, .blocking) { (step: Step) async throws -> String in
                        ledger.block(step.id, attempt: step.attempt)
                        return "SLOW"
                    }
                }
                defer { group.cancelAll() }
                return try await group.next() ?? ""
            }
            return winner
        }
    }

    /// Forty steps of one name, so quick that their bodies begin on the worker's own thread; the last one's blocks it until the test lets it go on.
    package var snag: Workflow<String, String> {
        Workflow("snag") { [ledger] context, input in
            for index in 1...40 {
                try await context.run("tick") { (step: Step) async throws -> Void in
                    if index < 40 {
                        ledger.executeQuickly(step.id, attempt: step.attempt)
                    } else {
                        ledger.block(input, attempt: step.attempt)
                    }
                }
            }
            return input
        }
    }

    /// A function that does not come back after its first step, called as the run is.
    package var endlessLoop: Workflow<String, String> {
        Workflow("endless-loop") { [ledger] context, input in
            let name = try await context.run(input) { (step: Step) async throws -> String in
                try await ledger.execute(step.id, attempt: step.attempt)
                return step.id
            }
            var spins = name.utf8.count
            while spins >= 0 { spins = (spins &+ 1) & 0xffff }
            return String(spins)
        }
    }
}
