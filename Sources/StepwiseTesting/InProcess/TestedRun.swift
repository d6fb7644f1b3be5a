import Stepwise

/// What can be due.
enum TestEvent {
    case start(TestedRun)
    case body(TestedRun, String, Int)
    case bodyEnd(TestedRun, String, Int, Result<[UInt8], any Error>)
    /// The closure that stands for a child begins.
    case child(TestedRun, String, [UInt8], Int, @Sendable ([UInt8]) async throws -> [UInt8])
    /// What comes from outside: the end of a sleep, of a child, of the wait for an event.
    case outcome(TestedRun, String, Outcome.Result)
    /// A run has begun to wait for an event.
    case mail(TestedRun)
    /// The end of a step's time.
    case timerFired(TestedRun, String)
    /// A cancellation, or the end of a run's time.
    case interrupt(TestedRun, Outcome.Result)
    case action(@Sendable (TestMoment) -> Void)
}

/// One run of a test.
final class TestedRun {
    struct OpenStep {
        var attempt = 1
        var lost = 0
        /// When its first attempt began.
        var since: Int?
        /// The failed attempts, as they would be stored.
        var failed: [String] = []
        /// The run that it made.
        var child: String?
    }

    let id: String
    let workflow: any AnyWorkflow
    /// In milliseconds since 1970.
    let created: Int
    /// The step that waits for its end.
    let parent: (run: TestedRun, step: String)?
    let timeout: Int?
    /// How often it has begun anew.
    let continued: Int
    var instance = RunInstance()
    var hasBegun = false
    /// How many calls are opened.
    var opened = 0
    var open: [String: OpenStep] = [:]
    var crashes: [String: Int] = [:]
    /// The steps that wait for an event, the one that waits longest first.
    var listeners: [(event: String, step: String)] = []
    var history: [RecordedStep] = []
    var trace: ReplayTrace
    var end: Result<[UInt8], any Error>?

    init(
        id: String, workflow: any AnyWorkflow, payload: [UInt8], created: Int,
        parent: (run: TestedRun, step: String)? = nil, timeout: Int? = nil, continued: Int = 0
    ) {
        (self.id, self.workflow, self.created, self.parent, self.timeout) = (id, workflow, created, parent, timeout)
        self.continued = continued
        trace = ReplayTrace(
            workflow: workflow.name, run: id, payload: String(decoding: payload, as: UTF8.self), created: created,
            continued: continued)
    }

    var generation: String { String(created + continued) }
}
