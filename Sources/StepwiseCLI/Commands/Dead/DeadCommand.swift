import ArgumentParser

struct DeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead", abstract: "Failed runs, and what to do with them.",
        discussion: """
            A run whose function ended in an error waits here for somebody to decide: resume it (it goes on under its id and tries again what \
            failed), restart it (a new run begins its work anew), or delete it.
            """,
        subcommands: [
            DeadListCommand.self, DeadShowCommand.self, DeadResumeCommand.self, DeadRestartCommand.self,
            DeadDeleteCommand.self,
        ],
        defaultSubcommand: DeadListCommand.self)
}
