internal import StepwiseRedis

/// Messages from one run to another, delivered by whoever claims them.
extension WorkerSession {
    func deliver(_ text: String, _ message: WorkItem, from queue: String) async throws {
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
            if isEnded { try await reportEnd(of: child) }
        case .broadcast(let event, let time, let value):
            try await tell(event, since: time, value, text: text, queue: queue)
        case .withdraw(let id, let generation, let number, let event, let step):
            try await store.withdraw(
                RunStore.Run(id: id, generation: generation, queue: queue, keys: keys), text: text, number: number,
                event: event,
                step: step)
        case .turn, .step, .pushed: break
        }
    }

    /// `nil` if it is not there.
    private func about(child: String) async throws -> ChildAbout? {
        let fields: [RedisArgument] = ["workflow", "queue", "status", "parent", "parentQueue", "output", "error"]
        let reply = try await command(["HMGET", .init(keys.run(child))] + fields)
        guard let v = reply.array, v.count == fields.count, let workflow = v[0].string, let status = v[2].string else {
            return nil
        }
        return ChildAbout(
            workflow: workflow, queue: v[1].string ?? "default", parentQueue: v[4].string,
            parent: v[3].string.flatMap { ParentStep($0) }, status: RunStatus(rawValue: status),
            output: v[5].bytes ?? JSON.null, error: v[6].bytes ?? [])
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
        try await command(["HGET", .init(keys.run(id)), "parentQueue"]).string
    }
}
