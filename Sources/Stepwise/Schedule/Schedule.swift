/// What becomes of a tick while a run of the schedule is still live. A parked or paused run is live, too.
public enum ScheduleOverlap: String, Sendable, Hashable, CaseIterable {
    /// Its run is started beside the other.
    case allow
    /// It is skipped, and counted as that.
    case skip
    /// It waits until the other has ended, behind those that wait already. See ``Schedule/catchUp`` for how many can.
    case queue
    /// The other is cancelled, and its run is started without waiting for the other's end.
    case replace
}

/// Starts a run of a workflow again and again, by the clock: given to a ``StepwiseWorker``, or to ``StepwiseClient/schedules``.
///
/// ```swift
/// let weekly = try Schedule(
///     "weekly-summary", .cron("0 9 * * MON", timeZone: "Europe/Berlin"), .summary, SummaryInput(region: "EU"), overlap: .skip)
/// ```
///
/// Each tick starts exactly one run, however many workers there are. The run's id is `<schedule>/<tick>`, such as
/// `weekly-summary/20261130T080000Z`, and its label `schedule` is the schedule's name.
public struct Schedule: Sendable, Hashable {
    /// 1 to 150 printable ASCII characters without spaces and `~`.
    public var name: String
    public var timing: ScheduleTiming
    /// The name of the workflow whose runs it starts.
    public var workflow: String
    /// The input of its runs, as JSON.
    package var payload: [UInt8]
    /// The queue of its runs.
    public var queue: String
    /// Labels of its runs, besides `schedule`; at most 19.
    public var labels: [String: String]
    /// Within how many milliseconds after its start a run has to be done.
    package var timeout: Int?
    public var overlap: ScheduleOverlap
    /// A tick is late once it is more than a minute old: no worker was there, or it waits for another run's end. Of the late ticks
    /// so many are started, the most recent ones in their order; older ones are counted as missed. 0 to 1,000.
    public var catchUp: Int
    /// Of a schedule that is declared with a worker: a worker leaves one with a higher version as it is.
    public var version: Int

    private init(
        name: String, timing: ScheduleTiming, workflow: String, payload: [UInt8], queue: String,
        labels: [String: String], runTimeout: Duration?, overlap: ScheduleOverlap, catchUp: Int, version: Int
    ) throws(StepwiseError) {
        self.name = name
        self.timing = timing
        self.workflow = workflow
        self.payload = payload
        self.queue = queue
        self.labels = labels
        timeout = runTimeout.map { max(1, $0.wholeMilliseconds(rounded: .up)) }
        self.overlap = overlap
        self.catchUp = catchUp
        self.version = version
        try check()
    }

    /// - Parameters:
    ///   - name: the schedule's name, unique in its namespace.
    ///   - timing: when it starts runs: `.cron(…)` or `.every(…)`.
    ///   - workflow: the workflow's name; its code is not needed.
    ///   - input: the input of every run, stored as JSON.
    ///   - queue: the queue that its runs go to.
    ///   - labels: of its runs, besides `schedule`, the schedule's name.
    ///   - runTimeout: how long a run may take, from its start on; `nil`: as the workflow says.
    ///   - overlap: what becomes of a tick while a run of the schedule is still live.
    ///   - catchUp: how many late ticks are started; see ``catchUp``.
    ///   - version: see ``version``.
    /// - Throws: ``StepwiseError``: `invalidSchedule`, `invalidIdentifier` or `notStorable`, naming what it is about.
    public init<I: Codable & Sendable, O>(
        _ name: String, _ timing: ScheduleTiming, _ workflow: WorkflowName<I, O>, _ input: I, queue: String = "default",
        labels: [String: String] = [:], runTimeout: Duration? = nil, overlap: ScheduleOverlap = .allow,
        catchUp: Int = 1, version: Int = 1
    ) throws(StepwiseError) {
        try self.init(
            name: name, timing: timing, workflow: workflow.rawValue,
            payload: JSON.encode(input, what: "the input of schedule \"\(name)\""), queue: queue, labels: labels,
            runTimeout: runTimeout, overlap: overlap, catchUp: catchUp, version: version)
    }

    /// Of a workflow whose code is at hand.
    public init<I: Codable & Sendable, O>(
        _ name: String, _ timing: ScheduleTiming, _ workflow: Workflow<I, O>, _ input: I, queue: String = "default",
        labels: [String: String] = [:], runTimeout: Duration? = nil, overlap: ScheduleOverlap = .allow,
        catchUp: Int = 1, version: Int = 1
    ) throws(StepwiseError) {
        try self.init(
            name, timing, workflow.workflowName, input, queue: queue, labels: labels, runTimeout: runTimeout,
            overlap: overlap, catchUp: catchUp, version: version)
    }

