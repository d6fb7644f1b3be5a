import ArgumentParser
import Logging
import Stepwise

/// What both commands take: where Redis is, the namespace, and how much is logged.
///
/// An option wins over its environment variable, which wins over the default.
struct CommonOptions: ParsableArguments {
    @Option(help: "Where Redis is. Default: STEPWISE_REDIS_URL, else redis://localhost:6379.")
    var redis: String?

    @Option(help: "The namespace, part of every key. Default: STEPWISE_NAMESPACE, else default.")
    var namespace: String?

    @Option(
        help: "The least severe messages that are logged: trace, debug, info, notice, warning, error or critical.",
        transform: Self.level)
    var logLevel: Logger.Level = .info

    private static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            throw ValidationError(
                "\"\(text)\" is not one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return level
    }

    func endpoint() throws -> RedisEndpoint {
        try .fromEnvironment(url: redis)
    }

    func chosenNamespace() throws -> String {
        try namespace ?? StepwiseNamespace.fromEnvironment()
    }

    /// A logger that writes to standard error, so that it does not mix with a command's results.
    func logger() -> Logger {
        var logger = Logger(label: "digest") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        return logger
    }
}
