import Stepwise

extension Divergence {
    var json: JSONDocument {
        .object([
            ("position", .number(position)), ("standing", .string(standing.rawValue)),
            ("expected", expected.map(\.json) ?? .null), ("asked", .array(asked.map(\.json))),
            ("hasEnded", .bool(hasEnded)),
        ])
    }
}

extension Divergence.Step {
    var json: JSONDocument { .object([("step", .string(step)), ("kind", .string(kind ?? "run"))]) }
}
