/// Where a run stands.
public struct RunStatus: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public var description: String { rawValue }

    /// Enqueued, not begun.
    public static var queued: RunStatus { RunStatus(rawValue: "queued") }
    public static var running: RunStatus { RunStatus(rawValue: "running") }
    /// No worker that claimed it has its workflow; one that has it takes it up by itself.
    public static var noWorker: RunStatus { RunStatus(rawValue: "unserved") }
    /// Waits for other code or a person; the run's `reason` says why.
    public static var parked: RunStatus { RunStatus(rawValue: "parked") }
    /// Waits until somebody resumes it, because somebody asked for that.
    public static var paused: RunStatus { RunStatus(rawValue: "paused") }
    /// Its end is decided and not visible yet: it has more than 1,000 open steps, and a worker first withdraws them, page by page. This goes on
    /// by itself, and nothing changes how the run ends. A run that is about to begin anew is ending, too; that one can still be cancelled.
    public static var ending: RunStatus { RunStatus(rawValue: "ending") }
    public static var completed: RunStatus { RunStatus(rawValue: "completed") }
    public static var failed: RunStatus { RunStatus(rawValue: "failed") }
    public static var cancelled: RunStatus { RunStatus(rawValue: "cancelled") }

    /// Every status, in the order of a run's life.
    public static var all: [RunStatus] {
        [.queued, .running, .noWorker, .parked, .paused, .ending, .completed, .failed, .cancelled]
    }
    public var isEnded: Bool { self == .completed || self == .failed || self == .cancelled }
    /// Whether nothing more is recorded of it: it has ended, or is ending.
    package var isDecided: Bool { isEnded || self == .ending }
}
