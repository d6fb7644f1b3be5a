import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing
import TestWorkflows

/// What several worker processes do together when one of them dies, freezes or leaves, and when Redis does.
@Suite(.serialized) struct FleetTests {
    /// A server, a namespace, its ledger and a client.
    final class Stage: Sendable {
        let server: RedisServer
        let ledger: Ledger
        let client: StepwiseClient
        let keys: Keys
        /// Where the ledger is.
        let ledgerURL: String
        private let raw: RedisClient
        private let workers = Mutex<[WorkerProcess]>([])

        init(server: RedisServer, ledgerURL: String, client: StepwiseClient) throws {
            self.server = server
            self.ledgerURL = ledgerURL
            ledger = try Ledger(url: ledgerURL, name: "fleet", author: "test")
            keys = try Keys(namespace: "fleet")
            raw = try Ledger(url: server.url, name: "fleet", author: "test").client
            self.client = client
        }

        func end() async {
            for worker in workers.withLock({ $0 }) { worker.kill() }
            await raw.close()
            await ledger.client.close()
            await client.close()
        }

        func worker(
            _ author: String, redis: String? = nil, lease: Int = 1000, concurrency: Int = 10, grace: Int = 5000,
            bodyStartLimit: Int = 3_600_000, environment: [String: String] = [:]
        ) throws
            -> WorkerProcess
        {
            let worker = try WorkerProcess(
                redis: redis ?? server.url, ledgerRedis: ledgerURL, ledger: keys.namespace, author: author,
                namespace: keys.namespace,
                lease: lease, concurrency: concurrency, grace: grace, bodyStartLimit: bodyStartLimit,
                folder: server.folder, environment: environment)
            workers.withLock { $0.append(worker) }
            return worker
        }

        func redis(_ words: RedisArgument...) async throws -> RedisValue { try await raw.send(words) }

        /// How many connections wait in a blocking claim: two of a worker for each queue.
        func blockedClaims() async throws -> Int {
            let clients = try await redis("CLIENT", "LIST").string ?? ""
            return clients.split(separator: "\n").count { $0.contains(":claim-") && $0.contains(" flags=b") }
        }

        /// Everything about a run that a worker could change, and what waits on the queue.
        func picture(ofRun id: String) async throws -> [RedisValue] {
            var picture = [try await redis("LRANGE", .init(keys.queue("default")), "0", "-1")]
            for key in [keys.run(id), keys.steps(id), keys.open(id)] {
                picture.append(try await redis("HGETALL", .init(key)))
            }
            return picture
        }

        func hasLine(_ author: String, _ step: String) async throws -> Bool {
            try await comesTrue { try await ledger.lines().contains { $0[0] == author && $0[1] == step } }
        }
    }

    /// - Parameters:
    ///   - ledgerURL: a server for the ledger, if not the stage's own.
    ///   - extraArguments: of the stage's server.
    func withStage(
        appendOnly: Bool = false, ledgerURL: String? = nil, extraArguments: [String] = [],
        _ body: (Stage) async throws -> Void
    ) async throws {
        let server = try await RedisServer.start(appendOnly: appendOnly, extraArguments: extraArguments)
        defer { server.stop() }
        let client = try StepwiseClient(redis: RedisEndpoint(server.url), namespace: "fleet", logger: .silent)
        let stage = try Stage(server: server, ledgerURL: ledgerURL ?? server.url, client: client)
        let result: Result<Void, any Error>
        do {
            try await body(stage)
            try await expectSound(client)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await stage.end()
        try result.get()
    }
}
