import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    @Suite("Callbacks")
    struct Callbacks {
        /// Asks, tells the token to the tally, and waits.
        private func asking(_ tokens: Tally, timeout: Duration?) -> Workflow<Int, String> {
            Workflow("asking") { (context, _: Int) async throws -> String in
                let callback = try await context.callback("approved", as: String.self)
                try await context.run("ask") { _ = tokens.add(callback.token) }
                do { return try await callback.value(timeout: timeout) } catch is EventTimeout { return "nobody" }
            }
        }

        @Test(.scenario(39), arguments: Memory.allCases)
        func `The first answer counts, before the run asks or while it waits`(_ memory: Memory) async throws {
            let tokens = Tally()
            let workflow = asking(tokens, timeout: nil)
            try await withWorker([workflow], memory: memory) { client, _ in
                let run = try await client.enqueue(workflow, 0, id: "a:run")
                try await eventually("the token is told") { tokens.all.count == 1 }
                let token = tokens.all[0]
                #expect(token.hasPrefix("a:run:"))
                try await client.complete(token, "yes")
                #expect(try await client.complete(token, "no") == .repeated)
                #expect(try await complete(run, of: workflow).output == "yes")
                #expect(try await client.complete(token, "no") == .repeated)
                // Nobody else can answer.
                for bad in ["", "a:run", "a:run:123", token + "0"] {
                    #expect(await errorCode { try await client.complete(bad, "x") } == .invalidIdentifier)
                }
                let guess = "a:run:" + String(repeating: "0", count: 32)
                #expect(await errorCode { try await client.complete(guess, "x") } == .wrongStatus)
                let nowhere = "b:" + String(repeating: "0", count: 32)
                #expect(await errorCode { try await client.complete(nowhere, "x") } == .noSuchRun)
                try await expectSound(client)
            }
        }

        @Test(arguments: Memory.allCases)
        func `A token that was guessed is refused, and takes no room in the run's mailbox`(_ memory: Memory)
            async throws
        {
            let tokens = Tally()
            let workflow = asking(tokens, timeout: nil)
            try await withWorker([workflow], memory: memory) { client, server in
                let run = try await client.enqueue(workflow, 0, id: "r")
                try await eventually("it waits") {
                    try await client.openSteps(ofRun: "r").map(\.step) == ["approved"]
                }
                let guess = "r:" + String(repeating: "0", count: 32)
                #expect(await errorCode { try await client.complete(guess, "x") } == .invalidIdentifier)
                let item = #"{"event":"callback:\#(String(repeating: "0", count: 32))","run":"r","payload":"x"}"#
                _ = try await server.command("LPUSH", "stepwise:{default}:inbox:default", .string(item))
                try await eventually("it is rejected") { try await client.malformed(limit: 9).count == 1 }
                #expect(try await server.command("ZCARD", "stepwise:{default}:mail:r").integer == 2)
                #expect(try await client.complete(tokens.all[0], "yes") == .received)
                #expect(try await complete(run, of: workflow).output == "yes")
                #expect(try await server.command("EXISTS", "stepwise:{default}:mail:r").integer == 0)
            }
        }

        @Test(.scenario(39)) func `Whoever is asked may ask for more time; without, the time is over`() async throws {
            let tokens = Tally()
            let workflow = asking(tokens, timeout: .milliseconds(1500))
            try await withWorker([workflow]) { client, _ in
                let extended = try await client.enqueue(workflow, 0)
                try await eventually("it waits") {
                    try await client.openSteps(ofRun: extended.id).map(\.step) == ["approved"]
                }
                let token = tokens.all[0]
                #expect(try await client.extend(token, by: .seconds(3600)))
                // Less than there is already changes nothing.
                #expect(try await client.extend(token, by: .seconds(1)))
                let other = try await complete(client.enqueue(workflow, 1), of: workflow)
                #expect(other.output == "nobody")
                try await expectSound(client)
                #expect(try await client.complete(token, "late") == .received)
                #expect(try await complete(extended, of: workflow).output == "late")
                #expect(try await client.extend(token, by: .seconds(1)) == false)
                #expect(try await client.queueTotals().delayed == 0)
            }
        }
    }
}
