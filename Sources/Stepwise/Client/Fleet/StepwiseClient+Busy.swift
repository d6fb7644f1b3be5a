// What workers do just now.

extension WorkerListing {
    /// - Parameter fields: of its entry.
    mutating func readFacts(_ fields: [String: String]) {
        func number(_ name: String) -> Int? { fields[name].flatMap { Int($0) } }
        lease = number("lease")
        maximumWorkerLosses = number("maximumWorkerLosses")
        free = number("free")
        clock = number("clock")
    }

    /// How far its clock differs from Redis', in words; `nil` for a second or less.
    package var clockText: String? {
        guard let clock, clock.magnitude > 1000 else { return nil }
        let (seconds, tenths) = (clock.magnitude / 1000, clock.magnitude % 1000 / 100)
        let words = seconds < 10 ? "\(seconds).\(tenths)" : "\(seconds)"
        return "the clock of worker \(name) on host \(host) is \(words) s \(clock > 0 ? "ahead of" : "behind") redis'"
    }
}

extension StepwiseClient {
    /// The bodies of steps that a worker has executed for longer than a heartbeat, at most 1,000, the oldest first. None for a worker that is not
    /// there, or is dead.
    ///
    /// Bodies that hold the worker's own thread are not among them; see ``WorkerListing/held``.
    ///
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func busy(of worker: String) async throws -> [BusyBody] {
        try await busy(of: [worker])[worker] ?? []
    }

    /// The same of many workers, by their names. One that does nothing is left out.
    package func busy(of workers: [String]) async throws -> [String: [BusyBody]] {
        var busy: [String: [BusyBody]] = [:]
        // Each may have 1,000.
        for page in workers.pages(of: 20) {
            let replies: [[BusyBody]] = try await all(
                page.map { .busy(keys, of: $0) }, doing: "reading what workers do")
            for (worker, bodies) in zip(page, replies) where !bodies.isEmpty {
                busy[worker] = bodies.sorted { ($0.since, $0.run, $0.step) < ($1.since, $1.run, $1.step) }
            }
        }
        return busy
    }
}
