import ArgumentParser
import Stepwise

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Lets a parked or failed run go on.",
        discussion: """
            A run is parked when it waits for a person or for other code; `stepwise status` shows the reason. Of failed runs `stepwise dead` \
            tells more.
            """)

    @Argument(help: "The run's id.")
    var run: String

    @Option(help: ArgumentHelp("Of a failed run: forget this step and what was recorded after it.", valueName: "step"))
    var from: String?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            try await client.resume(run, from: from)
            Output.print(
                connection.json ? JSONDocument.object([("id", .string(run)), ("resumed", .bool(true))]).text : run)
        }
    }
}
