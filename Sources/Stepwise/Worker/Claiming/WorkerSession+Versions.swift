internal import Logging

extension WorkerSession {
    /// Why a claimed work item of a workflow waits for another worker; `nil` if this one can do it.
    ///
    /// - Parameter incompatibleVersions: the versions of the workflow that could not replay the run.
    func reasonToWait(_ workflow: String, incompatibleVersions: [String]) -> String? {
        if isPaused(workflow: workflow) { return Obstacle.pausedWorkflow }
        guard let function = functions[workflow] else { return "no worker that claimed it has this workflow" }
        if let version = function.version, incompatibleVersions.contains(version) {
            return "no worker that claimed it has a version of this workflow that can replay it; these cannot: "
                + incompatibleVersions.joined(separator: ", ")
        }
        return nil
    }

    /// The workflows that have a version, sorted.
    var versionedWorkflows: [String] { workflowNames.filter { functions[$0]?.version != nil } }

    /// Takes up runs that are parked because another version of their workflow could not replay them: each that this worker's version has not
    /// tried, with a slot for it. A page a look, and the next at once while there is something for this version.
    func retryVersion(_ workflow: String) {
        let job = Reclaimed.unfit(workflow: workflow)
        guard let version = functions[workflow]?.version, !isPaused(workflow: workflow), beginReclaiming(job) else {
            return
        }
        spawn {
            defer { self.endReclaiming(job) }
            try? await self.retryVersionPages(of: workflow, version)
        }
    }

    private func retryVersionPages(of workflow: String, _ version: String) async throws {
        var cursor = unfitCursors[workflow] ?? "0"
        repeat {
            let page = try await command(.fields(keys.unfit(workflow), after: cursor, count: 500))
            var hasFound = false
            for (run, text) in page.elements {
                let words = String(decoding: text, as: UTF8.self).split(separator: " ").map(String.init)
                guard let queue = words.first, configuration.queues.contains(queue), !isPaused(queue: queue),
                    !words.dropFirst().contains(version)
                else { continue }
                hasFound = true
                guard await slots.acquire() else { return }
                if try await !retryVersion(run, of: workflow, version, queue: queue) { slots.releaseUnused() }
            }
            cursor = page.next
            unfitCursors[workflow] = page.next
            if !hasFound { return }
        } while cursor != "0"
    }

    /// - Returns: whether the run's turn is held now, with the slot.
    private func retryVersion(_ id: String, of workflow: String, _ version: String, queue: String) async throws -> Bool
    {
        var isNext = false
        while true {
            let reader = try await evaluate(
                .resume(
                    keys, id, queue: queue, workflow: workflow, isNext: isNext, claims: keys.claimed(name, queue),
                    version: version))
            switch reader.word {
            case "more": isNext = true
            case "resumed":
                logger.notice(
                    "a parked run is taken up by another version of its workflow",
                    metadata: ["run": "\(id)", "workflow": "\(workflow)", "version": "\(version)"])
                let text = try reader.text(1)
                if text.isEmpty { return false }
                noteClaim()
                accept(Array(text.utf8), from: queue)
                return true
            default: return false
            }
        }
    }
}
