import ArgumentParser
import Foundation
import Logging
import Stepwise

/// `Digest run`: starts a run, shows how far it is, and prints what came out. It needs the workflow's name, not its code.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Have the files under a folder digested, and wait for the manifest.")

    @OptionGroup var common: CommonOptions

    // Every Debian and Ubuntu has this folder, the smallest image included: its package, debconf, is part of each installation,
    // and images that leave out documentation keep it. It holds about a hundred text files in several folders.
    @Option(help: "The folder. The workers read it, under this path.")
    var dir = "/usr/share/perl5/Debconf"

    @Option(help: "The file that the manifest goes to. A worker writes it, under this path.")
    var out = "manifest.json"

    @Option(help: "The run's id. The same id again starts nothing new: it waits for the first run's result.")
    var id: String?

    @Option(help: "The queue that the workers work on.")
    var queue = "default"

    @Option(name: .customLong("slow-ms"), help: "Milliseconds that each file takes longer, to have time to watch.")
    var slowMilliseconds = 0

    func validate() throws {
        if slowMilliseconds < 0 { throw ValidationError("--slow-ms is \(slowMilliseconds); it must not be negative") }
    }

    func run() async throws {
        let client = try StepwiseClient(
            redis: common.endpoint(), namespace: common.chosenNamespace(), logger: common.logger())
        do {
            try await digest(client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    private func digest(_ client: StepwiseClient) async throws {
        let request = DigestRequest(
            directory: absolute(dir), manifest: absolute(out), slowMilliseconds: slowMilliseconds)
        let run = try await client.enqueue(.digest, request, id: id, .queue(queue))
        print(run.isNew ? "run \(run.id) of workflow digest" : "run \(run.id) was there already; this is its result")
        let progress = Task { try await ProgressDisplay(of: run).show() }
        let result = await Task { try await run.result() }.result
        progress.cancel()
        _ = await progress.result
        let summary = try result.get()
        let totals = summary.totals
        print("\(totals.files) files, \(totals.bytes) bytes, \(totals.lines) lines, \(totals.words) words")
        print("manifest: \(summary.manifest)")
    }

    private func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}
