import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

private struct Declined: Error {}

private let echo = Workflow("echo") { (context, number: Int) async throws -> Int in
    try await context.run("say", .key(number)) { number }
}
private let fails = Workflow("fails") { (context, _: Int) async throws -> Int in
    try await context.run("charge", .retry(.fixed(.milliseconds(1), attempts: 2))) { () async throws -> Int in
        throw Declined()
    }
}
private let asks = Workflow("asks") { (context, _: Int) async throws -> Int in
    let callback = try await context.callback("approved", as: Int.self)
    return try await callback.value(timeout: .seconds(600))
}
private let rests = Workflow("rests") { (context, _: Int) async throws -> Int in
    try await context.waitForEvent("never", as: Int.self)
}
private let waits = Workflow("waits") { (context, _: Int) async throws -> Int in
    async let child = context.invoke(rests, 2, name: "second", id: "child")
    async let word = context.waitForEvent("word", as: Int.self)
    return try await child + word
}
private let slow = Workflow("slow") { (context, _: Int) async throws -> Int in
    try await context.run("charge", .retry(.fixed(.seconds(36_000)))) { () async throws -> Int in throw Declined() }
}
private let works = Workflow("works") { (context, _: Int) async throws -> Int in
    try await context.run("render", .timeout(.seconds(3600))) { () async throws -> Int in
        try await Task.sleep(for: .seconds(3600))
        return 1
    }
}

@Suite("What every command exits with, and its JSON", .serialized)
struct CommandTableTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Schemas")

    private func schema(of command: String) throws -> SchemaChecker {
        let file = Self.folder.appendingPathComponent(command.replacing(" ", with: "-") + ".json")
        return SchemaChecker(try JSONTree(json: String(contentsOf: file, encoding: .utf8)))
    }

    /// What the rows need.
    ///
    /// - Returns: a callback's token.
    private func populate(_ fixture: Fixture) async throws -> String {
        let client = fixture.client
        _ = try await client.enqueue(workflow: "echo", payloadJSON: "1", id: "done", .label("tenant", "acme"))
        for id in ["bad", "bad2", "bad3"] { _ = try await client.enqueue(workflow: "fails", payloadJSON: "1", id: id) }
        let asking = try await client.enqueue(asks, 0, id: "asks")
        _ = try await client.enqueue(waits, 0, id: "waits")
        _ = try await client.enqueue(slow, 0, id: "slow")
        _ = try await client.enqueue(works, 0, id: "works")
        try await fixture.send("LPUSH ~inbox:default", "rubbish")
        try await eventually("all are where they wait") {
            let failed = try await client.runs(status: .failed, limit: 9)
            let completed = try await client.runs(status: .completed, limit: 9)
            let asked = try await client.openSteps(ofRun: "asks").map(\.step)
            let waiting = try await client.openSteps(ofRun: "waits")
            let totals = try await client.queueTotals()
            return failed.count == 3 && completed.count == 1 && asked == ["approved"] && totals.malformed == 1
                && waiting.count { $0.state.child != nil || $0.state.event != nil } == 2
        }
        let worker = try await client.workers().first?.name ?? ""
        try await eventually("a step waits for its second attempt, and the worker tells of a body") {
            let failed = try await client.openSteps(ofRun: "slow").first?.state
            let bodies = try await client.busy(of: worker)
            return failed?.attempt == 2 && failed?.place == "item" && bodies.map(\.run) == ["works"]
        }
        let token = try await asking.history().first?.value ?? ""
        return token.replacing("\"", with: "")
    }

    @Test func `Each command exits as the table says, and its JSON is what its schema says`() async throws {
        try await Fixture.with { fixture in
            let commands = try await fixture.commands()
            try await fixture.withWorker([echo, fails, asks, rests, waits, slow, works]) {
                let token = try await populate(fixture)
                for row in CommandTable.rows {
                    if let planting = row.planting { try await fixture.send(planting) }
                    let words = row.line.split(separator: " ").map { $0 == "TOKEN" ? token : String($0) }
                    let end = try await fixture.run(words + ["--json"])
                    #expect(end.code == row.code, "\(row.line): \(end)")
                    let documents = end.output.split(separator: "\n").map(String.init)
                    // Who is refused, or is told of wrong usage, gets no half of an answer.
                    #expect(documents.isEmpty == (end.code > 1), "\(row.line): \(end)")
                    guard !documents.isEmpty, let command = row.command(of: commands) else { continue }
                    let schema = try schema(of: command)
                    for document in documents {
                        let problems = schema.problems(of: try JSONTree(json: document))
                        #expect(problems.isEmpty, "\(row.line): \(document)")
                    }
                }
            }
        }
    }

    @Test func `Each command has a row that succeeds and a schema, and no schema is anybody else's`() async throws {
        try await Fixture.with { fixture in
            let commands = try await fixture.commands()
            #expect(commands.count > 25)
            let succeeding = CommandTable.rows.filter { $0.code == 0 }.compactMap { $0.command(of: commands) }
            for command in commands { #expect(succeeding.contains(command), "\(command) has no row in CommandTable") }
            let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).sorted()
            #expect(files == commands.map { $0.replacing(" ", with: "-") + ".json" }.sorted())
            for row in CommandTable.rows { #expect(row.command(of: commands) != nil, "\(row.line) is no command") }
        }
    }

    @Test func `An option that is none is wrong usage to each command, and a Redis that is not there is told`()
        async throws
    {
        try await Fixture.with { fixture in
            let commands = try await fixture.commands()
            for command in commands {
                let wrong = try await fixture.run(command.split(separator: " ").map(String.init) + ["--no-such-option"])
                #expect(wrong.code == 64 && wrong.output.isEmpty && !wrong.complaint.isEmpty, "\(command): \(wrong)")
            }
            // All at once: each of them tries for some seconds.
            let nowhere = "unix://\(fixture.server.folder)/nobody.sock"
            try await withThrowingTaskGroup(of: Void.self) { group in
                for command in commands {
                    let row = CommandTable.rows.first { $0.code == 0 && $0.command(of: commands) == command }
                    guard let row else { continue }
                    // Of the right form.
                    let token = "r:" + String(repeating: "0", count: 32)
                    let words = row.line.split(separator: " ").map { $0 == "TOKEN" ? token : String($0) }
                    group.addTask {
                        let end = try await fixture.run(words + ["--redis", nowhere])
                        #expect(end.code == CommandTable.withoutRedis[command] ?? 2, "\(command): \(end)")
                        #expect(end.output.isEmpty && !end.complaint.isEmpty, "\(command): \(end)")
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
