/// Why a run's function cannot go on with a worker's code. The run is parked, and keeps it as its reason.
package enum Obstacle: Sendable, Hashable, CustomStringConvertible {
    /// The code asks for other steps than were recorded.
    case divergence(Divergence)
    /// What is stored does not decode as the type that the code has; says which.
    case undecodable(String)
    /// The run's input does not decode as the type that the code has: the code may be another one, or whoever enqueued the run was wrong.
    case unfitInput(String)
    case other(String)

    /// The reason that is stored of a run whose workflow was paused when a worker looked. Whoever prints it knows the command that ends the pause.
    package static let pausedWorkflow = "the workflow is paused"

    /// How the reason begins if keys may be damaged.
    package static let refusedWrite = "redis refused to write what came of a step"

    /// Whether other code could go on.
    package var isChangedCode: Bool {
        switch self {
        case .divergence, .undecodable, .unfitInput: true
        case .other: false
        }
    }

    package var divergence: Divergence? {
        if case .divergence(let divergence) = self { divergence } else { nil }
    }

    /// The sentence for a person.
    package var description: String {
        switch self {
        case .divergence(let divergence):
            "changed code: \(divergence); bring the fitting code back, then resume the run"
        case .undecodable(let sentence):
            "changed code: \(sentence.prefix(bytes: ErrorWords.limit)); bring the fitting type back, then resume the run"
        case .unfitInput(let sentence):
            "\(sentence.prefix(bytes: ErrorWords.limit)); if the code has changed, bring the fitting type back and resume the run; if the run was enqueued with a wrong input, cancel it"
        case .other(let sentence): sentence.prefix(bytes: ErrorWords.limit)
        }
    }
}
