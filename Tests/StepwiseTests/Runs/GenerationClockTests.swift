import Stepwise
import StepwiseTesting
import TestSupport
import Testing

private let child = Workflow("child") { (context, number: Int) async throws -> Int in
    try await context.run("number") { number }
}

private struct Jam: Error {}

extension Scenarios {
    @Suite("Generations, where Redis' clock goes back") struct GenerationClock {
        /// With a server whose clock may go back by an hour.
        private func withClient(_ body: (RedisServer, StepwiseClient) async throws -> Void) async throws {
            try await RedisServer.withServer(clock: .skippable) { server in
                try await server.advance(by: .seconds(3600))
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let result: Result<Void, any Error>
                do { result = .success(try await body(server, client)) } catch { result = .failure(error) }
                await client.close()
                try result.get()
            }
        }

        @Test(.scenario(40))
        func `Redis' clock goes back, and a child of the generation before is still told from one of the next`()
            async throws
        {
            try await withClient { server, client in
                let loop = Workflow("loop") { (context, number: Int) async throws -> String in
                    do {
                        let result = try await context.invoke(child, number, id: "fixed")
                        if number > 1 { return "\(result)" }
                    } catch let failure as StepFailure { return failure.message }
                    try await context.run("set back") { try await server.setBack(by: .seconds(1800)) }
                    try await context.continueAsNew(number + 1)
                }
                try await withWorkers(server, loop, child) {
                    let output = try await client.enqueue(loop, 1, id: "p").result(timeout: patience)
                    #expect(output.contains("made in an earlier generation"), "\(output)")
                }
            }
        }

        @Test(.scenario(40))
        func `A child that was made after Redis' clock went back is the same child for the resumed parent`()
            async throws
        {
            try await withClient { server, client in
                let isMended = Flag()
                let parent = Workflow("parent") { (context, number: Int) async throws -> Int in
                    try await context.run("set back") { try await server.setBack(by: .seconds(1800)) }
                    let result = try await context.invoke(child, number, id: "fixed")
                    try await context.run("print", .retry(.never)) { if !isMended.isSet { throw Jam() } }
                    return result
                }
                try await withWorkers(server, parent, child) {
                    let run = try await client.enqueue(parent, 7, id: "p")
                    #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                    isMended.set()
                    try await client.resume("p", from: "child")
                    #expect(try await run.result(timeout: patience) == 7)
                }
            }
        }
    }
}
