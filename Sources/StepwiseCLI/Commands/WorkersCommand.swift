import ArgumentParser
import Stepwise

struct WorkersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers", abstract: "Lists the workers, the dead of the last hour too.",
        discussion: """
            A worker is alive if it beat within the last 15 s by Redis' clock, silent if not, and dead once the others \
            have declared it so; what a dead one held goes back to its queues. A worker whose pool is held claims nothing: \
            step bodies hold every thread of Swift's pool there.
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
                    worker.name, state(worker, now), Output.length(worker.beatAge),
                    "\(worker.claims)/\(worker.concurrency)",
                    Output.length(worker.lastClaim.map { max(0, now - $0) }), worker.queues.joined(separator: " "),
                    Output.short(workflows(worker), 40), worker.host, String(worker.pid),
                    worker.version)
            }
            Output.print(table.text)
        }
    }

    private func state(_ worker: WorkerListing, _ now: Int) -> String {
        guard worker.state != .dead, let since = worker.poolHeldSince else { return worker.state.rawValue }
        return "\(worker.state.rawValue), pool held \(Output.length(max(0, now - since)))"
    }

    /// `ship greet=2`: those with a version show it.
    private func workflows(_ worker: WorkerListing) -> String {
        worker.workflows.map { name in worker.versions[name].map { "\(name)=\($0)" } ?? name }.joined(separator: " ")
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
            ("poolHeldSince", JSONDocument(worker.poolHeldSince)),
        ])
    }
}
