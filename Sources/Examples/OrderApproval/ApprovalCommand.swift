import ArgumentParser
import ExampleSupport
import Stepwise

struct ApprovalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approval", abstract: "Order something that has to be approved within a day.")

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "What is ordered, and the run's id.")
    var item: String

    @Option(help: "What it costs.")
    var price = 200

    func run() async throws {
        try await connection.withClient { client in
            let run = try await client.enqueue(.approvedOrder, Purchase(item: item, price: price), id: item)
            print("run \(run.id); the mail in the books has the token: stepwise callback complete <token>")
            print("    '{\"by\":\"Ada\",\"isApproved\":true}'")
            print(try await run.result())
        }
    }
}
