// What workers note of the threads for bodies.

extension WorkerListing {
    /// - Parameter fields: of its entry.
    mutating func readPool(_ fields: [String: String]) {
        poolHeldSince = fields["pool"].flatMap { Int($0) }
        poolBodies = HeldThread.all(in: fields["poolBodies"])
        blockingBodies = HeldThread.all(in: fields["blockingBodies"])
    }

    /// Which bodies may hold Swift's pool there, in words; empty if that is not known.
    package var poolText: String {
        poolBodies.map { "\($0.holder), since \($0.time)" }.joined(separator: "; ")
    }

    /// What holds all threads for `.blocking` bodies there, in words; `nil` if they are not all held.
    package var blockingText: String? {
        if blockingBodies.isEmpty { return nil }
        let bodies = blockingBodies.map { "\($0.holder), since \($0.time)" }.joined(separator: "; ")
        return
            "worker \(name) begins no more .blocking bodies: such that nobody waits for hold all of its threads for them, among them \(bodies)"
    }
}

extension StepwiseClient {
    /// Which of these workers have no thread for `.blocking` bodies any more; `nil` if there is none.
    func blockingProblem(of workers: [WorkerListing]) -> String? {
        let texts = workers.compactMap(\.blockingText)
        if texts.isEmpty { return nil }
        let more = texts.count > 3 ? "; \(texts.count - 3) more workers" : ""
        return texts.prefix(3).joined(separator: "; ") + more
            + "; find out why these bodies do not return, and restart the processes"
    }

    /// Which of these workers claim nothing although they beat, because bodies hold all threads of Swift's pool; `nil` if there is none.
    func poolProblem(of workers: [WorkerListing]) async throws -> String? {
        let held = workers.filter { $0.poolHeldSince != nil }
        guard let since = held.compactMap(\.poolHeldSince).min() else { return nil }
        let age = max(0, try await redisTime() - since) / 1000
        let names = held.prefix(10).map(\.name).joined(separator: ", ") + (held.count > 10 ? ", …" : "")
        let who = held.count == 1 ? "worker \(names) claims nothing" : "\(held.count) workers claim nothing (\(names))"
        let bodies = held.map(\.poolText).filter { !$0.isEmpty }.prefix(3).joined(separator: "; ")
        return who
            + ": for \(age) s bodies have held every thread of Swift's pool there; give steps whose bodies block or "
            + "compute for long the option .blocking, or start more workers"
            + (bodies.isEmpty ? "" : ". Begun and not returned: \(bodies)")
    }
}
