/// An item on a Redis list that asks a worker to do something for a run.
///
/// `carry <run> <generation>` takes the run's function forward; `step <run> <generation> <attempt> <step>` executes one step's
/// body; anything that begins with `{` is a raw item, a run that another service pushed. Scripts compare the text whole.
package enum Invocation: Sendable, Hashable {
    case carry(run: String, generation: String)
    case step(run: String, generation: String, attempt: Int, step: String)
    case raw

    /// `nil` if the text is none of them.
    package init?(_ text: String) {
        if text.utf8.first(where: { $0 > 32 }) == UInt8(ascii: "{") {
            self = .raw
            return
        }
        let parts = text.split(separator: " ", maxSplits: 4, omittingEmptySubsequences: false)
        switch (parts.first, parts.count) {
        case ("carry", 3) where Generation.isOne(parts[2]) && !parts[1].isEmpty:
            self = .carry(run: String(parts[1]), generation: String(parts[2]))
        case ("step", 5) where Generation.isOne(parts[2]) && !parts[1].isEmpty && !parts[4].isEmpty:
            guard let attempt = Int(parts[3]) else { return nil }
            self = .step(run: String(parts[1]), generation: String(parts[2]), attempt: attempt, step: String(parts[4]))
        default:
            return nil
        }
    }

    package var run: String? {
        switch self {
        case .carry(let run, _), .step(let run, _, _, _): run
        case .raw: nil
        }
    }

    package static func carryText(run: String, generation: String) -> String { "carry \(run) \(generation)" }
}
