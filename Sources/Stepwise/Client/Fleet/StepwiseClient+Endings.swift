extension StepwiseClient {
    /// The runs whose end is being written, by the worker that does it.
    ///
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func endingRuns(heldBy workers: [WorkerListing]) async throws -> [String: [String]] {
        var endings: [String: [String]] = [:]
        // There is hardly ever one: then nobody's claims are read.
        let some = try await command(.runs(keys, .ending, from: 0, count: 1), doing: "listing the ending runs")
        if some.isEmpty { return endings }
        for worker in workers where worker.claims > 0 {
            for queue in worker.queues {
                let items = try await command(
                    .items(keys.claimed(worker.name, queue), count: Self.page), doing: "reading the claims")
                for item in items {
                    guard case .end(let run, _)? = WorkItem(String(decoding: item, as: UTF8.self)) else { continue }
                    endings[worker.name, default: []].append(run)
                }
            }
        }
        return endings
    }
}
