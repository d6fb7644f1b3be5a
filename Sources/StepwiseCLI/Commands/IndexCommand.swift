import ArgumentParser
import Stepwise

struct IndexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index", abstract: "Labels that have an index, by which their runs are found at once.",
        discussion: """
            `stepwise runs --label`, `dead --label` and `cancel --label` look through all runs, unless one of the labels has an index. Runs without \
            the label cost nothing more.
            """,
        subcommands: [IndexListCommand.self, IndexAddCommand.self, IndexRemoveCommand.self],
        defaultSubcommand: IndexListCommand.self)
}

struct IndexListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the labels that have an index.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            let indexes = try await client.indexes()
            if connection.json {
                let items = indexes.map { index in
                    JSONDocument.object([
                        ("label", .string(index.label)), ("runs", .number(index.runs)),
                        ("complete", .bool(index.isComplete)),
                    ])
                }
                Output.print(JSONDocument.object([("indexes", .array(items))]))
                return
            }
            var table = Table("LABEL", "RUNS", "STATE")
            for index in indexes {
                let again = client.keys.command("index add \(index.label.shellWord)")
                table.add(
                    index.label, String(index.runs),
                    index.isComplete ? "complete" : "being filled; if that was interrupted: \(again)")
            }
            Output.print(table)
        }
    }
}

struct IndexAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Gives a label an index, or mends it.",
        discussion: """
            Waits 5 seconds or more until workers and services know of the index, then looks through all runs. Nothing uses it before it is \
            complete. May be repeated: after an interruption, and where `stepwise doctor` says that an index is not right. A namespace may have \
            \(StepwiseClient.mostIndexes) indexes.
            """)

    @Argument(help: "The label's name.")
    var label: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            let done = try await client.addIndex(label: label) { progress in
                // A few lines, however many runs there are.
                let count = progress.looked + progress.checked
                if count >= 50_000, count % 50_000 < 500 {
                    Output.complain("looked at \(progress.looked) of about \(progress.total) runs")
                }
            }
            Output.print(
                connection.json
                    ? JSONDocument.object([
                        ("label", .string(label)), ("looked", .number(done.looked)), ("found", .number(done.found)),
                        ("removed", .number(done.removed)),
                    ]) : nil,
                else: "\(label): \(done.found) of \(done.looked) runs have it"
                    + (done.removed == 0 ? "" : "; \(done.removed) entries of runs that are gone were removed"))
        }
    }
}

struct IndexRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Removes the index of a label. The runs keep the label.")

    @Argument(help: "The label's name.")
    var label: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            let wasThere = try await client.removeIndex(label: label)
            Output.print(
                connection.json
                    ? JSONDocument.object([("label", .string(label)), ("removed", .bool(wasThere))]) : nil,
                else: label + (wasThere ? "" : " had no index"))
        }
    }
}

extension SearchScope {
    /// Says what was looked through, where an index would have spared that, or where a page has ended before the list has.
    ///
    /// - Parameter isPart: whether it has ended before it has found as many as were asked for.
    func tell(_ client: StepwiseClient, isPart: Bool) {
        if let label = unindexed.first {
            let add = client.keys.command("index add \(label.shellWord)")
            Output.complain(
                "looked at \(looked) of \(total) runs: label \(label) has no index; `\(add)` makes this quick")
        } else if isPart {
            Output.complain("looked at \(looked) of \(total) runs")
        }
    }
}
