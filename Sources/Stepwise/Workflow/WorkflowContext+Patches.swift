extension WorkflowContext {
    /// Whether this run takes the patched way through the code: `true` for a run that comes here for the first time, `false` for one that had
    /// gone past this point before the patch was in the code.
    ///
    /// ```swift
    /// if try await context.patched("notify-first") {
    ///     try await context.run("notify") { … }
    /// }
    /// ```
    ///
    /// The answer to the first call in a run holds for all calls with this id, and for every replay. It is not a step: it does not wait and takes no
    /// place in the history. Once no run without the patch is left, ``deprecatePatch(_:)`` takes its place.
    ///
    /// - Parameter id: the patch; 1 to 200 bytes like a step's name, unique in the workflow.
    /// - Throws: ``StepwiseError`` for a bad id or a call from the wrong place.
    public func patched(_ id: String) async throws -> Bool {
        try checkPlace(of: "patch \"\(id)\"")
        try StepName.check(id)
        return try instance.patched(id)
    }

    /// Says that the code has a patch for good, in place of ``patched(_:)`` and the way without it. For runs that are begun from now on it does
    /// nothing; those in which the patch was applied are not taken for changed code. It may go when they have ended.
    ///
    /// - Throws: ``StepwiseError`` for a bad id or a call from the wrong place.
    public func deprecatePatch(_ id: String) async throws {
        try checkPlace(of: "patch \"\(id)\"")
        try StepName.check(id)
        instance.deprecatePatch(id)
    }
}
