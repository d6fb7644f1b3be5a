import ArgumentParser
import Stepwise

struct DeadShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows why a run failed, and what can be done with it.")

    @Argument(help: "The run's id.")
    var run: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            let run = client.handle(run)
            let details = try await run.details()
            guard details.status == .failed else {
                throw StepwiseError(
                    .wrongStatus,
                    "run \(run.id) is not failed, it is \(details.status): "
                        + client.keys.command("status \(run.id.shellWord)"))
            }
            let prospect = try await client.prospectOfResuming(run.id)
            let last = try await run.history().suffix(5)
            if connection.json {
                Output.print(
                    JSONDocument.object([
                        ("id", .string(run.id)), ("workflow", .string(details.workflow)),
                        ("error", JSONDocument(stored: details.error)),
                        ("payload", JSONDocument(stored: details.payload)),
                        ("labels", Labels.json(details.labels)), ("restarted", JSONDocument(details.restarted)),
                        ("resumable", .bool(prospect == nil)), ("obstacle", JSONDocument(prospect)),
                    ]))
                return
            }
            var table = Table("run", run.id)
            table.add("workflow", details.workflow)
            if !details.labels.isEmpty { table.add("labels", Labels.text(details.labels)) }
            table.add("failed", Output.time(details.ended))
            table.add("error", Output.short(details.error ?? "", 500))
            table.add("payload", Output.short(details.payload, 500))
            if let origin = details.origin { table.add("restart of", origin) }
            if let restarted = details.restarted { table.add("restarted as", restarted) }
            let resume = client.keys.command("dead resume \(run.id.shellWord)")
            table.add("resume", prospect ?? "possible: \(resume)")
            var steps = Table("NUMBER", "STEP", "ATTEMPTS", "RECORDED", "OUTCOME")
            for step in last {
                steps.add(
                    String(step.number), step.step, String(step.attempts), Output.time(step.at),
                    Output.short(step.error.map { "\($0.type): \($0.message)" } ?? step.shownValue ?? step.cancel ?? "")
                )
            }
            Output.print(last.isEmpty ? [table] : [table, steps])
        }
    }
}
