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

    @Test func `An id that it made up is told at once, and the end of the wait says how to wait again`() async throws {
        try await Fixture.with { fixture in
            let payload = #"{"sku":"B 2"}"#
            let end = try await fixture.stepwise(
                "enqueue", "nobody-has-it", payload, "--queue", "orders", "--wait", "--timeout", "0.2", "--namespace",
                "eu")
            #expect(end.code == 2 && end.output.isEmpty, "\(end)")
            let lines = end.complaint.split(separator: "\n").map(String.init)
            let first = try #require(lines.first)
            #expect(lines.count == 2 && first.hasPrefix("stepwise: run "), "\(end)")
            let id = first.replacing("stepwise: run ", with: "")
            let command =
                "stepwise enqueue nobody-has-it '\(payload)' --id \(id.shellWord) --queue orders --wait --namespace eu"
            #expect(lines.last?.hasSuffix("only the wait has ended; wait again: \(command)") == true, "\(end)")
            let again = try await fixture.shell(
                command.replacing("stepwise ", with: "\"$STEPWISE\" ") + " --timeout 0.2")
            #expect(again.code == 2 && again.complaint.contains("run \(id) was there already"), "\(again)")
        }
    }

    @Test func `A password that is wrong by now ends the wait, and says that the run is enqueued`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.redis.send(["ACL", "SETUSER", "app", "on", ">first", "~*", "&*", "+@all"])
            let url = fixture.server.url.replacing("unix://", with: "unix://app:first@")
            let command = Task {
                try await fixture.stepwise(
                    "enqueue", "nobody-has-it", "--id", "a", "--wait", "--timeout", "60", "--redis", url)
            }
            try await eventually("it waits") {
                try await fixture.send("PUBSUB NUMSUB ~ended:a").array?.last?.integer == 1
            }
            _ = try await fixture.redis.send(["ACL", "SETUSER", "app", "resetpass", ">second"])
            _ = try await fixture.redis.send(["CLIENT", "KILL", "USER", "app"])
            let end = try await command.value
            #expect(end.code == 2 && end.complaint.contains("WRONGPASS"), "\(end)")
            let words =
                "the run is enqueued, only the wait has ended; wait again: stepwise enqueue nobody-has-it --id a --wait "
            #expect(end.complaint.contains(words + "--redis 'unix://app:***@"), "\(end)")
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
