import Foundation

/// Figures that are only told, and rows that are held to what is asked.
struct BenchTable {
    enum Bound {
        case atLeast(Double)
        case atMost(Double)
    }

    struct Line {
        var name: String
        /// `nil`: it was not measured.
        var value: Double?
        /// `nil`: it is only told.
        var bound: Bound?

        static func note(_ name: String, _ value: Double) -> Line { Line(name: name, value: value) }
        static func row(_ name: String, _ value: Double, _ bound: Bound) -> Line {
            Line(name: name, value: value, bound: bound)
        }
        /// A row that somebody else has to measure.
        static func unmeasured(_ name: String, _ bound: Bound) -> Line { Line(name: name, value: nil, bound: bound) }

        var isReached: Bool {
            guard let value else { return true }
            // As it is printed: among what is counted there are a few beats.
            let printed = Double(text(value)) ?? value
            return switch bound {
            case nil: true
            case .atLeast(let bound): printed >= bound
            case .atMost(let bound): printed <= bound
            }
        }

        fileprivate var reached: String { value.map(text) ?? "not measured" }
        fileprivate var verdict: String { value == nil ? "" : isReached ? "yes" : "NO" }

        fileprivate var asked: String {
            switch bound {
            case nil: ""
            case .atLeast(let bound): "at least \(text(bound))"
            case .atMost(let bound): "at most \(text(bound))"
            }
        }
    }

    private var lines: [Line] = []

    mutating func add(_ new: [Line]) {
        lines += new
        for line in new { FileHandle.standardError.write(Data("\(line.name): \(line.reached)\n".utf8)) }
    }

    var isReached: Bool { lines.allSatisfy(\.isReached) }

    var text: String {
        let (rows, notes) = (lines.filter { $0.bound != nil }, lines.filter { $0.bound == nil })
        var text = ["", "| what | reached | asked | |", "|---|---|---|---|"]
        text += rows.map { "| \($0.name) | \($0.reached) | \($0.asked) | \($0.verdict) |" }
        text += ["", "| beside it | |", "|---|---|"] + notes.map { "| \($0.name) | \($0.reached) |" }
        return text.joined(separator: "\n")
    }

    var json: String {
        "{" + lines.compactMap { line in line.value.map { "\"\(line.name)\":\($0)" } }.joined(separator: ",\n") + "}\n"
    }

    fileprivate static func text(_ value: Double) -> String {
        value >= 1000
            ? String(format: "%.0f", value)
            : value >= 100 ? String(format: "%.1f", value) : String(format: "%.2f", value)
    }
}

private func text(_ value: Double) -> String { BenchTable.text(value) }
