/// Messages from one run to another, delivered by whoever claims them.
extension WorkerSession {
    func deliver(_ text: String, _ message: WorkItem, from queue: String) async throws {
        if let problem = Self.problem(with: message) {
            return try await store.reject(ClaimedItem(Array(text.utf8)), from: .queue(queue), reason: problem)
        }
        switch message {
        case .ended(let id, let generation, let child, let step):
            let about = try await self.about(child: child)
            try await store.childEnded(
                RunStore.Run(id: id, generation: generation, queue: queue, keys: keys), text: text, child: child,
                step: step,
                end(of: child, about, for: ParentStep(run: id, generation: generation, step: step)), token: nextToken())
        case .cancel(let child, let workflow, let id, let generation, let step):
            let parent = ParentStep(run: id, generation: generation, step: step)
            let isEnded = try await store.cancelChild(
                child, workflow, of: parent, text: text, queue: queue, about: about(child: child))
            if isEnded { try await reportEnd(of: child, as: .cancelled) }
        case .broadcast(let event, let time, let value):
            try await tell(event, since: time, value, text: text, queue: queue)
        case .withdraw(let id, let generation, let number, let event, let step):
            try await store.withdraw(
                RunStore.Run(id: id, generation: generation, queue: queue, keys: keys), text: text, number: number,
                event: event,
                step: step)
        case .turn, .step, .end: break
        }
    }

    /// Why a message is refused: what it says would be written as it stands. The engine writes no such one.
    private static func problem(with message: WorkItem) -> String? {
        switch message {
        case .broadcast(_, _, let value): JSON.problem(with: value).map { "its value is not JSON: \($0)" }
        case .cancel(let child, _, _, _, _):
            Identifier.problem(with: child).map { "\"\(child.prefix(bytes: 200))\" \($0)" }
        case .turn, .step, .ended, .withdraw, .end: nil
        }
    }

    /// `nil` if it is not there.
    private func about(child: String) async throws -> ChildAbout? {
        let run = try await command(
            .run(keys, child, .workflow, .queue, .status, .parent, .parentQueue, .output, .error))
        guard let workflow = run.text(.workflow), let status = run.status else { return nil }
        return ChildAbout(
            workflow: workflow, queue: run.text(.queue) ?? "default", parentQueue: run.text(.parentQueue),
            parent: run.parent, status: status, output: run.bytes(.output) ?? JSON.null, error: run.bytes(.error) ?? [])
    }

    /// A child's end as the outcome of the step that waits for it; `nil` if it has not ended.
    private func end(of child: String, _ about: ChildAbout?, for parent: ParentStep) -> Outcome.Result? {
        func failure(
            _ cause: StepFailure.Cause, _ type: String, _ message: String, _ value: [UInt8]? = nil
        ) -> Outcome.Result {
            .error(
                StepFailure(
                    step: parent.step, attempts: 1, type: type, message: message, cause: cause, child: child,
                    value: value.map { String(decoding: $0, as: UTF8.self) }))
        }
        guard let about, about.parent == parent else {
            return failure(
                .childFailed, "StepwiseError",
                "run \(child) is gone: it was removed before its parent, run \(parent.run), could read its end")
        }
        let error = JSONMembers(about.error)
        let message = error?.string("message") ?? ""
        return switch about.status {
        case .completed: .value(about.output)
        case .cancelled: failure(.childCancelled, error?.string("type") ?? "CancellationError", message)
        case .failed: failure(.childFailed, error?.string("type") ?? "", message, error?.values["value"])
        default: nil
        }
    }

    /// The queue of the run that waits for this one's end; `nil` if none does.
    func parentQueue(of id: String) async throws -> String? {
        try await command(.run(keys, id, .parentQueue)).text(.parentQueue)
    }
}
