import ArgumentParser

/// The example's command line: workers that fulfil orders, and the command that places one.
@main
struct OrderFulfilmentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "OrderFulfilment",
        abstract: "Charges, reserves and ships; when shipping fails for good, releases and refunds.",
        discussion: """
            Start a worker, then place orders:

              OrderFulfilment worker --books /tmp/books &
              OrderFulfilment order --to Berlin
              OrderFulfilment order --to nowhere

            What was charged, reserved and undone lies in the folder, a file each.
            """,
        subcommands: [WorkerCommand.self, OrderCommand.self])
}
