import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// What is wrong with Redis, or with a clock: made, told, and mended; then the run moves.
@Suite("What explain says of Redis", .serialized)
struct ExplainMoreServerTests {
    private let plain = Workflow("plain") { (context, text: String) async throws -> String in
        try await context.run("one") { text }
    }

    /// The run is explained again, and ends with a worker.
    private func expectEnd(
        _ fixture: Fixture, _ run: WorkflowRun<String>, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await fixture.told(.noWorkerForQueue, run.id, .stuck, sourceLocation: sourceLocation)
        try await fixture.withWorker([plain]) {
            let result = try await run.result(timeout: patience)
            #expect(result == "in", sourceLocation: sourceLocation)
        }
    }

    /// Waits until it can be asked again.
    private func isBack(_ fixture: Fixture) async throws {
        try await eventually("Redis answers") {
            let answer = try? await fixture.send("PING").string
            let explanation = try? await fixture.client.explain("r")
            return answer != nil && explanation != nil
        }
    }

    @Test func `A Redis that takes no writes, that is full, or that may remove keys`() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.client.enqueue(plain, "in", id: "r")
            try await fixture.send("CONFIG SET min-replicas-to-write 1")
            let readOnly = try await fixture.told(.redisReadOnly, "r", .stuck)
            #expect(readOnly.next.first?.effect == readOnly.fact("advice"))
            try await fixture.send("CONFIG SET min-replicas-to-write 0")

            try await fixture.send("LPUSH ~inbox:default", #"{"workflow":"plain","payload":"in","id":"pushed"}"#)
            try await fixture.send("CONFIG SET maxmemory 1")
            let full = try await fixture.told(.redisFull, "pushed", .stuck)
            #expect(full.sentence.contains(" of 1 bytes, noeviction)"))
            let queued = try await fixture.told(.redisFull, "r", .stuck)
            #expect(queued.also.contains { $0.cause == .noWorkerForQueue })

            try await fixture.send("CONFIG SET maxmemory 1073741824")
            try await fixture.send("CONFIG SET maxmemory-policy allkeys-lru")
            let evicts = try await fixture.besides(.redisEvicts, "r")
            #expect(evicts.also.contains { $0.sentence.contains("(maxmemory-policy allkeys-lru)") })
            try await fixture.send("CONFIG SET maxmemory 0")
            try await fixture.send("CONFIG SET maxmemory-policy noeviction")
            try await fixture.told(.noWorkerForQueue, "r", .stuck)
            try await fixture.withWorker([plain]) {
                let result = try await run.result(timeout: patience)
                #expect(result == "in")
                try await fixture.told(.completed, "pushed", .ended)
            }
        }
    }

    @Test func `A Redis that is away, that wants a password, or that has data of another version`() async throws {
        try await RedisServer.withServer(appendOnly: true) { server in
            try await Fixture.with(server) { fixture in
                let run = try await fixture.client.enqueue(plain, "in", id: "r")
                server.kill()
                try await fixture.unread(.redisUnreachable, "r")
                try await server.restart()
                try await isBack(fixture)
                try await fixture.told(.noWorkerForQueue, "r", .stuck)

                // Connections that are there stay.
                try await fixture.send("CONFIG SET requirepass secret")
                try await fixture.unread(.redisDenied, "r")
                try await fixture.send("CONFIG SET requirepass", "")

                let format = try await fixture.send("HGET ~meta format").string ?? ""
                try await fixture.send("HSET ~meta format 99")
                try await fixture.unread(.newerFormat, "r")
                try await fixture.send("HSET ~meta format \(format)")
                try await expectEnd(fixture, run)
            }
        }
    }

    @Test func `A Redis that reads its data answers later, by itself`() async throws {
        let debugging = ["--enable-debug-command", "yes"]
        try await RedisServer.withServer(extraArguments: debugging) { server in
            try await Fixture.with(server) { fixture in
                let run = try await fixture.client.enqueue(plain, "in", id: "r")
                try await fixture.send("EVAL", "for n = 1, 6000 do redis.call('SET', 'k' .. n, n) end", "0")
                // A millisecond for each key, and others are answered meanwhile.
                try await fixture.send("CONFIG SET key-load-delay 1000")
                try await fixture.send("CONFIG SET loading-process-events-interval-bytes 1024")
                async let reloaded = server.command("DEBUG", "RELOAD")
                try await fixture.unread(.redisLoading, "r")
                _ = try? await reloaded
                try await isBack(fixture)
                try await expectEnd(fixture, run)
            }
        }
    }

    @Test func `A clock that differs is told besides, and does not keep the run`() async throws {
        let asking = Workflow("asking") { (context, text: String) async throws -> String in
            try await context.waitForEvent("go")
            return text
        }
        try await RedisServer.withServer(clock: .skippable) { server in
            try await Fixture.with(server) { fixture in
                try await fixture.withWorker([asking]) {
                    let run = try await fixture.client.enqueue(asking, "in", id: "r")
                    try await fixture.told(.waitsForEvent, "r", .waiting)
                    try await server.advance(by: .seconds(90))
                    let skewed = try await fixture.besides(.clockSkew, "r")
                    let told = skewed.also.first { $0.cause == .clockSkew }?.sentence ?? ""
                    #expect(told.hasSuffix(" s behind Redis'"), "\(told)")
                    try await fixture.obey(
                        try await fixture.told(.waitsForEvent, "r", .waiting), "stepwise notify go --run r")
                    let result = try await run.result(timeout: patience)
                    #expect(result == "in")
                }
            }
        }
    }
}
