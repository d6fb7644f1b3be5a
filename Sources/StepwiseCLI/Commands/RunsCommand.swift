import ArgumentParser
import Stepwise

struct RunsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "Lists runs, those whose status is newest first.")

    @Option(
        help: ArgumentHelp(
            "Only runs of this status: \(RunStatus.all.map(\.rawValue).joined(separator: ", ")).", valueName: "status"))
    var status: String?

    @Option(help: ArgumentHelp("Only runs of this workflow.", valueName: "name"))
    var workflow: String?

    @Option(help: ArgumentHelp("At most so many.", valueName: "count"))
    var limit = 50

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if let status, !RunStatus.all.contains(RunStatus(rawValue: status)) {
            throw ValidationError(
                "--status \(status) is no status: use one of \(RunStatus.all.map(\.rawValue).joined(separator: ", "))")
        }
        if limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func run() async throws {
        try await connection.withClient { client in
            let runs = try await client.runs(
                status: status.map(RunStatus.init(rawValue:)), workflow: workflow, limit: limit)
            if connection.json {
                Output.print(JSONDocument.object([("runs", .array(runs.map(json)))]))
                return
            }
            var table = Table("RUN", "WORKFLOW", "STATUS", "SINCE", "CREATED", "RECORDED", "REASON")
            for run in runs {
                table.add(
                    run.id, run.workflow, run.status.rawValue, Output.time(run.since), Output.time(run.created),
                    String(run.recorded),
                    Output.short(reason(run)))
            }
            Output.print(table)
        }
    }

    private func reason(_ run: RunListing) -> String {
        if run.status == .ending, let ending = run.ending { return "ends as \(ending)" }
        guard run.status == .queued, let starts = run.startsAt else { return run.reason ?? "" }
        return "starts at \(Output.time(starts))"
    }

    private func json(_ run: RunListing) -> JSONDocument {
        .object([
            ("id", .string(run.id)), ("workflow", .string(run.workflow)), ("status", .string(run.status.rawValue)),
            ("queue", .string(run.queue)), ("recorded", .number(run.recorded)), ("since", .number(run.since)),
            ("created", JSONDocument(run.created)), ("ended", JSONDocument(run.ended)),
            ("reason", JSONDocument(run.reason)), ("startsAt", JSONDocument(run.startsAt)),
            ("ending", JSONDocument(run.ending)),
        ])
    }
}
