public import Stepwise
import Synchronization

/// What happens in place of the real world.
extension WorkflowTest {
    /// Replaces a step's body.
    ///
    /// - Parameters:
    ///   - step: the step's name, for all its uses, or an id such as `charge#2` for one.
    ///   - time: how long the body takes by the virtual clock. If that is longer than the step's `.timeout`, the attempt fails with it.
    ///   - body: gets the step; what it throws is an attempt's failure. `step.attempt` tells attempts apart.
    public func replace<T: Codable & Sendable>(
        _ step: String, taking time: Duration = .zero, _ body: @escaping @Sendable (Step) async throws -> T
    ) {
        set(step, time) { try JSON.encode(await body($0), what: "what replaces step \"\(step)\"") }
    }

    /// Replaces a step's body.
    public func replace<T: Codable & Sendable>(
        _ step: String, taking time: Duration = .zero, _ body: @escaping @Sendable () async throws -> T
    ) {
        set(step, time) { _ in try JSON.encode(await body(), what: "what replaces step \"\(step)\"") }
    }

    /// Replaces the body of a step without a result, or by one that always throws.
    public func replace(
        _ step: String, taking time: Duration = .zero, _ body: @escaping @Sendable (Step) async throws -> Void
    ) {
        set(step, time) {
            try await body($0)
            return JSON.null
        }
    }

    /// Replaces the body of a step without a result, or by one that always throws.
    public func replace(
        _ step: String, taking time: Duration = .zero, _ body: @escaping @Sendable () async throws -> Void
    ) {
        set(step, time) { _ in
            try await body()
            return JSON.null
        }
    }

    private func set(_ step: String, _ time: Duration, _ body: @escaping TestScript.Body) {
        script.settings.withLock {
            $0.replacements[step] = .init(taking: time.wholeMilliseconds, body: body)
        }
    }

    // MARK: Children

    /// Says what a workflow does that the tested one invokes: a closure from its input to its output. What it throws is the child's failure.
    ///
    /// A child that is only started (`context.start`) need not be given.
    public func child<I: Codable & Sendable, O: Codable & Sendable>(
        _ workflow: WorkflowName<I, O>, taking time: Duration = .zero, _ body: @escaping @Sendable (I) async throws -> O
    ) {
        setChild(workflow.rawValue, time) { payload in
            let input = try JSON.decode(I.self, from: payload, what: "the input of workflow \"\(workflow)\"")
            return try JSON.encode(await body(input), what: "the output of workflow \"\(workflow)\"")
        }
    }

    /// Says what a workflow does that returns nothing.
    public func child<I: Codable & Sendable>(
        _ workflow: WorkflowName<I, Void>, taking time: Duration = .zero,
        _ body: @escaping @Sendable (I) async throws -> Void
    ) {
        setChild(workflow.rawValue, time) { payload in
            try await body(JSON.decode(I.self, from: payload, what: "the input of workflow \"\(workflow)\""))
            return JSON.null
        }
    }

    /// Says what a workflow does that has no input.
    public func child<O: Codable & Sendable>(
        _ workflow: WorkflowName<Void, O>, taking time: Duration = .zero,
        _ body: @escaping @Sendable () async throws -> O
    ) {
        setChild(workflow.rawValue, time) { _ in
            try JSON.encode(await body(), what: "the output of workflow \"\(workflow)\"")
        }
    }

    /// Says what a workflow does that has neither an input nor an output.
    public func child(
        _ workflow: WorkflowName<Void, Void>, taking time: Duration = .zero,
        _ body: @escaping @Sendable () async throws -> Void
    ) {
        setChild(workflow.rawValue, time) { _ in
            try await body()
            return JSON.null
        }
    }

    /// Runs the real workflow where it is invoked or started: its steps can be replaced like those of its parent, by the same names.
    public func child(_ workflow: any AnyWorkflow) {
        script.settings.withLock { $0.children[workflow.name] = .workflow(workflow) }
    }

    private func setChild(
        _ workflow: String, _ time: Duration, _ body: @escaping @Sendable ([UInt8]) async throws -> [UInt8]
    ) {
        script.settings.withLock {
            $0.children[workflow] = .closure(taking: time.wholeMilliseconds, body)
        }
    }

    // MARK: The world outside

    /// Does something at a virtual time after the run's begin.
    ///
    /// ```swift
    /// test.at(.seconds(3 * 3600)) { $0.cancel() }
    /// ```
    public func at(_ time: Duration, _ action: @escaping @Sendable (TestMoment) -> Void) {
        script.settings.withLock { $0.times.append((time.wholeMilliseconds, action)) }
    }

    /// Does something each time when a step's outcome has been recorded and the function has come to rest after it.
    ///
    /// - Parameter step: the step's name, or an id such as `charge#2`.
    public func after(_ step: String, _ action: @escaping @Sendable (TestMoment) -> Void) {
        script.settings.withLock { $0.afters[step, default: []].append(action) }
    }

    /// The worker dies in the middle of a step's body: the body is executed, its outcome is not recorded, and another worker, whose instance of
    /// the function is made from the history, executes the body again. An `.atMostOnce` step is `interrupted` instead; at the third death
    /// a step ends with `workersLost`.
    ///
    /// - Parameters:
    ///   - step: the step's name, or an id such as `charge#2`.
    ///   - times: how many workers die in it.
    public func crash(during step: String, times: Int = 1) {
        script.settings.withLock { $0.crashes[step] = times }
    }
}
