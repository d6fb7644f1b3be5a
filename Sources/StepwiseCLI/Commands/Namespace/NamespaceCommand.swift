import ArgumentParser

struct NamespaceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "namespace", abstract: "What a namespace holds, and its deletion.",
        discussion: "The namespace is the one of --namespace, or else of STEPWISE_NAMESPACE, or else default.",
        subcommands: [NamespaceShowCommand.self, NamespaceDeleteCommand.self])
}
