#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif
internal import StepwiseRedis

/// An option of `enqueue`.
public struct EnqueueOption: Sendable {
    package let apply: @Sendable (inout EnqueueOptions) -> Void

    /// The queue to enqueue on. Default: `default`; for a child its parent's.
    public static func queue(_ name: String) -> EnqueueOption {
        EnqueueOption { $0.queue = name }
    }

    /// A label, by which the run can be found again: `.label("tenant", "acme")`. At most 20; a name is 1 to 100 printable ASCII characters
    /// without spaces and `=`, a value at most 200 bytes.
    public static func label(_ name: String, _ value: String) -> EnqueueOption {
        EnqueueOption { $0.labels[name] = value }
    }

    /// How long the run may take in all, from now on, by Redis' clock; see ``WorkflowOption/runTimeout(_:)``. Counts also while it waits in
    /// its queue. `nil`: as the workflow says.
    public static func runTimeout(_ limit: Duration?) -> EnqueueOption {
        EnqueueOption { $0.timeout = limit.map { max(1, Int($0.milliseconds.rounded(.up))) } }
    }

    /// The run starts so long from now, by Redis' clock, and waits until then without taking a worker; zero or less: at once. Of several
    /// `.after` and `.at` the last counts. A run's ``runTimeout(_:)`` begins now and not then.
    public static func after(_ delay: Duration) -> EnqueueOption {
        EnqueueOption { $0.start = StartTime(after: Int(min(max(0, delay.milliseconds), 1e15).rounded(.up))) }
    }

    /// The run starts then, by Redis' clock; in the past: at once. Else as ``after(_:)``.
    public static func at(_ date: Date) -> EnqueueOption {
        EnqueueOption { $0.start = StartTime(date) }
    }

    /// Several labels.
    public static func labels(_ labels: [String: String]) -> EnqueueOption {
        EnqueueOption { for (name, value) in labels { $0.labels[name] = value } }
    }
}

package struct EnqueueOptions: Sendable, Hashable {
    package var queue = "default"
    package var labels = RunLabels()
    /// In milliseconds.
    package var timeout: Int?
    /// `nil`: at once.
    package var start: StartTime?
    /// The failed run whose work this one begins anew.
    package var origin: String?

    package init(_ options: [EnqueueOption] = [], queue: String = "default") {
        self.queue = queue
        for option in options { option.apply(&self) }
    }
}

extension StepwiseClient {
    /// Starts a run.
    ///
    /// - Parameters:
    ///   - workflow: the workflow's name; its code is not needed.
    ///   - input: the run's input, stored as JSON.
    ///   - id: the run's id, 1 to 200 printable ASCII characters without spaces; `nil` for a new one. The same id twice starts one run, so
    ///     a call with an id may be repeated after any error.
    ///   - options: `.queue(…)`, `.label(…)`, `.after(…)`. Of a run that is there already they change nothing.
    /// - Returns: the run; `isNew` says whether this call started it.
    /// - Throws: ``StepwiseError``: `invalidIdentifier`, `notStorable`, `tooLarge`, or one of the `redis…` codes.
    @discardableResult
    public func enqueue<I: Codable & Sendable, O>(
        _ workflow: WorkflowName<I, O>, _ input: I, id: String? = nil, _ options: EnqueueOption...
    ) async throws -> WorkflowRun<O> {
        try await enqueue(
            workflow.rawValue, payload: JSON.encode(input, what: "the input of workflow \"\(workflow)\""), id: id,
            EnqueueOptions(options))
    }

    /// Starts a run of a workflow whose code is at hand.
    @discardableResult
    public func enqueue<I: Codable & Sendable, O>(
        _ workflow: Workflow<I, O>, _ input: I, id: String? = nil, _ options: EnqueueOption...
    ) async throws -> WorkflowRun<O> {
        try await enqueue(
            workflow.name, payload: JSON.encode(input, what: "the input of workflow \"\(workflow.name)\""), id: id,
            EnqueueOptions(options))
    }

    /// Starts a run of a workflow without an input.
    @discardableResult
    public func enqueue<O>(
        _ workflow: WorkflowName<Void, O>, id: String? = nil, _ options: EnqueueOption...
    ) async throws -> WorkflowRun<O> {
        try await enqueue(workflow.rawValue, payload: JSON.null, id: id, EnqueueOptions(options))
    }

