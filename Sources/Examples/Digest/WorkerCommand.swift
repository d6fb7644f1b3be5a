import ArgumentParser
import ServiceLifecycle
import Stepwise
import UnixSignals

/// `Digest worker`: works until SIGTERM or SIGINT; then it finishes the files that it has begun, gives the rest back and leaves.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Digest files for whoever asks, until SIGTERM or SIGINT.")

    @OptionGroup var common: CommonOptions

    @Option(help: "How many files this worker digests at a time.")
    var concurrency = 4

    @Option(help: "The seconds of silence after which others take over what this worker holds.")
    var lease = 10.0

    @Option(help: "The queue to work on.")
    var queue = "default"

    func validate() throws {
        if !(1...86_400).contains(lease) { throw ValidationError("--lease is \(lease); it must be 1 to 86400 seconds") }
    }

    func run() async throws {
        let logger = common.logger()
        let worker = try StepwiseWorker(
            redis: common.endpoint(),
            workflows: [digestWorkflow],
            configuration: .init(
                namespace: common.chosenNamespace(), queues: [queue], concurrency: concurrency, lease: .seconds(lease),
                onStuck: .endProcess),
            logger: logger)
        let group = ServiceGroup(services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        try await group.run()
    }
}
