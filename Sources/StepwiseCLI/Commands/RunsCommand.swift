import ArgumentParser
import Stepwise

struct RunsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "Lists runs, those whose status is newest first.",
        discussion: """
            With --label, where the label has an index, those that were created last first. A page then ends after 10,000 runs that were looked \
            at, whatever it has found: go on with --after.
            """)

    @Option(
        help: ArgumentHelp(
            "Only runs of this status: \(RunStatus.all.map(\.rawValue).joined(separator: ", ")).", valueName: "status"))
    var status: String?

    @Option(help: ArgumentHelp("Only runs of this workflow.", valueName: "name"))
    var workflow: String?

    @Option(help: ArgumentHelp("Only runs with this label; may be repeated.", valueName: "name=value"))
    var label: [String] = []

    @Option(help: ArgumentHelp("At most so many.", valueName: "count"))
    var limit = 50

    @Option(help: ArgumentHelp("Go on at this place: the one that the page before has named.", valueName: "place"))
    var after: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if let status, !RunStatus.all.contains(RunStatus(rawValue: status)) {
            let all = RunStatus.all.map(\.rawValue)
            throw ValidationError(
                "--status \(status) is not a status (use one of \(all.joined(separator: ", ")))"
                    + Nearest.question(status, among: all))
        }
        if limit < 1 { throw ValidationError("--limit must be at least 1") }
        _ = try place()
        _ = try Labels.parse(label)
    }

    private func place() throws -> RunPlace? {
        guard let after else { return nil }
        guard let place = RunPlace(after) else {
            throw ValidationError(
                "--after \(after) is not a place in the list: use the one that the page before has named")
        }
        return place
    }

    func run() async throws {
        try await connection.withClient { client in
            let search = RunSearch(
                statuses: status.map { [RunStatus(rawValue: $0)] } ?? [], workflow: workflow,
                labels: try Labels.parse(label))
            let page = try await client.runPage(search, after: place(), limit: limit)
            if page.runs.isEmpty { await client.suggest(workflow: workflow) }
            page.scope?.tell(client, isPart: page.next != nil && page.runs.count < limit)
            if connection.json {
                Output.print(
                    JSONDocument.object([
                        ("runs", .array(page.runs.map(json))), ("next", JSONDocument(page.next?.description)),
                    ]))
                return
            }
            var table = Table("RUN", "WORKFLOW", "STATUS", "SINCE", "CREATED", "RECORDED", "REASON")
            for run in page.runs {
                table.add(
                    run.id, run.workflow, run.status.rawValue, Output.time(run.since), Output.time(run.created),
                    String(run.recorded),
                    Output.short(reason(run)))
            }
            Output.print(table)
            if let next = page.next {
                Output.complain("there are more: add --limit or --after \(next.description.shellWord)")
            }
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
