import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Callback secrets")
    struct CallbackSecrets {
        /// Makes a token, tells it to the tally, and waits for the answer once the latch is open.
        private func asking(_ tokens: Tally, _ goOn: Latch, timeout: Duration) -> Workflow<Int, String> {
            Workflow("asking") { (context, _: Int) async throws -> String in
                let callback = try await context.callback("approved", as: String.self)
                try await context.run("ask") { () async -> Void in
                    tokens.add(callback.token)
                    await goOn.wait()
                }
                return try await callback.value(timeout: timeout)
            }
        }

        /// Where a text stands in Redis: in the names of keys, in what they have, in what the server tells of its clients.
        private func places(of text: String, _ server: RedisServer) async throws -> [String] {
            var places: [String] = []
            for key in try await server.command("KEYS", "*").array?.compactMap(\.string) ?? [] {
                let short = key.replacing("stepwise:{default}:", with: "")
                if key.contains(text) { places.append("the name \(short)") }
                let name = RedisArgument(key)
                let type = try await server.command("TYPE", name).string ?? ""
                let values: [RedisValue]?
                switch type {
                case "string": values = [try await server.command("GET", name)]
                case "hash": values = try await server.command("HGETALL", name).array
                case "list": values = try await server.command("LRANGE", name, "0", "-1").array
                case "zset": values = try await server.command("ZRANGE", name, "0", "-1").array
                // It is gone meanwhile.
                case "none": values = []
                default: values = nil
                }
                let found = try #require(values, "\(key) is of type \(type)")
                let texts = found.map { $0.string ?? "" }
                for (index, value) in texts.enumerated() where value.contains(text) {
                    places.append(type == "hash" && index % 2 == 1 ? "\(short) \(texts[index - 1])" : short)
                }
            }
            if try await server.command("CLIENT", "LIST").string?.contains(text) == true {
                places.append("CLIENT LIST")
            }
            return places
        }

        @Test(arguments: Memory.allCases)
        func
            `A secret stands in its step's outcome and nowhere else: while the run is busy, answered, and after its end`(
                _ memory: Memory
            ) async throws
        {
            let (tokens, goOn, log) = (Tally(), Latch(), CollectedLog())
            let workflow = asking(tokens, goOn, timeout: .seconds(3600))
            try await withWorker([workflow], memory: memory, logger: log.logger) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "r")
                try await eventually("the token is told") { tokens.all.count == 1 }
                let token = tokens.all[0]
                let secret = String(token.suffix(32))
                let busy = try await places(of: secret, server)
                #expect(busy == ["steps:r 1"])
                // Who has read the digest cannot have the answer taken for one that was there before.
                try await client.notify("other", "x", run: "r", id: "callback:\(SHA1.hex(secret))")
                #expect(try await client.complete(token, "yes") == .kept)
                let answered = try await places(of: secret, server)
                #expect(answered == ["steps:r 1"])
                goOn.open()
                #expect(try await complete(run, of: workflow).output == "yes")
                #expect(try await client.complete(token, "no") == .repeated)
                let ended = try await places(of: secret, server)
                #expect(ended == ["steps:r 1"])
                #expect(log.lines.filter { "\($0)".contains(secret) }.isEmpty)
            }
        }

        @Test(arguments: Memory.allCases)
        func `Who reads the digest of a run that waits cannot answer with it; who has the token can, with one LPUSH`(
            _ memory: Memory
        ) async throws {
            let (tokens, goOn, log) = (Tally(), Latch(), CollectedLog())
            goOn.open()
            let workflow = asking(tokens, goOn, timeout: .seconds(3600))
            try await withWorker([workflow], memory: memory, logger: log.logger) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "r")
                try await eventually("it waits") {
                    try await client.openSteps(ofRun: "r").map(\.step) == ["approved"]
                }
                let token = tokens.all[0]
                let secret = String(token.suffix(32))
                #expect(try await client.extend(token, by: .seconds(7200)))
                let name = try await client.openSteps(ofRun: "r").first?.state.event?.name ?? ""
                #expect(name == "callback:\(SHA1.hex(secret))")
                #expect(await errorCode { try await client.notify(name, "forged", run: "r") } == .invalidIdentifier)
                #expect(
                    await errorCode { try await client.complete("r:\(name.suffix(32))", "forged") }
                        == .invalidIdentifier)
                try await client.notify(name, "forged", keep: .seconds(60))
                #expect(try await server.command("EXISTS", .init("stepwise:{default}:kept:\(name)")).integer == 0)
                func push(_ item: String) async throws {
                    _ = try await server.command("LPUSH", "stepwise:{default}:inbox:default", .string(item))
                }
                try await push(#"{"event":"\#(name)","run":"r","payload":"forged"}"#)
                // Items that are refused have the secret.
                try await push(#"{"event":"callback:\#(secret)","run":"r","keep":5}"#)
                try await push(#"{"event":"\#(token)","run":"r","note":1}"#)
                try await push(#"{"event":"callback:\#(secret)","run":"#)
                try await eventually("they are rejected") { try await client.malformed(limit: 9).count == 4 }
                let waiting = try await places(of: secret, server)
                #expect(waiting == ["steps:r 1"])
                try await push(#"{"event":"callback:\#(secret)","run":"r","payload":"yes"}"#)
                #expect(try await complete(run, of: workflow).output == "yes")
                let ended = try await places(of: secret, server)
                #expect(ended == ["steps:r 1"])
                #expect(log.lines.filter { "\($0)".contains(secret) }.isEmpty)
            }
        }

        @Test func `A callback that nobody answers fails its run, and the error does not tell the secret`() async throws
        {
            let (tokens, goOn, log) = (Tally(), Latch(), CollectedLog())
            goOn.open()
            let workflow = asking(tokens, goOn, timeout: .milliseconds(1))
            try await withWorker([workflow], logger: log.logger) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "r")
                await #expect(throws: (any Error).self) { _ = try await run.result(timeout: patience) }
                let secret = String(tokens.all[0].suffix(32))
                let details = try await run.details()
                #expect(details.status == .failed)
                #expect(details.error?.contains("callback:\(SHA1.hex(secret))") == true)
                let ended = try await places(of: secret, server)
                #expect(ended == ["steps:r 1"])
                #expect(log.lines.filter { "\($0)".contains(secret) }.isEmpty)
            }
        }
    }
}
