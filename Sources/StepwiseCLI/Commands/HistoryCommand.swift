import ArgumentParser
import Stepwise

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Lists a run's outcomes in the order in which they were recorded.")

    @Argument(help: "The run's id.")
    var run: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            let steps = try await client.run(run).history()
            if connection.json {
                Output.print(JSONDocument.object([("run", .string(run)), ("steps", .array(steps.map(json)))]).text)
                return
            }
            var table = Table("NUMBER", "STEP", "ATTEMPTS", "LOST", "TOOK", "RECORDED", "WORKER", "OUTCOME")
            for step in steps {
                for attempt in step.failed {
                    var row = attempt.row(of: step.step)
                    // Workers are lost with the step, not with one of its attempts.
                    row.insert("", at: 3)
                    table.add(row)
                }
                let outcome =
                    step.error.map { "\($0.type): \($0.message)" } ?? step.value ?? step.cancel.map {
                        "cancelled: \($0)"
                    } ?? ""
                table.add(
                    String(step.number), step.key.map { "\(step.step) [\(Output.short($0))]" } ?? step.step,
                    String(step.attempts), step.lost == 0 ? "" : String(step.lost), Output.length(step.took),
                    Output.time(step.at), step.worker,
                    Output.short(outcome))
            }
            Output.print(table.text)
        }
    }

    private func json(_ step: RecordedStep) -> JSONDocument {
        .object([
            ("number", .number(step.number)), ("step", .string(step.step)), ("key", JSONDocument(stored: step.key)),
            ("attempts", .number(step.attempts)),
            ("took", JSONDocument(step.took)), ("at", JSONDocument(step.at)), ("worker", .string(step.worker)),
            ("value", JSONDocument(stored: step.value)), ("cancel", JSONDocument(step.cancel)),
            ("error", step.error.map(json) ?? .null), ("lost", .number(step.lost)),
            ("failed", .array(step.failed.map(\.json))),
        ])
    }

    private func json(_ error: StepFailure) -> JSONDocument {
        .object([
            ("type", .string(error.type)), ("message", .string(error.message)),
            ("cause", .string(error.cause.rawValue)),
            ("value", JSONDocument(stored: error.value)),
        ])
    }
}
