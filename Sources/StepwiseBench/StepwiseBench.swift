import ArgumentParser
import Stepwise

@main
struct StepwiseBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "StepwiseBench", abstract: "Measures Stepwise beside what Redis itself can do.",
        subcommands: [
            MeasureCommand.self, SleepersCommand.self, SteadyCommand.self, CountsCommand.self, WorkerCommand.self,
        ],
        defaultSubcommand: MeasureCommand.self)
}
