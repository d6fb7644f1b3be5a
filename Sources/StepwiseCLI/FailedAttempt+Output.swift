import Stepwise

extension FailedAttempt {
    /// Its line in a table of outcomes: no number, for it is not an outcome.
    func row(of step: String) -> [String] {
        [
            "", step, String(attempt), Output.length(took), Output.time(at), worker,
            Output.short("\(type): \(message); again after \(Output.length(delay))"),
        ]
    }

    var json: JSONDocument {
        .object([
            ("attempt", .number(attempt)), ("type", .string(type)), ("message", .string(message)),
            ("worker", .string(worker)), ("took", JSONDocument(took)), ("at", JSONDocument(at)),
            ("delay", JSONDocument(delay)),
        ])
    }
}
