internal import StepwiseRedis

/// A worker's entry in the index of workers: how a name comes, and how it goes.
extension WorkerSession {
    func register(_ workflows: [String]) async throws {
        let versions = workflows.compactMap { name in functions[name]?.version.map { "\(name)=\($0)" } }
        let fields = [
            "state", "alive", "host", WorkerName.host, "pid", String(WorkerName.processID),
            "queues", configuration.queues.joined(separator: " "), "workflows", workflows.joined(separator: " "),
            "versions", versions.joined(separator: " "),
            "concurrency", String(configuration.concurrency), "version", DataFormat.version,
            "maximumWorkerLosses", String(configuration.maximumWorkerLosses),
            "lease", String(configuration.lease.wholeMilliseconds), "free", String(configuration.concurrency),
        ]
        try await evaluate(.registerWorker(keys, name, fields: fields))
        // Behind that: who adds an index waits for the beats of those that are registered.
        indexedLabels = try await command(.indexedLabels(keys)).names
    }

    /// A clean exit: everything that is still in the claim lists goes back, and the name leaves last.
    func deregister() async {
        await finally {
            try await self.releaseAll(of: self.name, queues: self.configuration.queues, lost: false)
            await self.sendLastCounts()
            try await self.evaluate(
                .deregister(self.keys, self.name, queues: self.configuration.queues, age: nil))
        }
        // Redis was another one in the middle of it, which may not know the name.
        if connections.beatGate.isShut { await declareSelfDead() }
    }

    /// The name is given up before its time: others need not wait for the lease. First its entry, then its claims: should this process end in
    /// between, they are swept. Whichever server is there is told, also one that never knew the name.
    func declareSelfDead() async {
        connections.beatGate.admitAll()
        await finally {
            _ = try await self.evaluate(
                .declareSelfDead(self.keys, self.name, queues: self.configuration.queues))
            try await self.releaseAll(of: self.name, queues: self.configuration.queues, lost: false)
            await self.sendLastCounts()
        }
    }

    /// The last calls of a name, after its end. If Redis cannot be reached within 5 s, the sweep does their work.
    ///
    /// - Parameter shutdown: until it opens, they have as long as Redis needs; the caller sees to it that the heartbeat goes on meanwhile.
    func finally(until shutdown: Latch? = nil, _ body: @escaping @Sendable () async throws -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Caller.$current.withValue(.closing) { try? await body() } }
            group.addTask {
                await shutdown?.wait()
                await Latch().wait(atMost: .seconds(5), on: self.connections.beat.eventLoop)
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Waits until nothing is held, at most for a while.
    func waitUntilEmpty(atMost limit: Duration, on engine: WorkerExecutor) async {
        await atMost(limit, on: engine) { await self.waitUntilEmpty() }
    }
}
