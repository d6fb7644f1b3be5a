import ArgumentParser
import Foundation
import Stepwise

/// The command line: one command a question.
struct StepwiseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stepwise",
        abstract: "Starts runs of durable workflows on Redis and looks at them.",
        discussion: """
            Exit codes: 0 all is well; 1 a problem was found, or the run failed; 2 it could not be done; 64 wrong usage.
            """,
        version: stepwiseVersion,
        subcommands: [
            EnqueueCommand.self, StatusCommand.self, ExplainCommand.self, HistoryCommand.self, TailCommand.self,
            ChildrenCommand.self, PauseCommand.self, ResumeCommand.self, RetryCommand.self,
            CancelCommand.self, NotifyCommand.self, EventsCommand.self, CallbackCommand.self,
            DeadCommand.self,
            RunsCommand.self, IndexCommand.self, SchedulesCommand.self, ScheduleCommand.self,
            WorkersCommand.self, StatsCommand.self, QueuesCommand.self, DoctorCommand.self, HealthCommand.self,
            NamespaceCommand.self,
        ])
}

@main
enum Main {
    static func main() async {
        // A reader that has seen enough (`| head`) is not an error; `Output` looks at what a write answers.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try StepwiseCommand.parseAsRoot()
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch {
            let code = StepwiseCommand.exitCode(for: error)
            // The end that was told already, and help.
            if error is ExitCode || code == .success { StepwiseCommand.exit(withError: error) }
            // The parser knows its own errors and how to help with them; of the others, one sentence is enough.
            if code != .failure {
                Output.complain(
                    usage: StepwiseCommand.fullMessage(for: error),
                    start: "Error: " + StepwiseCommand.message(for: error))
                if let question = question(CommandLine.arguments.dropFirst()) { Output.complain(question) }
                exit(code.rawValue)
            }
            Output.complain("\(error)")
            exit(2)
        }
    }

    /// Which command may have been meant by the first word that is none; `nil` if all are, or nothing is near.
    private static func question(_ words: some Sequence<String>) -> String? {
        var commands = StepwiseCommand.configuration.subcommands
        for word in words {
            guard let command = commands.first(where: { $0.configuration.commandName == word }) else {
                let name = Nearest.name(to: word, among: commands.compactMap { $0.configuration.commandName })
                return name.map { "there is no command \(word); did you mean \"\($0)\"?" }
            }
            commands = command.configuration.subcommands
        }
        return nil
    }
}
