import ArgumentParser
import Stepwise

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Shows or removes events that are kept, and events for runs that do not exist.",
        discussion: """
            Events to everybody are kept if they are sent with --keep, and the first of a name counts. Events to a run that does not exist are \
            kept until it asks.
            """)

    @Argument(help: "With --clear: of which events, or with --expected of which runs. Default: all.")
    var names: [String] = []

    @Flag(help: "Events to everybody that are kept for those who come later.")
    var kept = false

    @Flag(help: "Runs that were sent events before they existed.")
    var expected = false

    @Flag(help: "Remove them.")
    var clear = false

    @Option(help: ArgumentHelp("At most so many.", valueName: "count"))
    var limit = 50

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if kept == expected { throw ValidationError("say what is meant: --kept or --expected") }
        if !names.isEmpty, !clear { throw ValidationError("names say what --clear removes: add --clear") }
        if limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func run() async throws {
        try await connection.withClient { client in
            if clear {
                let count = try await kept ? client.clearKeptEvents(names) : client.clearExpectedRuns(names)
                Output.print(
                    connection.json ? JSONDocument.object([("removed", .number(count))]) : nil,
                    else: "removed \(count)")
            } else if kept {
                show(Output.page(try await client.keptEvents(limit: Output.oneMore(than: limit)), limit))
            } else {
                show(Output.page(try await client.expectedRuns(limit: Output.oneMore(than: limit)), limit))
            }
        }
    }

    private func show(_ events: [KeptEvent]) {
        if connection.json {
            let items = events.map {
                JSONDocument.object([
                    ("event", .string($0.event)), ("until", JSONDocument($0.until)), ("value", .string($0.value)),
                ])
            }
            Output.print(JSONDocument.object([("kept", .array(items))]))
            return
        }
        var table = Table("EVENT", "KEPT UNTIL", "VALUE")
        for event in events {
            table.add(event.event, event.until.map { Output.time($0) } ?? "", Output.short(event.value))
        }
        Output.print(table)
    }

    private func show(_ runs: [ExpectedRun]) {
        if connection.json {
            let items = runs.map {
                JSONDocument.object([
                    ("run", .string($0.run)), ("since", JSONDocument($0.since)), ("pushed", .bool($0.isPushed)),
                ])
            }
            Output.print(JSONDocument.object([("expected", .array(items))]))
            return
        }
        var table = Table("RUN", "LAST EVENT", "PUSHED")
        for run in runs { table.add(run.run, run.since.map { Output.time($0) } ?? "", run.isPushed ? "yes" : "no") }
        Output.print(table)
    }
}
