import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

@Suite("enqueue --wait", .serialized)
struct WaitCommandTests {
    @Test(.rule(6)) func `It needs no right to subscribe`() async throws {
        let double = Workflow("double") { (context, number: Int) async throws -> Int in
            try await context.sleep(for: .milliseconds(300))
            return 2 * number
        }
        try await Fixture.with { fixture in
            _ = try await fixture.redis.send(
                ["ACL", "SETUSER", "deaf", "on", ">pw", "~*", "resetchannels", "+@all"])
            let url = fixture.server.url.replacing("unix://", with: "unix://deaf:pw@")
            try await fixture.withWorker([double]) {
                let end = try await fixture.stepwise("enqueue", "double", "21", "--wait", "--redis", url)
                #expect(end.code == 0 && end.output == "42\n", "\(end)")
            }
        }
    }

    @Test(.rule(6), .scenario(48)) func `It goes on when Redis dies and comes back`() async throws {
        let server = try await RedisServer.start(appendOnly: true)
        defer { server.stop() }
        try await Fixture.with(server) { fixture in
            let command = Task {
                try await fixture.stepwise("enqueue", "nobody-has-it", "--id", "a", "--wait", "--timeout", "90")
            }
            try await eventually("it waits") {
                try await fixture.send("PUBSUB NUMSUB ~ended:a").array?.last?.integer == 1
            }
            // It asks because it is told of an end, and gets no answer.
            try await fixture.send("MULTI")
            try await fixture.send("CLIENT PAUSE 60000 WRITE")
            try await fixture.send("PUBLISH ~ended:a ended")
            try await fixture.send("EXEC")
            try await eventually("it asks") {
                let clients = try await fixture.send("CLIENT LIST").string ?? ""
                return clients.split(separator: "\n").contains {
                    $0.contains(" name=stepwise:client ") && $0.contains(" flags=b")
                }
            }
            server.kill()
            try await server.restart()
            try await eventually("the run is cancelled") { (try? await fixture.client.cancel("a")) != nil }
            let end = try await command.value
            #expect(end.code == 1 && end.complaint.contains("is cancelled"), "\(end)")
        }
    }
}
