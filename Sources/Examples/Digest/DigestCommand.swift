import ArgumentParser

/// The example's command line: workers that digest files, and the command that asks them to.
@main
struct DigestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Digest",
        abstract: "SHA-256, bytes, lines and words of every file under a folder, computed by any number of workers.",
        discussion: """
            Start as many workers as you like, then a run:

              Digest worker &
              Digest worker &
              Digest run --dir /usr/share/perl5/Debconf --out manifest.json

            A worker that dies in between costs time, not results.
            """,
        subcommands: [WorkerCommand.self, RunCommand.self])
}
