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

    func childID(_ order: ChildOrder, of step: String, _ run: Run) -> String {
        order.id ?? Identifier.child(of: run.id, generation: run.generation, step: step)
    }

    /// The work item that ends the child of a step.
    func cancelText(_ order: ChildOrder, of step: String, _ run: Run) -> String {
        WorkItem.cancelText(
            child: childID(order, of: step, run), workflow: order.workflow, run: run.id, generation: run.generation,
            step: step)
    }

    /// Makes the child of a step, once.
    ///
    /// - Returns: `nil` if it is there now; else whose run has its id, in words.
    func make(_ child: Child, _ order: ChildOrder, of step: String, _ run: Run) async throws -> String? {
        let reply = try await evaluate(
            ScriptLibrary.enqueue,
            [
                keys.run(child.id), keys.queue(child.options.queue), keys.runs(.queued), keys.delayed,
                keys.queue(run.queue),
            ],
            [
                .init(child.id), .init(order.workflow), .init(child.options.queue), .init(child.payload),
                .init(child.options.labels.json), "", .init(child.options.timeout.map(String.init) ?? ""),
                .init("\(run.id) \(run.generation) \(step)"), .init(order.isAwaited ? run.queue : ""),
                .init(child.depth), .init(child.options.start?.text ?? ""),
            ])
        let reader = ReplyReader("enqueue", reply)
        guard reader.word == "exists" else { return nil }
        let workflow = try reader.text(1)
        if workflow != order.workflow { return "a run of workflow \"\(workflow)\"" }
        let parent = ParentStep(try reader.text(2))
        if parent?.run == run.id, parent?.step == step { return nil }
        return parent.map { "the child of step \"\($0.step)\" of run \($0.run)" } ?? "a run that is nobody's child"
    }

    /// The step waits for its child from now on.
    ///
    /// - Parameter turn: the turn's number and how far its instance is, for an inline step; `nil` for a claimed step.
    func awaitChild(
        _ run: Run, text: String, turn: (number: Int, upto: Int)?, step: String, attempt: Int, _ order: ChildOrder
    ) async throws -> AwaitChildReply {
        let reply = try await evaluate(
            ScriptLibrary.awaitChild,
            [
                keys.run(run.id), keys.steps(run.id), keys.open(run.id), keys.claimed(worker, run.queue),
                keys.queue(run.queue),
            ],
            [
                .init(worker), .init(text), .init(turn.map { String($0.number) } ?? ""), .init(step),
                .init(run.generation), .init(attempt), .init(turn?.upto ?? 0), .init(childID(order, of: step, run)),
                .init(order.onParentEnd.rawValue), .init(cancelText(order, of: step, run)),
            ])
        let reader = ReplyReader("await_child", reply)
        switch reader.word {
        case "waits": return .waits
        case "more": return .more(opened: try reader.integer(1), page: try reader.page(2, from: turn?.upto ?? 0))
        case "withdrawn": return .withdrawn
        case "stale": return .stale
        default: throw reader.unexpected
        }
    }

    /// A child has ended.
    ///
    /// - Parameter result: `nil` if it has not.
    func childEnded(
        _ run: Run, text: String, child: String, step: String, _ result: Outcome.Result?, token: String
    ) async throws {
        _ = try await evaluate(
            ScriptLibrary.childEnded,
            [
                keys.run(run.id), keys.steps(run.id), keys.open(run.id), keys.join(run.id), keys.queue(run.queue),
                keys.claimed(worker, run.queue), keys.delayed,
            ],
            [
                .init(run.id), .init(text), .init(run.generation), .init(step), .init(child),
                .init(result.map(OutcomeRecord.tail) ?? []), .init(token), .init(maximumRunSize),
            ])
    }

    /// Cancels a child for which its parent no longer waits.
    ///
    /// - Parameters:
    ///   - text: of the claim, which lies in the list of `queue`.
    ///   - about: the child, if it exists.
    /// - Returns: whether this has ended it.
    func cancelChild(
        _ child: String, _ workflow: String, of parent: ParentStep, text: String, queue: String, about: ChildAbout?
    ) async throws -> Bool {
        let reply = try await evaluate(
            ScriptLibrary.cancel,
            cancelKeys(
                keys, child, queue: about?.queue ?? queue, workflow: about?.workflow ?? workflow,
                parentQueue: about?.parentQueue, claims: keys.claimed(worker, queue)),
            [
                .init(child), .init("run \(parent.run), its parent, no longer waits for it"), .init(text),
                .init(parent.text), .init(workflow),
            ])
        let reader = ReplyReader("cancel", reply)
        return reader.word == "ended"
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
}

/// What `cancel` is about.
///
/// - Parameters:
///   - parentQueue: the queue of the run that waits for this one's end.
///   - claims: the list of the claim, for a worker.
func cancelKeys(
    _ keys: Keys, _ id: String, queue: String, workflow: String, parentQueue: String?, claims: String? = nil
) -> [String] {
    [
        keys.run(id), keys.steps(id), keys.open(id), keys.join(id), keys.queue(queue), keys.meta,
        keys.runs(.cancelled), keys.runs(.queued), keys.runs(.running), keys.runs(.noWorker), keys.runs(.parked),
        keys.unfit(workflow), keys.runs(.paused), keys.queue(parentQueue ?? queue), keys.unserved(workflow),
        claims ?? keys.queue(queue), keys.delayed,
    ]
}
