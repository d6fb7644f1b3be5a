import ArgumentParser
import Stepwise

struct WorkersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers", abstract: "Lists the workers, the dead of the last hour too.",
        discussion: """
            A worker is alive if it beat within the last 15 s by Redis' clock, silent if not, and dead once the others \
            have declared it so; what a dead one held goes back to its queues. Below the table stands what user code \
            holds of the threads of those that are alive.
            """)

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            let workers = try await client.workers()
            if connection.json {
                Output.print(JSONDocument.object([("workers", .array(workers.map(json)))]).text)
                return
            }
            let now = try await client.redisTime()
            var table = Table(
                "WORKER", "STATE", "LAST BEAT", "CLAIMS", "LAST CLAIM", "QUEUES", "WORKFLOWS", "HOST", "PID", "VERSION")
            for worker in workers {
                table.add(
                    worker.name, worker.state.rawValue, Output.length(worker.beatAge),
                    "\(worker.claims)/\(worker.concurrency)",
                    Output.length(worker.lastClaim.map { max(0, now - $0) }), worker.queues.joined(separator: " "),
                    Output.short(workflows(worker), 40), worker.host, String(worker.pid),
                    worker.version)
            }
            Output.print(table.text)
            for worker in workers where worker.state == .alive && (!worker.held.isEmpty || worker.isStopped) {
                Output.print("warning: " + Table.printable(worker.stuckText))
            }
        }
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

    private func json(_ worker: WorkerListing) -> JSONDocument {
        .object([
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
            ("held", .array(worker.held.map(json))), ("stopped", .bool(worker.isStopped)),
        ])
    }
}
