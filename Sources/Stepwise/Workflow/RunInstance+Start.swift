extension RunInstance {
    /// Starts a workflow's function and lets it run to rest.
    ///
    /// - Parameters:
    ///   - context: what the function is called with; it belongs to this instance.
    ///   - silent: whether what the function logs was logged before, by an earlier instance.
    package func start(
        _ context: WorkflowContext, silent: Bool = false,
        function: @escaping @Sendable (WorkflowContext) async throws -> [UInt8]
    ) {
        start(silent: silent) { try await function(context) }
    }
}
