extension WorkflowContext {
    /// Runs another workflow as a child of this run and waits for its result, on this queue or another, on whichever worker.
    ///
    /// A step: the child is started once, its end is recorded once, and a replay returns what was recorded. While it waits the run takes no
    /// worker. If the run is cancelled, or no longer waits for the step (a race that was lost), the child is cancelled too, unless
    /// `onParentEnd` says otherwise.
    ///
    /// ```swift
    /// let receipt = try await context.invoke(.processOrder, order, .queue("orders"))
    /// ```
    ///
    /// - Parameters:
    ///   - workflow: the child's workflow; its code is not needed here.
    ///   - input: the child's input.
    ///   - name: the step's name; `nil`: the workflow's name.
    ///   - id: the child's id; `nil`: made of this run's id, its generation and the step. An id that belongs to another run fails the step.
    ///   - onParentEnd: what becomes of the child when nobody waits for it any more.
    ///   - options: `.queue(…)` (by default this run's), `.label(…)`, `.runTimeout(…)`.
    /// - Returns: the child's output.
    /// - Throws: ``StepFailure`` with cause `childFailed` or `childCancelled` and the child's id if the child ended so, or `failed` if it could not
    ///   be made; `CancellationError` in a cancelled task; ``StepwiseError`` for a bad name, id or option, or a call from the wrong place.
    @discardableResult
    public func invoke<Input: Codable & Sendable, Output: Codable & Sendable>(
        _ workflow: WorkflowName<Input, Output>, _ input: Input, name: String? = nil, id: String? = nil,
        onParentEnd: ParentClosePolicy = .cancel, _ options: EnqueueOption...
    ) async throws -> Output {
        try await decode(Output.self, from: child(workflow.rawValue, input, name, id, onParentEnd, options))
    }

    /// The same for a workflow that returns nothing.
    public func invoke<Input: Codable & Sendable>(
        _ workflow: WorkflowName<Input, Void>, _ input: Input, name: String? = nil, id: String? = nil,
        onParentEnd: ParentClosePolicy = .cancel, _ options: EnqueueOption...
    ) async throws {
        _ = try await child(workflow.rawValue, input, name, id, onParentEnd, options)
    }

    /// The same for a workflow without an input.
    @discardableResult
    public func invoke<Output: Codable & Sendable>(
        _ workflow: WorkflowName<Void, Output>, name: String? = nil, id: String? = nil,
        onParentEnd: ParentClosePolicy = .cancel, _ options: EnqueueOption...
    ) async throws -> Output {
        try await decode(
            Output.self, from: child(workflow.rawValue, Optional<Int>.none, name, id, onParentEnd, options))
    }

    /// The same for a workflow without an input and a result.
    public func invoke(
        _ workflow: WorkflowName<Void, Void>, name: String? = nil, id: String? = nil,
        onParentEnd: ParentClosePolicy = .cancel, _ options: EnqueueOption...
    ) async throws {
        _ = try await child(workflow.rawValue, Optional<Int>.none, name, id, onParentEnd, options)
    }

    /// Starts another workflow as a run of its own and does not wait for it: a step that starts it once and records its id.
    ///
    /// The run goes on whatever becomes of this one.
    ///
    /// - Parameters:
    ///   - workflow: the new run's workflow; its code is not needed here.
    ///   - input: its input.
    ///   - name: the step's name; `nil`: the workflow's name.
    ///   - id: the new run's id; `nil`: made of this run's id, its generation and the step.
    ///   - options: `.queue(…)` (by default this run's), `.label(…)`, `.runTimeout(…)`.
    /// - Returns: the new run's id.
    /// - Throws: ``StepFailure`` if it could not be made; else as `invoke`.
    @discardableResult
    public func start<Input: Codable & Sendable, Output>(
        _ workflow: WorkflowName<Input, Output>, _ input: Input, name: String? = nil, id: String? = nil,
        _ options: EnqueueOption...
    ) async throws -> String {
        try await decode(String.self, from: child(workflow.rawValue, input, name, id, nil, options))
    }

