import ArgumentParser
import ExampleSupport
import Stepwise

struct OnboardingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "onboarding", abstract: "Welcome a customer, and look after them until they unsubscribe.")

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "The customer, and the run's id.")
    var name: String

    func run() async throws {
        try await connection.withClient { client in
            let run = try await client.enqueue(.onboarding, Customer(name: name), id: name)
            print("run \(run.id); it ends with: stepwise notify unsubscribe --run \(run.id)")
        }
    }
}
