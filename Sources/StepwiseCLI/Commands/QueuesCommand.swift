import ArgumentParser
import Stepwise

struct QueuesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queues", abstract: "Shows what waits: queues, delayed, unserved and malformed items.")

    @Flag(help: "List the newest rejected items with their reasons.")
    var malformed = false

    @Flag(help: "With --malformed: remove the rejected items, all of them.")
    var clear = false

    @Option(help: ArgumentHelp("With --malformed: at most so many.", valueName: "count"))
    var limit = 20

    /// How many inboxes, and how many workflows, that no worker serves have a row of their own.
    private static let mostRows = 10

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if clear, !malformed { throw ValidationError("--clear is for rejected items: add --malformed") }
        if limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func run() async throws {
        try await connection.withClient { client in
            if clear {
                let count = try await client.clearMalformed()
                Output.print(
                    connection.json ? JSONDocument.object([("removed", .number(count))]) : nil,
                    else: "removed \(count)")
            } else if malformed {
                show(Output.page(try await client.malformed(limit: Output.oneMore(than: limit)), limit))
            } else {
                show(try await client.queueTotals())
            }
        }
    }

    private func show(_ totals: QueueTotals) {
        let unserved = totals.unserved.sorted { $0.key < $1.key }
        let paused = totals.pausedWorkflows.sorted { $0.key < $1.key }
        if connection.json {
            let queues = totals.queues.map { queue in
                JSONDocument.object([
                    ("name", .string(queue.name)), ("pushed", .number(queue.pushed)), ("ready", .number(queue.ready)),
                    ("claimed", .number(queue.claimed)),
                    ("workers", .number(queue.workers)), ("pausedSince", JSONDocument(queue.pausedSince)),
                    ("pausedBy", JSONDocument(queue.pause?.by)), ("pausedReason", JSONDocument(queue.pause?.reason)),
                ])
            }
            Output.print(
                JSONDocument.object([
                    ("queues", .array(queues)), ("delayed", .number(totals.delayed)),
                    ("malformed", .number(totals.malformed)),
                    ("unserved", .object(unserved.map { ($0.key, .number($0.value)) })),
                    ("pausedWorkflows", .object(paused.map { ($0.key, $0.value.json) })),
                ]))
            return
        }
        var table = Table("QUEUE", "PUSHED", "READY", "CLAIMED", "WORKERS", "PAUSED SINCE")
        // Whoever may push to any inbox can make any number of these.
        let folded = totals.queues.filter(\.isInboxAlone).dropFirst(Self.mostRows)
        let hidden = Set(folded.map(\.name))
        for queue in totals.queues where !hidden.contains(queue.name) {
            table.add(
                queue.name, String(queue.pushed), String(queue.ready), String(queue.claimed), String(queue.workers),
                queue.pausedSince.map { Output.time($0) } ?? "")
        }
        Output.print(table)
        if !folded.isEmpty {
            let items = folded.reduce(0) { $0 + $1.pushed }
            Output.print(
                "and \(folded.count) more inboxes that no worker serves, with \(items) pushed items: see them with --json"
            )
        }
        Output.print("")
        Output.print("delayed    \(totals.delayed)")
        Output.print("malformed  \(totals.malformed)")
        if !unserved.isEmpty {
            var waiting = Table("UNSERVED WORKFLOW", "WORK ITEMS")
            // Whoever may push can make any number of these, too.
            let largest = unserved.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            for (workflow, count) in largest.prefix(Self.mostRows) { waiting.add(workflow, String(count)) }
            Output.print("")
            Output.print(waiting)
            let others = largest.dropFirst(Self.mostRows)
            if !others.isEmpty {
                let items = others.reduce(0) { $0 + $1.value }
                Output.print(
                    "and \(others.count) more workflows that no worker serves, with \(items) work items: see them with --json"
                )
            }
        }
        show("PAUSED QUEUE", totals.queues.compactMap { queue in queue.pause.map { (queue.name, $0) } })
        show("PAUSED WORKFLOW", paused.map { ($0.key, $0.value) })
    }

    private func show(_ head: String, _ paused: [(String, PausedWork.Pause)]) {
        if paused.isEmpty { return }
        var table = Table(head, "SINCE", "BY", "REASON")
        for (name, pause) in paused {
            table.add(name, Output.time(pause.since), pause.by ?? "-", pause.reason.map { Output.short($0) } ?? "-")
        }
        Output.print("")
        Output.print(table)
    }

    private func show(_ items: [MalformedItem]) {
        if connection.json {
            Output.print(JSONDocument.object([("malformed", .array(items.map { JSONDocument(stored: $0.json) }))]))
            return
        }
        var table = Table("REJECTED", "QUEUE", "REASON", "ITEM")
        for item in items { table.add(Output.time(item.at), item.queue, item.reason, Output.short(item.item)) }
        Output.print(table)
    }
}
