import ArgumentParser
import Foundation
import Stepwise

struct SchedulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedules", abstract: "Lists the schedules, with the next times at which they start runs.")

    @Option(help: ArgumentHelp("Show so many of the next times.", valueName: "count"))
    var next = 1

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if !(1...100).contains(next) { throw ValidationError("--next must be 1 to 100") }
    }

    func run() async throws {
        try await connection.withClient { client in
            let listing = try await client.schedules.list()
            var rows: [(ScheduleDetails, [Date])] = []
            for details in listing.schedules {
                // One that was removed meanwhile has no next times.
                let ticks = try? await client.schedules.nextTicks(of: details.schedule.name, count: next)
                rows.append((details, ticks ?? []))
            }
            let broken = listing.unreadable.sorted { $0.key < $1.key }
            if connection.json {
                Output.print(
                    JSONDocument.object([
                        ("schedules", .array(rows.map { $0.json(next: $1) })),
                        ("unreadable", .object(broken.map { ($0.key, .string($0.value)) })),
                    ]))
                return
            }
            var table = Table("SCHEDULE", "WORKFLOW", "TIMING", "NEXT", "STARTED", "SKIPPED", "MISSED", "LAST RUN")
            for (details, ticks) in rows {
                let times = ticks.map { Output.time($0) }.joined(separator: ", ")
                table.add(
                    details.schedule.name, details.schedule.workflow, Output.timing(details.schedule.timing),
                    details.paused == nil ? times : "paused", String(details.started), String(details.skipped),
                    String(details.missed), details.lastRun ?? "-")
            }
            Output.print(table)
            for note in rows.flatMap({ $0.0.notes(client.keys) }) { Output.complain(note) }
            for (name, reason) in broken {
                Output.complain("schedule \"\(name)\" cannot be read, and starts nothing: \(reason)")
            }
        }
    }
}

extension ScheduleDetails {
    func json(next ticks: [Date]) -> JSONDocument {
        var members: [(String, JSONDocument)] = [
            ("name", .string(schedule.name)), ("workflow", .string(schedule.workflow)),
            ("payload", JSONDocument(stored: schedule.payloadJSON)), ("queue", .string(schedule.queue)),
            ("labels", Labels.json(schedule.labels)),
        ]
        switch schedule.timing.kind {
        case .cron(let expression, let zone):
            members += [("cron", .string(expression)), ("zone", .string(zone))]
        case .every(let interval, let start):
            members += [("every", .number(interval)), ("from", .number(start))]
        }
        members += [
            ("overlap", .string(schedule.overlap.rawValue)), ("catchUp", .number(schedule.catchUp)),
            ("timeout", JSONDocument(schedule.timeout)), ("version", .number(schedule.version)),
            ("created", JSONDocument(created)), ("paused", JSONDocument(paused)),
            ("next", .array(ticks.map { JSONDocument($0) })),
            ("lastTick", JSONDocument(lastTick)), ("lastRun", JSONDocument(lastRun)), ("started", .number(started)),
            ("skipped", .number(skipped)), ("missed", .number(missed)), ("triggered", .number(triggered)),
            (
                "blockers",
                .array(
                    blockers.map { blocker in
                        .object([
                            ("run", .string(blocker.run)), ("status", .string(blocker.status.rawValue)),
                            ("reason", JSONDocument(blocker.reason)),
                        ])
                    })
            ),
        ]
        return .object(members)
    }
}
