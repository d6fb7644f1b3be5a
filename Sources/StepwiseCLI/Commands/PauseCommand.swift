import ArgumentParser
import Stepwise

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pauses runs, a queue or a workflow, until `stepwise resume`.",
        discussion: """
            Of a paused run or workflow nothing new begins; bodies that run end and are recorded. From a paused queue nothing is claimed. Both \
            hold within two heartbeats of the workers. What was paused before stays as it is, and the command says since when, by whom and why.
            """)

    @Argument(help: "The runs' ids.")
    var runs: [String] = []

    @Option(help: ArgumentHelp("A queue.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("A workflow.", valueName: "name"))
    var workflow: String?

    @Option(help: ArgumentHelp("Kept with the pause and shown to people.", valueName: "text"))
    var reason: String?

    @Option(
        help: ArgumentHelp(
            "Who pauses, kept and shown, too. Default: user@host of the environment; '' for nobody.", valueName: "name")
    )
    var by: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if runs.isEmpty && queue == nil && workflow == nil {
            throw ValidationError("name runs by their ids, or a --queue, or a --workflow")
        }
    }

    func run() async throws {
        let by = by ?? Person.name()
        try await connection.withClient { client in
            for id in runs {
                let isNew = try await client.pause(id, reason: reason ?? "stepwise pause", by: by)
                tell("id", id, isNew ? nil : Before(reason: await whyPaused(id, client)))
            }
            if let queue {
                let isNew = try await client.pause(queue: queue, reason: reason, by: by)
                tell("queue", queue, isNew ? nil : Before(try await client.pause(ofQueue: queue)))
            }
            if let workflow {
                let isNew = try await client.pause(workflow: workflow, reason: reason, by: by)
                tell("workflow", workflow, isNew ? nil : Before(try await client.pause(ofWorkflow: workflow)))
            }
            await client.suggest(workflow: workflow, queue: queue, isPaused: true)
        }
    }

    /// The pause that was there before.
    private struct Before {
        var words = ""
        var json = JSONDocument.null

        init(_ pause: PausedWork.Pause?) {
            // It may be over by now.
            guard let pause else { return }
            (words, json) = (", " + pause.words, pause.json)
        }

        /// A run's reason says all that is known.
        init(reason: String?) {
            guard let reason, reason.hasPrefix("paused: ") else { return }
            words = ": " + reason.dropFirst("paused: ".count)
            json = .object([("since", .null), ("by", .null), ("reason", .string(reason))])
        }
    }

    private func whyPaused(_ id: String, _ client: StepwiseClient) async -> String? {
        guard let details = try? await client.details(ofRun: id) else { return nil }
        return details.reason
    }

    private func tell(_ kind: String, _ name: String, _ before: Before?) {
        Output.print(
            connection.json
                ? JSONDocument.object([
                    (kind, .string(name)), ("paused", .bool(true)), ("isNew", .bool(before == nil)),
                    ("before", before?.json ?? .null),
                ]) : nil,
            else: name + (before.map { " was paused before" + $0.words } ?? ""))
    }
}
