import ArgumentParser
import Stepwise

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Lists a run's outcomes in the order in which they were recorded.",
        discussion: """
            With --json it has all that StepwiseTesting's ReplayCheck needs: keep it in a file. The tokens of callbacks are hidden, with
            --json by zeros in place of their secrets.
            """)

    @Argument(help: "The run's id.")
    var run: String

    @Flag(help: "Shows the tokens of callbacks: whoever has one may answer.")
    var reveal = false

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            if connection.json {
                Output.print(try await document(client))
                return
            }
            let steps = try await client.handle(run).history()
            var table = Table("NUMBER", "STEP", "ATTEMPTS", "LOST", "WAITED", "TOOK", "RECORDED", "WORKER", "OUTCOME")
            for step in steps {
                for attempt in step.failed {
                    var row = attempt.row(of: step.step)
                    // Workers are lost with the step, not with one of its attempts; and it is the step that has waited.
                    row.insert(contentsOf: ["", ""], at: 3)
                    table.add(row)
                }
                let value = reveal ? step.value : step.shownValue
                let outcome =
                    step.error.map { "\($0.type): \($0.message)" } ?? value ?? step.cancel.map {
                        "cancelled: \($0)"
                    } ?? ""
                table.add(
                    String(step.number), step.key.map { "\(step.step) [\(Output.short($0))]" } ?? step.step,
                    String(step.attempts), step.lost == 0 ? "" : String(step.lost),
                    step.waited.map { Output.length($0) } ?? "", Output.length(step.took),
                    Output.time(step.at), step.worker,
                    Output.short(outcome))
            }
            Output.print(table)
        }
    }

    /// Everything of one moment. Of a run that moves all the while, what is open is left out.
    private func document(_ client: StepwiseClient) async throws -> JSONDocument {
        var look = 0
        while true {
            let before = try await client.record(run)
            let steps = try await client.handle(run).history()
            let isOver = before.details.status.isEnded || before.details.status == .ending
            let open = isOver ? [] : try await client.openSteps(ofRun: run).map(\.step)
            var after = try await client.record(run)
            if (before.details.recorded, before.opened, before.delivered)
                == (after.details.recorded, after.opened, after.delivered)
            {
                return document(after, steps, open)
            }
            look += 1
            if look == 5 {
                (after.opened, after.delivered) = (nil, nil)
                return document(after, steps, [])
            }
        }
    }

    private func document(_ record: RunRecord, _ steps: [RecordedStep], _ open: [String]) -> JSONDocument {
        let run = record.details
        return .object([
            ("run", .string(run.id)), ("workflow", .string(run.workflow)), ("status", .string(run.status.rawValue)),
            ("created", JSONDocument(run.created)), ("began", JSONDocument(run.began)),
            ("continued", .number(run.continued)),
            ("payload", JSONDocument(stored: run.payload)), ("delivered", JSONDocument(record.delivered)),
            ("opened", JSONDocument(record.opened)), ("patches", JSONDocument(patches: run.patches)),
            ("open", JSONDocument(open)), ("steps", .array(steps.map(json))),
        ])
    }

    private func json(_ step: RecordedStep) -> JSONDocument {
        Self.json(step, value: reveal ? step.value : step.maskedValue(ofRun: run))
    }

    /// - Parameter value: the outcome's, as it is to be shown.
    static func json(_ step: RecordedStep, value: String?) -> JSONDocument {
        .object([
            ("number", .number(step.number)), ("step", .string(step.step)), ("kind", JSONDocument(step.kind)),
            ("child", JSONDocument(step.child)), ("key", JSONDocument(stored: step.key)),
            ("attempts", .number(step.attempts)),
            ("took", JSONDocument(step.took)), ("waited", JSONDocument(step.waited)), ("at", JSONDocument(step.at)),
            ("worker", .string(step.worker)),
            ("value", JSONDocument(stored: value)), ("cancel", JSONDocument(step.cancel)),
            ("error", step.error.map { json($0) } ?? .null), ("lost", .number(step.lost)),
            ("failed", .array(step.failed.map(\.json))),
        ])
    }

    private static func json(_ error: StepFailure) -> JSONDocument {
        .object([
            ("type", .string(error.type)), ("message", .string(error.message)),
            ("cause", .string(error.cause.rawValue)),
            ("child", JSONDocument(error.child)), ("value", JSONDocument(stored: error.value)),
        ])
    }
}
