import Digest
import Foundation
import Logging
import NIOPosix
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Testing

@Suite("A run of the digest example", .serialized)
struct DigestRunTests {
    /// A server, two worker processes that have registered, a folder of 24 files and one for output.
    private func withFleet(_ body: (_ server: RedisServer, _ data: String, _ out: String) async throws -> Void)
        async throws
    {
        try await RedisServer.withServer { server in
            try await withFolder { data in
                try await withFolder { out in
                    for number in 1...24 {
                        let text = String(repeating: "file number \(number)\n", count: number)
                        try FileManager.default.createDirectory(
                            atPath: "\(data)/\(number % 3)", withIntermediateDirectories: true)
                        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(data)/\(number % 3)/\(number).txt"))
                    }
                    let workers = try (1...2).map { number in
                        try Program(
                            digestExecutable(),
                            ["worker", "--redis", server.url, "--concurrency", "3", "--lease", "2"],
                            output: "\(out)/worker-\(number).log")
                    }
                    try await registered(2, server)
                    try await body(server, data, out)
                    for worker in workers {
                        worker.terminate()
                        #expect(await worker.status() == 0, "a worker that is asked to end ends well: \(worker.text)")
                    }
                }
            }
        }
    }

    private func registered(_ count: Int, _ server: RedisServer) async throws {
        let client = RedisClient(
            address: try RedisAddress(url: server.url), eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "digest.tests"))
        for _ in 0..<1_000 {
            let reply = try await client.send(["ZCARD", "stepwise:{default}:workers"])
            if reply.integer == count { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        let workers = try await client.send(["ZCARD", "stepwise:{default}:workers"]).integer
        await client.close()
        try #require(workers == count, "the workers have not registered within 20 s")
    }

    /// The manifest's files as sha256sum and wc see them, not as the example does.
    private func expected(_ data: String) async throws -> [FileDigest] {
        var files: [FileDigest] = []
        for path in try await shell("cd \(data) && find . -type f | cut -c 3- | sort").split(separator: "\n").map(
            String.init)
        {
            let file = "\(data)/\(path)"
            let sum = try await shell(
                "if command -v sha256sum >/dev/null; then sha256sum < \(file); else shasum -a 256 < \(file); fi")
            let counts = try await shell("wc -l -w -c < \(file)").split(separator: " ").compactMap { Int($0) }
            files.append(
                FileDigest(
                    path: path, sha256: String(sum.prefix(64)), bytes: counts[2], lines: counts[0], words: counts[1]))
        }
        return files
    }

    @Test func `over two worker processes writes the right manifest, and both take part`() async throws {
        try await withFleet { server, data, out in
            let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: Logger(label: "digest.tests"))
            let request = DigestRequest(directory: data, manifest: "\(out)/manifest.json", slowMilliseconds: 50)
            let run = try await client.enqueue(.digest, request)
            let summary = try await run.result(timeout: .seconds(60))
            let manifest = try JSONDecoder().decode(
                Manifest.self, from: Data(contentsOf: URL(fileURLWithPath: "\(out)/manifest.json")))
            #expect(try await manifest.files == expected(data))
            #expect(manifest.directory == data)
            #expect(summary == DigestSummary(manifest: "\(out)/manifest.json", totals: manifest.totals))
            #expect(summary.totals.files == 24)
            let history = try await run.history()
            #expect(history.count == 26, "a step a file, the list and the manifest")
            #expect(Set(history.map(\.worker)).count == 2)
            await client.close()
        }
    }

    @Test
    func `started from the command line shows its progress in plain lines and ends with the totals`() async throws {
        try await withFleet { server, data, out in
            let command = try Program(
                digestExecutable(), ["run", "--dir", data, "--out", "\(out)/manifest.json", "--id", "again"],
                environment: ["STEPWISE_REDIS_URL": server.url], output: "\(out)/run.log")
            #expect(await command.status() == 0)
            let lines = command.text.split(separator: "\n").map(String.init)
            #expect(lines.first == "run again of workflow digest")
            #expect(lines.contains { $0.hasPrefix("24/24 files, ") })
            #expect(
                lines.suffix(2) == ["24 files, 4455 bytes, 300 lines, 900 words", "manifest: \(out)/manifest.json"])
            #expect(!command.text.contains("\u{1B}"), "no terminal codes in a file")

            try FileManager.default.removeItem(atPath: "\(out)/manifest.json")
            let again = try Program(
                digestExecutable(), ["run", "--id", "again", "--redis", server.url], output: "\(out)/again.log")
            #expect(await again.status() == 0)
            #expect(again.text.contains("was there already"))
            #expect(again.text.contains("24 files, 4455 bytes"))
            #expect(!FileManager.default.fileExists(atPath: "\(out)/manifest.json"), "nothing is done twice")
        }
    }

    @Test func `over a folder that is not there fails at once and says so`() async throws {
        try await withFleet { server, _, out in
            let command = try Program(
                digestExecutable(), ["run", "--dir", "/nowhere-at-all", "--redis", server.url], output: "\(out)/run.log"
            )
            #expect(await command.status() != 0)
            #expect(command.text.contains("in step \"list\""))
            #expect(command.text.contains("nowhere-at-all"))
        }
    }
}
