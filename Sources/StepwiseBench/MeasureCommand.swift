import ArgumentParser
import Foundation
import Stepwise

/// The table: what is asked, and what was reached beside it.
struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "Measures everything and prints what was reached beside what is asked.",
        discussion: """
            Exits 1 if a row falls short; of a row "later" nothing is asked yet. Takes two and a half minutes; with --long half an hour. \
            Each section starts servers and workers of its own; each ratio is the median of rounds in which both sides were measured one after the other.
            """)

    @Flag(help: "More runs, more rounds, a million runs for the backlog and asleep, a run of 50,000 steps.")
    var long = false
    @Option(
        help: ArgumentHelp(
            "Only these sections, separated by commas: \(Section.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "sections"))
    var only: String?
    @Option(help: ArgumentHelp("Redis' appendfsync: everysec, always or no.", valueName: "policy"))
    var fsync = "everysec"
    @Option(help: ArgumentHelp("Write all figures as JSON to a file.", valueName: "file")) var json: String?

    func run() async throws {
        let bench = Bench(extent: long ? .long : .short, fsync: fsync)
        var table = BenchTable()
        for section in try sections {
            let start = ContinuousClock.now
            table.add(try await section.measure(bench))
            let took = (ContinuousClock.now - start).seconds
            FileHandle.standardError.write(Data("(\(section.rawValue): \(String(format: "%.0f", took)) s)\n".utf8))
        }
        print(table.text)
        if let json { try table.json.write(to: URL(fileURLWithPath: json), atomically: true, encoding: .utf8) }
        if !table.isReached { throw ExitCode(1) }
    }

    private var sections: [Section] {
        get throws {
            guard let only else { return Section.allCases }
            let wanted = try only.split(separator: ",").map { name in
                guard let section = Section(rawValue: String(name)) else {
                    throw ValidationError(
                        "there is no section \"\(name)\"; there are \(Section.allCases.map(\.rawValue).joined(separator: ", "))"
                    )
                }
                return section
            }
            if wanted.isEmpty { throw ValidationError("--only names no section") }
            return Section.allCases.filter(wanted.contains)
        }
    }
}