    /// Starts a run of a workflow without an input whose code is at hand.
    @discardableResult
    public func enqueue<O>(
        _ workflow: Workflow<Void, O>, id: String? = nil, _ options: EnqueueOption...
    ) async throws -> WorkflowRun<O> {
        try await enqueue(workflow.name, payload: JSON.null, id: id, EnqueueOptions(options))
    }

    /// Starts a run for each input, in one round trip.
    ///
    /// - Returns: the runs in the order of the inputs.
    /// - Throws: as for one run; some of the runs may have been started then.
    @discardableResult
    public func enqueue<I: Codable & Sendable, O>(
        _ workflow: WorkflowName<I, O>, each inputs: some Sequence<I>, _ options: EnqueueOption...
    ) async throws -> [WorkflowRun<O>] {
        let options = EnqueueOptions(options)
        let payloads = try inputs.map { try JSON.encode($0, what: "the input of workflow \"\(workflow)\"") }
        return try await withThrowingTaskGroup(of: (Int, WorkflowRun<O>).self) { group in
            // Calls of one moment leave in one write.
            for (index, payload) in payloads.enumerated() {
                group.addTask {
                    (index, try await self.enqueue(workflow.rawValue, payload: payload, id: nil, options))
                }
            }
            var runs = [WorkflowRun<O>?](repeating: nil, count: payloads.count)
            for try await (index, run) in group { runs[index] = run }
            return runs.compactMap { $0 }
        }
    }

    /// Starts a run with an input that is JSON already.
    ///
    /// - Parameters:
    ///   - workflow: the workflow's name.
    ///   - payload: the input as JSON text; stored as it is.
    ///   - id: the run's id; `nil` for a new one. The same id twice starts one run.
    ///   - options: `.queue(…)`, `.label(…)`.
    public func enqueue(
        workflow: String, payloadJSON payload: String, id: String? = nil, _ options: EnqueueOption...
    ) async throws -> WorkflowRun<Void> {
        let bytes = Array(payload.utf8)
        if let problem = JSON.problem(with: bytes) {
            throw StepwiseError(.notStorable, "the payload is \(problem)")
        }
        return try await enqueue(workflow, payload: bytes, id: id, EnqueueOptions(options))
    }

    func enqueue<O>(
        _ workflow: String, payload: [UInt8], id: String?, _ options: EnqueueOptions
    ) async throws(StepwiseError) -> WorkflowRun<O> {
        try Identifier.check(workflow, what: "workflow name")
        try Identifier.check(options.queue, what: "queue")
        if let id { try Identifier.check(id, what: "run id") }
        if let problem = options.labels.problem { throw StepwiseError(.invalidIdentifier, "the labels \(problem)") }
        if payload.count > maximumSize {
            throw StepwiseError(
                .tooLarge,
                "the input for workflow \"\(workflow)\" is \(payload.count) bytes of JSON, and the limit is \(maximumSize) (maximumSize of the "
                    + "client): store it elsewhere and enqueue a reference, or raise the limit")
        }
        let runID = id ?? Identifier.random(milliseconds: wallClockMilliseconds())
        try await prepare(writes: true)
        let reply = try await evaluate(
            ScriptLibrary.enqueue,
            [
                keys.run(runID), keys.queue(options.queue), keys.runs(.queued), keys.delayed,
                keys.queue(options.queue),
            ],
            [
                .init(runID), .init(workflow), .init(options.queue), .init(payload), .init(options.labels.json),
                .init(options.origin ?? ""), .init(options.timeout.map(String.init) ?? ""), "", "", "",
                .init(options.start?.text ?? ""),
            ],
            doing: "enqueuing run \(runID) of workflow \"\(workflow)\"")
        let reader = ReplyReader("enqueue", reply)
        if reader.word == "exists", reader.items.count > 1, let other = reader.items[1].string, other != workflow {
            throw StepwiseError(
                .invalidIdentifier,
                "run id \(runID) belongs to a run of workflow \"\(other)\", not \"\(workflow)\"; choose another id")
        }
        return WorkflowRun(id: runID, isNew: reader.word == "new", client: self)
    }
}
