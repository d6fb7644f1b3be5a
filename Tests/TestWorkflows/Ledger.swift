internal import Logging
internal import NIOCore
internal import NIOPosix
package import StepwiseRedis

/// What the bodies of test workflows leave behind, in Redis lists outside every namespace: who executed which step, and gates at which
/// they wait until the test lets them go.
package struct Ledger: Sendable {
    package let name: String
    package let client: RedisClient
    private let address: RedisAddress
    /// Who writes: the worker process's or the test's word for itself.
    private let author: String

    package init(url: String, name: String, author: String) throws {
        address = try RedisAddress(url: url)
        client = Self.connect(address)
        self.name = name
        self.author = author
    }

    private static func connect(_ address: RedisAddress) -> RedisClient {
        RedisClient(
            address: address, eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "ledger") { _ in SwiftLogNoOpLogHandler() })
    }

    // MARK: The bodies' side

    /// Notes that a body begins; then waits if its step has a gate.
    package func execute(_ step: String, attempt: Int = 1) async throws {
        _ = try await client.send(["RPUSH", .init("ledger:\(name)"), .init("\(author) \(step) \(attempt)")])
        guard try await client.send(["SISMEMBER", .init("gates:\(name)"), .init(step)]).integer == 1 else { return }
        // A connection of its own: a blocked one delays what comes behind it. The gate's item stays for whoever comes later.
        let own = Self.connect(address)
        let gate = RedisArgument("gate:\(name):\(step)")
        _ = try? await own.send(["BLMOVE", gate, gate, "LEFT", "LEFT", "0"], timeout: .hours(1))
        await own.close()
    }

    // MARK: The test's side

    package func addGate(_ step: String) async throws {
        _ = try await client.send(["SADD", .init("gates:\(name)"), .init(step)])
    }

    package func openGate(_ step: String) async throws {
        _ = try await client.send(["RPUSH", .init("gate:\(name):\(step)"), "open"])
    }

    /// The lines so far: author, step, attempt.
    package func lines() async throws -> [[String]] {
        let reply = try await client.send(["LRANGE", .init("ledger:\(name)"), "0", "-1"])
        return (reply.array ?? []).compactMap { $0.string?.split(separator: " ").map(String.init) }
    }
}
