import ArgumentParser
import Stepwise

struct WorkersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers", abstract: "Lists the workers, the dead of the last hour too.",
        discussion: """
            A worker is alive if it beat within the last 15 s by Redis' clock, silent if not, and dead once the others \
            have declared it so; what a dead one held goes back to its queues. A worker whose pool is held claims nothing: \
            step bodies hold every thread of Swift's pool there. Below the table are the runs whose end a worker is \
            writing (they have more than 1,000 open steps, which are withdrawn first), the threads of living \
            workers that user code holds, and clocks that are more than a second off. FREE is how many slots a worker had \
            free at its last heartbeat, LEASE after how long without one others declare it dead. With --busy it lists the \
            bodies that workers have executed for longer than a heartbeat, the oldest five of each; with --json all, up to \
            1,000.
            """)

    @Flag(help: "List what the workers' bodies do.")
    var busy = false

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            let workers = try await client.workers()
            let endings = try await client.endingRuns(heldBy: workers)
            let names = busy ? workers.map { $0.name } : []
            let bodies: [String: [BusyBody]] = try await client.busy(of: names)
            if connection.json {
                let items = workers.map { json($0, endings[$0.name] ?? [], bodies[$0.name] ?? []) }
                Output.print(JSONDocument.object([("workers", .array(items))]))
                return
            }
            let now = try await client.redisTime()
            var table = Table(
                "WORKER", "STATE", "LAST BEAT", "CLAIMS", "FREE", "LAST CLAIM", "LEASE", "QUEUES", "WORKFLOWS", "HOST",
                "PID", "VERSION")
            for worker in workers {
                table.add(
                    worker.name, state(worker, now), Output.length(worker.beatAge),
                    "\(worker.claims)/\(worker.concurrency)", worker.free.map { String($0) } ?? "-",
                    Output.length(since: worker.lastClaim, at: now), Output.length(worker.lease),
                    worker.queues.joined(separator: " "),
                    Output.short(workflows(worker), 40), worker.host, String(worker.pid),
                    worker.version)
            }
            Output.print(table)
            if busy { show(bodies, of: workers, now) }
            for worker in workers {
                for run in endings[worker.name] ?? [] { Output.print("\(worker.name) writes the end of run \(run)") }
            }
            for worker in workers where worker.state == .alive && (!worker.held.isEmpty || worker.isStopped) {
                Output.print("warning: " + worker.stuckText)
            }
            for worker in workers where worker.state == .alive && !worker.poolBodies.isEmpty {
                let text =
                    "the pool of worker \(worker.name) has begun bodies that have not returned: \(worker.poolText)"
                Output.print("warning: " + text)
            }
            for worker in workers where worker.state == .alive {
                if let text = worker.blockingText { Output.print("warning: " + text) }
            }
            for worker in workers where worker.state == .alive {
                if let text = worker.clockText { Output.print("warning: \(text): set the wrong one") }
            }
        }
    }

    /// How many bodies of a worker have a row.
    private static let mostRows = 5

    private func show(_ bodies: [String: [BusyBody]], of workers: [WorkerListing], _ now: Int) {
        var table = Table("BUSY WORKER", "RUN", "STEP", "WORKFLOW", "ATTEMPT", "FOR", "LIMIT")
        for worker in workers {
            for body in bodies[worker.name]?.prefix(Self.mostRows) ?? [] {
                table.add(
                    worker.name, body.run, body.step, body.workflow, String(body.attempt),
                    Output.length(since: body.since, at: now), Output.length(body.limit))
            }
        }
        Output.print("")
        Output.print(table)
        let hidden = bodies.values.reduce(0) { $0 + max(0, $1.count - Self.mostRows) }
        if hidden > 0 { Output.print("and \(hidden) younger ones: see them with --json") }
    }

    private func state(_ worker: WorkerListing, _ now: Int) -> String {
        guard worker.state != .dead, let since = worker.poolHeldSince else { return worker.state.rawValue }
        return "\(worker.state.rawValue), pool held \(Output.length(since: since, at: now))"
    }

    /// `ship greet=2`: those with a version show it.
    private func workflows(_ worker: WorkerListing) -> String {
        worker.workflows.map { name in worker.versions[name].map { "\(name)=\($0)" } ?? name }.joined(separator: " ")
    }

    private func json(_ thread: HeldThread) -> JSONDocument {
        .object([
            ("run", JSONDocument(thread.run)), ("step", JSONDocument(thread.step)), ("isBody", .bool(thread.isBody)),
            ("since", .number(thread.since)),
        ])
    }

    private func json(_ body: BusyBody) -> JSONDocument {
        .object([
            ("run", .string(body.run)), ("step", .string(body.step)), ("workflow", .string(body.workflow)),
            ("attempt", .number(body.attempt)), ("since", .number(body.since)), ("limit", JSONDocument(body.limit)),
        ])
    }

    private func json(_ worker: WorkerListing, _ ending: [String], _ bodies: [BusyBody]) -> JSONDocument {
        var all = members(worker, ending)
        if busy { all.append(("busy", JSONDocument.array(bodies.map { json($0) }))) }
        return .object(all)
    }

    private func members(_ worker: WorkerListing, _ ending: [String]) -> [(String, JSONDocument)] {
        [
            ("name", .string(worker.name)), ("state", .string(worker.state.rawValue)),
            ("beatAge", JSONDocument(worker.beatAge)),
            ("lastBeat", JSONDocument(worker.lastBeat)), ("claims", .number(worker.claims)),
            ("lastClaim", JSONDocument(worker.lastClaim)),
            ("queues", JSONDocument(worker.queues)), ("workflows", JSONDocument(worker.workflows)),
            (
                "versions",
                .object(worker.versions.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
            ),
            ("concurrency", .number(worker.concurrency)), ("host", .string(worker.host)), ("pid", .number(worker.pid)),
            ("version", .string(worker.version)), ("started", JSONDocument(worker.started)),
            ("ending", JSONDocument(ending)),
            ("poolHeldSince", JSONDocument(worker.poolHeldSince)),
            ("poolBodies", .array(worker.poolBodies.map(json))),
            ("blockingBodies", .array(worker.blockingBodies.map(json))),
            ("held", .array(worker.held.map(json))), ("stopped", .bool(worker.isStopped)),
            ("free", JSONDocument(worker.free)), ("lease", JSONDocument(worker.lease)),
            ("clock", JSONDocument(worker.clock)), ("maximumWorkerLosses", JSONDocument(worker.maximumWorkerLosses)),
        ]
    }
}
