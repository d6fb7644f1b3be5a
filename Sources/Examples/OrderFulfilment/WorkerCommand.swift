import ArgumentParser
import ExampleSupport
import ServiceLifecycle
import Stepwise
import UnixSignals

/// `OrderFulfilment worker`: fulfils orders until SIGTERM or SIGINT.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Fulfil orders, until SIGTERM or SIGINT.")

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "The folder of the books. All workers need the same one.")
    var books: String

    @Option(help: "The seconds of silence after which others take over what this worker holds.")
    var lease = 10.0

    func run() async throws {
        let shop = Shop(books: Books(folder: books))
        let logger = connection.logger()
        let worker = try StepwiseWorker(
            redis: connection.endpoint(), workflows: [Workflow(.fulfilOrder, body: shop.fulfil)],
            configuration: .init(
                namespace: connection.chosenNamespace(), lease: .seconds(lease), onStuck: .endProcess), logger: logger)
        let group = ServiceGroup(services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        try await group.run()
    }
}
