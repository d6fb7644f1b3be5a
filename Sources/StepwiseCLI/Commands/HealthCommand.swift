import ArgumentParser
import Stepwise

struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Exits 0 if Redis answers and a worker is alive, else 1 with the reason.",
        discussion: """
            For a container's probe. A worker is alive if it beat within the last 15 s by Redis' clock. Exits 1 as well \
            while a function or a body holds a thread of one of them, while step bodies hold every thread of Swift's pool \
            at one (it claims nothing), while work waits on a queue of which no worker claims anything, and while Redis' \
            memory is full (it refuses new runs) or it takes no writes for another reason. A queue that no worker serves counts if one of \
            the 1,000 runs that have been queued for longest is on it. Of Redis and of such queues --worker-on-this-host says \
            nothing while a worker beats: a restart would not help.
            """)

    @Flag(help: "Ask for a worker whose host is this machine's name.")
    var workerOnThisHost = false

    @Option(help: ArgumentHelp("How long Redis may take to answer: \(Times.lengthHelp).", valueName: "length"))
    var timeout = "5s"

    @OptionGroup var connection: ConnectionOptions

    func validate() throws { _ = try limit() }

    private func limit() throws -> Duration { try Times.duration(timeout, "--timeout", to: 3600) }

    func run() async throws {
        let limit = try limit()
        let (alive, reason) = try await connection.withClient { await ask($0, within: limit) }
        if connection.json {
            Output.print(
                JSONDocument.object([
                    ("healthy", .bool(reason == nil)), ("workers", JSONDocument(alive)),
                    ("reason", JSONDocument(reason)),
                ]))
        } else if let reason {
            Output.complain(reason)
        } else {
            Output.print("\(alive.count) alive: \(alive.joined(separator: " "))")
        }
        if reason != nil { throw ExitCode(1) }
    }

    /// A Redis that does not answer is a reason like any other.
    private func ask(_ client: StepwiseClient, within limit: Duration) async -> (alive: [String], reason: String?) {
        let onThisHost = workerOnThisHost
        return await withTaskGroup(of: (alive: [String], reason: String?)?.self) { group in
            group.addTask {
                do {
                    let health = try await client.health(onThisHost: onThisHost)
                    return (health.alive.map(\.name), health.reason)
                } catch is CancellationError {
                    return nil
                } catch {
                    return ([], "\(error)")
                }
            }
            group.addTask {
                try? await Task.sleep(atMost: limit)
                return nil
            }
            defer { group.cancelAll() }
            if let answer = await group.next().flatMap({ $0 }) { return answer }
            return ([], await client.silence(within: limit))
        }
    }
}
