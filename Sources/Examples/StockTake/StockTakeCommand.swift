import ArgumentParser
import ExampleSupport
import Stepwise

struct StockTakeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stock-take", abstract: "Count what lies in many shops, each in a child run.")

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "How many shops there are.")
    var shops = 100

    func run() async throws {
        try await connection.withClient { client in
            let run = try await client.enqueue(.takeStock, (0..<shops).map { "shop-\($0)" })
            print("run \(run.id)")
            let stock = try await run.result()
            print("\(stock.pieces) pieces; closed: \(stock.closed)")
        }
    }
}