    /// Of a workflow without an input.
    public init<O>(
        _ name: String, _ timing: ScheduleTiming, _ workflow: WorkflowName<Void, O>, queue: String = "default",
        labels: [String: String] = [:], runTimeout: Duration? = nil, overlap: ScheduleOverlap = .allow,
        catchUp: Int = 1, version: Int = 1
    ) throws(StepwiseError) {
        try self.init(
            name: name, timing: timing, workflow: workflow.rawValue, payload: JSON.null, queue: queue, labels: labels,
            runTimeout: runTimeout, overlap: overlap, catchUp: catchUp, version: version)
    }

    /// Of a workflow without an input whose code is at hand.
    public init<O>(
        _ name: String, _ timing: ScheduleTiming, _ workflow: Workflow<Void, O>, queue: String = "default",
        labels: [String: String] = [:], runTimeout: Duration? = nil, overlap: ScheduleOverlap = .allow,
        catchUp: Int = 1, version: Int = 1
    ) throws(StepwiseError) {
        try self.init(
            name, timing, workflow.workflowName, queue: queue, labels: labels, runTimeout: runTimeout,
            overlap: overlap, catchUp: catchUp, version: version)
    }

    /// With an input that is JSON already; it is stored as it is.
    public init(
        _ name: String, _ timing: ScheduleTiming, workflow: String, payloadJSON payload: String = "null",
        queue: String = "default", labels: [String: String] = [:], runTimeout: Duration? = nil,
        overlap: ScheduleOverlap = .allow, catchUp: Int = 1, version: Int = 1
    ) throws(StepwiseError) {
        let bytes = Array(payload.utf8)
        if let problem = JSON.problem(with: bytes) {
            throw StepwiseError(.notStorable, "the payload of schedule \"\(name)\" is \(problem)")
        }
        try self.init(
            name: name, timing: timing, workflow: workflow, payload: bytes, queue: queue, labels: labels,
            runTimeout: runTimeout, overlap: overlap, catchUp: catchUp, version: version)
    }

    /// The input of its runs, as JSON.
    public var payloadJSON: String { String(decoding: payload, as: UTF8.self) }

    /// Whether a client or a worker may use it, and whether its input is as small as theirs has to be.
    func check(maximumPayloadSize: Int, of whose: String) throws(StepwiseError) {
        try check()
        if payload.count > maximumPayloadSize {
            throw StepwiseError(
                .tooLarge,
                "the input of schedule \"\(name)\" is \(payload.count) bytes of JSON, and the limit is \(maximumPayloadSize) (maximumPayloadSize of the \(whose)): "
                    + "store it elsewhere and give a reference, or raise the limit")
        }
    }

    /// - Throws: ``StepwiseError``: `invalidSchedule` or `invalidIdentifier`.
    func check() throws(StepwiseError) {
        try Identifier.check(schedule: name)
        if name.utf8.count > 150 {
            throw StepwiseError(
                .invalidIdentifier,
                "the schedule name \(JSON.string(name.prefix(bytes: 170))) is longer than 150 bytes")
        }
        try Identifier.check(workflow: workflow)
        try Identifier.check(queue: queue)
        if labels["schedule"] != nil {
            throw StepwiseError(
                .invalidIdentifier, "the label schedule of schedule \"\(name)\" is its name: use another")
        }
        if let problem = RunLabels(labels.merging(["schedule": name]) { $1 }).problem {
            throw StepwiseError(.invalidIdentifier, "the labels of schedule \"\(name)\" \(problem)")
        }
        guard (0...1000).contains(catchUp) else {
            throw StepwiseError(.invalidSchedule, "catchUp of schedule \"\(name)\" is \(catchUp): use 0 to 1,000")
        }
        do { _ = try Ticks(timing) } catch {
            throw StepwiseError(error.code, "schedule \"\(name)\": \(error.message)")
        }
    }

    /// The time zone of its timing, if this system lacks it. Another may have it.
    package var missingZone: String? {
        guard case .cron(_, let zone) = timing.kind else { return nil }
        do { _ = try ZoneRules(identifier: zone) } catch { return error.isMissing ? zone : nil }
        return nil
    }

    /// The id of a tick's run.
    package func runID(ofTick tick: Int) -> String { "\(name)/\(tickText(tick))" }
}
