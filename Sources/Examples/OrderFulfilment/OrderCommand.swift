import ArgumentParser
import ExampleSupport
import Stepwise

/// `OrderFulfilment order`: places an order and tells what became of it. It needs the workflow's name, not its code.
struct OrderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "order", abstract: "Place an order, and wait until it is fulfilled or undone.")

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "What is ordered.")
    var sku = "A1"

    @Option(help: "How many of it.")
    var quantity = 1

    @Option(help: "Where it is shipped to. No courier goes to nowhere.")
    var to = "Berlin"

    @Option(help: "The order's id. The same id again places no second order.")
    var id: String?

    func run() async throws {
        try await connection.withClient { try await order($0) }
    }

    private func order(_ client: StepwiseClient) async throws {
        let run = try await client.enqueue(
            .fulfilOrder, Order(sku: sku, quantity: quantity, destination: to), id: id)
        print("order \(run.id)")
        do {
            let receipt = try await run.result()
            print("shipped: \(receipt.parcel), paid with \(receipt.payment)")
        } catch let error as StepwiseError where error.code == .runFailed {
            print("not fulfilled: \(error.message)")
            for step in try await run.history() {
                print("  \(step.number)  \(step.step)  \(step.error.map { "\($0.type)" } ?? "done")")
            }
            throw ExitCode.failure
        }
    }
}
