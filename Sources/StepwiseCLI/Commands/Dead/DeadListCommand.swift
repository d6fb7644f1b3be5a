import ArgumentParser
import Stepwise

struct DeadListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists failed runs, those that failed last first.")

    @OptionGroup var filter: DeadFilterOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            let page = try await client.deadRuns(filter.filter(), after: filter.after, limit: filter.limit)
            if page.runs.isEmpty { await client.suggest(workflow: filter.workflow) }
            page.scope?.tell(client, isPart: page.next != nil && page.runs.count < filter.limit)
            if connection.json {
                Output.print(
                    JSONDocument.object([
                        ("runs", .array(page.runs.map(\.json))), ("next", JSONDocument(page.next)),
                    ]))
                return
            }
            var table = Table("RUN", "WORKFLOW", "FAILED", "STEP", "ATTEMPTS", "ERROR", "LABELS")
            for run in page.runs {
                table.add(
                    run.id, run.workflow, Output.time(run.failed), run.error.step ?? "-",
                    run.error.attempts.map(String.init) ?? "-",
                    Output.short("\(run.error.type): \(run.error.message)"), Labels.text(run.labels))
            }
            Output.print(table)
            if let next = page.next { Output.complain("there are more: add --after \(next.shellWord)") }
        }
    }
}

extension DeadRun {
    var json: JSONDocument {
        .object([
            ("id", .string(id)), ("workflow", .string(workflow)), ("queue", .string(queue)),
            ("labels", Labels.json(labels)), ("recorded", .number(recorded)), ("created", JSONDocument(created)),
            ("failed", JSONDocument(failed)), ("restarted", JSONDocument(restarted)),
            (
                "error",
                .object([
                    ("type", .string(error.type)), ("message", .string(error.message)),
                    ("step", JSONDocument(error.step)), ("attempts", JSONDocument(error.attempts)),
                    ("worker", JSONDocument(error.worker)),
                ])
            ),
        ])
    }
}
