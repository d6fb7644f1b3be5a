import ArgumentParser
import Foundation
import Stepwise

struct ScheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule", abstract: "Makes, shows and changes a schedule, which starts runs by the clock.",
        subcommands: [
            ScheduleCreateCommand.self, ScheduleShowCommand.self, SchedulePauseCommand.self,
            ScheduleResumeCommand.self, ScheduleTriggerCommand.self, ScheduleBackfillCommand.self,
            ScheduleDeleteCommand.self,
        ])
}

struct ScheduleCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes a schedule.",
        discussion:
            "stepwise schedule create weekly-summary summary '{\"region\":\"EU\"}' --cron '0 9 * * MON' --zone Europe/Berlin"
    )

    @Argument(help: "The schedule's name.")
    var name: String

    @Argument(help: "The workflow's name.")
    var workflow: String

    @Argument(help: "The input of each run as JSON. Default: null.")
    var payload = "null"

    @Option(
        help: ArgumentHelp(
            "Minute, hour, day of the month, month, day of the week; before them the second, if it matters. Or @daily and the like.",
            valueName: "expression"))
    var cron: String?

    @Option(help: ArgumentHelp("With --cron: the time zone, such as Europe/Berlin. Default: UTC.", valueName: "name"))
    var zone: String?

    @Option(
        help: ArgumentHelp(
            "Instead of --cron: an interval of 1 second to 10 years: \(Times.lengthHelp).", valueName: "length"))
    var every: String?

    @Option(help: ArgumentHelp("With --every: the first time, such as 2026-01-31T12:00:00Z.", valueName: "time"))
    var from: String?

    @Option(help: "The queue.")
    var queue = "default"

    @Option(help: ArgumentHelp("A label of its runs; may be repeated.", valueName: "name=value"))
    var label: [String] = []

    @Option(help: ArgumentHelp("A run has to be done within so long: \(Times.lengthHelp).", valueName: "length"))
    var runTimeout: String?

    @Option(
        help: ArgumentHelp(
            "What becomes of a tick while a run of the schedule is live: \(ScheduleOverlap.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "policy"))
    var overlap = ScheduleOverlap.allow.rawValue

    @Option(help: ArgumentHelp("How many late ticks are started; older ones are missed.", valueName: "count"))
    var catchUp = 1

    @Flag(help: "If there is one of this name, give it this definition.")
    var replace = false

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if (cron == nil) == (every == nil) { throw ValidationError("give --cron or --every") }
        if zone != nil, cron == nil { throw ValidationError("--zone is for --cron") }
        if from != nil, every == nil { throw ValidationError("--from is for --every") }
        _ = try timing()
        _ = try policy()
        _ = try Labels.parse(label)
        _ = try limit()
    }

    private func limit() throws -> Duration? { try runTimeout.map { try Times.duration($0, "--run-timeout") } }

    func run() async throws {
        let schedule = try Schedule(
            name, timing(), workflow: workflow, payloadJSON: payload, queue: queue, labels: Labels.parse(label),
            runTimeout: limit(), overlap: policy(),
            catchUp: catchUp)
        try await connection.withClient { client in
            var isNew = true
            do { try await client.schedules.create(schedule) } catch let error as StepwiseError
                where error.code == .scheduleExists
            {
                guard replace else {
                    throw StepwiseError(
                        error.code,
                        "there is a schedule \"\(name)\" already: add --replace to give it this definition, or choose another name"
                    )
                }
                isNew = false
                try await client.schedules.update(schedule)
            }
            Output.print(
                connection.json ? JSONDocument.object([("name", .string(name)), ("isNew", .bool(isNew))]) : nil,
                else: name + (isNew ? "" : " has another definition now"))
            await client.suggest(workflow: workflow, queue: queue)
        }
    }

    private func policy() throws -> ScheduleOverlap {
        guard let policy = ScheduleOverlap(rawValue: overlap) else {
            throw ValidationError(
                "--overlap \(overlap) is not a policy: use \(ScheduleOverlap.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        return policy
    }

    private func timing() throws -> ScheduleTiming {
        if let cron { return .cron(cron, timeZone: zone ?? "UTC") }
        return .every(
            try Times.duration(every ?? "", "--every", from: 1, to: 3650 * 86_400),
            from: try from.map { try DeadFilterOptions.time($0, "--from") })
    }
}

struct ScheduleShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows how a schedule stands, and its next times.")

    @Argument(help: "The schedule's name.")
    var name: String

    @Option(help: ArgumentHelp("How many of the next times.", valueName: "count"))
    var next = 5

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if !(1...1000).contains(next) { throw ValidationError("--next must be 1 to 1000") }
    }

    func run() async throws {
        try await connection.withClient { client in
            let details = try await client.naming(schedule: name) { try await client.schedules.details(name) }
            let isKnown = details.schedule.missingZone == nil
            let ticks = isKnown ? try await client.schedules.nextTicks(of: name, count: next) : []
            if connection.json {
                Output.print(details.json(next: ticks))
                return
            }
            let schedule = details.schedule
            var table = Table("schedule", name)
            table.add("workflow", schedule.workflow)
            table.add("payload", Output.short(schedule.payloadJSON, 500))
            table.add("queue", schedule.queue)
            if !schedule.labels.isEmpty { table.add("labels", Labels.text(schedule.labels)) }
            table.add("timing", Output.timing(schedule.timing))
            table.add("overlap", schedule.overlap.rawValue)
            table.add("catch-up", String(schedule.catchUp))
            table.add("state", details.paused.map { "paused since \(Output.time($0))" } ?? "active")
            table.add("last tick", Output.time(details.lastTick))
            table.add("last run", details.lastRun ?? "-")
            table.add("started", String(details.started))
            table.add("skipped", String(details.skipped))
            table.add("missed", String(details.missed))
            table.add("triggered", String(details.triggered))
            table.add("created", Output.time(details.created))
            for (index, tick) in ticks.enumerated() {
                table.add(index == 0 ? "next" : "", Output.time(tick))
            }
            Output.print(table)
            for note in details.notes(client.keys) { Output.complain(note) }
        }
    }
}
