internal import Testing

/// Whether a run's function stays in memory between work items.
package enum Memory: String, CaseIterable, Sendable, CustomTestStringConvertible {
    /// One worker that keeps every instance.
    case hot
    /// Two workers that keep none: what cannot go on in one work item is replayed from its history.
    case cold

    package var testDescription: String { rawValue }
}
