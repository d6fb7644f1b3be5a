import Foundation

/// Figures that are only told, and rows that are held to what is asked.
struct BenchTable {
    private struct Row {
        var name: String
        var value: Double
        var asked: String
        var isReached: Bool
    }

    private var rows: [Row] = []
    private var notes: [(name: String, value: Double)] = []

    mutating func note(_ name: String, _ value: Double) {
        notes.append((name, value))
        FileHandle.standardError.write(Data("\(name): \(Self.text(value))\n".utf8))
    }

    mutating func row(_ name: String, _ value: Double, atLeast bound: Double) {
        add(Row(name: name, value: value, asked: "at least \(Self.text(bound))", isReached: value >= bound))
    }

    mutating func row(_ name: String, _ value: Double, atMost bound: Double) {
        add(Row(name: name, value: value, asked: "at most \(Self.text(bound))", isReached: value <= bound))
    }

    private mutating func add(_ row: Row) {
        rows.append(row)
        FileHandle.standardError.write(Data("\(row.name): \(Self.text(row.value))\n".utf8))
    }

    var isReached: Bool { rows.allSatisfy(\.isReached) }

    var text: String {
        var lines = ["", "| what | reached | asked | |", "|---|---|---|---|"]
        lines += rows.map { "| \($0.name) | \(Self.text($0.value)) | \($0.asked) | \($0.isReached ? "yes" : "NO") |" }
        lines += ["", "| beside it | |", "|---|---|"] + notes.map { "| \($0.name) | \(Self.text($0.value)) |" }
        return lines.joined(separator: "\n")
    }

    var json: String {
        let all = rows.map { ($0.name, $0.value) } + notes.map { ($0.name, $0.value) }
        return "{" + all.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",\n") + "}\n"
    }

    private static func text(_ value: Double) -> String {
        value >= 1000
            ? String(format: "%.0f", value)
            : value >= 100 ? String(format: "%.1f", value) : String(format: "%.2f", value)
    }
}
