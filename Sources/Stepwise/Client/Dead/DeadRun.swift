#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// What a run failed with.
public struct RunFailure: Sendable, Hashable, Codable {
    /// The name of the Swift type of the error that the function ended with.
    public var type: String
    public var message: String
    /// The step whose failure it was, and how many attempts it had, if it was a step's.
    public var step: String?
    public var attempts: Int?
    /// The worker on which the run ended.
    public var worker: String?

    init(stored text: String?) {
        let members = JSONMembers(Array((text ?? "").utf8))
        type = members?.string("type") ?? ""
        message = members?.string("message") ?? ""
        step = members?.string("step")
        attempts = members?.integer("attempts")
        worker = members?.string("worker")
    }
}

/// A failed run that can be resumed, restarted or deleted.
public struct DeadRun: Sendable, Hashable, Codable {
    public var id: String
    public var workflow: String
    public var queue: String
    public var labels: [String: String]
    /// How many outcomes are recorded.
    public var recorded: Int
    /// When it was created, by Redis' clock.
    public var created: Date?
    /// When it failed, by the same clock.
    public var failed: Date
    public var error: RunFailure
    /// The run that a restart has begun for it, of which the end is not known to have been noted.
    public var restarted: String?

    private enum CodingKeys: String, MillisecondKeys {
        case id, workflow, queue, labels, recorded, created, failed, error, restarted
    }
}

/// Which failed runs are meant; what is not said does not matter.
public struct DeadRunFilter: Sendable, Hashable {
    public var workflow: String?
    /// Labels that a run must have, all of them.
    public var labels: [String: String]
    /// Failed at this time or later; at this time or earlier.
    public var since: Date?
    public var until: Date?
    /// A text that stands in the error's type, its message or its step's name, in upper or lower case.
    public var errorText: String?

    public init(
        workflow: String? = nil, labels: [String: String] = [:], since: Date? = nil, until: Date? = nil,
        errorText: String? = nil
    ) {
        self.workflow = workflow
        self.labels = labels
        self.since = since
        self.until = until
        self.errorText = errorText
    }

    package func matches(_ run: DeadRun) -> Bool {
        if let workflow, run.workflow != workflow { return false }
        if !RunLabels(run.labels).contains(RunLabels(labels)) { return false }
        if let since, run.failed < since { return false }
        if let until, run.failed > until { return false }
        guard let wanted = errorText?.lowercased() else { return true }
        return [run.error.type, run.error.message, run.error.step ?? ""].contains { $0.lowercased().contains(wanted) }
    }
}

/// A page of failed runs, those that failed last first; through the index of a label, those that were created last first.
public struct DeadRunPage: Sendable, Hashable {
    public var runs: [DeadRun]
    /// After which run, or which place in an index, the next page begins; `nil` if there is none.
    public var next: String?
    /// What was looked through; `nil` unless labels were asked for.
    public var scope: SearchScope?
}
