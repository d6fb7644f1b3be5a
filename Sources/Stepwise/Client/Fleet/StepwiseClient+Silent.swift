/// A worker that is not heard of and holds work of a run.
package struct SilentHolder: Sendable, Hashable {
    package var worker: String
    /// Since its last beat, or since it was declared dead, in milliseconds; `nil` if it is not known.
    package var silence: Int?
    package var isDead: Bool
    package var holdsTurn: Bool
    /// The steps whose bodies it has claimed.
    package var steps: [String]
}

extension StepwiseClient {
    /// The workers that hold a run's turn or a step of it and have not beaten for 2 seconds. A worker that is well beats twice a second.
    ///
    /// - Parameter workers: all of them.
    package func silentHolders(of run: RunRecord, among workers: [WorkerListing]) async throws -> [SilentHolder] {
        let silent = workers.filter { worker in
            worker.queues.contains(run.details.queue) && (worker.state != .alive || worker.beatAge ?? .max >= 2000)
        }
        let claims = try await all(
            silent.map {
                StoreCommand<[[UInt8]]>.items(keys.claimed($0.name, run.details.queue), count: Self.page)
            }, doing: "reading the claims")
        return zip(silent, claims).compactMap { worker, items in
            var holder = SilentHolder(
                worker: worker.name, silence: worker.beatAge, isDead: worker.state == .dead,
                holdsTurn: run.turn.hasPrefix(worker.name + " "), steps: [])
            for item in items {
                switch WorkItem(String(decoding: item, as: UTF8.self)) {
                case .turn(let id, _)? where id == run.details.id: holder.holdsTurn = true
                case .step(let id, _, _, let step)? where id == run.details.id: holder.steps.append(step)
                default: break
                }
            }
            return holder.holdsTurn || !holder.steps.isEmpty ? holder : nil
        }
    }
}
