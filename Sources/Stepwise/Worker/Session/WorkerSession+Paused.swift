internal import Logging

/// What is paused, as the last beat told: `queue:<queue>` and `workflow:<workflow>`.
extension WorkerSession {
    /// What of this worker can be paused.
    var pausables: [String] {
        configuration.queues.map { "queue:\($0)" } + workflowNames.map { "workflow:\($0)" }
    }

    // Asked for each claim and step; mostly nothing is.
    func isPaused(queue: String) -> Bool {
        let paused = paused
        return !paused.isEmpty && paused.contains("queue:\(queue)")
    }

    func isPaused(workflow: String) -> Bool {
        let paused = paused
        return !paused.isEmpty && paused.contains("workflow:\(workflow)")
    }

    /// Takes in what is paused now. Claims that wait on a queue which is newly paused are ended.
    func setPaused(_ told: Set<String>) {
        // When user code holds too many threads, nothing is claimed until one is free.
        let now = left.isFull ? told.union(configuration.queues.map { "queue:\($0)" }) : told
        let before = exchangePaused(now)
        if now == before { return }
        logger.notice(
            "what is paused has changed",
            metadata: ["paused": "\(now.sorted().joined(separator: " "))"])
        for (source, client) in connections.blocking {
            let name = "queue:\(source.queue)"
            guard now.contains(name), !before.contains(name) else { continue }
            spawn { await self.stopWaiting(client) }
        }
    }

    /// Asked before the first claim.
    func askForPaused() async throws {
        setPaused(try await command(.paused(keys, among: pausables)))
    }
}
