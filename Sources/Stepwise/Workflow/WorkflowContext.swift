public import Logging

/// What a run's function uses to call its steps. Helper functions take it; it is not generic.
public struct WorkflowContext: Sendable {
    /// The run's id.
    public let runID: String
    /// Has the workflow and run as metadata, inside a body also step and attempt. Silent while recorded outcomes are replayed.
    public let logger: Logger

    package let workflow: String
    package let payload: [UInt8]
    package let options: StepOptions
    package let instance: RunInstance
    /// What the run's random numbers begin with.
    let seed: String
    /// Microseconds since 1970 by the clock that the run's sleeps go by.
    let clock: @Sendable () async throws -> Int

    /// - Parameters:
    ///   - created: when the run was, in milliseconds since 1970.
    ///   - continued: how often it has begun anew.
    ///   - clock: tells the microseconds since 1970; by default it cannot.
    package init(
        workflow: String, runID: String, payload: [UInt8], options: StepOptions, logger: Logger, instance: RunInstance,
        created: Int = 0, continued: Int = 0, clock: @escaping @Sendable () async throws -> Int = { throw NoClock() }
    ) {
        seed = "\(runID)/\(created)/\(continued)"
        self.clock = clock
        self.workflow = workflow
        self.runID = runID
        self.payload = payload
        self.options = options
        self.instance = instance
        let own: Logger.Metadata = ["workflow": .string(workflow), "run": .string(runID)]
        self.logger = Logger(label: logger.label) { _ in
            ReplayLogHandler(base: logger.functionHandler, instance: instance, own: own)
        }
    }

    /// The run's input, for helper functions that do not have it as a parameter. A function that lets the error through has its run parked
    /// rather than failed; one that catches it may try an older type.
    ///
    /// - Throws: ``StepwiseError`` with code `notDecodable`, naming the stored JSON and the path in it.
    public func input<T: Decodable>(as type: T.Type = T.self) throws -> T {
        try JSON.decode(type, from: payload, what: "the input of run \(runID) of workflow \"\(workflow)\"")
    }

    /// The input for the function itself: one that does not decode parks the run instead of failing it.
    package func decodedInput<T: Decodable>(as type: T.Type) async throws -> T {
        do { return try input(as: type) } catch { try await instance.stop(.unfitInput("\(error)")) }
    }

    /// Executes a piece of work as a step: its result is stored once, and a replay returns what was stored.
    ///
    /// - Parameters:
    ///   - name: the step's name; repeated names get `#2`, `#3`… in call order.
    ///   - options: `.retry(…)` and others.
    ///   - body: the work; may be executed more than once, is recorded once. May be a function passed by name.
    /// - Returns: the value decoded from the stored JSON, the first time as well.
    /// - Throws: ``StepFailure`` when the attempts ran out; `CancellationError` in a cancelled task; ``StepwiseError`` for a bad name or
    ///   a call from the wrong place.
    @discardableResult
    public func run<T: Codable & Sendable>(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await recorded(name, options, encoding(body))
    }

    /// A step with a result, for a body that asks for its attempt or its idempotency key.
    @discardableResult
    public func run<T: Codable & Sendable>(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable (Step) async throws -> T
    ) async throws -> T {
        try await recorded(name, options, encoding(body))
    }

    /// A step without a result.
    public func run(_ name: String, _ options: StepOption..., body: @escaping @Sendable () async throws -> Void)
        async throws
    {
        try await nothing(name, options) { _ in
            try await body()
            return JSON.null
        }
    }

    /// A step without a result, for a body that asks for its attempt or its idempotency key.
    public func run(
        _ name: String, _ options: StepOption..., body: @escaping @Sendable (Step) async throws -> Void
    ) async throws {
        try await nothing(name, options, Self.encoding(body))
    }

    nonisolated(nonsending) package func value<T: Codable & Sendable>(
        _ name: String, _ options: [StepOption], _ body: @escaping @Sendable (Step) async throws -> T
    ) async throws -> T {
        try await recorded(name, options, encoding(body))
    }

    /// - Parameter body: gives its value's JSON.
    nonisolated(nonsending) private func recorded<T: Codable & Sendable>(
        _ name: String, _ options: [StepOption], _ body: @escaping @Sendable (Step) async throws -> [UInt8]
    ) async throws -> T {
        try checkPlace(of: "step \"\(name)\"")
        return try await decode(
            T.self, from: instance.call(name: name, options: self.options.applying(options), body: body))
    }

    nonisolated(nonsending) private func nothing(
        _ name: String, _ options: [StepOption], _ body: @escaping @Sendable (Step) async throws -> [UInt8]
    ) async throws {
        try checkPlace(of: "step \"\(name)\"")
        _ = try await instance.call(name: name, options: self.options.applying(options), body: body)
    }

    /// A body that gives its value's JSON.
    func encoding<T: Codable & Sendable>(
        _ body: @escaping @Sendable (Step) async throws -> T
    ) -> @Sendable (Step) async throws -> [UInt8] {
        { [runID] step in
            let value = try await body(step)
            return try JSON.encode(value, what: "the result of step \"\(step.id)\" of run \(runID)")
        }
    }

    private func encoding<T: Codable & Sendable>(
        _ body: @escaping @Sendable () async throws -> T
    ) -> @Sendable (Step) async throws -> [UInt8] {
        { [runID] step in
            let value = try await body()
            return try JSON.encode(value, what: "the result of step \"\(step.id)\" of run \(runID)")
        }
    }

    static func encoding(
        _ body: @escaping @Sendable (Step) async throws -> Void
    ) -> @Sendable (Step) async throws -> [UInt8] {
        { step in
            try await body(step)
            return JSON.null
        }
    }

    /// Changed code cannot read what was recorded: the run is parked, the error is not thrown into the function.
    nonisolated(nonsending) func decode<T: Decodable>(_ type: T.Type, from result: StepResult) async throws -> T {
        do {
            return try JSON.decode(
                type, from: result.json, what: "the result of step \"\(result.step)\" of run \(runID)")
        } catch {
            // Changed code cannot read what was recorded: the run is parked, the error is not thrown into the function.
            try await instance.stop(.undecodable(error.message))
        }
    }

    /// A step is called by the run's function and its structured children, and by nobody else.
    ///
    /// - Parameter call: what is called, in words.
    func checkPlace(of call: @autoclosure () -> String) throws(StepwiseError) {
        if let step = StepScope.current {
            throw misuse(
                .nestedStep,
                "\(call()) was called inside the body of step \"\(step.id)\" of run \(runID); call it in the workflow's function, before or "
                    + "after that step")
        }
        if !instance.executor.ownsCurrentTask {
            throw misuse(
                .stepOutsideFunction,
                "\(call()) of run \(runID) was called from an unstructured task (Task { … }, Task.detached, a callback) or after the "
                    + "workflow's function had returned; use async let or a task group instead")
        }
    }

    /// The error of a misuse, which is also logged and kept on the run: it may be thrown where nobody looks.
    func misuse(_ code: StepwiseError.Code, _ message: String) -> StepwiseError {
        if case .finished = instance.progress {
            // The run may have left its worker by now: nobody would take the note.
            if instance.isNews(message) {
                logger.printable.warning("a step was called from the wrong place", metadata: ["error": "\(message)"])
            }
        } else {
            instance.noteMisuse(message)
        }
        return StepwiseError(code, message)
    }
}

/// Where only histories are replayed no clock is asked.
struct NoClock: Error, CustomStringConvertible {
    var description: String { "there is no clock here" }
}
