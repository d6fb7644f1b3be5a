import ArgumentParser
import Stepwise

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pauses runs, a queue or a workflow, until `stepwise resume`.",
        discussion: """
            Of a paused run or workflow nothing new begins; bodies that run end and are recorded. From a paused queue nothing is claimed. Both \
            hold within two heartbeats of the workers.
            """)

    @Argument(help: "The runs' ids.")
    var runs: [String] = []

    @Option(help: ArgumentHelp("A queue.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("A workflow.", valueName: "name"))
    var workflow: String?

    @Option(help: ArgumentHelp("Of runs: kept on the run and shown to people.", valueName: "text"))
    var reason: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if runs.isEmpty && queue == nil && workflow == nil {
            throw ValidationError("name runs by their ids, or a --queue, or a --workflow")
        }
    }

    func run() async throws {
        try await connection.withClient { client in
            for id in runs {
                tell("id", id, isNew: try await client.pause(id, reason: reason ?? "stepwise pause"))
            }
            if let queue { tell("queue", queue, isNew: try await client.pause(queue: queue)) }
            if let workflow { tell("workflow", workflow, isNew: try await client.pause(workflow: workflow)) }
            await client.suggest(workflow: workflow, queue: queue, isPaused: true)
        }
    }

    private func tell(_ kind: String, _ name: String, isNew: Bool) {
        Output.print(
            connection.json
                ? JSONDocument.object([(kind, .string(name)), ("paused", .bool(true)), ("isNew", .bool(isNew))]) : nil,
            else: name + (isNew ? "" : " was paused before"))
    }
}
