import ArgumentParser
package import Logging
package import Stepwise

/// Where Redis is, for all commands.
package struct ConnectionOptions: ParsableArguments {
    @Option(help: "Where Redis is. Default: STEPWISE_REDIS_URL, else redis://localhost:6379.")
    var redis: String?

    @Option(help: "The namespace, part of every key. Default: STEPWISE_NAMESPACE, else default.")
    var namespace: String?

    package init() {}

    package func endpoint() throws -> RedisEndpoint {
        try .fromEnvironment(url: redis)
    }

    package func chosenNamespace() throws -> String {
        try namespace ?? StepwiseNamespace.fromEnvironment()
    }

    /// Writes to standard error, so that it does not mix with a command's results.
    package func logger() -> Logger {
        Logger(label: "example") { StreamLogHandler.standardError(label: $0) }
    }

    /// Calls `body` with a client, and closes that.
    package func withClient(_ body: (StepwiseClient) async throws -> Void) async throws {
        let client = try StepwiseClient(redis: endpoint(), namespace: chosenNamespace(), logger: logger())
        let result: Result<Void, any Error>
        do { result = .success(try await body(client)) } catch { result = .failure(error) }
        await client.close()
        try result.get()
    }
}
