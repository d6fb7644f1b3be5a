import Foundation
import Stepwise
import StepwiseTesting
import Testing

extension Scenarios {
    /// What other services push with one LPUSH, whatever they are written in.
    @Suite("Enqueued from anything", .serialized) struct EnqueueFromAnything {
        private struct Order: Codable, Sendable, Equatable {
            var sku: String
            var count: Int
        }

        private let order = Workflow("order") { (context, order: Order) async throws -> Order in
            try await context.run("double") { Order(sku: order.sku, count: order.count * 2) }
        }

        private func execute(_ program: String, _ arguments: [String]) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
        }

        @Test("redis-cli's LPUSH of a JSON object starts a run")
        func redisCLI() async throws {
            try await withWorker([order]) { client, server in
                let item = #"{"workflow":"order","id":"from-cli","payload":{"sku":"A1","count":21}}"#
                try execute(
                    "/usr/bin/env",
                    [
                        "redis-cli", "-s", server.folder + "/redis.sock", "LPUSH", "stepwise:{default}:queue:default",
                        item,
                    ])
                let run = client.run("from-cli", as: Order.self)
                try await eventually("the run exists") { (try? await run.status()) != nil }
                let output = try await run.result(timeout: patience)
                #expect(output == Order(sku: "A1", count: 42))
            }
        }

        @Test("Python's redis client starts a run, and the same id twice starts one")
        func python() async throws {
            try await withWorker([order]) { client, server in
                let program = """
                    import json, redis, sys
                    r = redis.Redis(unix_socket_path=sys.argv[1])
                    for count in (1, 2):
                        r.lpush("stepwise:{default}:queue:default",
                                json.dumps({"workflow": "order", "id": "from-python", "payload": {"sku": "ü", "count": 21}}))
                    """
                // Debian's own Python is the one that has Debian's python3-redis.
                let debian = "/usr/bin/python3"
                let interpreter =
                    FileManager.default.isExecutableFile(atPath: debian) ? [debian] : ["/usr/bin/env", "python3"]
                try execute(interpreter[0], interpreter.dropFirst() + ["-c", program, server.folder + "/redis.sock"])
                let run = client.run("from-python", as: Order.self)
                try await eventually("the run exists") { (try? await run.status()) != nil }
                let output = try await run.result(timeout: patience)
                #expect(output == Order(sku: "ü", count: 42))
                let history = try await run.history()
                #expect(history.count == 1)
                let violations = try await Doctor(client).examine().violations
                #expect(violations.isEmpty)
            }
        }
    }
}
