import ArgumentParser
import Stepwise

/// What is done with each of the failed runs that were named or found.
struct DeadSelection: ParsableArguments {
    @Argument(help: "The runs' ids.")
    var runs: [String] = []

    @Flag(help: "Instead of ids: every failed run that the options choose, up to --limit.")
    var all = false

    @OptionGroup var filter: DeadFilterOptions

    @Flag(help: "Only tell which runs it would be.")
    var dryRun = false

    func validate() throws {
        let isChosen = all || !filter.isEmpty
        if runs.isEmpty == !isChosen {
            throw ValidationError(
                "name runs by their ids, or choose them with --workflow, --label, --since, --until, --error, or all of them with --all"
            )
        }
    }

    /// Has `action` done for each run, one after the other; what one refuses does not keep the others from it.
    ///
    /// - Parameters:
    ///   - verb: what is done, for who looks on.
    ///   - prospect: what it would answer, for a dry run; `nil` throws for what it would refuse.
    ///   - action: returns what to tell.
    /// - Throws: `ExitCode(1)` if a run was refused.
    func perform(
        _ connection: ConnectionOptions, _ verb: String,
        prospect: (StepwiseClient, String) async throws -> String,
        action: (StepwiseClient, String) async throws -> String
    ) async throws {
        var isAllWell = true
        try await connection.withClient { client in
            var answers: [(run: String, isDone: Bool, answer: String)] = []
            let ids = try await ids(client)
            var progress = BulkProgress(dryRun ? "looking at" : verb, of: ids.count)
            defer { progress.end() }
            for id in ids {
                do {
                    answers.append((id, true, try await dryRun ? prospect(client, id) : action(client, id)))
                    progress.advance()
                } catch let error as StepwiseError where error.code == .noSuchRun || error.code == .wrongStatus {
                    answers.append((id, false, error.message))
                    isAllWell = false
                    progress.advance(isRefused: true)
                }
            }
            progress.end()
            if connection.json {
                let items = answers.map {
                    JSONDocument.object([
                        ("id", .string($0.run)), ("done", .bool($0.isDone && !dryRun)), ("answer", .string($0.answer)),
                    ])
                }
                Output.print(JSONDocument.object([("runs", .array(items))]))
            } else {
                var table = Table("RUN", "ANSWER")
                for (id, _, answer) in answers { table.add(id, answer) }
                Output.print(table)
            }
        }
        if !isAllWell { throw ExitCode(1) }
    }

    private func ids(_ client: StepwiseClient) async throws -> [String] {
        if !runs.isEmpty { return runs }
        let wanted = try filter.filter()
        var ids: [String] = []
        var next = filter.after
        var scope: SearchScope?
        // A page may have ended before it had found so many.
        repeat {
            let page = try await client.deadRuns(wanted, after: next, limit: filter.limit - ids.count)
            ids += page.runs.map(\.id)
            next = page.next
            let before = scope?.looked ?? 0
            scope = page.scope
            scope?.looked += before
        } while next != nil && ids.count < filter.limit
        if let next {
            Output.complain(
                "these are the first \(ids.count): there are more, add --limit or --after \(next.shellWord)")
        }
        if ids.isEmpty { await client.suggest(workflow: filter.workflow) }
        scope?.tell(client, isPart: false)
        return ids
    }
}

struct DeadResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Lets failed runs go on, under their ids, with every recorded value.",
        discussion: """
            Tries again what failed. That is for runs in which nothing was recorded after the error that ended them; of others it says which \
            steps would be forgotten. With --from, the named step and everything recorded after it are forgotten and executed again.
            """)

    @OptionGroup var selection: DeadSelection

    @Option(help: ArgumentHelp("The step to go on from.", valueName: "step"))
    var from: String?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await selection.perform(connection, "resuming") { client, id in
            if let obstacle = try await client.prospectOfResuming(id, from: from) {
                throw StepwiseError(.wrongStatus, obstacle)
            }
            return "would be resumed"
        } action: { client, id in
            try await client.resume(id, from: from)
            return "resumed"
        }
    }
}

struct DeadRestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Begins failed runs' work anew, each as a new run that names its origin.")

    @OptionGroup var selection: DeadSelection

    @Option(help: ArgumentHelp("The new run's id, for one run. Default: a new one.", valueName: "run"))
    var id: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if id != nil, selection.runs.count != 1 { throw ValidationError("--id is for one run that is named") }
    }

    func run() async throws {
        try await selection.perform(connection, "restarting") { client, id in
            let details = try await client.handle(id).details()
            if details.status != .failed {
                throw StepwiseError(.wrongStatus, "it is \(details.status): only failed runs can be restarted")
            }
            return details.restarted.map { "was restarted as \($0)" } ?? "would be restarted"
        } action: { client, id in
            let run = try await client.restart(id, as: self.id)
            return run.isNew ? "restarted as \(run.id)" : "was restarted as \(run.id)"
        }
    }
}

struct DeadDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Removes failed runs and everything recorded of them.")

    @OptionGroup var selection: DeadSelection
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await selection.perform(connection, "deleting") { client, id in
            let details = try await client.handle(id).details()
            if details.status != .failed { throw Self.notFailed(id, details.status) }
            return "would be deleted"
        } action: { client, id in
            let details = try await client.handle(id).details()
            if details.status != .failed { throw Self.notFailed(id, details.status) }
            try await client.delete(id)
            return "deleted"
        }
    }

    private static func notFailed(_ id: String, _ status: RunStatus) -> StepwiseError {
        StepwiseError(.wrongStatus, "it is \(status): this command deletes failed runs")
    }
}
