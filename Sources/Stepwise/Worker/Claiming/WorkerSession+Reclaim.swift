extension WorkerSession {
    /// Claims unserved work items of a workflow, the oldest first, of the queues that this worker serves, until none is left. Stands in line
    /// for slots with the claim loops.
    func reclaim(_ workflow: String) {
        guard !isPaused(workflow: workflow), beginReclaiming(workflow) else { return }
        spawn {
            defer { self.endReclaiming(workflow) }
            // What is for other queues and for other versions is passed over.
            var passed = 0
            while passed < 1000, await self.slots.acquire() {
                let step = (try? await self.reclaimOne(of: workflow, passing: passed)) ?? .none
                if step != .claimed { self.slots.release() }
                switch step {
                case .claimed, .gone: break
                case .notForUs: passed += 1
                case .none: return
                }
            }
        }
    }

    private enum Reclaiming {
        case claimed
        /// Somebody else was faster, or this was the answer to a second sending: then the comparison of claims finds it.
        case gone
        case notForUs
        case none
    }

    private func reclaimOne(of workflow: String, passing passed: Int) async throws -> Reclaiming {
        guard let text = try await command(.unserved(keys, of: workflow, passing: passed)) else { return .none }
        guard let workItem = WorkItem(text), let run = workItem.run else { return .notForUs }
        let about = try await command(.run(keys, run, .queue, .unfit, .status))
        let queue = about.text(.queue) ?? "default"
        // What belongs to no live run is dropped by whoever claims it.
        let isLive = about.status.map { !$0.isDecided } ?? false
        guard configuration.queues.contains(queue), !isPaused(queue: queue),
            !isLive || reasonToWait(workflow, incompatibleVersions: about.incompatibleVersions) == nil
        else {
            return .notForUs
        }
        let isTurn = if case .turn = workItem { true } else { false }
        let isClaimed = try await evaluate(
            .reclaim(
                keys, run: run, workflow: workflow, queue: queue, claims: keys.claimed(name, queue), text: text,
                isTurn: isTurn))
        guard isClaimed else { return .gone }
        noteClaim()
        accept(Array(text.utf8), from: queue)
        return .claimed
    }
}
