import Foundation

/// Figures that are only told, and rows that are held to what is asked.
struct BenchTable {
    enum Bound {
        case atLeast(Double)
        case atMost(Double)
        /// Nothing yet.
        case later
    }

    struct Line {
        var name: String
        var value: Double
        /// `nil`: it is only told.
        var bound: Bound?

        static func note(_ name: String, _ value: Double) -> Line { Line(name: name, value: value) }
        static func row(_ name: String, _ value: Double, _ bound: Bound) -> Line {
            Line(name: name, value: value, bound: bound)
        }
        /// A row that is not held to anything yet.
        static func later(_ name: String, _ value: Double) -> Line { Line(name: name, value: value, bound: .later) }

        var isReached: Bool {
            // As it is printed: among what is counted there are a few beats.
            let printed = Double(text(value)) ?? value
            return switch bound {
            case nil, .later: true
            case .atLeast(let bound): printed >= bound
            case .atMost(let bound): printed <= bound
            }
        }

        fileprivate var reached: String { text(value) }

        fileprivate var verdict: String {
            switch bound {
            case nil, .later: ""
            case .atLeast, .atMost: isReached ? "yes" : "NO"
            }
        }

        fileprivate var asked: String {
            switch bound {
            case nil: ""
            case .later: "later"
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
        "{" + lines.map { "\"\($0.name)\":\($0.value)" }.joined(separator: ",\n") + "}\n"
    }

    fileprivate static func text(_ value: Double) -> String {
        value >= 1000
            ? String(format: "%.0f", value)
            : value >= 100 ? String(format: "%.1f", value) : String(format: "%.2f", value)
    }
}

private func text(_ value: Double) -> String { BenchTable.text(value) }
