extension WorkerSession {
    /// What is gone through, once at a time: unserved work items, or the runs that another version of a workflow could not replay.
    enum Reclaimed: Hashable {
        case unserved(UnservedList)
        case unfit(workflow: String)
    }

    /// The lists of unserved work items that this worker might do, in a circle: there is one for each queue and workflow, so what waits in a queue
    /// that it does not serve is not in its way.
    ///
    /// - Parameter first: the number of the first; a number beyond the last is that of one before.
    func unservedLists(from first: Int, atMost most: Int) -> [UnservedList] {
        let (queues, workflows) = (configuration.queues, workflowNames)
        let count = queues.count * workflows.count
        return (0..<min(most, count)).map { offset in
            let number = ((first &+ offset) & Int.max) % count
            return UnservedList(queue: queues[number / workflows.count], workflow: workflows[number % workflows.count])
        }
    }

    /// Claims unserved work items of a list, the oldest first, until none is left. Stands in line for slots with the claim loops.
    func reclaim(_ list: UnservedList) {
        guard !isPaused(workflow: list.workflow), !isPaused(queue: list.queue), beginReclaiming(.unserved(list)) else {
            return
        }
        spawn {
            defer { self.endReclaiming(.unserved(list)) }
            // What is for other versions is passed over.
            var passed = 0
            while passed < 1000, await self.slots.acquire() {
                let step = (try? await self.reclaimOne(of: list, passing: passed)) ?? .none
                if step != .claimed { self.slots.releaseUnused() }
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

    private func reclaimOne(of list: UnservedList, passing passed: Int) async throws -> Reclaiming {
        guard let text = try await command(.unserved(keys, list, passing: passed)) else { return .none }
        guard let workItem = WorkItem(text), let run = workItem.run else { return .notForUs }
        let about = try await command(.run(keys, run, .unfit, .status))
        // What belongs to no live run is dropped by whoever claims it.
        let isLive = about.status.map { !$0.isDecided } ?? false
        guard !isPaused(queue: list.queue),
            !isLive || reasonToWait(list.workflow, incompatibleVersions: about.incompatibleVersions) == nil
        else {
            return .notForUs
        }
        let isTurn = if case .turn = workItem { true } else { false }
        let isClaimed = try await evaluate(
            .reclaim(
                keys, run: run, list, claims: keys.claimed(name, list.queue), text: text,
                isTurn: isTurn))
        guard isClaimed else { return .gone }
        noteClaim()
        accept(Array(text.utf8), from: list.queue)
        return .claimed
    }
}
