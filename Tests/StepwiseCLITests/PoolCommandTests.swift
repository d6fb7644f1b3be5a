import Stepwise
import StepwiseRedis
import StepwiseTesting
import Testing

/// What is told of a worker at which bodies hold Swift's pool.
extension CommandTests {
    private static let name = "held-1-a"

    /// The worker notes something.
    ///
    /// - Parameters:
    ///   - age: for how many milliseconds the pool has been held; empty once it is not.
    ///   - bodies: what holds it.
    ///   - blocking: what holds all threads for bodies that block.
    private func note(
        _ fixture: Fixture, number: Int, age: String, _ bodies: [HeldThread] = [], blocking: [HeldThread] = []
    ) async throws -> Int? {
        let lists = [bodies, blocking].map { $0.isEmpty ? [] : HeldThread.json($0) }
        let script = try #require(ScriptLibrary.all.first { $0.name == "note_pool" })
        let keys = try Keys(namespace: "default")
        return try await fixture.redis.evaluate(
            script.redis, keys: [keys.worker(Self.name)],
            arguments: [.init(number), .init(age), .init(lists[0]), .init(lists[1])]
        ).integer
    }

    @Test func `A worker that claims nothing because its pool is held makes health exit with 1`() async throws {
        try await Fixture.with { fixture in
            // It has left, or Redis has forgotten it: nothing is made of it.
            #expect(try await note(fixture, number: 1, age: "5000") == 0)
            #expect(try await fixture.send("EXISTS ~worker:held-1-a").integer == 0)

            let time = try await fixture.client.redisTime()
            try await fixture.send("HSET ~worker:held-1-a state alive queues default host elsewhere")
            try await fixture.send("ZADD ~workers \(time) held-1-a")
            #expect(try await fixture.stepwise("health").code == 0)
            let body = HeldThread(run: "RUN", step: "render", isBody: true, since: 0)
            #expect(try await note(fixture, number: 1, age: "5000", [body]) == 1)
            let held = try await fixture.stepwise("health")
            #expect(held.code == 1)
            #expect(held.complaint.contains("worker held-1-a claims nothing"))
            #expect(held.complaint.contains(".blocking"))
            let sentence = "the body of step \"render\" of run RUN, since 1970-01-01T00:00:00Z"
            #expect(held.complaint.contains(sentence))
            let table = try await fixture.stepwise("workers").output
            #expect(table.contains("alive, pool held") && table.contains(sentence))
            let warnings = try await Doctor(fixture.client).examine().warnings
            #expect(warnings.count == 1 && warnings[0].contains(sentence))
            let listed = try await fixture.stepwise("workers", "--json").output
            #expect(listed.contains("\"poolHeldSince\":") && !listed.contains("\"poolHeldSince\":null"))

            #expect(try await note(fixture, number: 2, age: "") == 1)
            #expect(try await fixture.stepwise("health").code == 0)
            // It comes a second time, late.
            #expect(try await note(fixture, number: 1, age: "5000") == 0)
            #expect(try await fixture.stepwise("health").code == 0)
            let after = try await fixture.stepwise("workers").output
            #expect(!after.contains("pool held") && !after.contains("render"))
            #expect(try await Doctor(fixture.client).examine().warnings == [])
        }
    }

    @Test func `A worker whose threads for blocking bodies are all held makes health exit with 1`() async throws {
        try await Fixture.with { fixture in
            let time = try await fixture.client.redisTime()
            try await fixture.send("HSET ~worker:held-1-a state alive queues default host elsewhere")
            try await fixture.send("ZADD ~workers \(time) held-1-a")
            let body = HeldThread(run: "RUN", step: "render", isBody: true, since: 0)
            #expect(try await note(fixture, number: 1, age: "", blocking: [body]) == 1)
            let sentence = "the body of step \"render\" of run RUN, since 1970-01-01T00:00:00Z"
            let held = try await fixture.stepwise("health")
            #expect(held.code == 1)
            #expect(held.complaint.contains("begins no more .blocking bodies") && held.complaint.contains(sentence))
            #expect(try await fixture.stepwise("workers").output.contains(sentence))
            let warnings = try await Doctor(fixture.client).examine().warnings
            #expect(warnings.count == 1 && warnings[0].contains(sentence))

            #expect(try await note(fixture, number: 2, age: "") == 1)
            #expect(try await fixture.stepwise("health").code == 0)
            #expect(try await Doctor(fixture.client).examine().warnings == [])
        }
    }
}
