import ArgumentParser
import Stepwise

struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Prints what is recorded of a run, and how it stands, until it ends.",
        discussion: """
            First what is recorded already, then each outcome and each change of the run's state, within a second; once the run rests also why, and \
            again when that changes, within ten seconds. Exits 0 if the run has \
            completed, 1 if it failed or was cancelled. While Redis is away it waits, and says so on stderr. It only reads. Of a run that begins \
            anew the outcomes that were recorded since its last look may be missing: they are forgotten. With --json each line is one document. \
            The tokens of callbacks are hidden.
            """)

    @Argument(help: "The run's id.")
    var run: String

    @Option(help: ArgumentHelp("Of what is recorded already only the last so many outcomes.", valueName: "count"))
    var last: Int?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if let last, last < 0 { throw ValidationError("--last must be at least 0") }
    }

    func run() async throws {
        let isJSON = connection.json
        let end = try await connection.withClient { client in
            var tail = Tail(
                run, client, last: last,
                cause: { id in
                    let found = try await client.explain(id)
                    return RunFollower.Cause(name: found.cause.rawValue, sentence: found.sentence)
                },
                write: { line in
                    if isJSON { Output.print(line.json) } else { Output.print(line.text) }
                })
            return try await tail.follow()
        }
        if let end, end != .completed { throw ExitCode(1) }
    }
}
