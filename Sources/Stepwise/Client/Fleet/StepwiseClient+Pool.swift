// What workers note of Swift's pool.

extension WorkerListing {
    /// - Parameter fields: of its entry.
    mutating func readPool(_ fields: [String: String]) {
        poolHeldSince = fields["pool"].flatMap { Int($0) }
        poolBodies = HeldThread.all(in: fields["poolBodies"])
    }

    /// Which bodies may hold Swift's pool there, in words; empty if that is not known.
    package var poolText: String {
        poolBodies.map { "\($0.holder), since \($0.time)" }.joined(separator: "; ")
    }
}

extension StepwiseClient {
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
