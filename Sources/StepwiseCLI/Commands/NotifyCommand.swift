import ArgumentParser
import Stepwise

struct NotifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify", abstract: "Sends an event to a run, or to everybody who waits for it.",
        discussion: """
            To a run it is kept until the run asks. To everybody it reaches those who wait now, and with --keep also those who come later; \
            while one of its name is kept, another one is not sent. Exits 2 if the run has ended.
            """)

    @Argument(help: "The event's name.")
    var event: String

    @Argument(help: "Its value as JSON; - reads it from stdin. Default: null.")
    var value: String?

    @Option(help: ArgumentHelp("The run that it is for. Default: everybody who waits.", valueName: "id"))
    var run: String?

    @Option(help: "With --run: the event's own id; the same id twice is one event.")
    var id: String?

    @Option(help: ArgumentHelp("To everybody: keep it for those who come later.", valueName: "seconds"))
    var keep: Double?

    @Option(help: "To everybody: the queue whose workers do it.")
    var queue = "default"

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if id != nil, run == nil { throw ValidationError("--id is for an event to a run: add --run") }
        if keep != nil, run != nil {
            throw ValidationError("--keep is for an event to everybody; one to a run is kept until the run asks")
        }
        if let keep, !(keep > 0 && keep <= 1e9) {
            throw ValidationError("--keep must be more than 0 and at most 1e9 seconds")
        }
    }

    func run() async throws {
        let json = try StandardInput.json(value)
        try await connection.withClient { client in
            var answer = "sent"
            if let run {
                switch try await client.notify(event, json: json, run: run, id: id) {
                case .received: answer = "received"
                case .kept: answer = "kept"
                case .repeated: answer = "repeated"
                }
            } else {
                let keep = keep.map(Duration.init(boundedSeconds:))
                switch try await client.notify(event, json: json, keep: keep, queue: queue) {
                case .sent: break
                case .keptAlready: answer = "kept already, not sent"
                }
            }
            Output.print(connection.json ? JSONDocument.object([("answer", .string(answer))]).text : answer)
        }
    }
}
