import ArgumentParser
import Stepwise

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tells why a run does not move, and what to do; without a run: all that does not move by itself.",
        discussion: """
            The first line says what is so. Below it are the facts, what to do next, and the commands that show it in Redis. A line behind Next that \
            has a command can be given to a shell as it is. Nothing is changed.

            Without a run there is a row for each cause: how many it concerns (with a + if only a part was looked at), since when the oldest, \
            workflows, runs, and what to do.

            Exit codes: 0 it moves, waits, has completed or was cancelled; 1 it is stuck, has failed, or nothing is known of it; 2 Redis \
            could not be asked, and the first complaint begins with the cause; 64 wrong usage.
            """)

    @Argument(help: "The run's id.")
    var run: String?

    @Option(help: ArgumentHelp("How long Redis may take to answer: \(Times.lengthHelp).", valueName: "length"))
    var timeout = "15s"

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        _ = try limit()
        guard let run else { return }
        do { try Identifier.check(run, what: "run id") } catch { throw ValidationError("\(error)") }
    }

    private func limit() throws -> Duration { try Times.duration(timeout, "--timeout", to: 3600) }

    func run() async throws {
        let limit = try limit()
        let id: String? = run
        let code = try await connection.withClient { client in
            guard let id else { return try await tell(client, within: limit) }
            return try await tell(id, client, within: limit)
        }
        if code != 0 { throw ExitCode(code) }
    }

    /// - Returns: the exit code.
    private func tell(_ id: String, _ client: StepwiseClient, within limit: Duration) async throws -> Int32 {
        do {
            let found = try await Self.ask(client, within: limit) { try await client.explain(id) }
            if connection.json { Output.print(found.document) } else { found.print() }
            return found.exitCode
        } catch let error as StepwiseError {
            guard let unread = Explanation(of: id, unreadable: error, keys: client.keys) else { throw error }
            if connection.json { Output.print(unread.document) } else { unread.complain() }
            return 2
        }
    }

    private func tell(_ client: StepwiseClient, within limit: Duration) async throws -> Int32 {
        do {
            let found = try await Self.ask(client, within: limit) { try await client.explain() }
            if connection.json { Output.print(found.document) } else { found.print() }
            return found.exitCode
        } catch let error as StepwiseError {
            guard let unread = FleetExplanation(unreadable: error, keys: client.keys) else { throw error }
            if connection.json {
                Output.print(unread.document)
            } else {
                Explanation(of: "", unreadable: error, keys: client.keys)?.complain()
            }
            return 2
        }
    }

    /// - Throws: what `body` throws, and `redisUnavailable` if it takes longer.
    private static func ask<Found: Sendable>(
        _ client: StepwiseClient, within limit: Duration, _ body: @escaping @Sendable () async throws -> Found
    ) async throws -> Found {
        try await withThrowingTaskGroup(of: Found?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try? await Task.sleep(atMost: limit)
                return nil
            }
            defer { group.cancelAll() }
            if let found = try await group.next().flatMap({ $0 }) { return found }
            throw StepwiseError(.redisUnavailable, await client.silence(within: limit))
        }
    }
}
