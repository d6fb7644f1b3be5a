package import Logging
package import Stepwise
package import StepwiseTesting

extension Logger {
    /// Nobody reads it.
    package static var silent: Logger { Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() } }
}

/// A worker of this process, until it is ended.
package struct RunningWorker: Sendable {
    private let task: Task<Void, any Error>

    package init(_ worker: StepwiseWorker) {
        task = Task { try await worker.run() }
    }

    /// How it ended, by itself or because it was asked to.
    package var result: Result<Void, any Error> { get async { await task.result } }

    /// Asks it to leave.
    package func leave() { task.cancel() }

    /// Asks it to leave, and waits until it has.
    package func end() async throws {
        leave()
        try await task.value
    }
}

extension Sequence<RunningWorker> {
    /// Asks all of them to leave, and waits until the last one has.
    package func end() async throws {
        for worker in self { worker.leave() }
        for worker in self { try await worker.end() }
    }
}

/// Calls `body` while workers of this process run; then ends them, gracefully, whatever has become of `body`.
package func serving<Value>(
    _ workers: [StepwiseWorker], _ body: () async throws -> Value
) async throws -> Value {
    let running = workers.map(RunningWorker.init)
    let result: Result<Value, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    try await running.end()
    return try result.get()
}

/// Calls `body` with a client of a throw-away Redis on which workers of this process run; ends all of them, gracefully.
///
/// - Parameter memory: `cold` starts two workers that evict every instance after each work item.
package func withWorker<Value>(
    _ workflows: [any AnyWorkflow], memory: Memory = .hot, configuration: StepwiseWorker.Configuration = .init(),
    logger: Logger = .silent, _ body: (StepwiseClient, RedisServer) async throws -> Value
) async throws -> Value {
    try await RedisServer.withServer { server in
        let redis = try RedisEndpoint(server.url)
        var configuration = configuration
        configuration.shutdownGrace = .seconds(5)
        if memory == .cold {
            configuration.cachedStepLimit = 0
            configuration.concurrency = 2
        }
        let settings = configuration
        let workers = try (0..<(memory == .cold ? 2 : 1)).map { _ in
            try StepwiseWorker(redis: redis, workflows: workflows, configuration: settings, logger: logger)
        }
        let client = try StepwiseClient(redis: redis, namespace: settings.namespace, logger: logger)
        let result: Result<Value, any Error>
        do { result = .success(try await serving(workers) { try await body(client, server) }) } catch {
            result = .failure(error)
        }
        await client.close()
        return try result.get()
    }
}

/// Calls `body` while workers of this process work for a Redis that is there already, one for each workflow; ends them, gracefully.
package func withWorkers(
    _ server: RedisServer, _ workflows: any AnyWorkflow..., grace: Duration = .seconds(5),
    configuration: StepwiseWorker.Configuration = .init(), logger: Logger = .silent, _ body: () async throws -> Void
) async throws {
    var configuration = configuration
    configuration.shutdownGrace = grace
    let settings = configuration
    let workers = try workflows.map { workflow in
        try StepwiseWorker(
            redis: RedisEndpoint(server.url), workflows: [workflow], configuration: settings, logger: logger)
    }
    try await serving(workers, body)
}
