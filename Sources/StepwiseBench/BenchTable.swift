import Foundation

/// Figures that are only told, and rows that are held to what is asked.
struct BenchTable {
    enum Bound {
        case atLeast(Double)
        case atMost(Double)
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

        var isReached: Bool {
            // As it is printed: among what is counted there are a few beats.
            let value = Double(text(value)) ?? value
            return switch bound {
            case nil: true
            case .atLeast(let bound): value >= bound
            case .atMost(let bound): value <= bound
            }
        }

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
        for line in new { FileHandle.standardError.write(Data("\(line.name): \(Self.text(line.value))\n".utf8)) }
    }

    var isReached: Bool { lines.allSatisfy(\.isReached) }

    var text: String {
        let (rows, notes) = (lines.filter { $0.bound != nil }, lines.filter { $0.bound == nil })
        var text = ["", "| what | reached | asked | |", "|---|---|---|---|"]
        text += rows.map { "| \($0.name) | \(Self.text($0.value)) | \($0.asked) | \($0.isReached ? "yes" : "NO") |" }
        text += ["", "| beside it | |", "|---|---|"] + notes.map { "| \($0.name) | \(Self.text($0.value)) |" }
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
