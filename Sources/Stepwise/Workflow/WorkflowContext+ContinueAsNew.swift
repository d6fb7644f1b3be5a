extension WorkflowContext {
    /// Begins the run anew: under the same id, with this input, in the next generation, with an empty history. For workflows that loop for
    /// ever, or so long that their history would grow without end. Never returns.
    ///
    /// ```swift
    /// let subscription = Workflow("subscription") { (context, month: Int) async throws in
    ///     try await context.run("bill") { try await bills.send(month) }
    ///     try await context.sleep(for: .seconds(30 * 86_400))
    ///     try await context.continueAsNew(month + 1)
    /// }
    /// ```
    ///
    /// What stays is what belongs to the id: labels, the parent (which gets the end of the last generation), those who wait for the result,
    /// what was sent to the run, the time until when it has to be done, counted from its creation. What goes is what belongs to the
    /// generation: its outcomes, its patches, and what is still open of it, as at a run's end: steps are withdrawn, bodies cancelled, children
    /// for which the run waits are cancelled. A saga round this call counts as done: nothing is undone.
    ///
    /// The next generation goes to the end of its queue, like a new run: a run that goes on without end lets others come to their turn.
    ///
    /// It happens in one script, when the function has come to rest and has had everything that is recorded. If what was recorded first
    /// cancels this call (the run was cancelled, its time is up, the race in which it stands has another winner), then it throws
    /// `CancellationError` and the run goes on as it is.
    ///
    /// - Parameter input: the next generation's input. One that is larger than the worker's `maximumPayloadSize` fails the run.
    /// - Throws: `CancellationError`, see above, also inside `cleanup` of a cancelled run; ``StepwiseError`` if the input cannot be encoded,
    ///   or for a call from the wrong place.
    public func continueAsNew<Input: Codable & Sendable>(_ input: Input) async throws -> Never {
        try checkPlace(of: "context.continueAsNew")
        try await instance.renew(JSON.encode(input, what: "the input with which run \(runID) was to begin anew"))
    }

    /// The same for a workflow without an input.
    public func continueAsNew() async throws -> Never {
        try checkPlace(of: "context.continueAsNew")
        try await instance.renew(JSON.null)
    }
}
