import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

@Suite("The command line and what Redis refuses", .serialized)
struct PasswordCommandTests {
    /// A server with a user `app`, and a file with that user's password.
    private func withUser(_ body: (_ fixture: Fixture, _ url: String, _ file: String) async throws -> Void) async throws
    {
        try await Fixture.with { fixture in
            try await fixture.send("ACL SETUSER app on >secret allkeys allchannels +@all")
            let file = fixture.server.folder + "/password"
            try Data("secret\n".utf8).write(to: URL(fileURLWithPath: file))
            try await body(fixture, fixture.server.url.replacing("unix://", with: "unix://app@"), file)
        }
    }

    @Test func `An option, or the environment, names a file that holds the password`() async throws {
        try await withUser { fixture, url, file in
            let option = try await fixture.run(["runs", "--redis", url, "--redis-password-file", file])
            #expect(option.code == 0, "\(option.complaint)")
            let variables = ["STEPWISE_REDIS_URL": url, "STEPWISE_REDIS_PASSWORD_FILE": file]
            let variable = try await fixture.run(["runs"], variables)
            #expect(variable.code == 0, "\(variable.complaint)")
            // Who gives a password with the server's name does not mean the environment's.
            let login = url.replacing("app@", with: "app:secret@")
            let both = try await fixture.run(["runs", "--redis", login], variables)
            #expect(both.code == 0, "\(both.complaint)")
            let twice = try await fixture.run(
                ["runs"], variables.merging(["STEPWISE_REDIS_URL": login]) { $1 })
            #expect(twice.code == 2)
            #expect(
                twice.complaint.contains("STEPWISE_REDIS_PASSWORD_FILE: the URL has a password as well"),
                "\(twice.complaint)")
            let gone = try await fixture.run(["runs", "--redis", url, "--redis-password-file", "/nowhere"])
            #expect(gone.code == 2)
            #expect(gone.complaint.contains("the option --redis-password-file: /nowhere does not exist"))
        }
    }

    @Test func `A password, a right and a cluster that are in the way: health exits 1 and says what to do`()
        async throws
    {
        try await withUser { fixture, url, file in
            let options = ["--redis", url, "--redis-password-file", file]
            try await fixture.send("ACL SETUSER app resetpass >other")
            let password = try await fixture.run(["health"] + options)
            #expect(password.code == 1)
            #expect(password.complaint.contains("WRONGPASS"), "\(password.complaint)")
            #expect(password.complaint.contains("check the user \"app\" in the URL, and the file \(file)"))
            try await fixture.send("ACL SETUSER app >secret -hget")
            let right = try await fixture.run(["health"] + options)
            #expect(right.code == 1)
            #expect(right.complaint.contains("the guide \"Permissions\" has the lines"), "\(right.complaint)")
        }
        let port = try await RedisServer.freePort()
        let arguments = ["--cluster-enabled", "yes", "--cluster-port", "\(port)"]
        try await RedisServer.withServer(extraArguments: arguments) { server in
            try await Fixture.with(server) { fixture in
                let cluster = try await fixture.run(["health"])
                #expect(cluster.code == 1)
                #expect(cluster.complaint.contains("name a server that is not a cluster"), "\(cluster.complaint)")
            }
        }
    }

    @Test func `An address with a password in a wrong place is complained of without it`() async throws {
        try await Fixture.with { fixture in
            let address = "redis://u:SEKRET@h"
            let calls: [([String], [String: String])] = [
                (["health", address], [:]), ([address], [:]), (["runs", "--namespace", address], [:]),
                (["runs"], ["STEPWISE_NAMESPACE": address]), (["runs", "--status", address], [:]),
                (["schedule", "create", "s", "w", "--every", address], [:]),
                (["runs", "--redis", "rediss://h", "--redis-server-name", address], [:]),
                (["runs", "--redis", "rediss://h"], ["STEPWISE_REDIS_SERVER_NAME": address]),
                (["runs", "--redis-password-file", address], [:]),
                (["enqueue", "w", "--wait", "--redis", "redis://SEKRET@127.0.0.1:1"], [:]),
            ]
            for (arguments, environment) in calls {
                let end = try await fixture.run(arguments, environment)
                #expect(end.code != 0)
                #expect(!(end.complaint + end.output).contains("SEKRET"), "\(arguments): \(end.complaint)")
                #expect(end.complaint.contains("***@"), "\(arguments): \(end.complaint)")
            }
        }
        #expect("a redis://u:p@x@h:1/2 b unix://:***@/s c".masked == "a redis://u:***@h:1/2 b unix://:***@/s c")
        #expect("'redis://p@h', rediss://h:1 me@x".masked == "'redis://***@h', rediss://h:1 me@x")
        #expect(throws: StepwiseError.self) { _ = try Keys(namespace: "redis://u:SEKRET@h") }
        do { _ = try Keys(namespace: "redis://u:SEKRET@h") } catch { #expect(!"\(error)".contains("SEKRET")) }
    }

    @Test func `Lengths have one form, an empty one is quoted, and nothing is backfilled before 1970`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.stepwise("schedule", "create", "slow", "w", "--every", "3650d")
            let list = try await fixture.stepwise("schedules")
            #expect(list.output.contains("every 3650d 0h"), "\(list.output)")
            let empty = try await fixture.run(["enqueue", "w", "--after", ""])
            #expect(empty.complaint.contains("--after \"\" is not a length"), "\(empty.complaint)")
            let early = try await fixture.run([
                "schedule", "backfill", "slow", "--from", "1000-01-01T00:00:00Z", "--to", "2026-01-01T00:00:00Z",
            ])
            #expect(early.code == 64)
            #expect(early.complaint.contains("1970-01-01T00:00:00Z"), "\(early.complaint)")
        }
    }
}
