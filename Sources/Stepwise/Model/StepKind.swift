/// A kind of step that is more than a body. In a box: most steps have none, and each is handed on several times.
package indirect enum StepKind: Sendable {
    /// The run that it makes; what the body returns is that run's input.
    case child(ChildOrder)
    /// The event that it sends; what the body returns is the event's value.
    case notice(Notice)
    /// What it waits for; it has no body, and nobody executes it.
    case wait(StepWait)
}

/// The run that a step makes.
package struct ChildOrder: Sendable {
    package var workflow: String
    /// `nil`: made of the parent's id, its generation and the step.
    package var id: String?
    package var options: [EnqueueOption]
    /// Whether the step waits for the run's end.
    package var isAwaited: Bool
    package var onParentEnd: ParentClosePolicy

    /// Whether the run is to be cancelled when nobody waits for it any more.
    package var endsWithParent: Bool { isAwaited && onParentEnd == .cancel }
}

/// The event that a step sends.
package struct Notice: Sendable {
    package enum Target: Sendable {
        case run(String)
        /// To all who wait for it; for so many milliseconds also to those who come later.
        case everybody(keep: Int?)
    }

    /// For how many milliseconds an event is kept; `nil` for zero and less: not at all.
    package static func keep(_ length: Duration?) -> Int? {
        length.map { $0.wholeMilliseconds(rounded: .up) }.flatMap { $0 > 0 ? $0 : nil }
    }

    package var event: String
    package var target: Target
}
