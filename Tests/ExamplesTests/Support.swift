import ExampleSupport
import Examples
import Foundation
import Logging
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

/// Each has a redis-server whose time is skipped and workers of its own; one after the other.
@Suite("Examples", .serialized)
struct ExampleTests {}

/// What a test of an example works with.
struct World: Sendable {
    var client: StepwiseClient
    var server: RedisServer
    var books: Books

    /// Lets time pass, for Redis: nothing of the examples or the workers knows that it was skipped.
    func skip(_ time: Duration) async throws {
        try await server.advance(by: time)
    }

    /// Waits until so many timers are set, and nothing else is going on: what comes next is that time passes.
    func atRest(_ timers: Int, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await eventually("\(timers) timers are set", sourceLocation: sourceLocation) {
            let totals = try await client.queueTotals()
            return totals.delayed == timers && totals.queues.allSatisfy { $0.ready == 0 && $0.claimed == 0 }
        }
    }

    func expectOrder(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await expectSound(client, sourceLocation: sourceLocation)
    }
}

/// Calls `body` while two workers execute all examples, for a redis-server whose clock can be moved; ends them, gracefully.
func withExamples(_ schedules: [Schedule] = [], _ body: (World) async throws -> Void) async throws {
    try await RedisServer.withServer(clock: .skippable) { server in
        let books = Books(folder: server.folder + "/books")
        let redis = try RedisEndpoint(server.url)
        let client = try StepwiseClient(redis: redis, logger: .silent)
        let workers = try (0..<2).map { _ in
            try StepwiseWorker(
                redis: redis, workflows: exampleWorkflows(books, day: .days(1)), schedules: schedules,
                configuration: .init(queues: ["default", StockTake.queue]), logger: .silent)
        }
        let result: Result<Void, any Error>
        do {
            try await serving(workers) {
                let world = World(client: client, server: server, books: books)
                try await body(world)
                try await world.expectOrder()
            }
            result = .success(())
        } catch { result = .failure(error) }
        await client.close()
        try result.get()
    }
}

/// Calls `body` with books in a folder of their own.
func withBooks(_ body: (Books) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("books-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(Books(folder: folder.path))
}
