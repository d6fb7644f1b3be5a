import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// The more of what is pushed waits, the fewer bytes one more may have; and a pushed event that is kept keeps nobody else's out.
    @Suite("Bytes of what is pushed", .serialized) struct PushedBytesTests {
        private static let prefix = "stepwise:{default}:"
        private let length = Workflow("length") { (context, text: String) async throws -> Int in text.utf8.count }
        private let pay = Workflow("pay") { (context, amount: Int) async throws -> Int in amount }

        /// As many entries as are planted; where they are, one more may have 8,192 bytes.
        private let planted = 8191
        private let fitting = String(repeating: "x", count: 8000)
        private let large = String(repeating: "x", count: 9000)

        private func key(_ name: String) -> RedisArgument { .init(Self.prefix + name) }

        private func push(_ item: String, _ server: RedisServer) async throws {
            _ = try await server.command("LPUSH", key("inbox:default"), .init(item))
        }

        /// Plants entries that do not leave by age, and are too few to be looked through.
        private func plant(in list: String, _ server: RedisServer) async throws {
            let script = "for n = 1, ARGV[1] do redis.call('ZADD', KEYS[1], '4000000000000', 'n' .. n) end"
            _ = try await server.command("EVAL", .init(script), "1", key(list), .init(planted))
        }

        private func count(_ name: String, _ server: RedisServer) async throws -> Int {
            try await server.command("ZCARD", key(name)).integer ?? 0
        }

        /// Waits until so many items are rejected, and returns the reason of the last one.
        private func rejection(_ count: Int, _ client: StepwiseClient) async throws -> String {
            try await eventually("item \(count) is rejected") {
                try await client.malformed(limit: 20).count == count
            }
            return try await client.malformed(limit: 1).first?.reason ?? ""
        }

        @Test(.rule(8))
        func `A pushed event that is kept takes no place of a client's or a step's`() async throws {
            let herald = Workflow("herald") { (context, _: Int) async throws -> Void in
                try await context.notify("fresh", "step", keep: .seconds(600))
            }
            try await withWorker([herald]) { client, server in
                for (number, name) in ["news", "fresh"].enumerated() {
                    try await push(#"{"event":"\#(name)","keep":315359999999,"payload":"junk"}"#, server)
                    try await eventually("\(name) is kept") { try await count("keeping", server) == number + 1 }
                }
                #expect(try await client.notify("news", "client", keep: .seconds(600)) == .sent)
                try await client.enqueue(herald, 0).result(timeout: patience)
                let kept = try await client.keptEvents(limit: 9)
                #expect(kept.map(\.event) == ["fresh", "news"])
                #expect(kept.map(\.value) == [#""step""#, #""client""#])
                #expect(try await count("keeping", server) == 0)
                // Of theirs the first counts, and no push replaces it.
                #expect(try await client.notify("news", "second", keep: .seconds(600)) == .keptAlready)
                #expect(try await client.notify("fresh", "second", keep: .seconds(600)) == .keptAlready)
                try await push(#"{"event":"news","keep":60000,"payload":"junk"}"#, server)
                #expect(try await rejection(1, client).contains("is kept already"))
                #expect(try await client.keptEvents(limit: 9).map(\.value) == [#""step""#, #""client""#])
                try await expectSound(client)
            }
        }

        @Test(.rule(8))
        func `Of two kept events of clients the first counts, though one that was pushed was kept before`() async throws
        {
            try await withWorker([pay]) { client, server in
                try await push(#"{"event":"news","keep":1,"payload":"junk"}"#, server)
                try await eventually("it was kept") { try await count("keeping", server) == 1 }
                try await eventually("its time is over") { try await client.keptEvents(limit: 9).isEmpty }
                #expect(try await client.notify("news", "first", keep: .seconds(600)) == .sent)
                #expect(try await count("keeping", server) == 0)
                // As an older version has left it.
                _ = try await server.command("ZADD", key("keeping"), "4000000000000", "news")
                #expect(try await client.notify("news", "second", keep: .seconds(600)) == .keptAlready)
                #expect(try await client.keptEvents(limit: 9).map(\.value) == [#""first""#])
            }
        }

        @Test(.rule(8))
        func `Where many pushed events are kept, a large one is refused, and a client's is kept`() async throws {
            try await withWorker([pay]) { client, server in
                try await plant(in: "keeping", server)
                try await push(#"{"event":"fits","keep":600000,"payload":"\#(fitting)"}"#, server)
                try await eventually("it is kept") { try await count("keeping", server) == planted + 1 }
                try await push(#"{"event":"large","keep":600000,"payload":"\#(large)"}"#, server)
                let reason = try await rejection(1, client)
                #expect(reason.contains("the value has 9002 bytes, and where 8192 pushed events are kept"))
                #expect(reason.contains("one more may have 8191: this one was not sent"))
                #expect(try await client.notify("large", large, keep: .seconds(600)) == .sent)
                #expect(try await client.keptEvents(limit: 9).map(\.event) == ["fits", "large"])
            }
        }

        @Test(.rule(8))
        func `Where many pushed runs wait, a large one that would wait is refused, and one that can be done is done`()
            async throws
        {
            try await withWorker([pay, length]) { client, server in
                try await plant(in: "waiting:pushed:default", server)
                try await push(#"{"workflow":"other","id":"fits","payload":"\#(fitting)"}"#, server)
                try await eventually("it waits") { try await client.details(ofRun: "fits")?.status == .noWorker }
                // One is to be parked, and two wait as soon as they are accepted.
                let refused = [
                    #"{"workflow":"pay","id":"r1","payload":"\#(large)"}"#,
                    #"{"workflow":"other","id":"r2","payload":"\#(large)"}"#,
                    #"{"workflow":"length","id":"r3","payload":"\#(large)","after":3600000}"#,
                ]
                for (number, item) in refused.enumerated() {
                    try await push(item, server)
                    let reason = try await rejection(number + 1, client)
                    #expect(reason.contains("its payload has 9002 bytes: where 8192 pushed runs of queue"))
                    #expect(reason.contains("one more may have 8191."))
                    #expect(try await client.details(ofRun: "r\(number + 1)") == nil)
                }
                #expect(try await count("waiting:pushed:default", server) == planted + 1)
                try await push(#"{"workflow":"length","id":"done","payload":"\#(large)"}"#, server)
                let done = client.handle("done", as: Int.self)
                try await eventually("it is there") { (try? await done.details()) != nil }
                #expect(try await done.result(timeout: patience) == 9000)
                let enqueued = try await client.enqueue(WorkflowName<String, Int>("other"), large, id: "e1")
                try await eventually("what is enqueued waits") {
                    try await enqueued.details().status == .noWorker
                }
            }
        }

        @Test(.rule(8))
        func `Where pushed events wait for many runs that are not there, these may have few bytes each`() async throws {
            try await withWorker([pay]) { client, server in
                try await plant(in: "expected:pushed:default", server)
                try await push(#"{"event":"news","run":"x1","payload":"\#(fitting)"}"#, server)
                try await eventually("it waits") {
                    try await count("expected:pushed:default", server) == planted + 1
                }
                try await push(#"{"event":"news","run":"x2","payload":"\#(large)"}"#, server)
                let first = try await rejection(1, client)
                #expect(first.contains("pushed events of 9006 bytes would wait for it; where they wait for 8192"))
                #expect(first.contains("these may have 8191 bytes. Start the run first"))
                #expect(try await server.command("EXISTS", key("mail:x2")).integer == 0)
                // What waits for the run already counts with it; the run itself is none of the others.
                let more = String(repeating: "x", count: 300)
                try await push(#"{"event":"news","run":"x1","payload":"\#(more)"}"#, server)
                let second = try await rejection(2, client)
                #expect(second.contains("for 8191 others of this queue, these may have 8192 bytes"))
                try await push(#"{"event":"news","run":"x1","payload":1}"#, server)
                // Two events, and their count.
                try await eventually("a short one is kept") { try await count("mail:x1", server) == 3 }
                #expect(try await client.notify("news", large, run: "x2") == .kept)
                #expect(try await client.malformed(limit: 20).count == 2)
            }
        }
    }
}
