import ArgumentParser
import Stepwise

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Lets a parked, paused or failed run go on, or a paused queue or workflow.",
        discussion: """
            A run is parked when it waits for a person or for other code; `stepwise status` shows the reason. Of failed runs `stepwise dead` \
            tells more.
            """)

    @Argument(help: "The run's id.")
    var run: String?

    @Option(help: ArgumentHelp("A paused queue.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("A paused workflow.", valueName: "name"))
    var workflow: String?

    @Option(help: ArgumentHelp("Of a failed run: forget this step and what was recorded after it.", valueName: "step"))
    var from: String?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            if let run {
                try await client.resume(run, from: from)
                tell("id", run)
            }
            if let queue {
                let wasPaused = try await client.resume(queue: queue)
                tell("queue", queue, wasPaused: wasPaused)
                if !wasPaused { await client.suggest(queue: queue) }
            }
            if let workflow {
                let wasPaused = try await client.resume(workflow: workflow)
                tell("workflow", workflow, wasPaused: wasPaused)
                if !wasPaused { await client.suggest(workflow: workflow) }
            }
        }
    }

    func validate() throws {
        if run == nil && queue == nil && workflow == nil {
            throw ValidationError("name a run by its id, or a --queue, or a --workflow")
        }
        if from != nil && run == nil { throw ValidationError("--from is for a run: name it by its id") }
    }

    private func tell(_ kind: String, _ name: String, wasPaused: Bool = true) {
        Output.print(
            connection.json
                ? JSONDocument.object([(kind, .string(name)), ("resumed", .bool(wasPaused))]) : nil,
            else: name + (wasPaused ? "" : " was not paused"))
    }
}
