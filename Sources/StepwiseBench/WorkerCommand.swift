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

    func run() async throws {
        var logger = Logger(label: "bench")
        logger.logLevel = .warning
        let worker = try StepwiseWorker(
            redis: RedisEndpoint(redis), workflows: BenchWorkflows.all,
            configuration: .init(namespace: "bench", concurrency: concurrency), logger: logger)
        try await ServiceGroup(
            services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }
}
