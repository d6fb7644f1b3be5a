import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
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

        @Test func `redis-cli's LPUSH of a JSON object starts a run`() async throws {
            try await withWorker([order]) { client, server in
                let item = #"{"workflow":"order","id":"from-cli","payload":{"sku":"A1","count":21}}"#
                try execute(
                    "/usr/bin/env",
                    [
                        "redis-cli", "-s", server.folder + "/redis.sock", "LPUSH", "stepwise:{default}:inbox:default",
                        item,
                    ])
                let run = client.handle("from-cli", as: Order.self)
                try await eventually("the run exists") { (try? await run.details()) != nil }
                let output = try await run.result(timeout: patience)
                #expect(output == Order(sku: "A1", count: 42))
            }
        }

        @Test func `A pushed payload is the function's input: a string, a number, an optional, or none`() async throws {
            let text = Workflow("text") { (_, input: String) async throws -> String in input }
            let number = Workflow("number") { (_, input: Int) async throws -> Int in input + 1 }
            let maybe = Workflow("maybe") { (_, input: Int?) async throws -> Int in input ?? -1 }
            let none = Workflow("none") { (_: WorkflowContext) async throws -> Bool in true }
            let cases = [
                ("text", #","payload":"a \"b\" ü""#, #""a \"b\" ü""#), ("number", #","payload":41"#, "42"),
                ("maybe", #","payload":7"#, "7"), ("maybe", #","payload":null"#, "-1"), ("maybe", "", "-1"),
                ("none", #","payload":null"#, "true"), ("none", "", "true"),
            ]
            try await withWorker([text, number, maybe, none]) { client, server in
                for (index, (workflow, payload, output)) in cases.enumerated() {
                    _ = try await server.command(
                        "LPUSH", "stepwise:{default}:inbox:default",
                        .init("{\"workflow\":\"\(workflow)\",\"id\":\"r\(index)\"\(payload)}"))
                    let run = client.handle("r\(index)")
                    try await eventually("run \(index) ends") { (try? await run.details())?.status.isEnded == true }
                    #expect(try await run.details().output == output, "\(workflow)\(payload)")
                }
            }
        }

        @Test func `Python's redis client starts a run, and the same id twice starts one`() async throws {
            try await withWorker([order]) { client, server in
                let program = """
                    import json, redis, sys
                    r = redis.Redis(unix_socket_path=sys.argv[1])
                    for count in (1, 2):
                        r.lpush("stepwise:{default}:inbox:default",
                                json.dumps({"workflow": "order", "id": "from-python", "payload": {"sku": "ü", "count": 21}}))
                    """
                // Debian's own Python is the one that has Debian's python3-redis.
                let debian = "/usr/bin/python3"
                let interpreter =
                    FileManager.default.isExecutableFile(atPath: debian) ? [debian] : ["/usr/bin/env", "python3"]
                try execute(interpreter[0], interpreter.dropFirst() + ["-c", program, server.folder + "/redis.sock"])
                let run = client.handle("from-python", as: Order.self)
                try await eventually("the run exists") { (try? await run.details()) != nil }
                let output = try await run.result(timeout: patience)
                #expect(output == Order(sku: "ü", count: 42))
                let history = try await run.history()
                #expect(history.count == 1)
                try await expectSound(client)
            }
        }
    }
}
