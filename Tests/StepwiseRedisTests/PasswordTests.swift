import NIOCore
import StepwiseRedis
import StepwiseTesting
import Synchronization
import Testing

private struct Away: Error {}

@Suite("Passwords that are asked for", .serialized)
struct PasswordTests {
    private func withUser(_ body: (_ url: String) async throws -> Void) async throws {
        let user = ["--user", "worker", "on", ">hunter2", "~*", "&*", "+@all"]
        try await RedisServer.withServer(extraArguments: user) { server in
            try await body(server.url.replacing("unix://", with: "unix://worker@"))
        }
    }

    /// A closure that does `first` when it is asked for the first time, and later returns the right password.
    private func options(
        connectTimeout: TimeAmount = .seconds(5), first: @escaping @Sendable () async throws -> String
    ) -> RedisOptions {
        let count = Counter()
        var options = RedisOptions(connectTimeout: connectTimeout, commandTimeout: patience)
        options.password = .closure { try await count.next() == 1 ? first() : "hunter2" }
        return options
    }

    @Test func `Who gives the password may be away for a while, or too slow: it is asked again`() async throws {
        try await withUser { url in
            let slow = options(connectTimeout: .milliseconds(500)) {
                try await Task.sleep(for: .seconds(60))
                return "hunter2"
            }
            for settings in [options(first: { throw Away() }), options(first: { "" }), slow] {
                try await withClient(url, options: settings) { client in
                    let name = try await client.send(["ACL", "WHOAMI"]).string
                    #expect(name == "worker")
                }
            }
        }
    }

    @Test func `A wrong password is told at once, with where it came from and without the password`() async throws {
        try await withUser { url in
            var options = RedisOptions(commandTimeout: patience)
            options.password = .closure { "hunter3" }
            try await withClient(url, options: options) { client in
                let error = await redisError { () throws(RedisError) in try await client.send(["PING"]) }
                #expect(error?.kind == .denied && error?.fault == .password)
                #expect(error?.message.contains("what the closure for the password returns") == true)
                #expect(error?.message.contains("hunter3") == false)
            }
        }
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}
