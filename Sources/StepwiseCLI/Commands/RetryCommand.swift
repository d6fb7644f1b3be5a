import ArgumentParser
import Stepwise

struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Makes the next attempt of a step that has failed at once.",
        discussion: """
            For a step that waits for its next attempt, as `stepwise status` shows it. How many attempts there are stays as it is. A start that was \
            enqueued for later, a sleep, and a wait for an event, a callback or a child are not retried; the command says what helps there. It exits \
            with 2 if the run or the step does not wait for another attempt.
            """)

    @Argument(help: "The run's id.")
    var run: String

    @Argument(help: "The step as `stepwise status` shows it, such as charge or 'charge#2'.")
    var step: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let id: String = run
        try await connection.withClient { client in
            let step = await meant(in: id, client)
            let attempt = try await client.retry(id, step: step)
            Output.print(
                connection.json
                    ? JSONDocument.object([
                        ("id", .string(id)), ("step", .string(step)), ("attempt", .number(attempt)),
                    ]) : nil,
                else: "\(id): attempt \(attempt) of step \(step) waits no longer")
            await warn(of: id, client)
        }
    }

    /// What cannot be seen of a name is shown as an escape, and may be typed as one.
    private func meant(in id: String, _ client: StepwiseClient) async -> String {
        guard step.utf8.contains(UInt8(ascii: "\\")), let open = try? await client.openSteps(ofRun: id),
            !open.contains(where: { $0.step == step })
        else { return step }
        return open.first { $0.step.printable == step }?.step ?? step
    }

    /// Says what else keeps the step from being executed.
    private func warn(of id: String, _ client: StepwiseClient) async {
        guard let details = try? await client.details(ofRun: id), let paused = try? await client.paused() else {
            return
        }
        if let pause = paused.queues[details.queue] {
            let resume = client.keys.command("resume --queue \(details.queue.shellWord)")
            Output.complain("queue \(details.queue) is paused \(pause.words); to let it go on: \(resume)")
        }
        if let pause = paused.workflows[details.workflow] {
            let resume = client.keys.command("resume --workflow \(details.workflow.shellWord)")
            Output.complain("workflow \(details.workflow) is paused \(pause.words); to let it go on: \(resume)")
        }
    }
}
