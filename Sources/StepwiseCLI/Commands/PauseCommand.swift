import ArgumentParser
import Stepwise

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pauses runs: nothing new of them begins until they are resumed.",
        discussion: "Bodies that run end and are recorded.")

    @Argument(help: "The runs' ids.")
    var runs: [String]

    @Option(help: ArgumentHelp("Kept on the run and shown to people.", valueName: "text"))
    var reason: String?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            for id in runs {
                let isNew = try await client.pause(id, reason: reason ?? "stepwise pause")
                Output.print(
                    connection.json ? JSONDocument.object([("id", .string(id)), ("paused", .bool(isNew))]).text : id)
            }
        }
    }
}
