import ArgumentParser

/// The examples' command line: a worker for all of them, and for each the command that starts it.
@main
struct ExamplesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Examples",
        abstract: "Workflows that wait: for days, for an answer, for other workflows, for a photo.",
        discussion: """
            Start a worker for which a day takes five seconds, then try an example:

              Examples worker --books /tmp/books --day 5 &
              Examples payment 17

            What was done lies in the folder, a file each.
            """,
        subcommands: [
            WorkerCommand.self, OnboardingCommand.self, PaymentCommand.self, ApprovalCommand.self, ImagesCommand.self,
            StockTakeCommand.self,
        ])
}
