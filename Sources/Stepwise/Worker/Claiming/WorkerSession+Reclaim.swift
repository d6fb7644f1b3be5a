internal import StepwiseRedis

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
        let item = try await command(["LINDEX", .init(keys.unserved(workflow)), .init(-1 - passed)])
        guard let text = item.string else { return .none }
        guard let workItem = WorkItem(text), let run = workItem.run else { return .notForUs }
        let about = try await command(["HMGET", .init(keys.run(run)), "queue", "unfit", "status"]).array ?? []
        guard about.count == 3 else { return .notForUs }
        let queue = about[0].string ?? "default"
        let incompatibleVersions = about[1].string?.split(separator: " ").map(String.init) ?? []
        // What belongs to no live run is dropped by whoever claims it.
        let isLive = about[2].string.map { !RunStatus(rawValue: $0).isEnded } ?? false
        guard configuration.queues.contains(queue), !isPaused(queue: queue),
            !isLive || reasonToWait(workflow, incompatibleVersions: incompatibleVersions) == nil
        else {
            return .notForUs
        }
        let isTurn = if case .turn = workItem { true } else { false }
        let isClaimed = try await evaluate(
            .reclaim(
                keys, run: run, workflow: workflow, claims: keys.claimed(name, queue), text: text, isTurn: isTurn))
        guard isClaimed else { return .gone }
        noteClaim()
        accept(Array(text.utf8), from: queue)
        return .claimed
    }
}
