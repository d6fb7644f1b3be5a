import ArgumentParser
import Stepwise

struct NamespaceShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows what a namespace holds: runs, queues, workers, keys, memory.",
        discussion: """
            Only reads, also a namespace whose data format this version does not know. It counts keys, and finds queues \
            without a worker, while it looks through the database, the keys of others too: at most about as many as --keys says. It measures \
            ten keys of each kind, and takes the others to be like them.
            """)

    @Option(help: ArgumentHelp("Look at about so many keys of the database at most.", valueName: "count"))
    var keys = 100_000

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if keys < 1 { throw ValidationError("--keys must be at least 1") }
    }

    func run() async throws {
        try await connection.withClient { client in
            let summary = try await client.namespaceSummary(lookingAt: keys)
            if connection.json {
                Output.print(summary.document(client.keys.namespace))
            } else {
                show(summary, client.keys)
            }
        }
    }

    private func show(_ summary: NamespaceSummary, _ keys: Keys) {
        var table = Table("NAMESPACE", keys.namespace)
        for (name, text) in rows(summary, keys) { table.add(name, text) }
        var tables = [table]
        if !summary.queues.isEmpty {
            var queues = Table("QUEUE", "PUSHED", "READY", "WORKERS", "PAUSED")
            for queue in summary.queues {
                queues.add(
                    queue.name, String(queue.pushed), String(queue.ready), String(queue.workers),
                    queue.isPaused ? "yes" : "")
            }
            tables.append(queues)
        }
        var kinds = Table("KEYS", "COUNT", "ABOUT")
        for (name, kind) in summary.kinds.sorted(by: { $0.key < $1.key }) {
            kinds.add(name, String(kind.count), size(kind.bytes))
        }
        kinds.add("all", String(summary.keysFound), size(summary.bytes))
        tables.append(kinds)
        Output.print(tables)
        Output.print("")
        Output.print(
            summary.isComplete
                ? "looked at all \(summary.databaseSize) keys of the database"
                : "looked at about \(summary.looked) of the database's \(summary.databaseSize) keys: there may be more keys and queues, see "
                    + keys.command("namespace show --keys \(summary.databaseSize)"))
    }

    private func rows(_ summary: NamespaceSummary, _ keys: Keys) -> [(String, String)] {
        let statuses = RunStatus.all.compactMap { status in summary.runs[status].map { "\(status) \($0)" } }
        var format = summary.format ?? "none"
        if format == DeletionMark.format {
            let time = Output.time(summary.deletingSince)
            format = "being deleted since \(time): call \(keys.command("namespace delete")) again"
        } else if !summary.isReadable {
            format += ", which this version does not read"
        }
        let workers = "\(summary.workersAlive) alive, \(summary.workersSilent) silent, \(summary.workersDead) dead"
        return [
            ("data format", format), ("runs", statuses.isEmpty ? "none" : statuses.joined(separator: ", ")),
            ("dead", String(summary.dead)), ("workers", workers), ("schedules", String(summary.schedules)),
            ("delayed", String(summary.delayed)),
            ("unserved", String(summary.unserved)), ("paused", String(summary.paused)),
            ("kept events", String(summary.keptEvents)), ("expected", String(summary.expected)),
            ("malformed", String(summary.malformed)),
        ]
    }

    private func size(_ bytes: Int?) -> String {
        guard let bytes else { return "" }
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var (size, unit) = (bytes, 0)
        while size >= 10_240, unit < units.count - 1 { (size, unit) = (size / 1024, unit + 1) }
        return "\(size) \(units[unit])"
    }
}

extension NamespaceSummary {
    fileprivate func document(_ namespace: String) -> JSONDocument {
        let statuses: [(String, JSONDocument)] = RunStatus.all.compactMap { status in
            runs[status].map { (status.rawValue, JSONDocument.number($0)) }
        }
        let workers: [(String, JSONDocument)] = [
            ("alive", .number(workersAlive)), ("silent", .number(workersSilent)), ("dead", .number(workersDead)),
        ]
        let kinds: [(String, JSONDocument)] = kinds.sorted { $0.key < $1.key }.map { ($0.key, document($0.value)) }
        return .object([
            ("namespace", .string(namespace)), ("format", JSONDocument(format)), ("readable", .bool(isReadable)),
            ("deletingSince", JSONDocument(deletingSince)), ("runs", .object(statuses)), ("dead", .number(dead)),
            ("workers", .object(workers)), ("schedules", .number(schedules)), ("delayed", .number(delayed)),
            ("unserved", .number(unserved)), ("paused", .number(paused)), ("keptEvents", .number(keptEvents)),
            ("expected", .number(expected)), ("malformed", .number(malformed)),
            ("queues", .array(queues.map { document($0) })), ("keys", .object(kinds)), ("bytes", JSONDocument(bytes)),
            ("databaseKeys", .number(databaseSize)), ("looked", .number(looked)), ("complete", .bool(isComplete)),
        ])
    }

    private func document(_ queue: Queue) -> JSONDocument {
        .object([
            ("name", .string(queue.name)), ("pushed", .number(queue.pushed)), ("ready", .number(queue.ready)),
            ("workers", .number(queue.workers)), ("paused", .bool(queue.isPaused)),
        ])
    }

    private func document(_ kind: KeyKind) -> JSONDocument {
        .object([
            ("count", .number(kind.count)), ("measured", .number(kind.measured)), ("bytes", JSONDocument(kind.bytes)),
        ])
    }
}
