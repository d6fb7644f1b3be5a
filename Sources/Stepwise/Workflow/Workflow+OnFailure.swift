extension Workflow {
    /// The workflow with a last word: `body` is executed when the function has ended in an error, as a part of it. It may run steps, which
    /// are recorded and replayed like any others; then the run fails with the function's error.
    ///
    /// ```swift
    /// let processOrder = Workflow(.processOrder) { … }
    ///     .onFailure { context, order, error in
    ///         try await context.run("tell support") { try await support.report(order, "\(error)") }
    ///     }
    /// ```
    ///
    /// It is not executed for a run that was cancelled, nor where the function had no say: its process was lost too often between two
    /// steps, its output is too large, or it called too many steps. What it throws itself is kept as the run's `warning`. A run that has
    /// recorded steps in it cannot simply be resumed: they come after the error (``StepwiseClient/resume(_:from:)``).
    ///
    /// - Parameter body: gets the run's input and the function's error: a ``StepFailure``, if a step's was not caught; ``RunTimeout``, if the
    ///   run's time was up.
    public func onFailure(
        _ body: @escaping @Sendable (WorkflowContext, Input, any Error) async throws -> Void
    ) -> Workflow where Input: Codable {
        withLastWord { context, error in try await body(context, try await context.decodedInput(as: Input.self), error)
        }
    }

    /// The same for a workflow without an input.
    public func onFailure(
        _ body: @escaping @Sendable (WorkflowContext, any Error) async throws -> Void
    ) -> Workflow where Input == Void {
        withLastWord(body)
    }

    private func withLastWord(
        _ lastWord: @escaping @Sendable (WorkflowContext, any Error) async throws -> Void
    ) -> Workflow {
        let body = function.body
        return Workflow(
            name: name,
            function: WorkflowFunction(options: function.options, version: function.version) { [name] context in
                do { return try await body(context) } catch {
                    guard context.instance.isFailure(error) else { throw error }
                    context.instance.beginLastWord()
                    do {
                        if context.instance.hasTimedOut {
                            // The function's task is cancelled: only a cleanup begins steps in it.
                            let timeout = RunTimeout(message: context.instance.cancelReason ?? "")
                            try await context.cleanup { try await lastWord(context, timeout) }
                        } else {
                            try await lastWord(context, error)
                        }
                    } catch let second where context.instance.isFailure(second) {
                        let words = ErrorWords(second)
                        context.instance.noteMisuse(
                            "onFailure of workflow \"\(name)\" ended in an error itself: \(words.type): \(words.message.prefix(bytes: 500))"
                        )
                    } catch {}
                    throw error
                }
            })
    }
}

extension RunInstance {
    /// Whether the run has failed if its function ends in this error: it was not given up here, cancelled, or parked for other code.
    fileprivate func isFailure(_ error: any Error) -> Bool {
        if (error as? StepwiseError)?.code == .notDecodable || isEvicted { return false }
        return cancelReason == nil || hasTimedOut
    }
}

/// What a run has failed with that was not done within its `runTimeout`, for ``Workflow/onFailure(_:)-swift.method``.
public struct RunTimeout: Error, Sendable, Hashable, CustomStringConvertible {
    package let message: String

    public var description: String { message.printable }
}
