import ArgumentParser
import Stepwise

struct CallbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "callback", abstract: "Answers a run that has asked somebody outside, or asks it to wait longer.",
        subcommands: [Complete.self, Extend.self])

    struct Complete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Answers a callback. The first answer counts; exits 1 if there was one before.")

        @Argument(help: "The callback's token.")
        var token: String

        @Argument(help: "The answer as JSON; - reads it from stdin. Default: null.")
        var value: String?

        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            let json = try StandardInput.json(value)
            let delivery = try await connection.withClient { try await $0.complete(token, json: json) }
            let answer =
                switch delivery {
                case .received: "received"
                case .kept: "kept"
                case .repeated: "repeated"
                }
            Output.print(connection.json ? JSONDocument.object([("answer", .string(answer))]) : nil, else: answer)
            if delivery == .repeated { throw ExitCode(1) }
        }
    }

    struct Extend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a callback's wait end later. Exits 1 if no step waits for it with a timeout.")

        @Argument(help: "The callback's token.")
        var token: String

        @Option(help: ArgumentHelp("For how long, from now on: \(Times.lengthHelp).", valueName: "length"))
        var by: String

        @OptionGroup var connection: ConnectionOptions

        func validate() throws { _ = try Times.duration(by, "--by") }

        func run() async throws {
            let duration = try Times.duration(by, "--by")
            let isExtended = try await connection.withClient { try await $0.extend(token, by: duration) }
            let answer = isExtended ? "extended" : "nobody waits"
            Output.print(connection.json ? JSONDocument.object([("answer", .string(answer))]) : nil, else: answer)
            if !isExtended { throw ExitCode(1) }
        }
    }
}
