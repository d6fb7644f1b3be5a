import ArgumentParser
import Foundation
import Stepwise

/// Which failed runs are meant.
struct DeadFilterOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only runs of this workflow.", valueName: "name"))
    var workflow: String?

    @Option(help: ArgumentHelp("Only runs with this label; may be repeated.", valueName: "name=value"))
    var label: [String] = []

    @Option(
        help: ArgumentHelp(
            "Failed since then: 2026-01-31T12:00:00Z, or 500ms, 30s, 90m, 2h, 3d ago.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Failed until then, in the same way.", valueName: "time"))
    var until: String?

    @Option(
        help: ArgumentHelp(
            "Only runs with this text in their error's type, its message or its step's name.", valueName: "text"))
    var error: String?

    @Option(help: ArgumentHelp("At most so many.", valueName: "count"))
    var limit = 50

    @Option(
        help: ArgumentHelp(
            "Go on behind this run, or at this place: the one that the page before has named.", valueName: "run"))
    var after: String?

    var isEmpty: Bool { workflow == nil && label.isEmpty && since == nil && until == nil && error == nil }

    func validate() throws {
        _ = try filter()
        if limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func filter() throws -> DeadRunFilter {
        DeadRunFilter(
            workflow: workflow, labels: try Labels.parse(label), since: try since.map { try Self.time($0, "--since") },
            until: try until.map { try Self.time($0, "--until") }, errorText: error)
    }

    /// A date, or a length of time before now.
    static func time(_ text: String, _ option: String) throws -> Date {
        if let length = Times.length(text) { return Date(timeIntervalSinceNow: -length) }
        if let date = Times.date(text) { return date }
        throw ValidationError(
            "\(option) \(text) is not a time: use \(Times.dateForm), or how long ago with a unit: 500ms, 30s, 90m, 2h, 3d"
        )
    }
}

/// Labels on a command line.
enum Labels {
    static func parse(_ texts: [String]) throws -> [String: String] {
        var labels: [String: String] = [:]
        for text in texts {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw ValidationError("--label \(text) is not a name=value")
            }
            labels[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return labels
    }

    static func text(_ labels: [String: String]) -> String {
        labels.sorted { $0.key < $1.key }.map { "\(word($0.key))=\(word($0.value))" }.joined(separator: " ")
    }

    /// As a JSON string if it could be taken for something else, such as for two labels.
    private static func word(_ text: String) -> String {
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            !scalar.properties.isWhitespace && scalar != "=" && scalar != "\"" && scalar != "\\"
        }
        return isPlain && text.printable == text ? text : JSON.string(text)
    }

    static func json(_ labels: [String: String]) -> JSONDocument {
        .object(labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
    }
}
