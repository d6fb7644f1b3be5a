import ArgumentParser
import Foundation
import Stepwise

struct SchedulePauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Lets a schedule start nothing until it is resumed.")

    @Argument(help: "The schedule's name.")
    var name: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let isNew = try await connection.withClient { client in
            try await client.naming(schedule: name) { try await client.schedules.pause(name) }
        }
        Output.print(
            connection.json
                ? JSONDocument.object([("name", .string(name)), ("paused", .bool(true)), ("isNew", .bool(isNew))])
                : nil,
            else: name + (isNew ? "" : " was paused before"))
    }
}

struct ScheduleResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Lets a paused schedule go on with its next tick.")

    @Argument(help: "The schedule's name.")
    var name: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let isNew = try await connection.withClient { client in
            try await client.naming(schedule: name) { try await client.schedules.resume(name) }
        }
        Output.print(
            connection.json
                ? JSONDocument.object([("name", .string(name)), ("paused", .bool(false)), ("isNew", .bool(isNew))])
                : nil,
            else: name + (isNew ? "" : " was not paused"))
    }
}

struct ScheduleTriggerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trigger", abstract: "Starts one run of a schedule now, and prints its id.")

    @Argument(help: "The schedule's name.")
    var name: String

    @Option(help: "The run's id; the same id twice starts one run. Default: a new one.")
    var id: String?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            let run = try await client.naming(schedule: name) { try await client.schedules.trigger(name, id: id) }
            if !run.isNew { Output.complain("run \(run.id) was there already; nothing was started") }
            Output.print(
                connection.json
                    ? JSONDocument.object([("id", .string(run.id)), ("isNew", .bool(run.isNew))]) : nil,
                else: run.id)
        }
    }
}

struct ScheduleBackfillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backfill", abstract: "Starts the runs of a schedule's ticks of a time that has passed.",
        discussion: """
            All at once, at most \(Schedules.mostBackfilled). A tick whose run is there already is not started again, so the command may be repeated.
            """)

    @Argument(help: "The schedule's name.")
    var name: String

    @Option(
        help: ArgumentHelp("The first time: 2026-01-31T12:00:00Z, or 500ms, 30s, 90m, 2h, 3d ago.", valueName: "time"))
    var from: String

    @Option(help: ArgumentHelp("The first time that does not count, in the same way.", valueName: "time"))
    var to: String

    @OptionGroup var connection: ConnectionOptions

    func validate() throws { _ = try times() }

    private func times() throws -> (from: Date, to: Date) {
        let times = (from: try DeadFilterOptions.time(from, "--from"), to: try DeadFilterOptions.time(to, "--to"))
        // Before it no schedule has a run, and long before it calendars differ.
        if min(times.from, times.to).timeIntervalSince1970 < 0 {
            throw ValidationError("--from and --to must not be before 1970-01-01T00:00:00Z")
        }
        return times
    }

    func run() async throws {
        let (start, end) = try times()
        try await connection.withClient { client in
            let runs = try await client.naming(schedule: name) {
                try await client.schedules.backfill(name, from: start, to: end)
            }
            if connection.json {
                let items = runs.map { JSONDocument.object([("id", .string($0.id)), ("isNew", .bool($0.isNew))]) }
                Output.print(JSONDocument.object([("runs", .array(items))]))
            } else {
                var table = Table("RUN", "ANSWER")
                for run in runs { table.add(run.id, run.isNew ? "started" : "was there already") }
                Output.print(table)
            }
        }
    }
}

struct ScheduleDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Removes a schedule; its runs stay.",
        discussion: "One that a worker declares comes back when that worker starts: pause it instead.")

    @Argument(help: "The schedule's name.")
    var name: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            try await client.naming(schedule: name) { try await client.schedules.delete(name) }
        }
        Output.print(
            connection.json ? JSONDocument.object([("name", .string(name)), ("deleted", .bool(true))]) : nil,
            else: "\(name) is deleted")
    }
}
