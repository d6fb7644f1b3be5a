import Stepwise

extension FleetExplanation {
    /// Of `stepwise explain` without a run, if Redis could be asked.
    var exitCode: Int32 { verdict == .moving || verdict == .waiting ? 0 : 1 }

    /// Writes it for people.
    func print() {
        Output.print(line)
        if !rows.isEmpty {
            var table = Table("CAUSE", "COUNT", "OLDEST", "WORKFLOWS", "RUNS", "NEXT")
            for row in rows {
                table.add(
                    row.cause.rawValue, row.amount, age(of: row), row.workflows.joined(separator: " "),
                    row.runs.joined(separator: " "), row.next.first?.text ?? "nothing: it goes on by itself")
            }
            Output.print("")
            Output.print(table)
            Output.print("")
            for row in rows {
                Output.print("\(row.cause.rawValue): \(row.sentence)")
                for action in row.next.dropFirst() { Labelled.print("", [action.text], more: "") }
            }
        }
        for sample in samples {
            let all = sample.command.map { ": \($0) looks at all" } ?? ""
            Output.print("(\(sample.looked) of \(sample.total) \(sample.what) were looked at\(all))")
        }
    }

    private func age(of row: Row) -> String {
        guard let at, let oldest = row.oldest else { return "-" }
        return Output.length(max(0, at.wholeMilliseconds - oldest.wholeMilliseconds))
    }

    var document: JSONDocument {
        .object([
            ("verdict", .string(verdict.rawValue)), ("sentence", .string(sentence)), ("live", .number(live)),
            ("stuck", .number(stuck)), ("isExact", .bool(isExact)), ("rows", .array(rows.map(\.document))),
            (
                "samples",
                .array(
                    samples.map {
                        .object([
                            ("what", .string($0.what)), ("looked", .number($0.looked)), ("total", .number($0.total)),
                            ("command", JSONDocument($0.command)),
                        ])
                    })
            ),
            ("at", JSONDocument(at)),
        ])
    }
}

extension FleetExplanation.Row {
    /// `12 runs`, or `12+ runs` if only a part was looked at.
    var amount: String { "\(count)\(isExact ? "" : "+") \(isExact ? unit.word(count) : unit.rawValue)" }

    var document: JSONDocument {
        .object([
            ("cause", .string(cause.rawValue)), ("verdict", .string(verdict.rawValue)), ("count", .number(count)),
            ("isExact", .bool(isExact)), ("unit", .string(unit.rawValue)), ("oldest", JSONDocument(oldest)),
            ("workflows", JSONDocument(workflows)), ("runs", JSONDocument(runs)), ("sentence", .string(sentence)),
            ("next", .array(next.map(\.document))),
        ])
    }
}
