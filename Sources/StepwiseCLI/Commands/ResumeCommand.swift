import ArgumentParser
import Stepwise

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Lets a parked run go on.",
        discussion: "A run is parked when it waits for a person or for other code; `stepwise status` shows the reason.")

    @Argument(help: "The run's id.")
    var run: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            try await client.resume(run)
            Output.print(
                connection.json ? JSONDocument.object([("id", .string(run)), ("resumed", .bool(true))]).text : run)
        }
    }
}
