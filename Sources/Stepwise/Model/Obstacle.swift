/// Why a run's function cannot go on with a worker's code. The run is parked, and keeps it as its reason.
package enum Obstacle: Sendable, Hashable, CustomStringConvertible {
    /// The code asks for other steps than were recorded.
    case divergence(Divergence)
    /// What is stored does not decode as the type that the code has; says which.
    case undecodable(String)
    case other(String)

    /// Whether other code could go on.
    package var isChangedCode: Bool {
        switch self {
        case .divergence, .undecodable: true
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
        case .other(let sentence): sentence.prefix(bytes: ErrorWords.limit)
        }
    }
}
