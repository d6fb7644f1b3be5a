import ExampleSupport
import Examples
import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

/// The onboarding example in processes of its own, of which one dies while the customer's run sleeps.
@Suite(.serialized) struct ExampleKillTests {
    @Test(.scenario(30))
    func `A worker is killed during a sleep of three days; another, started on the third, goes on`() async throws {
        try await RedisServer.withServer(clock: .skippable) { server in
            let folder = server.folder + "/books"
            let books = Books(folder: folder)
            func worker(_ name: String) throws -> WorkerProcess {
                try WorkerProcess(
                    program: "Examples",
                    ["worker", "--redis", server.url, "--namespace", "examples", "--books", folder, "--lease", "1"],
                    log: server.folder + "/\(name).log")
            }
            let client = try StepwiseClient(
                redis: RedisEndpoint(server.url), namespace: "examples", logger: .silent)
            defer { Task { await client.close() } }
            func expectMails(_ mails: [String]) async throws {
                let hasCome = try await comesTrue {
                    let lines = try books.lines(in: "mail").sorted()
                    // The run sleeps, and the weekly summary waits for its time.
                    let totals = try await client.queueTotals()
                    return lines == mails && totals.delayed == 2 && totals.queues.allSatisfy { $0.claimed == 0 }
                }
                let lines = try books.lines(in: "mail")
                #expect(hasCome, "\(lines)")
            }
            let first = try worker("first")
            defer { first.kill() }
            let run = try await client.enqueue(.onboarding, Customer(name: "Ada"), id: "Ada")
            try await expectMails(["Ada: welcome"])
            first.kill()
            try await server.advance(by: .days(3))
            #expect(try await run.history().map(\.step) == ["welcome"])
            let second = try worker("second")
            defer { second.kill() }
            try await expectMails(["Ada: reminder", "Ada: welcome"])
            let workers = try await run.history().filter { $0.step != "sleep" }.map(\.worker)
            #expect(Set(workers).count == 2, "\(workers)")
            try await run.notify("unsubscribe")
            #expect(try await run.result(timeout: .seconds(60)) == 0)
            try await expectSound(client)
            await second.terminate()
        }
    }
}
