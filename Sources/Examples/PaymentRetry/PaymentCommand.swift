import ArgumentParser
import ExampleSupport
import Stepwise

struct PaymentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "payment", abstract: "Collect a payment, for three days.")

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "The invoice's number, and the run's id.")
    var number: String

    @Option(help: "The card. The one named expired is declined.")
    var card = "expired"

    func run() async throws {
        try await connection.withClient { client in
            let run = try await client.enqueue(
                .collectPayment, Invoice(number: number, amount: 20, card: card), id: number)
            print("run \(run.id); another card: stepwise notify card-updated '\"visa\"' --run \(run.id)")
            print(try await run.result().map { "paid: \($0)" } ?? "not paid within three days: suspended")
        }
    }
}
