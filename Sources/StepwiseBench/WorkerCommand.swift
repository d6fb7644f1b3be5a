import ArgumentParser
import Logging
import ServiceLifecycle
import Stepwise
import UnixSignals

/// One worker process, as the measurements start them.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "One worker process.", shouldDisplay: false)

    @Option var redis: String
    @Option var concurrency = 100
    @Option(help: "The queues that it serves, separated by commas.") var queues = "default"
    @Option(
        help:
            "How many milliseconds a quick body takes at most, where everything is slowed down; default: the library's 0.1."
    )
    var quickBody: Int?
    @Flag(help: "Whether it serves the workflows of the steady load in place of those that are measured.") var steady =
        false

    func run() async throws {
        var logger = Logger(label: "bench")
        logger.logLevel = .warning
        var configuration = StepwiseWorker.Configuration(
            namespace: "bench", queues: queues.split(separator: ",").map(String.init), concurrency: concurrency)
        if let quickBody { configuration.quickBody = .milliseconds(quickBody) }
        let worker = try StepwiseWorker(
            redis: RedisEndpoint(redis), workflows: steady ? SteadyWork.workflows : BenchWorkflows.all,
            configuration: configuration, logger: logger)
        try await ServiceGroup(
            services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }
}
