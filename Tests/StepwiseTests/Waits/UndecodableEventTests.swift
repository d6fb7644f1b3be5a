import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// What others send may be anything: it stops no run that waits for it.
    @Suite("Events whose value does not decode")
    struct UndecodableEvents {
        struct Answer: Codable, Sendable, Hashable {
            var by: String
        }

        private func push(_ item: String, _ server: RedisServer) async throws {
            _ = try await server.command("LPUSH", "stepwise:{default}:inbox:default", .string(item))
        }

        @Test(.rule(8), arguments: Memory.allCases)
        func `It is an error that names event, step and type, and the function waits again`(_ memory: Memory)
            async throws
        {
            let workflow = Workflow("patient") { (context, _: Int) async throws -> [String] in
                do {
                    return [try await context.waitForEvent("answer", as: Answer.self).by]
                } catch let failure as StepFailure where failure.cause == .notDecodable {
                    let next = try await context.waitForEvent("answer", as: Answer.self)
                    return [failure.step, failure.message, next.by]
                }
            }
            try await withWorker([workflow], memory: memory) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "r")
                try await eventually("it waits") { try await client.openSteps(ofRun: "r").map(\.step) == ["answer"] }
                try await push(#"{"event":"answer","payload":17}"#, server)
                try await eventually("it waits again") {
                    try await client.openSteps(ofRun: "r").map(\.step) == ["answer#2"]
                }
                try await run.notify("answer", Answer(by: "Ada"))
                let output = try await complete(run, of: workflow).output
                try #require(output.count == 3)
                #expect(output[0] == "answer" && output[2] == "Ada")
                for part in ["event \"answer\"", "step \"answer\" of run r", "stored as 17", "decode as Answer"] {
                    #expect(output[1].contains(part), "\(part) in \(output[1])")
                }
                try await expectSound(client)
            }
        }

        @Test(.rule(8))
        func `A function that lets it through has failed, and resumed from the step it waits again`() async throws {
            let workflow = Workflow("impatient") { (context, _: Int) async throws -> String in
                try await context.waitForEvent("answer", as: Answer.self).by
            }
            try await withWorker([workflow]) { client, server in
                try await push(#"{"event":"answer","run":"r","payload":[]}"#, server)
                try await eventually("it is kept") {
                    try await server.command("EXISTS", "stepwise:{default}:mail:r").integer == 1
                }
                let run = try await client.enqueue(workflow, 0, id: "r")
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                let dead = try await client.deadRuns().runs
                #expect(dead.map(\.error.step) == ["answer"])
                #expect(dead.first?.error.message.contains("decode as Answer") == true)
                try await client.resume("r", from: "answer")
                try await run.notify("answer", Answer(by: "Ada"))
                #expect(try await complete(run, of: workflow).output == "Ada")
                try await expectSound(client)
            }
        }
    }
}
