import Stepwise
import StepwiseRedis
import StepwiseTesting
import Testing

/// What is told of a worker at which bodies hold Swift's pool.
extension CommandTests {
    private static let name = "held-1-a"

    /// The worker notes something.
    ///
    /// - Parameter age: for how many milliseconds the pool has been held; empty once it is not.
    private func note(_ fixture: Fixture, number: Int, age: String) async throws -> Int? {
        let script = try #require(ScriptLibrary.all.first { $0.name == "note_pool" })
        let keys = try Keys(namespace: "default")
        return try await fixture.redis.evaluate(
            script.redis, keys: [keys.worker(Self.name)], arguments: [.init(number), .init(age)]
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
            #expect(try await note(fixture, number: 1, age: "5000") == 1)
            let held = try await fixture.stepwise("health")
            #expect(held.code == 1)
            #expect(held.complaint.contains("worker held-1-a claims nothing"))
            #expect(held.complaint.contains(".blocking"))
            #expect(try await fixture.stepwise("workers").output.contains("alive, pool held"))
            let listed = try await fixture.stepwise("workers", "--json").output
            #expect(listed.contains("\"poolHeldSince\":") && !listed.contains("\"poolHeldSince\":null"))

            #expect(try await note(fixture, number: 2, age: "") == 1)
            #expect(try await fixture.stepwise("health").code == 0)
            // It comes a second time, late.
            #expect(try await note(fixture, number: 1, age: "5000") == 0)
            #expect(try await fixture.stepwise("health").code == 0)
            #expect(try await !fixture.stepwise("workers").output.contains("pool held"))
        }
    }
}