    /// The same for a workflow without an input.
    @discardableResult
    public func start<Output>(
        _ workflow: WorkflowName<Void, Output>, name: String? = nil, id: String? = nil,
        _ options: EnqueueOption...
    ) async throws -> String {
        try await decode(String.self, from: child(workflow.rawValue, Optional<Int>.none, name, id, nil, options))
    }

    /// The same for a workflow whose code is at hand.
    @discardableResult
    public func invoke<Input: Codable & Sendable, Output: Codable & Sendable>(
        _ workflow: Workflow<Input, Output>, _ input: Input, name: String? = nil, id: String? = nil,
        onParentEnd: ParentClosePolicy = .cancel, _ options: EnqueueOption...
    ) async throws -> Output {
        try await decode(Output.self, from: child(workflow.name, input, name, id, onParentEnd, options))
    }

    /// The same for a workflow whose code is at hand, that returns nothing.
    public func invoke<Input: Codable & Sendable>(
        _ workflow: Workflow<Input, Void>, _ input: Input, name: String? = nil, id: String? = nil,
        onParentEnd: ParentClosePolicy = .cancel, _ options: EnqueueOption...
    ) async throws {
        _ = try await child(workflow.name, input, name, id, onParentEnd, options)
    }

    /// The same for a workflow whose code is at hand, without an input.
    @discardableResult
    public func invoke<Output: Codable & Sendable>(
        _ workflow: Workflow<Void, Output>, name: String? = nil, id: String? = nil,
        onParentEnd: ParentClosePolicy = .cancel, _ options: EnqueueOption...
    ) async throws -> Output {
        try await decode(Output.self, from: child(workflow.name, Optional<Int>.none, name, id, onParentEnd, options))
    }

    /// The same for a workflow whose code is at hand, without an input and a result.
    public func invoke(
        _ workflow: Workflow<Void, Void>, name: String? = nil, id: String? = nil,
        onParentEnd: ParentClosePolicy = .cancel, _ options: EnqueueOption...
    ) async throws {
        _ = try await child(workflow.name, Optional<Int>.none, name, id, onParentEnd, options)
    }

    /// The same for a workflow whose code is at hand.
    @discardableResult
    public func start<Input: Codable & Sendable, Output>(
        _ workflow: Workflow<Input, Output>, _ input: Input, name: String? = nil, id: String? = nil,
        _ options: EnqueueOption...
    ) async throws -> String {
        try await decode(String.self, from: child(workflow.name, input, name, id, nil, options))
    }

    /// The same for a workflow whose code is at hand, without an input.
    @discardableResult
    public func start<Output>(
        _ workflow: Workflow<Void, Output>, name: String? = nil, id: String? = nil,
        _ options: EnqueueOption...
    ) async throws -> String {
        try await decode(String.self, from: child(workflow.name, Optional<Int>.none, name, id, nil, options))
    }

    /// - Parameter onParentEnd: `nil` if nobody waits for the child.
    private func child<Input: Encodable & Sendable>(
        _ workflow: String, _ input: Input, _ name: String?, _ id: String?, _ onParentEnd: ParentClosePolicy?,
        _ options: [EnqueueOption]
    ) async throws -> StepResult {
        let step = name ?? workflow
        try checkPlace(of: "step \"\(step)\"")
        try Identifier.check(workflow: workflow)
        if let id { try Identifier.check(runID: id) }
        let given = EnqueueOptions(options)
        try Identifier.check(queue: given.queue)
        if let problem = given.labels.problem { throw StepwiseError(.invalidIdentifier, "the labels \(problem)") }
        let order = ChildOrder(
            workflow: workflow, id: id, options: options, isAwaited: onParentEnd != nil,
            onParentEnd: onParentEnd ?? .abandon)
        let call = { @Sendable [instance, stepOptions = self.options] in
            try await instance.call(name: step, options: stepOptions, .child(order)) { _ in
                try JSON.encode(input, what: "the input of workflow \"\(workflow)\"")
            }
        }
        guard order.onParentEnd == .wait else { return try await call() }
        try Task.checkCancellation()
        return try await instance.shield(call)
    }
}
