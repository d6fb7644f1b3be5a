import ArgumentParser
package import ExampleSupport
import ServiceLifecycle
package import Stepwise
import UnixSignals

/// `Examples worker`: executes the workflows of all examples until SIGTERM or SIGINT.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Execute the examples' workflows, until SIGTERM or SIGINT.")

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "The folder of the books. All workers need the same one.")
    var books: String

    @Option(help: "The seconds that a day takes. Schedules go by real days.")
    var day = 86_400.0

    @Option(help: "The seconds of silence after which others take over what this worker holds.")
    var lease = 10.0

    func run() async throws {
        let logger = connection.logger()
        let worker = try StepwiseWorker(
            redis: connection.endpoint(),
            workflows: exampleWorkflows(Books(folder: books), day: .seconds(day)),
            schedules: [WeeklySummary.schedule()],
            configuration: .init(
                namespace: connection.chosenNamespace(), queues: ["default", StockTake.queue], lease: .seconds(lease),
                onStuck: .endProcess),
            logger: logger)
        let group = ServiceGroup(services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        try await group.run()
    }
}

/// The workflows of all examples.
package func exampleWorkflows(_ books: Books, day: Duration) -> [any AnyWorkflow] {
    let stockTake = StockTake(books: books)
    return [
        Workflow(.onboarding, body: Onboarding(books: books, day: day).accompany),
        Workflow(.collectPayment, body: PaymentRetry(books: books, day: day).collect),
        Workflow(.approvedOrder, body: OrderApproval(books: books, day: day).order),
        Workflow(.publishPhotos, body: ImagePipeline(books: books).publish),
        Workflow(.weeklySummary, body: WeeklySummary(books: books).write),
        Workflow(.takeStock, body: stockTake.take),
        Workflow(.countShop, body: stockTake.countShop),
    ]
}
