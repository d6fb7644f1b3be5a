import ArgumentParser
import Stepwise

struct NotifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify", abstract: "Sends an event to a run, or to everybody who waits for it.",
        discussion: """
            To a run it is received by a step that waits for it, or kept until the run asks, also if there is no such run yet. To everybody it \
            reaches those who wait now, and with --keep also those who come later. While one of its name is kept, another one that is to be \
            kept is not sent, and the command exits with 1. It exits with 2 if the run has completed or was cancelled, or if its mailbox is full.
            """)

    @Argument(help: "The event's name.")
    var event: String

    @Argument(help: "Its value as JSON; - reads it from stdin. Default: null.")
    var value: String?

    @Option(help: ArgumentHelp("The run that it is for. Default: everybody who waits.", valueName: "id"))
    var run: String?

    @Option(help: "With --run: the event's own id; the same id twice is one event.")
    var id: String?

    @Option(
        help: ArgumentHelp(
            "To everybody: keep it so long for those who come later: \(Times.lengthHelp).", valueName: "length"))
    var keep: String?

    @Option(help: "To everybody: the queue whose workers do it.")
    var queue = "default"

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if id != nil, run == nil { throw ValidationError("--id is for an event to a run: add --run") }
        if keep != nil, run != nil {
            throw ValidationError("--keep is for an event to everybody; one to a run is kept until the run asks")
        }
        _ = try kept()
    }

    private func kept() throws -> Duration? { try keep.map { try Times.duration($0, "--keep") } }

    func run() async throws {
        let json = try StandardInput.json(value)
        try await connection.withClient { client in
            if let run {
                switch try await client.notify(event, json: json, run: run, id: id) {
                case .received: tell("received")
                case .kept: await tellKept(run, client)
                case .repeated:
                    tell("repeated", "run \(run) was sent an event with this id before; nothing was changed")
                }
            } else {
                switch try await client.notify(event, json: json, keep: kept(), queue: queue) {
                case .sent:
                    tell("sent")
                    await client.suggest(queue: queue)
                case .keptAlready:
                    tell("kept already, not sent")
                    throw ExitCode(1)
                }
            }
        }
    }

    /// Says what the event waits for. The event is sent, even if this look at the run fails.
    private func tellKept(_ run: String, _ client: StepwiseClient) async {
        let details: RunDetails?
        do { details = try await client.details(ofRun: run) } catch { return tell("kept") }
        let status = ("status", JSONDocument(details?.status.rawValue))
        if details == nil {
            tell("kept", "there is no run \(run) yet", status)
        } else if details?.status == .failed {
            tell("kept", "run \(run) has failed, and may ask once it is resumed", status)
        } else {
            tell("kept", nil, status)
        }
    }

    private func tell(_ answer: String, _ more: String? = nil, _ members: (String, JSONDocument)...) {
        if connection.json {
            var all: [(String, JSONDocument)] = [("answer", .string(answer))]
            all += members
            Output.print(JSONDocument.object(all))
        } else {
            Output.print(more.map { "\(answer): \($0)" } ?? answer)
        }
    }
}
