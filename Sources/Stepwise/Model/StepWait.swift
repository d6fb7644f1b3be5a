/// What a step without a body waits for. Redis alone says when it is over.
package enum StepWait: Sendable, Hashable {
    case sleep(Wake)
    /// An event, for at most so many milliseconds; `nil`: for ever.
    case event(String, timeout: Int?)

    /// When a sleep ends, by Redis' clock.
    package enum Wake: Sendable, Hashable {
        case after(milliseconds: Int)
        /// In milliseconds since 1970.
        case at(milliseconds: Int)
    }

    package var kind: String {
        switch self {
        case .sleep: "sleep"
        case .event: "waitForEvent"
        }
    }

    /// As the store takes them: `wake=30000` for a time from now on, `wake@1795340073201` for a moment.
    package var limits: String {
        switch self {
        case .sleep(.after(let milliseconds)): "wake=\(max(0, milliseconds))"
        case .sleep(.at(let milliseconds)): "wake@\(max(0, milliseconds))"
        case .event(_, let timeout): timeout.map { "wake=\(max(0, $0))" } ?? ""
        }
    }

    package var event: String? {
        if case .event(let name, _) = self { name } else { nil }
    }
}
