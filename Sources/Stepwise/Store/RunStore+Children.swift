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

    /// What the step's run has still to do with the end of its child `id`.
    ///
    /// - Parameters:
    ///   - fields: the run's status, `ending`, generation, inline step and `restarted`.
    ///   - isWritten: whether the step is written among the run's open ones, asked after the fields: it is written before it is inline no more.
    /// - Returns: `nil` for nothing.
    fileprivate func need(of id: String, run fields: RunFields, isWritten: Bool) -> ChildNeed? {
        guard let status = fields.status, let now = fields.text(.generation) else { return nil }
        if !status.isDecided, now == generation { return isWritten || fields.text(.inline) == step ? .read : nil }
        if status.isDecided {
            let end = status == .ending ? fields.text(.ending) : status.rawValue
            guard end == RunStatus.failed.rawValue, fields.text(.restarted) == nil else { return nil }
        }
        // A resumed run makes a child without an id of its own under another id, and one that has begun anew refuses this one.
        let isMadeUp = id == Identifier.child(of: run, generation: generation, step: step)
        return isMadeUp || !Generation.isResumed(generation, as: now) ? nil : .resume
    }
}

/// Why a child that has ended is not removed yet.
enum ChildNeed: Sendable {
    /// Its parent's step waits for its end, and has not read it.
    case read
    /// Its parent has failed and may be resumed, or has been: it may ask for the child again, by the child's id.
    case resume
}

/// Children that have ended, and the question what their parents have still to do with their ends: two lists of commands, and what the answers
/// come to.
struct EndedChildren: Sendable {
    private let children: [(id: String, parent: ParentStep)]

    /// - Parameter children: each with the step that made it, as it is stored. One whose step cannot be read is nobody's.
    init(_ children: [(id: String, parent: String)]) {
        self.children = children.compactMap { child in ParentStep(child.parent).map { (id: child.id, parent: $0) } }
    }

    /// To be asked first.
    func runs(_ keys: Keys) -> [StoreCommand<RunFields>] {
        children.map { .run(keys, $0.parent.run, .status, .ending, .generation, .inline, .restarted) }
    }

    /// To be asked once ``runs(_:)`` are answered.
    func steps(_ keys: Keys) -> [StoreCommand<Bool>] {
        children.map { .isWritten(keys, openOf: $0.parent.run, $0.parent.step) }
    }

    /// The children that stay, by their ids.
    func needs(_ runs: [RunFields], _ areWritten: [Bool]) -> [String: ChildNeed] {
        guard runs.count == children.count, areWritten.count == children.count else { return [:] }
        var needs: [String: ChildNeed] = [:]
        for (n, child) in children.enumerated() {
            needs[child.id] = child.parent.need(of: child.id, run: runs[n], isWritten: areWritten[n])
        }
        return needs
    }
}

extension RunFields {
    /// The step that waits for the run's end, as it is stored, of a run whose fields `parent` and `parentQueue` were read; `nil` if none does.
    var waitingParent: String? { text(.parentQueue) == nil ? nil : text(.parent) }
}
