import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

@Suite("Commands that are suggested", .serialized)
struct NamespaceCommandTests {
    @Test func `What is suggested leads to the namespace and the server that it was asked of, and can be pasted`()
        async throws
    {
        try await Fixture.with { fixture in
            _ = try await fixture.redis.send(["ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all"])
            let (url, login) = (fixture.server.url, fixture.server.url.replacing("unix://", with: "unix://app:secret@"))
            let hidden = url.replacing("unix://", with: "unix://app:***@")
            let cases: [(options: [String], environment: [String: String], suggested: String)] = [
                ([], [:], "stepwise resume r"),
                (["--namespace", "other_1"], [:], "stepwise resume r --namespace 'other_1'"),
                ([], ["STEPWISE_NAMESPACE": "other_2"], "stepwise resume r --namespace 'other_2'"),
                (
                    ["--namespace", "default"], ["STEPWISE_NAMESPACE": "other_2"],
                    "stepwise resume r --namespace default"
                ),
                (
                    ["--redis", url, "--namespace", "b"], ["STEPWISE_REDIS_URL": "redis://127.0.0.1:1"],
                    "stepwise resume r --redis '\(url)' --namespace b"
                ),
                (["--redis", login], [:], "stepwise resume r --redis '\(hidden)'"),
            ]
            for (options, environment, suggested) in cases {
                _ = try await fixture.run(["enqueue", "double", "1", "--id", "r"] + options, environment)
                _ = try await fixture.run(["pause", "r"] + options, environment)
                let status = try await fixture.run(["status", "r", "--json"] + options, environment)
                let next = try document(status.output)["next"] as? String
                #expect(next == suggested, "\(options): \(status)")
                // Who pastes it puts the password in.
                let line = (next ?? "false").replacing("***", with: "secret")
                let variables = environment.map { "\($0)='\($1)' " }.joined()
                let pasted = try await fixture.shell(variables + line.replacing("stepwise ", with: "\"$STEPWISE\" "))
                #expect(pasted.code == 0, "\(line): \(pasted)")
                let again = try await fixture.run(["status", "r"] + options, environment)
                #expect(!again.output.contains("paused"), "\(options): \(again)")
            }
        }
    }

    @Test func `What the doctor advises for redis-cli goes to the server and the database that it looked at`()
        async throws
    {
        try await Fixture.with { fixture in
            let socket = fixture.server.url.replacing("unix://", with: "")
            let options = ["--redis", fixture.server.url + "?db=3", "--namespace", "plant"]
            let planted = try await fixture.shell(
                "redis-cli -s '\(socket)' -n 3 ZADD 'stepwise:{plant}:delayed' 1 nonsense")
            #expect(planted.code == 0, "\(planted)")
            let doctor = try await fixture.run(["doctor"] + options)
            #expect(doctor.code == 1, "\(doctor)")
            let line = try #require(doctor.output.split(separator: "\n").first)
            let advice = try #require(line.firstRange(of: "try: "))
            let command = String(line[advice.upperBound...])
            #expect(command == "redis-cli -s '\(socket)' -n 3 ZREM 'stepwise:{plant}:delayed' nonsense")
            #expect(try await fixture.shell(command).code == 0)
            let sound = try await fixture.run(["doctor"] + options)
            #expect(sound.code == 0, "\(sound)")
        }
    }

    @Test func `redis-cli is told all of the endpoint but the password, which it asks for`() throws {
        func command(_ endpoint: RedisEndpoint) throws -> String {
            try Keys(namespace: "default", redis: endpoint).redisCommand("PING")
        }
        #expect(try command(RedisEndpoint("redis://localhost:6379")) == "redis-cli PING")
        #expect(
            try command(RedisEndpoint("redis://app:secret@10.0.0.1:6380/2"))
                == "redis-cli -h '10.0.0.1' -p 6380 -n 2 --user app --askpass PING")
        #expect(
            try command(RedisEndpoint("redis://app@localhost", password: { "secret" }))
                == "redis-cli --user app --askpass PING")
        #expect(
            try command(RedisEndpoint("rediss://far:6390", serverName: "redis.internal"))
                == "redis-cli -h far -p 6390 --tls --sni 'redis.internal' PING")
    }

    @Test func `Errors, logs and the doctor name the namespace unless it is the default one`() async throws {
        #expect(try Keys(namespace: "default").command("doctor") == "stepwise doctor")
        #expect(try Keys(namespace: "eu").command("doctor") == "stepwise doctor --namespace eu")
        try await Fixture.with { fixture in
            let client = try StepwiseClient(
                redis: RedisEndpoint(fixture.server.url), namespace: "eu", logger: .silent)
            _ = try await client.enqueue(workflow: "double", payloadJSON: "1", id: "r")
            await client.close()
            // It does not say why it waits.
            try await fixture.send("HSET stepwise:{eu}:run:r status paused")
            try await fixture.send("ZREM stepwise:{eu}:runs:queued r")
            try await fixture.send("ZADD stepwise:{eu}:runs:paused 1 r")
            let doctor = try await fixture.stepwise("doctor", "--namespace", "eu")
            #expect(doctor.output.contains("try: stepwise resume r --namespace eu"), "\(doctor)")
            let shown = try await fixture.stepwise("dead", "show", "r", "--namespace", "eu")
            #expect(shown.complaint.contains("stepwise status r --namespace eu"), "\(shown)")
        }
    }
}
