import ArgumentParser
import Foundation
import Stepwise

struct EnqueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enqueue", abstract: "Starts a run and prints its id.",
        discussion:
            "With --wait, prints the output's JSON when the run has ended; exits 1 if it failed or was cancelled. "
            + "An id that it has made up goes to stderr at once: with --id the same command waits again.")

    @Argument(help: "The workflow's name.")
    var workflow: String

    @Argument(help: "The input as JSON; - reads it from stdin. Default: null.")
    var payload: String?

    @Option(help: "The run's id; the same id twice starts one run. Default: a new one.")
    var id: String?

    @Option(help: "The queue.")
    var queue = "default"

    @Option(help: ArgumentHelp("A label to find the run by; may be repeated.", valueName: "name=value"))
    var label: [String] = []

    @Option(
        help: ArgumentHelp(
            "The run has to be done within so long, or it is cancelled and fails: \(Times.lengthHelp).",
            valueName: "length"))
    var runTimeout: String?

    @Option(help: ArgumentHelp("Start it so long from now: \(Times.lengthHelp).", valueName: "length"))
    var after: String?

    @Option(help: ArgumentHelp("Start it then: 2026-12-01T09:00:00Z.", valueName: "time"))
    var at: String?

    @Flag(help: "Wait for the run's end.")
    var wait = false

    @Option(
        help: ArgumentHelp(
            "With --wait: give up waiting after so long; the run goes on: \(Times.lengthHelp).", valueName: "length"))
    var timeout: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if timeout != nil, !wait { throw ValidationError("--timeout says how long to wait: add --wait") }
        _ = try Labels.parse(label)
        _ = try start()
        if after != nil, at != nil { throw ValidationError("--after and --at both say when to start: use one") }
        _ = try limit()
        _ = try patience()
    }

    private func limit() throws -> Duration? { try runTimeout.map { try Times.duration($0, "--run-timeout") } }

    private func patience() throws -> Duration? { try timeout.map { try Times.duration($0, "--timeout") } }

    private func start() throws -> EnqueueOption {
        if let after {
            // As long as anything can be.
            return .after(try Times.duration(after, "--after", from: 0, to: 1e9 * 86_400))
        }
        guard let at else { return .after(.zero) }
        guard let date = Times.date(at) else {
            throw ValidationError("--at \(at) is not a time: use \(Times.dateForm)")
        }
        return .at(date)
    }

    func run() async throws {
        let payload = self.payload == "-" ? try StandardInput.text() : self.payload ?? "null"
        let end = try await connection.withClient { client in
            let run = try await client.enqueue(
                workflow: workflow, payloadJSON: payload, id: id, .queue(queue), .labels(try Labels.parse(label)),
                .runTimeout(limit()), start())
            if !run.isNew { Output.complain("run \(run.id) was there already; nothing was started") }
            guard wait else {
                Output.print(
                    connection.json
                        ? JSONDocument.object([("id", .string(run.id)), ("isNew", .bool(run.isNew))]) : nil,
                    else: run.id)
                // The id first: Redis may be away from now on.
                await client.suggest(workflow: workflow, queue: queue)
                return StepwiseClient.StoredEnd?.none
            }
            // At once: whoever ends this command has to know it.
            if id == nil { Output.complain("run \(run.id)") }
            await client.suggest(workflow: workflow, queue: queue)
            let end = try await awaitEnd(of: run, client)
            report(run, end, client.keys)
            return end
        }
        if let end, end.status != .completed { throw ExitCode(1) }
    }

    /// An error that ends the wait says how to wait again.
    private func awaitEnd(
        of run: WorkflowRun<Void>, _ client: StepwiseClient
    ) async throws -> StepwiseClient.StoredEnd {
        do {
            return try await client.storedEnd(ofRun: run.id, timeout: patience())
        } catch let error as StepwiseError where error.code != .runGone {
            var told = error
            told.message += "; the run is enqueued, only the wait has ended; wait again: \(again(run.id, client.keys))"
            throw told
        }
    }

    /// The command that waits for the same run. If Redis has lost it meanwhile, it starts it anew.
    private func again(_ id: String, _ keys: Keys) -> String {
        var words = [workflow.shellWord]
        if let payload {
            // A long input, or one of stdin, is given there again. A number below zero would be taken for an option without the space.
            let isRead = payload == "-" || payload.utf8.count > 500
            words.append(isRead ? "-" : (payload.hasPrefix("-") ? " " + payload : payload).shellWord)
        }
        words += ["--id", id.shellWord]
        if queue != "default" { words += ["--queue", queue.shellWord] }
        for text in label { words += ["--label", text.shellWord] }
        if let runTimeout { words += ["--run-timeout", runTimeout.shellWord] }
        return keys.command("enqueue \(words.joined(separator: " ")) --wait")
    }

    private func report(_ run: WorkflowRun<Void>, _ end: StepwiseClient.StoredEnd, _ keys: Keys) {
        if connection.json {
            Output.print(
                JSONDocument.object([
                    ("id", .string(run.id)), ("isNew", .bool(run.isNew)), ("status", .string(end.status.rawValue)),
                    ("output", JSONDocument(stored: end.output.isEmpty ? nil : end.output)),
                    ("error", JSONDocument(stored: end.error.isEmpty ? nil : end.error)),
                ]))
        } else if end.status == .completed {
            Output.print(JSONDocument(stored: end.output))
        } else {
            Output.complain(
                "run \(run.id) \(end.status.rawValue == "failed" ? "failed: \(end.error)" : "is \(end.status)"); "
                    + "look at its steps: \(keys.command("history \(run.id.shellWord)"))")
        }
    }
}
