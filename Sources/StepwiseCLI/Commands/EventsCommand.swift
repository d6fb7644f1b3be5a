import ArgumentParser
import Stepwise

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Shows what waits in a run's mailbox, and shows or removes events that are kept.",
        discussion: """
            Of a run it shows the events that were sent to it and that it has not asked for, and its steps that wait for events. \
            Events to everybody are kept if they are sent with --keep, and the first of a name counts. Events to a run that does not exist are \
            kept until it asks.
            """)

    @Argument(help: "A run's id. With --clear: of which events, or with --expected of which runs. Default: all.")
    var names: [String] = []

    @Flag(help: "Events to everybody that are kept for those who come later.")
    var kept = false

    @Flag(help: "Runs that were sent events before they existed.")
    var expected = false

    @Flag(help: "Remove them.")
    var clear = false

    @Option(help: ArgumentHelp("At most so many.", valueName: "count"))
    var limit = 50

    @Option(
        help: ArgumentHelp(
            "Of a run's mailbox: go on at this place: the one that the page before has named.", valueName: "place"))
    var after: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if kept && expected || isOfRun && (names.count != 1 || clear) {
            throw ValidationError("say what is meant: one run by its id, or --kept, or --expected")
        }
        if after != nil, !isOfRun { throw ValidationError("--after is for a run's mailbox: name the run by its id") }
        _ = try place()
        if !isOfRun, !names.isEmpty, !clear { throw ValidationError("names say what --clear removes: add --clear") }
        if limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    /// Whether a run's own are meant.
    private var isOfRun: Bool { !kept && !expected }

    private func place() throws -> MailPlace? {
        guard let after else { return nil }
        guard let place = MailPlace(after) else {
            throw ValidationError(
                "--after \(after) is not a place in a mailbox: use the one that the page before has named")
        }
        return place
    }

    func run() async throws {
        try await connection.withClient { client in
            if isOfRun, let id = names.first {
                let events = try await RunEvents(
                    of: id, client, after: place(), limit: limit, isShort: !connection.json)
                if connection.json { Output.print(events.json) } else { events.show() }
            } else if clear {
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
