internal import Foundation
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

    /// Notes that a body begins, without giving its thread up.
    package func executeQuickly(_ step: String, attempt: Int) {
        guard let path, let file = fopen(path, "a") else { fatalError("the ledger has no file") }
        fputs("\(author) \(step) \(attempt)\n", file)
        fclose(file)
    }

    /// Notes that a function has come to a place, if the ledger has a file, without giving its thread up.
    package func noteQuickly(_ place: String) {
        guard let path, let file = fopen(path, "a") else { return }
        fputs("\(author) \(place) 1\n", file)
        fclose(file)
    }

    /// Notes that a body begins; then blocks its thread until the test lets it go on.
    package func block(_ step: String, attempt: Int) {
        executeQuickly(step, attempt: attempt)
        while access(blockPath(step), F_OK) != 0 { usleep(5000) }
    }

    private func blockPath(_ step: String) -> String { (path ?? "") + ".unblock-" + step }

    /// Beside the socket of the ledger's Redis.
    private var path: String? {
        guard case .unixSocket(let socket) = address.target else { return nil }
        return socket + ".ledger-" + name
    }

    // MARK: The test's side

    package func addGate(_ step: String) async throws {
        _ = try await client.send(["SADD", .init("gates:\(name)"), .init(step)])
    }

    package func openGate(_ step: String) async throws {
        _ = try await client.send(["RPUSH", .init("gate:\(name):\(step)"), "open"])
    }

    /// Lets bodies of this step go on that block their threads, now and later.
    package func unblock(_ step: String) {
        guard let file = fopen(blockPath(step), "w") else { fatalError("the ledger has no file") }
        fclose(file)
    }

    /// The lines so far: author, step, attempt. First those of bodies that were to be quick.
    package func lines() async throws -> [[String]] {
        let reply = try await client.send(["LRANGE", .init("ledger:\(name)"), "0", "-1"])
        let quick = path.flatMap { try? String(contentsOfFile: $0, encoding: .utf8) } ?? ""
        let lines = quick.split(separator: "\n").map(String.init) + (reply.array ?? []).compactMap(\.string)
        return lines.map { $0.split(separator: " ").map(String.init) }
    }
}
