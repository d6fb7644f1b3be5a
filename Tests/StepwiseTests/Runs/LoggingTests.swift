import Logging
import Stepwise
import TestSupport
import Testing

extension Scenarios {
    @Suite("The context's logger")
    struct LoggerOfTheContext {
        @Test(arguments: Memory.allCases)
        func `Each line is logged once, although the function is replayed`(_ memory: Memory) async throws {
            let log = CollectedLog()
            let starts = Tally()
            let workflow = Workflow("talk", .retry(soon)) { (context, _: Int) async throws -> Int in
                starts.add("start")
                context.logger.info("begins")
                async let a = context.run("a") {
                    context.logger.info("in a")
                    return 1
                }
                async let b = context.run("b") { 2 }
                let sum = try await a + b
                context.logger.info("between", metadata: ["sum": "\(sum)"])
                try await context.run("flaky") { step in
                    context.logger.info("in flaky")
                    if step.attempt < 2 { throw Hiccup() }
                }
                context.logger.info("after flaky")
                async let c = context.run("c") { 3 }
                async let d = context.run("d") { 4 }
                _ = try await (c, d)
                context.logger.info("ends")
                return sum
            }
            try await withWorker([workflow], memory: memory, logger: log.logger) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                #expect(try await run.result(timeout: patience) == 3)
                for message in ["begins", "in a", "between", "after flaky", "ends"] {
                    #expect(
                        log.lines(message).count == 1,
                        "\(message): \(log.lines(message).count) lines, \(starts.all.count) starts")
                }
                #expect(log.lines("in flaky").map { $0.metadata["attempt"] } == ["1", "2"])
                if memory == .cold { #expect(starts.all.count > 1) }

                let line = try #require(log.lines("between").first)
                #expect(line.metadata["workflow"] == "talk" && line.metadata["run"] == run.id)
                #expect(line.metadata["sum"] == "3" && line.metadata["step"] == nil)
                #expect(log.lines("in a").first?.metadata["step"] == "a")
            }
        }

        @Test(arguments: Memory.allCases)
        func `A logger made from the context's is silent on replay too, and keeps its own metadata`(_ memory: Memory)
            async throws
        {
            let log = CollectedLog()
            let workflow = Workflow("derived") { (context, _: Int) async throws -> Int in
                var logger = context.logger
                logger[metadataKey: "order"] = "A1"
                logger.info("first")
                async let a = context.run("a") { 1 }
                async let b = context.run("b") { 2 }
                let sum = try await a + b
                logger.info("second")
                return sum
            }
            try await withWorker([workflow], memory: memory, logger: log.logger) { client, _ in
                let sum = try await client.enqueue(workflow, 0).result(timeout: patience)
                #expect(sum == 3)
                for message in ["first", "second"] {
                    #expect(log.lines(message).map { $0.metadata["order"] } == ["A1"])
                }
            }
        }
    }
}
