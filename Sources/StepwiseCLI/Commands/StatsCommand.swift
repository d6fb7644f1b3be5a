import ArgumentParser
import Stepwise

struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Shows how much the workers have done, as rates per minute.",
        discussion: """
            Runs that have ended, outcomes that were recorded, attempts at steps that failed, and for how long bodies were \
            executed, of the whole namespace. Workers send what they have done every 10 seconds, and when they leave, so the \
            last row may lack a little; what a killed worker had not sent is missing. What clients do, such as a cancel of a \
            run that has not begun, does not count. With --json the numbers themselves, minute by minute.
            """)

    /// The longest time for which counts stay, in seconds.
    private static let longest = Double(WorkCounts.retention)
    private static let mostRows = 12

    @Option(help: ArgumentHelp("How far back: \(Times.lengthHelp); at most 3d.", valueName: "length"))
    var since = "1h"

    @OptionGroup var connection: ConnectionOptions

    func validate() throws { _ = try length() }

    private func length() throws -> Duration { try Times.duration(since, "--since", from: 1, to: Self.longest) }

    func run() async throws {
        let length = try length()
        try await connection.withClient { client in
            let stats = try await client.stats(since: length)
            if connection.json { Output.print(json(stats)) } else { show(stats) }
        }
    }

    private func show(_ stats: WorkStatistics) {
        var table = Table(
            "PER MINUTE, FROM", "COMPLETED", "FAILED", "CANCELLED", "OUTCOMES", "FAILED ATTEMPTS", "BODIES TOOK")
        let parts = stats.parts(atMost: Self.mostRows)
        for part in parts { table.add([Output.time(part.start)] + cells(part)) }
        if parts.count > 1, let all = stats.parts(atMost: 1).first { table.add(["all"] + cells(all)) }
        Output.print(table)
    }

    private func cells(_ part: WorkStatistics.Part) -> [String] {
        part.counts.fields.map { name, count in
            let tenths = part.tenthsPerMinute(count)
            return name == "milliseconds" ? Output.length(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
        }
    }

    private func json(_ stats: WorkStatistics) -> JSONDocument {
        let minutes = stats.minutes.map { minute in
            let start: (String, JSONDocument) = ("minute", .number(minute.start))
            return JSONDocument.object([start] + members(minute.counts))
        }
        return .object([
            ("now", .number(stats.now)), ("total", .object(members(stats.total))), ("minutes", .array(minutes)),
        ])
    }

    private func members(_ counts: WorkCounts) -> [(String, JSONDocument)] {
        counts.fields.map { ($0.name, .number($0.count)) }
    }
}
