public import Foundation
public import Logging
public import Stepwise
import Synchronization

/// Runs a workflow in the test's process, without Redis: steps are executed or replaced by closures, time is skipped, and the function is
/// replayed from each beginning of its history.
///
/// ```swift
/// let test = WorkflowTest(processOrder)
/// test.replace("charge") { step in Payment(id: "p-1", key: step.idempotencyKey) }
/// let receipt = try await test.run(order)
/// #expect(receipt.payment == "p-1")
/// #expect(test.steps == ["charge", "create-label", "send-receipt"])
/// ```
///
/// A step that is not replaced executes its real body. Values and errors go through their JSON, as in production, and a body that throws is
/// tried again as the step's ``Retry`` says, its waits included. The clock is virtual: bodies take no time unless the test says so, and when
/// all is at rest it jumps to what is due next. Nothing is left to chance: what is due at one time happens in the order in which it was called.
///
/// When the run has ended, a new instance of its function is made from each beginning of the history, as another worker would do after an
/// eviction or a death. Each must ask for the same steps and come to the same end; if not, `run` throws a ``WorkflowTestFailure`` that names step
/// and position. ``replayInNewProcess(fileID:function:)`` does the same where sets and dictionaries have another order.
///
/// It is for a workflow's own tests. What only Redis and several workers can show (that claims are taken over, that a run outlives a
/// restart) needs ``RedisServer``.
public final class WorkflowTest<Input: Sendable, Output: Sendable>: Sendable {
    let workflow: Workflow<Input, Output>
    let script: TestScript

    /// - Parameters:
    ///   - workflow: the code to test.
    ///   - runID: the run's id.
    ///   - start: the virtual time at which the run begins.
    ///   - bodyLimit: how long one body may take by the real clock, until the test fails.
    ///   - logger: what `context.logger` writes to; by default nowhere.
    public init(
        _ workflow: Workflow<Input, Output>, runID: String = "test-run",
        start: Date = Date(timeIntervalSince1970: 1_767_225_600), bodyLimit: Duration = .seconds(10),
        logger: Logger = Logger(label: "stepwise.testing") { _ in SwiftLogNoOpLogHandler() }
    ) {
        self.workflow = workflow
        script = TestScript(
            runID: runID, start: start.boundedMilliseconds(), bodyLimit: bodyLimit, logger: logger)
    }

    // MARK: Running

    /// Runs the workflow to its end, and replays it.
    ///
    /// - Returns: its output.
    /// - Throws: what the function threw (a ``StepFailure`` that it let through, its own error, `CancellationError`); or a
    ///   ``WorkflowTestFailure``: a replay does not agree, the function has left its executor, a child or an event that nobody gives.
    @discardableResult
    public func run(
        _ input: Input, fileID: String = #fileID, line: Int = #line
    ) async throws -> Output where Input: Codable, Output: Codable {
        try decode(await run(JSON.encode(input, what: "the input"), fileID, line))
    }

    /// Runs a workflow that returns nothing.
    public func run(
        _ input: Input, fileID: String = #fileID, line: Int = #line
    ) async throws where Input: Codable, Output == Void {
        _ = try await run(JSON.encode(input, what: "the input"), fileID, line)
    }

    /// Runs a workflow without an input.
    @discardableResult
    public func run(
        fileID: String = #fileID, line: Int = #line
    ) async throws -> Output where Input == Void, Output: Codable {
        try decode(await run(JSON.null, fileID, line))
    }

    /// Runs a workflow without an input that returns nothing.
    public func run(
        fileID: String = #fileID, line: Int = #line
    ) async throws where Input == Void, Output == Void {
        _ = try await run(JSON.null, fileID, line)
    }

    private func decode(_ json: [UInt8]) throws -> Output where Output: Decodable {
        try JSON.decode(Output.self, from: json, what: "the output of workflow \"\(workflow.name)\"")
    }

    private func run(_ payload: [UInt8], _ fileID: String, _ line: Int) async throws -> [UInt8] {
        try NewProcess.replayIfAsked(workflow, script, at: "\(fileID):\(line)")
        let world = TestWorld(script)
        let result = await Result { try await world.run(workflow, payload) }
        await script.finish(world, at: "\(fileID):\(line)")
        return try result.get()
    }

    // MARK: What came of it

    /// The recorded outcomes of the last run, in their order.
    public var history: [RecordedStep] { script.outcome.withLock { $0.history } }

    /// The recorded outcomes of each generation of the last run, where it has begun anew (`continueAsNew`); the last of them is ``history``.
    public var generations: [[RecordedStep]] { script.outcome.withLock { $0.generations } }

    /// The ids of the steps of ``history``, in their order.
    public var steps: [String] { history.map(\.step).filter { !$0.isEmpty } }

    /// The recorded outcome of a step; `nil` if it has none.
    public func recorded(_ step: String) -> RecordedStep? { history.first { $0.step == step } }

    /// The runs that the last run made, in their order.
    public var children: [TestedChild] { script.outcome.withLock { $0.children } }

    /// How much virtual time the last run has taken.
    public var elapsed: Duration { .milliseconds(script.outcome.withLock { $0.elapsed }) }

    /// The virtual time at which the last run has ended.
    public var now: Date {
        Date(milliseconds: script.start + script.outcome.withLock { $0.elapsed })
    }
}

/// A run that the tested run made.
public struct TestedChild: Sendable {
    public let id: String
    public let workflow: String
    /// The step that made it.
    public let step: String
    let payload: [UInt8]

    /// The input that it was given.
    ///
    /// - Throws: ``StepwiseError`` with code `notDecodable`.
    public func input<T: Decodable>(as type: T.Type = T.self) throws -> T {
        try JSON.decode(type, from: payload, what: "the input of run \(id)")
    }
}

extension RecordedStep {
    /// The step's result.
    ///
    /// - Throws: its ``StepFailure`` if it failed; ``StepwiseError`` with code `notDecodable`.
    public func value<T: Decodable>(as type: T.Type = T.self) throws -> T {
        if let error { throw error }
        return try JSON.decode(type, from: Array((value ?? "null").utf8), what: "the result of step \"\(step)\"")
    }
}

/// Why a workflow does not stand its test, or why the test cannot go on.
public struct WorkflowTestFailure: Error, Sendable, Hashable, CustomStringConvertible {
    public let message: String
    /// Where a replay parts from the history, if that is it.
    public let divergence: Divergence?

    init(_ message: String, divergence: Divergence? = nil) {
        self.message = message.printable
        self.divergence = divergence
    }

    public var description: String { message }
}

extension Result where Failure == any Error {
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
