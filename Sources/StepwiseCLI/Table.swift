import Stepwise

/// A table for people: a head, rows, columns as wide as their widest cell.
struct Table {
    private let head: [String]
    private var rows: [[String]] = []

    init(_ head: String...) {
        self.head = head.map(\.printable)
    }

    mutating func add(_ cells: String...) { add(cells) }

    /// What is stored may hold characters that move a terminal's cursor, or add rows: a cell is as wide as what is shown of it.
    mutating func add(_ cells: [String]) {
        rows.append(cells.map(\.printable))
    }

    /// The lines, without spaces at their ends.
    var text: String {
        let all = [head] + rows
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { cells in
            var line = zip(cells, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count)
            }
            .joined(separator: "  ")
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
