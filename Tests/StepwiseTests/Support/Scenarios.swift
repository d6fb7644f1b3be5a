import Logging
import Stepwise
import StepwiseTesting
import Testing

/// Everything that starts a redis-server: one after the other, because each has a server and workers of its own.
@Suite("What users write", .serialized)
struct Scenarios {}

/// Whether a run's function stays in memory between invocations.
enum Memory: String, CaseIterable, Sendable, CustomTestStringConvertible {
    /// One worker that keeps every copy.
    case hot
    /// Two workers that keep none: what cannot go on in one invocation is replayed from its history.
    case cold

    var testDescription: String { rawValue }
}

/// For what should come at once; generous, because tests share their machine.
let patience = Duration.seconds(30)

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Retries that do not make a test wait.
let soon = Retry(attempts: 4, initialDelay: .milliseconds(1))

/// Calls `body` with a client of a throw-away Redis on which workers of this process run; ends all of them, gracefully.
///
/// - Parameter memory: `cold` starts two workers that evict every copy after each invocation.
func withWorker<Value>(
    _ workflows: [any AnyWorkflow], memory: Memory = .hot, configuration: StepwiseWorker.Configuration = .init(),
    logger: Logger = quiet, _ body: (StepwiseClient, RedisServer) async throws -> Value
) async throws -> Value {
    try await RedisServer.withServer { server in
        let redis = try RedisEndpoint(server.url)
        var configuration = configuration
        configuration.shutdownGrace = .seconds(5)
        if memory == .cold {
            configuration.parkedSteps = 0
            configuration.concurrency = 2
        }
        let settings = configuration
        let workers = try (0..<(memory == .cold ? 2 : 1)).map { _ in
            try StepwiseWorker(redis: redis, workflows: workflows, configuration: settings, logger: logger)
        }
        let client = try StepwiseClient(redis: redis, namespace: settings.namespace, logger: logger)
        let tasks = workers.map { worker in Task { try await worker.run() } }
        let result: Result<Value, any Error>
        do { result = .success(try await body(client, server)) } catch { result = .failure(error) }
        for task in tasks { task.cancel() }
        for task in tasks { try await task.value }
        await client.close()
        return try result.get()
    }
}

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
    _ workflow: Workflow<Input, Output>, _ input: Input, memory: Memory = .hot, logger: Logger = quiet
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
        if let reason = try await run.status().reason { Issue.record("the run waits: \(reason)") }
        throw error
    }
    let completed = Completed(output: output, history: try await run.history(), details: try await run.status())
    expectReplay(of: completed.details, completed.history, by: workflow)
    return completed
}

/// Calls `body` while workers of this process work for a Redis that is there already, one for each workflow; ends them, gracefully.
func withWorkers(
    _ server: RedisServer, _ workflows: any AnyWorkflow..., grace: Duration = .seconds(5),
    configuration: StepwiseWorker.Configuration = .init(), logger: Logger = quiet, _ body: () async throws -> Void
) async throws {
    var configuration = configuration
    configuration.shutdownGrace = grace
    let settings = configuration
    let workers = try workflows.map { workflow in
        try StepwiseWorker(
            redis: RedisEndpoint(server.url), workflows: [workflow], configuration: settings, logger: logger)
    }
    let tasks = workers.map { worker in Task { try await worker.run() } }
    let result: Result<Void, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    for task in tasks { task.cancel() }
    for task in tasks { try await task.value }
    try result.get()
}

/// Asks until a condition holds; an issue if it does not within ``patience``.
func eventually(
    _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + patience
    while try await !condition() {
        if ContinuousClock.now > deadline {
            Issue.record(what, sourceLocation: sourceLocation)
            return
        }
        try await Task.sleep(for: .milliseconds(5))
    }
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
