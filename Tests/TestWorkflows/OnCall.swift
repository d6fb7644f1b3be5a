#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif
package import Stepwise

/// What `make oncall` breaks and mends.
extension TestWorkflows {
    package var onCall: [any AnyWorkflow] { [recoded, declining, bereaved] }

    /// Whether this process has the code in which the bodies' faults are mended.
    var isMended: Bool { getenv("TEST_WORKER_MENDED") != nil }

    private func step(_ context: WorkflowContext, _ name: String, _ value: String) async throws -> String {
        try await context.run(name) { (step: Step) async throws -> String in
            try await ledger.execute(step.id, attempt: step.attempt)
            return value
        }
    }

    /// Two steps; older code calls the first by another name.
    package var recoded: Workflow<String, String> {
        let code = getenv("TEST_WORKER_CODE").map { String(cString: $0) } ?? "new"
        return Workflow("recoded") { context, input in
            let first = try await step(context, "one-\(code)", "ONE")
            return try await [input, first, step(context, "two", "TWO")].joined(separator: ",")
        }
    }

    /// A step that fails once, and is tried again an hour later.
    package var declining: Workflow<String, String> {
        Workflow("declining") { [ledger] context, input in
            let retry = Retry.fixed(.seconds(3600), attempts: 4)
            let paid = try await context.run("charge", .retry(retry)) { (step: Step) async throws -> String in
                try await ledger.execute(step.id, attempt: step.attempt)
                if step.attempt == 1 { throw Declined() }
                return "PAID"
            }
            return [input, paid].joined(separator: ",")
        }
    }

    /// A child beside a step that fails unless it is mended.
    package var bereaved: Workflow<String, String> {
        Workflow("bereaved") { [ledger, isMended] context, _ in
            async let child = context.invoke(leaf, "grown", name: "child")
            try await context.run("charge", .retry(.never)) { (step: Step) async throws -> Void in
                try await ledger.execute(step.id, attempt: step.attempt)
                if !isMended { throw Declined() }
            }
            return try await child
        }
    }
}
