import ArgumentParser
import Stepwise

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Checks a whole namespace: that nothing is lost, doubled or left over.",
        discussion: """
            Only reads, and may be used while workers work: what looks wrong is looked at again before it is reported. \
            Prints one line for each violation and exits 1; exits 0 if there is none. That Redis' memory is full is one, \
            too; from 90 % on it is a warning. So is a clock of Redis that went back.
            """)

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let (report, keys) = try await connection.withClient { (try await Doctor($0).examine(), $0.keys) }
        if connection.json {
            Output.print(json(report))
        } else {
            for violation in report.violations { Output.print(violation.line) }
            for warning in report.warnings { Output.print("warning: " + warning) }
            Output.print(summary(report, keys))
        }
        if !report.violations.isEmpty { throw ExitCode(1) }
    }

    private func summary(_ report: DoctorReport, _ keys: Keys) -> String {
        let found =
            switch report.violations.count {
            case 0: "no violation"
            case 1: "1 violation"
            case let count: "\(count) violations"
            }
        var line =
            "\(found): looked at \(report.runs) runs (\(report.liveRuns) live), \(report.openSteps) open steps and "
            + "\(report.workItems) work items (\(report.obsolete) obsolete)"
        if report.schedules > 0 { line += ", \(report.schedules) schedules" }
        if report.pushed > 0 { line += ", \(report.pushed) pushed items" }
        if report.unreadable > 0 {
            line += "; \(report.unreadable) queued items are not work items and will be rejected"
        }
        if report.malformed > 0 {
            line += "; \(report.malformed) rejected items: \(keys.command("queues --malformed"))"
        }
        return line
    }

    private func json(_ report: DoctorReport) -> JSONDocument {
        .object([
            (
                "violations",
                .array(
                    report.violations.map { violation in
                        .object([
                            ("kind", .string(violation.kind.rawValue)), ("run", JSONDocument(violation.run)),
                            ("step", JSONDocument(violation.step)), ("key", .string(violation.key)),
                            ("message", .string(violation.message)), ("try", .string(violation.advice)),
                        ])
                    })
            ), ("runs", .number(report.runs)), ("liveRuns", .number(report.liveRuns)),
            ("openSteps", .number(report.openSteps)),
            ("workItems", .number(report.workItems)), ("obsolete", .number(report.obsolete)),
            ("schedules", .number(report.schedules)), ("pushed", .number(report.pushed)),
            ("unreadable", .number(report.unreadable)), ("malformed", .number(report.malformed)),
            ("warnings", JSONDocument(report.warnings)),
        ])
    }
}
