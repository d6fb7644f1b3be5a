import Stepwise
import StepwiseTesting
import TestSupport
import Testing

/// An error of a body as an earlier release had it, and as a later one has it.
private enum Earlier {
    struct Declined: Error, Codable { var code: Int }
}

private enum Later {
    struct Declined: Error, Codable { var reasons: [String] }
}

extension Scenarios {
    /// Types that no longer decode what was stored.
    @Suite("Changed types") struct ChangedTypes {
        /// The first worker fails the step and is held behind it; the second has another type for the error.
        private func workflow<E: Error & Codable>(
            _ error: E, _ gate: Latch, _ tally: Tally, _ words: @escaping @Sendable (E) -> String
        ) -> Workflow<String, String> {
            Workflow("declined") { context, input in
                var told = "nothing"
                do {
                    try await context.run("charge", .retry(.never)) { throw error }
                } catch let failure as StepFailure {
                    told = failure.error(as: E.self).map(words) ?? "no error of this type"
                }
                try await context.run("tell \(told)") { step in
                    tally.add(String(step.id.dropFirst(5)))
                    await gate.wait()
                }
                return told
            }
        }

        @Test
        func
            `A recorded error that the code cannot decode parks the run; what the function makes of it has no consequence`()
            async throws
        {
            let gate = Latch()
            let tally = Tally()
            let before = workflow(Earlier.Declined(code: 51), gate, tally) { "\($0.code)" }
            let after = workflow(Later.Declined(reasons: []), gate, tally) { $0.reasons.joined() }
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await client.enqueue(before, "in")
                try await withWorkers(server, before, grace: .zero) {
                    try await eventually("the second step begins") { tally.all == ["51"] }
                }
                try await withWorkers(server, after) {
                    try await eventually("the run is not parked") { try await run.details().status == .parked }
                    let reason = try await run.details().reason ?? ""
                    for part in ["\"charge\"", "Declined", "\"reasons\"", #"{"code":51}"#] {
                        #expect(reason.contains(part), "\(part) in \(reason)")
                    }
                }
                gate.open()
                try await withWorkers(server, before) {
                    try await client.resume(run.id)
                    #expect(try await run.result(timeout: patience) == "51")
                }
                #expect(try await run.history().map(\.step) == ["charge", "tell 51"])
                await client.close()
            }
        }

        @Test
        func `In the first execution, too: an error that does not read what it has written itself`() async throws {
            let tally = Tally()
            let workflow = Workflow("lopsided-error") { (context, _: Int) async throws -> Void in
                do {
                    try await context.run("charge", .retry(.never)) { throw LopsidedError() }
                } catch let failure as StepFailure {
                    let name = failure.error(as: LopsidedError.self) == nil ? "without" : "with"
                    try await context.run(name) { tally.add(name) }
                }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the run is not parked") { try await run.details().status == .parked }
                #expect(try await run.history().map(\.step) == ["charge"])
                #expect(try await client.openSteps(ofRun: run.id).isEmpty && tally.all.isEmpty)
                try await expectSound(client)
            }
        }

        @Test
        func `A helper's input that does not decode parks the run, unless the function tries an older type`()
            async throws
        {
            let strict = Workflow("strict") { (context: WorkflowContext, _: [String: Int]) async throws -> Int in
                try context.input(as: [Int].self).count
            }
            let lenient = Workflow("lenient") { (context: WorkflowContext, _: [String: Int]) async throws -> Int in
                try (try? context.input(as: [Int].self).count) ?? context.input(as: [String: Int].self).count
            }
            try await withWorker([strict, lenient]) { client, _ in
                let run = try await client.enqueue(strict, ["a": 1])
                try await eventually("the run is not parked") { try await run.details().status == .parked }
                let reason = try await run.details().reason ?? ""
                #expect(reason.contains("Array<Int>") && reason.contains(#"{"a":1}"#))
                #expect(try await client.enqueue(lenient, ["a": 1]).result(timeout: patience) == 1)
            }
        }
    }
}

/// Writes what it does not read.
private struct LopsidedError: Error, Codable {
    init() {}

    init(from decoder: any Decoder) throws {
        throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "never read"))
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode("written")
    }
}
