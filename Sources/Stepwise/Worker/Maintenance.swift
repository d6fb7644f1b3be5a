import Logging
internal import StepwiseRedis

/// What a worker does besides its claims, driven by its beats: due entries, the dead, the unserved, the expired, and the comparison
/// of its memory with its claim lists.
actor Maintenance {
    private let worker: Incarnation
    private var fleet: FleetWatch
    private var overdue: Set<String> = []
    private var sweptDead: [String: ContinuousClock.Instant] = [:]
    private var nextExpiry = ContinuousClock.now + .seconds(5)

    /// How long a dead worker's name stays in the index: a blocking claim that was frozen with it can still be served.
    private static let burialMilliseconds = 3_600_000

    init(worker: Incarnation) {
        self.worker = worker
        fleet = FleetWatch(lease: worker.configuration.lease)
    }

    func run(_ beats: AsyncStream<BeatReply?>) async {
        for await beat in beats {
            if worker.isOver { return }
            guard let beat else {
                fleet.lookAway()
                continue
            }
            if beat.isBuried {
                worker.end(.buried)
                return
            }
            do {
                try await tend(beat)
            } catch is IncarnationOver {
                return
            } catch {
                worker.logger.warning("upkeep failed; it is tried again", metadata: ["error": "\(error)"])
            }
        }
    }

    private func tend(_ beat: BeatReply) async throws {
        let now = ContinuousClock.now
        // First, while the lists are fresh.
        if let lists = beat.lists { await compare(with: lists.claims) }
        let still = fleet.look(beat.workers, at: now)
        let leads = fleet.leads(worker.name)
        // One worker is enough to promote; the others only take over what it leaves lying.
        try await promote(leads ? beat.due : beat.due.filter(overdue.contains))
        overdue = Set(beat.due)
        if leads { try await promoteMore(after: beat.due.count) }
        for dead in still where dead.name != worker.name {
            try await tendDead(dead.name, beat: dead.beat, leads: leads)
        }
        sweptDead = sweptDead.filter { name, _ in still.contains { $0.name == name } }
        if let lists = beat.lists {
            for index in lists.unserved { try await readmit(worker.workflowNames[index]) }
        }
        if leads, now >= nextExpiry {
            nextExpiry = now + .seconds(60)
            try await expire(.completed, age: worker.configuration.completedRetention)
            try await expire(.cancelled, age: worker.configuration.completedRetention)
            try await expire(.failed, age: worker.configuration.failedRetention)
        }
    }

    // MARK: Due entries

    /// After a full page, page after page until one is short; as many as a beat has time for.
    private func promoteMore(after count: Int) async throws {
        var count = count
        var pages = 0
        while count == Heartbeat.duePage, pages < 50 {
            let time = try await worker.command(["TIME"]).array?.compactMap(\.integer) ?? []
            guard time.count == 2 else { return }
            let due = try await worker.command([
                "ZRANGEBYSCORE", .init(worker.keys.delayed), "-inf", .init(time[0] * 1000 + time[1] / 1000), "LIMIT",
                "0",
                .init(Heartbeat.duePage),
            ])
            let entries = due.array?.compactMap(\.string) ?? []
            try await promote(entries)
            count = entries.count
            pages += 1
        }
    }

    /// An entry is the queue's name, a space, and the invocation.
    private func promote(_ entries: [String]) async throws {
        var queues: [String: [String]] = [:]
        for entry in entries { queues[String(entry.prefix { $0 != " " }), default: []].append(entry) }
        for (queue, entries) in queues {
            _ = try await worker.evaluate(
                ScriptLibrary.promote, [worker.keys.delayed, worker.keys.queue(queue)],
                [.init(queue.utf8.count + 1)] + entries.map { .init($0) })
        }
    }

    // MARK: The dead

    private func tendDead(_ name: String, beat: String, leads: Bool) async throws {
        let now = ContinuousClock.now
        let reply = try await worker.evaluate(
            ScriptLibrary.bury, [worker.keys.workers, worker.keys.worker(name)], [.init(name), .init(beat)])
        let isMine = reply.integer == 1
        if isMine {
            worker.logger.notice(
                "a worker's beat stood still for a lease; its claims go back", metadata: ["dead": "\(name)"])
        } else {
            // Somebody else buried it. One worker looks after the dead, now and then.
            guard leads, now - (sweptDead[name] ?? (now - .seconds(3600))) >= worker.configuration.lease / 2 else {
                return
            }
        }
        sweptDead[name] = now
        try await worker.sweep(name, leaveAfter: Self.burialMilliseconds)
    }

    // MARK: The worker's own claims

    private func compare(with list: [[UInt8]]) async {
        let difference = worker.hand.difference(to: list)
        for item in difference.unknown {
            worker.logger.notice(
                "a claim whose reply was lost is taken up",
                metadata: ["item": "\(String(decoding: item.prefix(200), as: UTF8.self))"])
            worker.takeUp(item)
        }
        for item in difference.missing {
            guard case .step(let run, _, _, let step)? = Invocation(String(decoding: item, as: UTF8.self)) else {
                continue
            }
            await worker.driver(of: run)?.cancelBody(of: step)
        }
    }

    // MARK: The unserved

    private func readmit(_ workflow: String) async throws {
        let items =
            try await worker.command(["LRANGE", .init(worker.keys.unserved(workflow)), "-100", "-1"]).array ?? []
        for text in items.reversed().compactMap(\.string) {
            guard let invocation = Invocation(text), let run = invocation.run else { continue }
            let queue = try await worker.command(["HGET", .init(worker.keys.run(run)), "queue"]).string ?? "default"
            let isCarry = if case .carry = invocation { true } else { false }
            _ = try await worker.evaluate(
                ScriptLibrary.readmit,
                [worker.keys.run(run), worker.keys.unserved(workflow), worker.keys.queue(queue)],
                [.init(text), isCarry ? "1" : ""])
        }
    }

    // MARK: The expired

    private func expire(_ status: RunStatus, age: Duration) async throws {
        guard age > .zero else { return }
        let keys = worker.keys
        for _ in 0..<20 {
            let reply = try await worker.evaluate(
                ScriptLibrary.expired, [keys.runs(status)], [.init(Int(age.milliseconds))])
            let ids = reply.array?.compactMap(\.string) ?? []
            if ids.isEmpty { return }
            _ = try await worker.evaluate(
                ScriptLibrary.forget,
                [keys.runs(status)] + ids.flatMap { [keys.run($0), keys.steps($0), keys.open($0), keys.join($0)] },
                [.init(status.rawValue)] + ids.map { .init($0) })
        }
    }
}
