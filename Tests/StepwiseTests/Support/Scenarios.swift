import Logging
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

/// Everything that starts a redis-server: one after the other, because each has a server and workers of its own.
@Suite("What users write", .serialized)
struct Scenarios {}

/// Retries that do not make a test wait.
let soon = Retry(attempts: 4, initialDelay: .milliseconds(1))

/// A run that has completed.
struct Completed<Output: Sendable>: Sendable {
    var output: Output
    var history: [RecordedStep]
    var details: RunDetails

    /// The recorded outcome of a step.
    func recorded(_ step: String) -> RecordedStep? { history.first { $0.step == step } }
}

/// Executes a workflow from enqueue to result, and then replays its history, and each beginning of it, from nothing.
func complete<Input: Codable & Sendable, Output: Codable & Sendable>(
    _ workflow: Workflow<Input, Output>, _ input: Input, memory: Memory = .hot, logger: Logger = .silent
) async throws -> Completed<Output> {
    try await withWorker([workflow], memory: memory, logger: logger) { client, _ in
        try await complete(client.enqueue(workflow, input), of: workflow)
    }
}

/// Waits for a run's result and replays its history.
func complete<Output: Codable & Sendable>(
    _ run: WorkflowRun<Output>, of workflow: any AnyWorkflow
) async throws -> Completed<Output> {
    let output: Output
    do { output = try await run.result(timeout: patience) } catch {
        if let reason = try await run.details().reason { Issue.record("the run waits: \(reason)") }
        throw error
    }
    let completed = Completed(output: output, history: try await run.history(), details: try await run.details())
    expectReplay(of: completed.details, completed.history, by: workflow)
    return completed
}

/// The code of the ``StepwiseError`` that `body` throws; `nil`, and an issue, if it throws none.
func errorCode(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> StepwiseError.Code? {
    do {
        try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as StepwiseError {
        return error.code
    } catch {
        Issue.record("\(error) was thrown", sourceLocation: sourceLocation)
    }
    return nil
}
