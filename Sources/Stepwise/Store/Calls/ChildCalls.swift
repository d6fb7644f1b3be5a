internal import StepwiseRedis

// What a step does that makes a child, and what the child's end does to it.

extension ScriptLibrary {
    static let awaitChild = Script(
        "await_child", PackageResources.await_child_lua, keys: ["run", "steps", "open", "claimed", "queue"],
        arguments: [
            "worker", "text", "number", "step", "generation", "attempt", "upto", "child", "policy", "cancel_text",
        ])
    static let childEnded = Script(
        "child_ended", PackageResources.child_ended_lua,
        keys: ["run", "steps", "open", "join", "queue", "claimed", "delayed"],
        arguments: ["id", "text", "generation", "step", "child", "tail", "token", "max_bytes", "queue"])
}

extension RunStore {
    /// Makes the child of a step, once.
    ///
    /// - Parameters:
    ///   - text: of the step's claim, or of the turn's.
    ///   - indexed: the labels that have an index.
    /// - Returns: `nil` if it is there now; else whose run has its id, in words.
    func make(
        _ child: Child, _ order: ChildOrder, of step: String, _ run: Run, text: String, indexed: [String]
    ) async throws -> String? {
        let reader = try await send(
            .enqueue(
                keys, child.id, workflow: order.workflow, payload: child.payload, child.options,
                parent: ParentStep(run: run.id, generation: run.generation, step: step), parentQueue: run.queue,
                isAwaited: order.isAwaited, depth: child.depth, indexed: indexed), for: text)
        guard reader.word == "exists" else { return nil }
        let workflow = try reader.text(1)
        if workflow != order.workflow { return "a run of workflow \"\(workflow)\"" }
        let parent = ParentStep(try reader.text(2))
        if let parent, parent.run == run.id, parent.step == step {
            // An earlier one may have the higher number: the clock may have gone back before another run got this run's id.
            let isEarlier = Generation.number(of: parent.generation) != Generation.number(of: run.generation)
            return order.isAwaited && isEarlier
                ? "the child that this step made in an earlier generation (before continueAsNew, or when another run had this run's id)"
                : nil
        }
        return parent.map { "the child of step \"\($0.step)\" of run \($0.run)" } ?? "a run that is nobody's child"
    }

    /// The step waits for its child from now on.
    ///
    /// - Parameter turn: the turn's number and how far its instance is, for an inline step; `nil` for a claimed step.
    func awaitChild(
        _ run: Run, text: String, turn: (number: Int, upto: Int)?, step: String, attempt: Int, _ order: ChildOrder
    ) async throws -> AwaitChildReply {
        let upto = turn?.upto ?? 0
        return try await send(
            ScriptCall(
                ScriptLibrary.awaitChild,
                keys: [
                    run.runKey, run.stepsKey, run.openKey, keys.claimed(worker, run.queue), keys.queue(run.queue),
                ],
                arguments: [
                    .init(worker), .init(text), .init(turn.map { String($0.number) } ?? ""), .init(step),
                    .init(run.generation), .init(attempt), .init(upto), .init(childID(order, of: step, run)),
                    .init(order.onParentEnd.rawValue), .init(cancelText(order, of: step, run)),
                ]
            ) { reader in
                switch reader.word {
                case "waits": .waits
                case "more": .more(opened: try reader.integer(1), page: try reader.page(2, from: upto))
                case "withdrawn": .withdrawn
                case "stale": .stale
                default: throw reader.unexpected
                }
            }, for: text)
    }

    /// A child has ended.
    ///
    /// - Parameter result: `nil` if it has not.
    func childEnded(
        _ run: Run, text: String, child: String, step: String, _ result: Outcome.Result?, token: String
    ) async throws {
        try await send(
            ScriptCall<Void>(
                ScriptLibrary.childEnded,
                keys: [
                    run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.queue(run.queue),
                    keys.claimed(worker, run.queue), keys.delayed,
                ],
                arguments: [
                    .init(run.id), .init(text), .init(run.generation), .init(step), .init(child),
                    .init(result.map(OutcomeRecord.tail) ?? []), .init(token), .init(maximumRunSize), .init(run.queue),
                ]))
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
        let reader = try await send(
            .cancel(
                keys, child, reason: "run \(parent.run), its parent, no longer waits for it",
                queue: about?.queue ?? queue, workflow: about?.workflow ?? workflow, parentQueue: about?.parentQueue,
                claim: (keys.claimed(worker, queue), text, parent, workflow)))
        return reader.word == "ended"
    }
}
