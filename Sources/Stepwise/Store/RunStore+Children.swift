internal import StepwiseRedis

/// What a step does that makes a child, and what the child's end does to it.
extension RunStore {
    /// A child as its parent makes it.
    struct Child: Sendable {
        var id: String
        var payload: [UInt8]
        var options: EnqueueOptions
        /// How many runs are above it.
        var depth: Int
    }

    func childID(_ order: ChildOrder, of step: String, _ run: Run) -> String { childID(order.id, of: step, run) }

    /// - Parameter id: what the step has asked for; `nil`: made of the parent's id, its generation and the step.
    func childID(_ id: String?, of step: String, _ run: Run) -> String {
        id ?? Identifier.child(of: run.id, generation: run.generation, step: step)
    }

    /// The work item that ends the child of a step.
    func cancelText(_ order: ChildOrder, of step: String, _ run: Run) -> String {
        WorkItem.cancelText(
            child: childID(order, of: step, run), workflow: order.workflow, run: run.id, generation: run.generation,
            step: step)
    }
}

/// What a worker that serves the parent needs to know of a child.
struct ChildAbout: Sendable {
    var workflow: String
    var queue: String
    var parentQueue: String?
    var parent: ParentStep?
    var status: RunStatus
    var output: [UInt8]
    var error: [UInt8]
}

/// The step that has made a run: `<run> <generation> <step>`.
package struct ParentStep: Sendable, Hashable {
    package var run: String
    package var generation: String
    package var step: String

    package init(run: String, generation: String, step: String) {
        (self.run, self.generation, self.step) = (run, generation, step)
    }

    package init?(_ text: String) {
        let parts = text.words(atMost: 3)
        guard parts.count == 3 else { return nil }
        self.init(run: parts[0], generation: parts[1], step: parts[2])
    }

    package var text: String { "\(run) \(generation) \(step)" }

    /// Whether the step is still open, so that it has not read its child's end.
    ///
    /// - Parameters:
    ///   - fields: its run's status, generation and inline step.
    ///   - isWritten: whether it is written among the run's open ones, asked after the fields: it is written before it is inline no more.
    func isOpen(_ fields: RunFields, isWritten: Bool) -> Bool {
        guard let status = fields.status, !status.isDecided, fields.text(.generation) == generation else {
            return false
        }
        return isWritten || fields.text(.inline) == step
    }
}

extension RunFields {
    /// The step that waits for the run's end, as it is stored, of a run whose fields `parent` and `parentQueue` were read; `nil` if none does.
    var waitingParent: String? { text(.parentQueue) == nil ? nil : text(.parent) }
}
