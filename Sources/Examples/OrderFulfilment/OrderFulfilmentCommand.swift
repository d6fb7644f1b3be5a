import ArgumentParser
import Logging
import Stepwise

/// The example's command line: workers that fulfil orders, and the command that places one.
@main
struct OrderFulfilmentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "OrderFulfilment",
        abstract: "Charges, reserves and ships; when shipping fails for good, releases and refunds.",
        discussion: """
            Start a worker, then place orders:

              OrderFulfilment worker --books /tmp/books &
              OrderFulfilment order --to Berlin
              OrderFulfilment order --to nowhere

            What was charged, reserved and undone lies in the folder, a file each.
            """,
        subcommands: [WorkerCommand.self, OrderCommand.self])
}

/// Where Redis is, for both commands.
struct ConnectionOptions: ParsableArguments {
    @Option(help: "Where Redis is. Default: STEPWISE_REDIS_URL, else redis://localhost:6379.")
    var redis: String?

    @Option(help: "The namespace, part of every key. Default: STEPWISE_NAMESPACE, else default.")
    var namespace: String?

    func endpoint() throws -> RedisEndpoint {
        try redis.map { try RedisEndpoint($0) } ?? .fromEnvironment()
    }

    func chosenNamespace() throws -> String {
        try namespace ?? StepwiseNamespace.fromEnvironment()
    }

    /// Writes to standard error, so that it does not mix with a command's results.
    func logger() -> Logger {
        Logger(label: "order-fulfilment") { StreamLogHandler.standardError(label: $0) }
    }
}
