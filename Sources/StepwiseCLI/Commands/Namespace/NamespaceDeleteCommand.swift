import ArgumentParser
import Foundation
import Stepwise

struct NamespaceDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Removes everything in a namespace: every run, schedule and event.",
        discussion: """
            Nothing brings it back. Removes no key of another namespace. Refuses while a worker has beaten within the last 15 s, or within its \
            lease if that is longer, and while items are pushed or runs enqueued. From the first key on until the last one is gone nobody can \
            open the namespace: workers and clients that start fail with otherDataFormat. If it is interrupted, call it again.
            """)

    @Flag(help: "Do not ask for the namespace's name.")
    var yes = false

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if !yes, isatty(FileHandle.standardInput.fileDescriptor) != 1 {
            throw ValidationError("this removes everything: add --yes, or type the namespace's name at a terminal")
        }
    }

    func run() async throws {
        try await connection.withClient { client in
            if !yes { try await ask(client) }
            let removed = try await remove(client)
            let name = client.keys.namespace
            Output.print(
                connection.json ? JSONDocument.object([("removed", .number(removed))]) : nil,
                else: removed == 0
                    ? "namespace \"\(name)\" has no keys" : "removed \(removed) keys: namespace \"\(name)\" is gone")
        }
    }

    private func remove(_ client: StepwiseClient) async throws -> Int {
        defer { Output.replaceLine(nil) }
        return try await client.deleteNamespace(progress: {
            Output.replaceLine("removed \($0.removed) of about \($0.found) keys")
        })
    }

    /// - Throws: `ExitCode(2)` unless the namespace's name is typed.
    private func ask(_ client: StepwiseClient) async throws {
        let summary = try await client.namespaceSummary()
        let name = client.keys.namespace
        Output.complain(
            "namespace \"\(name)\" has \(summary.isComplete ? "" : "at least ")\(summary.keysFound) keys, \(summary.liveRuns) live runs and "
                + "\(summary.schedules) schedules; type its name to remove all of it:")
        if readLine() == name { return }
        Output.complain("that is not its name: nothing was removed")
        throw ExitCode(2)
    }
}
