import ArgumentParser
import Stepwise

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Asks for the end of runs.",
        discussion: """
            A run that has begun learns of it: the bodies of its steps are cancelled, and its function may clean up. One that waits in a queue, \
            is parked, paused or unserved ends at once. One that is ending ends as was decided, unless it was to begin anew. Exits 1 if a run \
            that was named has ended already, is ending, or does not exist.
            """)

    private static let live: [RunStatus] = [.queued, .running, .noWorker, .parked, .paused, .ending]

    @Argument(help: "The runs' ids.")
    var runs: [String] = []

    @Option(help: ArgumentHelp("Instead of ids: all live runs of this workflow.", valueName: "name"))
    var workflow: String?

    @Option(
        help: ArgumentHelp(
            "Instead of ids: all runs of this status: \(live.map(\.rawValue).joined(separator: ", ")).",
            valueName: "status"))
    var status: String?

    @Option(
        help: ArgumentHelp("Instead of ids: all live runs with this label; may be repeated.", valueName: "name=value"))
    var label: [String] = []

    @Option(help: ArgumentHelp("Of those, at most so many.", valueName: "count"))
    var limit = 1000

    @Option(help: ArgumentHelp("Kept on the run and shown to people.", valueName: "text"))
    var reason: String?

    @Flag(help: "Only tell which runs it would be.")
    var dryRun = false

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if runs.isEmpty == (workflow == nil && status == nil && label.isEmpty) {
            throw ValidationError("name runs by their ids, or choose them with --workflow, --status and --label")
        }
        _ = try Labels.parse(label)
        if let status, !Self.live.contains(RunStatus(rawValue: status)) {
            let live = Self.live.map(\.rawValue)
            throw ValidationError(
                "--status \(status) is not a status of a live run (use \(live.joined(separator: ", ")))"
                    + Nearest.question(status, among: live))
        }
        if limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func run() async throws {
        var isAllWell = true
        try await connection.withClient { client in
            var answers: [(run: String, answer: String)] = []
            let ids = try await ids(client)
            var progress = BulkProgress("cancelling", of: ids.count)
            defer { progress.end() }
            for id in ids {
                if dryRun {
                    answers.append((id, "would be cancelled"))
                    continue
                }
                do {
                    let answer = try await client.cancel(id, reason: reason ?? "stepwise cancel")
                    var words = Self.words(answer)
                    if case .alreadyEnded(let status) = answer {
                        let isEnding = try await client.details(ofRun: id)?.status == .ending
                        if isEnding { words = "is ending, as \(status)" }
                        if !runs.isEmpty { isAllWell = false }
                    }
                    answers.append((id, words))
                } catch let error as StepwiseError where error.code == .noSuchRun {
                    answers.append((id, "no such run"))
                    if !runs.isEmpty { isAllWell = false }
                }
                progress.advance()
            }
            progress.end()
            if connection.json {
                let items = answers.map {
                    JSONDocument.object([("id", .string($0.run)), ("answer", .string($0.answer))])
                }
                Output.print(JSONDocument.object([("runs", .array(items))]))
            } else {
                var table = Table("RUN", "ANSWER")
                for (id, answer) in answers { table.add(id, answer) }
                Output.print(table)
            }
        }
        if !isAllWell { throw ExitCode(1) }
    }

    private func ids(_ client: StepwiseClient) async throws -> [String] {
        if !runs.isEmpty { return runs }
        if !label.isEmpty { return try await labelled(client) }
        var ids: [String] = []
        for status in status.map({ [RunStatus(rawValue: $0)] }) ?? Self.live {
            let page = try await client.runPage(status: status, workflow: workflow, limit: limit - ids.count)
            ids += page.runs.map(\.id)
            if ids.count == limit {
                if page.next != nil || self.status == nil && status != Self.live.last {
                    Output.complain("these are the first \(limit): there may be more, raise --limit")
                }
                break
            }
        }
        if ids.isEmpty { await client.suggest(workflow: workflow) }
        return ids
    }

    /// In pages: one may have ended before it had found so many.
    private func labelled(_ client: StepwiseClient) async throws -> [String] {
        let search = RunSearch(
            statuses: status.map { [RunStatus(rawValue: $0)] } ?? Self.live, workflow: workflow,
            labels: try Labels.parse(label))
        var ids: [String] = []
        var next: RunPlace?
        var scope: SearchScope?
        repeat {
            let page = try await client.runPage(search, after: next, limit: limit - ids.count)
            ids += page.runs.map(\.id)
            next = page.next
            let before = scope?.looked ?? 0
            scope = page.scope
            scope?.looked += before
        } while next != nil && ids.count < limit
        if next != nil { Output.complain("these are the first \(limit): there may be more, raise --limit") }
        if ids.isEmpty { await client.suggest(workflow: workflow) }
        scope?.tell(client, isPart: false)
        return ids
    }

    private static func words(_ answer: Cancellation) -> String {
        switch answer {
        case .requested: "requested"
        case .alreadyRequested: "was requested before"
        case .cancelled: "cancelled"
        case .alreadyEnded(let status): "has ended already: \(status)"
        }
    }
}
